"""OSC over real loopback sockets, with a `do` that remembers what it was asked."""

import asyncio
import contextlib
import random
import socket
import tracemalloc

import pytest

from livevae.edges.osc.client import Client
from livevae.edges.osc.codec import Message, OscError, decode, encode, encode_bundle
from livevae.edges.osc.limits import ERROR_BURST, ERRORS_PER_SECOND, SOURCES
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import (
    AT_ONCE,
    HOST,
    PORT,
    Counts,
    UdpEdge,
    open_udp,
    parse_endpoint,
)
from livevae.errors import RequestError
from livevae.perform.requests import PENDING, Ping, Play, Reply, Request, Sample, Stop, Tempo

SOON = 5.0
"""Seconds after which a test gives up waiting for a packet on the loopback."""


class Do:
    """Does nothing, remembers everything, answers with a beat that counts up."""

    def __init__(self, fault: Exception | None = None):
        self.requests: list[Request] = []
        self.fault = fault
        self.pinged = asyncio.Event()

    def __call__(self, request, later):
        self.requests.append(request)
        if isinstance(request, Ping):
            self.pinged.set()
        if self.fault:
            raise self.fault
        return Reply(beat=float(len(self.requests)))


class Performer:
    """A socket that speaks OSC to an edge on the same loop."""

    def __init__(self, edge):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(edge.address)

    def send(self, packet):
        self.socket.send(packet if isinstance(packet, bytes) else encode(packet))

    async def hear(self):
        loop = asyncio.get_running_loop()
        return decode(await asyncio.wait_for(loop.sock_recv(self.socket, 65_536), SOON))[0].message

    def waiting(self):
        """Every answer that is here already."""
        heard = []
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(decode(self.socket.recv(65_536))[0].message)
        return heard


def performance(play, do=None, **options):
    """Run `play(edge, do, performer)` beside an open edge."""
    do = do or Do()

    async def run():
        edge = await open_udp(do, port=0, **options)
        performer = Performer(edge)
        try:
            await play(edge, do, performer)
        finally:
            performer.socket.close()
            edge.close()
            await asyncio.sleep(0)

    asyncio.run(run())


@pytest.mark.real
def test_a_message_is_done_and_answered_to_its_source():
    async def play(edge, do, performer):
        performer.send(Message("/livevae/tempo", (140, "id", 3)))
        assert await performer.hear() == Message(
            "/livevae/reply", ("address", "/livevae/tempo", "id", 3, "beat", 1.0)
        )
        assert do.requests == [Tempo(140.0)]
        assert edge.counts == Counts(packets=1, requests=1)

    performance(play)


@pytest.mark.real
def test_a_quiet_message_is_done_and_answered_only_when_it_is_wrong():
    async def play(edge, do, performer):
        performer.send(Message("/livevae/play", ("lead", "quiet", 1)))
        performer.send(Message("/livevae/tempo", ("fast", "quiet", 1)))
        assert (await performer.hear()).address == "/livevae/error"
        assert do.requests == [Play("lead")]

    performance(play)


@pytest.mark.real
def test_the_messages_of_a_bundle_are_done_in_order_each_at_its_time():
    async def play(edge, do, performer):
        timetags = Timetags(asyncio.get_running_loop().time)
        now = asyncio.get_running_loop().time()
        inner = encode_bundle([encode(Message("/livevae/stop"))], timetags.timetag(now + 2.0))
        first, last = encode(Message("/livevae/play", ("lead",))), encode(Message("/livevae/ping"))
        performer.send(encode_bundle([first, inner, last], timetags.timetag(now + 1.0)))
        for _ in range(3):
            await performer.hear()
        assert [type(request) for request in do.requests] == [Play, Stop, Ping]
        assert [request.at for request in do.requests] == pytest.approx(
            [now + 1, now + 2, now + 1], abs=0.005
        )

    performance(play)


@pytest.mark.real
def test_a_bundle_of_the_past_is_done_now_and_one_of_tomorrow_is_refused():
    async def play(edge, do, performer):
        timetags = Timetags(asyncio.get_running_loop().time)
        ping = encode(Message("/livevae/ping"))
        performer.send(encode_bundle([ping], 12.5))
        assert (await performer.hear()).address == "/livevae/reply"
        performer.send(encode_bundle([ping], timetags.timetag(asyncio.get_running_loop().time() + 86_400)))
        answer = await performer.hear()
        assert answer.address == "/livevae/error"
        assert "24 hours ahead, and 60 s is the most" in answer.args[3]
        assert do.requests == [Ping()]

    performance(play)


@pytest.mark.real
def test_what_is_wrong_is_answered_with_an_error_and_the_show_goes_on():
    told = []

    async def play(edge, do, performer):
        performer.send(Message("/livevae/sample", ("lead", "temp", "hot")))
        assert await performer.hear() == Message(
            "/livevae/error",
            ("address", "/livevae/sample", "text", "temp must be a number from 0 to 4, not 'hot'"),
        )
        performer.send(b"hello\0\0\0")
        assert (await performer.hear()).args[:3] == ("address", "", "text")
        performer.send(Message("/livevae/ping"))
        assert (await performer.hear()).address == "/livevae/reply"
        assert edge.counts == Counts(packets=3, requests=1, errors=2)
        assert told[0] == "/livevae/sample: temp must be a number from 0 to 4, not 'hot'"

    performance(play, on_error=told.append)


@pytest.mark.real
def test_a_refused_request_is_an_error_with_the_sessions_sentence():
    async def play(edge, do, performer):
        performer.send(Message("/livevae/play", ("nobody",)))
        assert (await performer.hear()).args[3] == "no voice is called nobody"

    performance(play, Do(RequestError("no voice is called nobody")))
    performance(play, lambda request, later: Reply(ok=False, text="no voice is called nobody"))


@pytest.mark.real
def test_a_fault_in_the_session_is_logged_and_told_and_the_show_goes_on(caplog):
    async def play(edge, do, performer):
        performer.send(Message("/livevae/ping"))
        assert (await performer.hear()).args[3] == "livevae stumbled over this: ZeroDivisionError: oh"
        do.fault = None
        performer.send(Message("/livevae/ping"))
        assert (await performer.hear()).address == "/livevae/reply"

    performance(play, Do(ZeroDivisionError("oh")))
    assert "ZeroDivisionError: oh" in caplog.text


def test_in_strict_mode_a_fault_comes_through():
    edge = UdpEdge(Do(ZeroDivisionError("oh")), Timetags(), lambda: 0.0, strict=True)
    with pytest.raises(ZeroDivisionError):
        edge.datagram_received(encode(Message("/livevae/ping")), ("127.0.0.1", 5))


@pytest.mark.real
def test_two_edges_that_hear_each_other_do_not_talk_for_ever():
    async def play(edge, do, performer):
        async def other(packet):
            second = await open_udp(do, port=0)
            second._transport.sendto(packet, edge.address)
            performer.send(Message("/livevae/ping"))
            await performer.hear()
            await asyncio.sleep(0)
            second.close()
            return second.counts

        for packet in (encode(Message("/livevae/ping")), b"junk"):
            before = edge.counts.packets
            counts = await other(packet)
            assert edge.counts.packets == before + 2
            assert counts.requests + counts.errors == 0

    performance(play)


@pytest.mark.real
def test_a_flood_of_garbage_is_no_flood_of_answers_and_takes_no_memory():
    """Ten thousand packets of noise: a burst of errors goes back, then silence; a good message is still done."""
    dice = random.Random(1)

    async def play(edge, do, performer):
        loop = asyncio.get_running_loop()
        began = loop.time()
        tracemalloc.start()
        try:
            for turn in range(100):
                if turn == 10:
                    before = tracemalloc.get_traced_memory()[0]
                for _ in range(100):
                    performer.send(dice.randbytes(dice.randrange(1, 200)))
                performer.send(Message("/livevae/ping"))
                await asyncio.wait_for(do.pinged.wait(), SOON)
                do.pinged.clear()
                do.requests.clear()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        heard = performer.waiting()
        errors = [answer for answer in heard if answer.address == "/livevae/error"]
        assert ERROR_BURST <= len(errors) <= ERROR_BURST + ERRORS_PER_SECOND * (loop.time() - began) + 1
        assert edge.counts.errors > 5000
        assert edge.counts.held_back == edge.counts.errors - len(errors)
        assert grown < 200_000

    performance(play)


def test_garbage_from_ever_new_sources_is_remembered_for_the_last_of_them_only():
    now = [0.0]
    edge = UdpEdge(Do(), Timetags(), lambda: now[0])
    for source in range(20_000):
        edge.datagram_received(b"junk", (f"10.0.{source // 250}.{source % 250}", 5))
    assert len(edge._limits) == SOURCES
    assert edge.counts.held_back == 20_000 - 100
    now[0] += 1.0
    edge.datagram_received(b"junk", ("10.0.0.2", 5))
    assert edge.counts.held_back == 20_000 - 100


def test_the_next_error_says_how_many_were_held_back():
    sent = []
    now = [0.0]
    edge = UdpEdge(Do(), Timetags(), lambda: now[0])
    edge.send = lambda message, addr: sent.append(message)
    for _ in range(int(ERROR_BURST) + 7):
        edge.datagram_received(b"junk", ("127.0.0.1", 5))
    now[0] += 1.0
    edge.datagram_received(b"junk", ("127.0.0.1", 5))
    assert len(sent) == ERROR_BURST + 1
    assert sent[-1].args[-2:] == ("held_back", 7)


@pytest.mark.real
def test_what_came_meanwhile_is_read_at_once():
    """One packet each time the loop came round, and in a flood the system dropped the others."""

    async def play(edge, do, performer):
        count = 2 * AT_ONCE
        for _ in range(count):
            performer.send(b"/livevae/ping\0\0\0,\0\0\0")
        rounds = 0
        while edge.counts.packets < count:
            await asyncio.sleep(0)
            rounds += 1
        assert rounds < 8

    performance(play)


@pytest.mark.real
def test_two_thousand_messages_are_all_done_and_answered():
    async def play(edge, do, performer):
        beats = []
        for turn in range(100):
            for number in range(20):
                performer.send(Message("/livevae/sample", ("lead", "seed", 20 * turn + number)))
            beats += [(await performer.hear()).args[3] for _ in range(20)]
        assert [request.settings["seed"] for request in do.requests] == list(range(2000))
        assert beats == [float(n + 1) for n in range(2000)]

    performance(play)


def test_answers_are_dropped_while_the_socket_is_full():
    class Transport:
        sent = 0

        def get_extra_info(self, name):
            return ("127.0.0.1", 1)

        def is_closing(self):
            return False

        def sendto(self, data, addr):
            self.sent += 1

    edge, transport = UdpEdge(Do(), Timetags(), lambda: 0.0), Transport()
    edge.connection_made(transport)
    ping = encode(Message("/livevae/ping"))
    for act in (edge.pause_writing, edge.resume_writing):
        act()
        edge.datagram_received(ping, ("127.0.0.1", 5))
    assert transport.sent == 1


@pytest.mark.real
def test_an_answer_too_long_for_a_datagram_is_dropped_and_the_show_goes_on():
    async def play(edge, do, performer):
        performer.send(Message("/livevae/status"))
        performer.send(Message("/livevae/ping"))
        assert (await performer.hear()).args[1] == "/livevae/ping"

    performance(
        play,
        lambda request, later: Reply(pairs=() if isinstance(request, Ping) else (("text", "x" * 70_000),)),
    )


@pytest.mark.real
def test_a_performer_who_left_is_no_fault():
    async def play(edge, do, performer):
        gone = Performer(edge)
        gone.send(Message("/livevae/ping"))
        gone.socket.close()
        for _ in range(3):
            performer.send(Message("/livevae/ping"))
            assert (await performer.hear()).address == "/livevae/reply"

    performance(play)


@pytest.mark.real
def test_a_port_in_use_is_said_with_a_way_out():
    async def play(edge, do, performer):
        port = edge.address[1]
        with pytest.raises(OscError) as wrong:
            await open_udp(do, port=port)
        assert str(wrong.value) == (
            f"OSC port 127.0.0.1:{port} is in use: stop that, or choose another: --osc 127.0.0.1:{port + 1}"
        )

    performance(play)


@pytest.mark.real
def test_a_port_that_has_a_usual_holder_names_it():
    async def run():
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as held:
            with contextlib.suppress(OSError):  # something else holds it already: as good
                held.bind((HOST, PORT))
            with pytest.raises(OscError, match="is in use, perhaps by another livevae: stop that"):
                await open_udp(Do())

    asyncio.run(run())


@pytest.mark.real
@pytest.mark.parametrize("host", ["192.0.2.7", "no.such.host.invalid", "a" * 300])
def test_a_host_that_is_not_here_is_said(host):
    with pytest.raises(OscError, match=r"is no address of this machine: choose 127\.0\.0\.1"):
        asyncio.run(open_udp(Do(), host))


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:7770", ("127.0.0.1", 7770)),
        (":9000", ("127.0.0.1", 9000)),
        ("0.0.0.0", ("0.0.0.0", PORT)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:7770", ("::1", 7770)),
        ("[::1]", ("::1", PORT)),
        ("", ("127.0.0.1", PORT)),
    ],
)
def test_endpoints_as_one_types_them(text, endpoint):
    assert parse_endpoint(text) == endpoint


@pytest.mark.parametrize("text", ["127.0.0.1:70000", "host:", "host:osc", "1:2:-3", "host:1e3", "host:٣"])
def test_an_endpoint_without_a_port_number_is_refused(text):
    with pytest.raises(OscError, match="HOST:PORT"):
        parse_endpoint(text)


# The client, from another thread


@pytest.mark.real
def test_the_client_asks_and_is_answered(heard):
    with Client(port=heard.port) as livevae:
        livevae.send("/livevae/ping")
        answer = livevae.ask("/livevae/sample", "lead", bars=4, ahead=0.5)
        assert (answer["address"], answer["beat"]) == ("/livevae/sample", 2.0)
        with pytest.raises(RequestError, match="no address"):
            livevae.ask("/livevae/nothing")
    assert heard.requests == [Ping(), Sample("lead", {"bars": 4}, at=heard.requests[1].at)]
    assert 0.4 < heard.ahead[1] <= 0.5


@pytest.mark.real
def test_the_client_says_when_nobody_answers():
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as held:
        held.bind((HOST, 0))
        port = held.getsockname()[1]
        with Client(port=port, patience=0.01) as livevae, pytest.raises(OscError, match="no livevae answers"):
            livevae.ask("/livevae/ping")
    with Client(port=port) as livevae, pytest.raises(OscError, match="`livevae serve` starts one"):
        livevae.ask("/livevae/ping")


@pytest.mark.real
def test_what_is_pending_is_answered_once_when_it_is_known():
    laters = []

    def do(request, later):
        laters.append(later)
        return PENDING

    async def play(edge, _, performer):
        for name in ("evening", "night"):
            performer.send(Message("/livevae/scene/write", (name, "id", name)))
        while len(laters) < 2:
            await asyncio.sleep(0)
        assert performer.waiting() == []
        laters[1](Reply(ok=False, text="the disk is full"))
        laters[0](Reply(pairs=(("file", "evening.toml"),)))
        failed, done = await performer.hear(), await performer.hear()
        assert failed == Message(
            "/livevae/error", ("address", "/livevae/scene/write", "id", "night", "text", "the disk is full")
        )
        assert done.args[-2:] == ("file", "evening.toml")
        assert edge.counts.errors == 1

    performance(play, do)

"""Packets wait for their turn, and the loop has time for the music between; answers have a measure."""

import asyncio

import pytest
from hypothesis import given, strategies as st

from livevae.edges.osc.codec import Message, decode, encode, encode_bundle
from livevae.edges.osc.limits import (
    FAR_BURST,
    FAR_BYTES,
    FAR_FACTOR,
    LOCAL_BURST,
    SOURCES,
    Limits,
    is_allowed,
    is_local,
    network,
)
from livevae.edges.osc.subscriptions import Subscriptions
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.turns import (
    EACH,
    MOST_PACKETS,
    MOST_SOURCES,
    MOST_WAITING,
    SHARE,
    STRETCH,
    Turns,
)
from livevae.edges.osc.udp import MOST_MESSAGES, Door, UdpEdge
from livevae.perform.hub import Hub
from livevae.perform.requests import Ping, Reply, Subscribe
from livevae.virtual_time import virtual_time

HERE, THERE = ("127.0.0.1", 5), ("192.0.2.1", 5)


class Work:
    """Turns whose every piece takes `each` seconds of a clock that only work moves."""

    def __init__(self, each: float, open_cost: float = 0.0):
        self.lag = 0.0
        self.done: list[tuple[float, object]] = []
        self.each, self.open_cost = each, open_cost
        self.turns = Turns(self.open, self.work, self.now)

    def now(self) -> float:
        return asyncio.get_running_loop().time() + self.lag

    def open(self, packet, addr):
        self.lag += self.open_cost
        return [(addr, number) for number in range(packet[0])]

    def work(self, piece, addr):
        self.lag += self.each
        self.done.append((self.now(), piece))


def under_virtual_time(run):
    with virtual_time() as loop:
        return loop.run_until_complete(run())


def test_the_loop_is_never_held_for_longer_than_a_stretch_and_a_piece():
    async def run():
        work = Work(0.001)
        stretches, before = [], 0.0
        work.turns.add(bytes([200]), HERE)
        for _ in range(1000):
            stretches.append(work.lag - before)
            before = work.lag
            await asyncio.sleep(0.0005)
        return work, stretches

    work, stretches = under_virtual_time(run)
    assert [piece for _, piece in work.done] == [(HERE, number) for number in range(200)]
    assert max(stretches) <= STRETCH + 0.001 + 1e-9
    taken = work.done[-1][0]
    assert 0.2 / taken == pytest.approx(SHARE, abs=0.1)


def test_sources_take_turns():
    async def run():
        work = Work(0.001)
        other = ("127.0.0.1", 6)
        work.turns.add(bytes([100]), HERE)
        work.turns.add(bytes([2]), other)
        while work.turns.waiting:
            await asyncio.sleep(0.01)
        return [index for index, (_, (addr, _)) in enumerate(work.done) if addr == other]

    assert max(under_virtual_time(run)) < 10


def test_a_source_that_sends_too_much_has_no_room_and_others_have():
    async def run():
        work = Work(1.0)
        taken = [work.turns.add(bytes([1]), HERE) for _ in range(MOST_PACKETS + 50)]
        return taken, work.turns.add(bytes([1]), THERE)

    taken, other = under_virtual_time(run)
    assert sum(taken) in range(MOST_PACKETS, MOST_PACKETS + 3)
    assert other


def elsewhere(number):
    return f"198.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 7770


@pytest.mark.parametrize("packet", [bytes([1]), b"", bytes([1]) * 60_000])
def test_however_many_machines_seem_to_send_little_waits_and_this_one_has_room(packet):
    """Packets without a byte have none to count."""

    async def run():
        work = Work(1.0)
        work.open = lambda packet, addr: [(addr, 0)]
        work.turns = Turns(work.open, work.work, work.now)
        taken = sum(work.turns.add(packet, elsewhere(number)) for number in range(20_000))
        assert work.turns.waiting <= MOST_SOURCES + 1
        return taken, work.turns.add(packet, HERE)

    taken, here = under_virtual_time(run)
    assert taken <= min(MOST_SOURCES, MOST_WAITING // (len(packet) + EACH)) + 2
    assert here


def test_this_machine_has_every_other_turn_however_many_machines_send():
    async def run():
        work = Work(0.001)
        for number in range(200):
            work.turns.add(bytes([5]), elsewhere(number))
        work.turns.add(bytes([20]), HERE)
        while work.turns.waiting:
            await asyncio.sleep(0.01)
        return [index for index, (_, (addr, _)) in enumerate(work.done) if addr == HERE]

    ours = under_virtual_time(run)
    assert len(ours) == 20
    assert max(ours) < 60


def test_known_sources_have_room_and_every_other_turn_beside_any_number_of_others():
    async def run():
        work = Work(0.001)
        work.turns = Turns(work.open, work.work, work.now, {THERE, HERE}.__contains__)
        for number in range(20_000):
            work.turns.add(bytes([5]), elsewhere(number))
        assert work.turns.add(bytes([20]), THERE)
        while work.turns.waiting:
            await asyncio.sleep(0.01)
        return [index for index, (_, (addr, _)) in enumerate(work.done) if addr == THERE]

    theirs = under_virtual_time(run)
    assert len(theirs) == 20
    assert theirs[-1] - theirs[0] <= 40


def test_the_packets_of_a_source_that_becomes_known_stay_in_order():
    async def run():
        known = set()
        work = Work(0.01)
        work.open = lambda packet, addr: [packet[0]] if addr == THERE else []
        work.turns = Turns(work.open, work.work, work.now, known.__contains__)
        for number in range(40):
            assert work.turns.add(bytes([number]), THERE)
            work.turns.add(b"x", elsewhere(number))
            if number == 20:
                known.add(THERE)
        while work.turns.waiting:
            await asyncio.sleep(0.01)
        return [piece for _, piece in work.done]

    assert under_virtual_time(run) == list(range(40))


class Edge(UdpEdge):
    """An edge without a socket, whose `do` takes `each` seconds."""

    def __init__(self, each=0.0, answer=Reply(), **options):  # noqa: B008
        self.lag, self.each, self.answer, self.asked = 0.0, each, answer, []
        self.sent: list[tuple[Message, tuple]] = []
        loop = asyncio.get_running_loop()
        super().__init__(
            self.did, Timetags(loop.time), lambda: loop.time() + self.lag, strict=True, **options
        )
        self.connection_made(self)

    def did(self, request, later):
        self.lag += self.each
        self.asked.append(request)
        return self.answer

    def get_extra_info(self, _):
        return ("127.0.0.1", 7770)

    def is_closing(self):
        return False

    def sendto(self, data, addr):
        self.sent.append((decode(data)[0].message, addr))


PING = encode(Message("/livevae/ping"))


def test_a_bundle_of_too_many_messages_is_refused_with_one_answer():
    async def run():
        edge = Edge()
        edge.datagram_received(encode_bundle([PING] * 2500), HERE)
        return edge.sent, edge.asked

    sent, asked = under_virtual_time(run)
    assert asked == []
    assert [message.args[3] for message, _ in sent] == [
        f"a bundle holds at most {MOST_MESSAGES} messages: send the others in another"
    ]


def test_of_those_that_find_no_room_among_too_many_nobody_is_answered_and_the_performer_hears_it_seldom():
    async def run():
        said = []
        edge = Edge(1.0, on_error=said.append)
        for number in range(5_000):
            edge.datagram_received(PING, elsewhere(number))
        return said, len(edge.sent), edge.counts

    said, sent, counts = under_virtual_time(run)
    assert set(said) == {"too much came from too many at once, and some of it was left out"}
    assert len(said) <= 3
    assert sent <= 2
    assert counts.too_many >= 5_000 - MOST_SOURCES - 2


def test_what_there_is_no_room_for_is_refused_with_one_answer_and_a_good_message_later_is_done():
    async def run():
        edge = Edge(each=0.01)
        for _ in range(10 * MOST_PACKETS):
            edge.datagram_received(PING, HERE)
        await asyncio.sleep(20.0)
        errors = [message for message, _ in edge.sent if message.address == "/livevae/error"]
        done = len(edge.asked)
        edge.datagram_received(PING, HERE)
        return errors, done, len(edge.asked), edge.counts

    errors, done, then, counts = under_virtual_time(run)
    assert len(errors) == 1
    assert "too much came at once" in errors[0].args[3]
    assert then == done + 1
    assert counts.too_many == 10 * MOST_PACKETS - done


def test_few_bytes_from_elsewhere_bring_few_bytes_there_and_a_host_that_sends_as_much_is_answered():
    """16 bytes that claim to come from another machine brought it 8,780."""
    status = Reply(pairs=tuple((f"voice{n}", "playing") for n in range(250)))

    async def run(address, gap, packet):
        edge = Edge(answer=status if packet is None else Reply())
        for _ in range(200):
            edge.datagram_received(packet or encode(Message("/livevae/status")), address)
            await asyncio.sleep(gap)
        return sum(len(encode(message)) for message, _ in edge.sent), len(edge.sent)

    flood, _ = under_virtual_time(lambda: run(THERE, 0.001, None))
    assert flood <= FAR_BURST + 0.2 * FAR_BYTES + FAR_FACTOR * 200 * 20
    _, answered = under_virtual_time(lambda: run(HERE, 0.01, None))
    assert answered == 200
    played = encode(Message("/livevae/sample", ("voice", "lead", "bars", 4, "temp", 0.5)))
    _, answered = under_virtual_time(lambda: run(THERE, 0.001, played))
    assert answered == 200


@pytest.mark.parametrize("how", ["subscribed", "secret", "stranger"])
def test_who_is_known_is_answered_beside_any_number_of_false_sources(how):
    """A laptop whose subscription runs, or that knows the secret, found no room among 256 sources that are false."""
    secret = "open sesame" if how == "secret" else ""
    ping = encode(Message("/livevae/ping", ("secret", secret) if secret else ()))

    async def run():
        edge = Edge(0.01, door=Door(secret=secret))
        hub = Hub()
        subscriptions = Subscriptions(hub, Timetags(edge._clock), edge._clock)
        edge._subscriptions = subscriptions
        if how == "subscribed":
            first = subscriptions.do(Subscribe(("beat",)), THERE)
            assert not subscriptions.knows(THERE)
            subscriptions.do(Subscribe(("beat",), token=dict(first.pairs)["token"]), THERE)
        edge.datagram_received(ping, THERE)
        await asyncio.sleep(1)
        before = len(edge.sent)
        for number in range(2_000):
            edge.datagram_received(PING, elsewhere(number))
        edge.datagram_received(ping, THERE)
        await asyncio.sleep(10)
        subscriptions.close()
        return sum(addr == THERE for _, addr in edge.sent[before:])

    assert under_virtual_time(run) == (how != "stranger")


def test_who_knows_the_secret_is_not_forgotten_for_sources_that_do_not():
    """After 64 false ones it was a stranger again, and had its turn among them."""
    limits = Limits(0.0)
    limits.came(THERE, 0, 0.0, known=True)
    for number in range(10 * SOURCES):
        limits.came(elsewhere(number), 20, 0.0)
        limits.error(elsewhere(number), 0.0)
    assert limits.knows(THERE)
    assert limits.answer(THERE, int(10 * FAR_BURST), 0.0)
    assert not limits.answer(THERE, int(LOCAL_BURST), 0.0)
    for number in range(SOURCES):
        limits.came(elsewhere(number), 0, 0.0, known=True)
    assert not limits.knows(THERE)  # however many know it, few are remembered
    assert len(limits) <= 2 * SOURCES


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 500), st.integers(1, 3000)), max_size=60))
def test_no_machine_elsewhere_gets_more_than_its_measure(script):
    limits, now, sent, came = Limits(0.0), 0.0, 0, 0
    for gap, size, answer in script:
        now += gap
        came += size
        limits.came(THERE, size, now)
        if limits.answer(THERE, answer, now):
            sent += answer
    assert sent <= FAR_BURST + FAR_BYTES * now + FAR_FACTOR * came + 1e-6


def test_only_networks_that_are_allowed_are_read_and_this_machine_always():
    async def run():
        told = []
        edge = Edge(door=Door((network("192.0.2.0/28"),)), on_error=told.append)
        for host in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.77", "2001:db8::1", "127.0.0.1", "::1"):
            edge.datagram_received(PING, (host, 5))
        return [addr[0] for _, addr in edge.sent], edge.counts, told

    answered, counts, told = under_virtual_time(run)
    assert answered == ["192.0.2.1", "::ffff:192.0.2.1", "127.0.0.1", "::1"]
    assert counts.kept_out == 2
    assert told[0] == "a packet from 192.0.2.77 was not read: it is in no network of --allow"


def test_a_secret_is_asked_for_beyond_this_machine_and_without_it_nothing_is_answered_or_kept():
    async def run():
        kept = []
        edge = Edge(door=Door(secret="open sesame"), on_request=kept.append)
        for host, args in (
            ("192.0.2.1", ()),
            ("192.0.2.1", ("secret", "sesame")),
            ("192.0.2.1", ("secret", 7)),
            ("192.0.2.1", ("lead", "secret", "open sesame")),
            ("127.0.0.1", ("lead",)),
        ):
            edge.datagram_received(encode(Message("/livevae/play", args)), (host, 5))
        edge.datagram_received(b"junk", ("192.0.2.1", 5))
        return edge.asked, edge.sent, [decode(packet)[0].message for packet in kept]

    asked, sent, kept = under_virtual_time(run)
    assert len(asked) == 2
    assert all(message.args == ("address", "/livevae/play") for message, _ in sent)
    assert kept == [Message("/livevae/play", ("lead",))] * 2


def test_what_only_asks_is_not_kept():
    async def run():
        kept = []
        edge = Edge(on_request=kept.append)
        for address in ("/livevae/ping", "/livevae/status", "/livevae/persona/list", "/livevae/tap"):
            edge.datagram_received(encode(Message(address)), HERE)
        return [decode(packet)[0].message.address for packet in kept], edge.asked[0]

    assert under_virtual_time(run) == (["/livevae/tap"], Ping())


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
    ],
)
def test_this_machine_is_known_by_its_loopback(host, local):
    assert is_local((host, 1)) is local
    assert is_allowed((host, 1), (network("172.16.0.0/12"),)) is local

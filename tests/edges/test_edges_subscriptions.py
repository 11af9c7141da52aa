"""Subscribers: sent what they ask for while they are there, bounded whatever they do."""

import asyncio
import contextlib
import socket

import pytest

from livevae.edges.osc.assembler import Assembler
from livevae.edges.osc.codec import Message, decode, encode
from livevae.edges.osc.subscriptions import BURST, MOST, Subscriptions
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import open_udp
from livevae.errors import RequestError
from livevae.perform.events import Beat, LogLine, RiffEvent
from livevae.perform.hub import Hub
from livevae.perform.requests import Reply, Subscribe, Unsubscribe
from livevae.testing import example_riff, example_snapshot

SOON = 5.0
HERE = ("127.0.0.1", 5000)
FAR = ("192.0.2.7", 5000)
"""An address for documentation (RFC 5737): nobody's."""


class Sink:
    """A socket that only remembers what it is given."""

    def __init__(self):
        self.sent = []

    def sendto(self, packet, where):
        self.sent.append((where, packet))

    def recvmsg(self, *_):
        raise BlockingIOError

    def close(self):
        pass


class Stand:
    def __init__(self):
        self.now = 0.0
        self.hub = Hub()
        self.subscriptions = Subscriptions(
            self.hub, Timetags(lambda: self.now, lambda: self.now), lambda: self.now
        )
        self.sink = self.subscriptions._socket = Sink()

    async def tell(self, *events):
        for event in events:
            self.hub.tell(event)
        for _ in range(100 + len(events)):
            await asyncio.sleep(0)

    def got(self, where=HERE):
        return [packet for there, packet in self.sink.sent if there == where]


@contextlib.asynccontextmanager
async def stand():
    what = Stand()
    try:
        yield what
    finally:
        what.subscriptions.close()
        await asyncio.sleep(0)


def run(line):
    asyncio.run(line())


def test_a_subscriber_gets_its_topics_until_it_ends_them():
    async def line():
        async with stand() as s:
            s.subscriptions.do(Subscribe(("beat", "riff")), HERE)
            await s.tell(Beat(1.0, 1, 2, 120.0, 0.5), LogLine("tempo", "140 bpm"), example_riff())
            assembler = Assembler()
            kinds = [type(event) for packet in s.got() for event in assembler.packet(packet)]
            assert kinds == [Beat, RiffEvent]
            s.subscriptions.do(Unsubscribe(("riff",)), HERE)
            s.sink.sent.clear()
            await s.tell(Beat(2.0, 1, 3, 120.0, 1.0), example_riff())
            assert len(s.got()) == 1
            s.subscriptions.do(Unsubscribe(), HERE)
            assert s.subscriptions.count == 0
            assert not s.hub.wants(Beat)

    run(line)


def test_a_new_subscriber_is_told_the_riffs_that_sound_already_and_once():
    async def line():
        async with stand() as s:
            s.subscriptions.standing = lambda: [example_riff(seed=5), example_riff("bass", seed=6)]

            def heard(where):
                assembler = Assembler()
                return [event.voice for packet in s.got(where) for event in assembler.packet(packet)]

            s.subscriptions.do(Subscribe(("beat",)), HERE)
            await s.tell()
            assert heard(HERE) == []
            for _ in range(3):
                s.subscriptions.do(Subscribe(("riff",)), HERE)
                await s.tell()
            assert heard(HERE) == ["lead", "bass"]

    run(line)


def test_a_lease_ends_unless_some_packet_comes():
    async def line():
        async with stand() as s:
            s.subscriptions.do(Subscribe(("beat",), seconds=30.0), HERE)
            s.now = 29.0
            s.subscriptions.seen(HERE)
            s.now = 58.0
            assert s.subscriptions.count == 1
            s.now = 59.5
            await s.tell(Beat(1.0, 1, 2, 120.0, 0.5))
            assert s.got() == []
            assert s.subscriptions.count == 0

    run(line)


def test_ten_thousand_subscriptions_leave_thirty_two():
    async def line():
        async with stand() as s:
            refused = 0
            for port in range(1, 10_001):
                try:
                    s.subscriptions.do(Subscribe(("beat",)), ("127.0.0.1", port))
                except RequestError as error:
                    assert "32 subscribers are the most" in str(error)
                    refused += 1
            assert s.subscriptions.count == MOST
            assert refused == 10_000 - MOST

    run(line)


def test_a_spoofed_source_is_sent_nothing_but_the_answer():
    async def line():
        async with stand() as s:
            for port in range(1, 10_001):
                reply = s.subscriptions.do(Subscribe(("beat",), token=port), (FAR[0], port))
                assert dict(reply.pairs)["token"]
            assert s.subscriptions.count == 0
            await s.tell(Beat(1.0, 1, 2, 120.0, 0.5))
            assert s.sink.sent == []
            assert len(s.subscriptions._subscribers) == 0

    run(line)


def test_another_machine_is_believed_when_it_sends_the_number_back():
    async def line():
        async with stand() as s:
            token = dict(s.subscriptions.do(Subscribe(("beat",)), FAR).pairs)["token"]
            with pytest.raises(RequestError, match="from the port"):
                s.subscriptions.do(Subscribe(("beat",), port=9, token=token), FAR)
            assert "token" in dict(s.subscriptions.do(Subscribe(("beat",), token=token + 1), FAR).pairs)
            s.subscriptions.do(Subscribe(("beat",), token=token), FAR)
            await s.tell(Beat(1.0, 1, 2, 120.0, 0.5))
            assert len(s.got(FAR)) == 1

    run(line)


def test_a_flood_of_events_is_cut_off_and_counted():
    async def line():
        async with stand() as s:
            s.subscriptions.do(Subscribe(("snapshot",)), HERE)
            for _ in range(20):
                await s.tell(example_snapshot(64))
            assert len(s.got()) <= BURST
            assert s.subscriptions.dropped > 0

    run(line)


@pytest.mark.real
def test_over_udp_a_client_hears_beats_and_one_that_is_gone_is_dropped_at_once():
    async def line():
        loop = asyncio.get_running_loop()
        hub = Hub()
        edge = await open_udp(lambda _: Reply(), port=0, strict=True)
        subscriptions = Subscriptions(hub, Timetags(loop.time), loop.time)
        edge.serve(subscriptions)
        ear, gone = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        try:
            for one in (ear, gone):
                one.bind(("127.0.0.1", 0))
                one.setblocking(False)
                one.sendto(encode(Message("/livevae/subscribe", ("beat", "for", 60))), edge.address)
                [reply] = decode(await asyncio.wait_for(loop.sock_recv(one, 65_536), SOON))
                assert reply.message.args[:4] == ("address", "/livevae/subscribe", "topics", "beat")
            assert subscriptions.count == 2
            gone.close()
            beat = Beat(3.0, 1, 4, 120.0, loop.time() + 0.15)
            for _ in range(3):
                hub.tell(beat)
                packet = await asyncio.wait_for(loop.sock_recv(ear, 65_536), SOON)
            [back] = Assembler(Timetags(loop.time)).packet(packet)
            assert back.beat == 3.0
            assert abs(back.at - beat.at) < 0.01
            for _ in range(500):
                if subscriptions.count == 1:
                    break
                hub.tell(beat)
                await asyncio.sleep(0.01)
            assert subscriptions.count == 1
        finally:
            edge.close()
            ear.close()
            await asyncio.sleep(0)

    asyncio.run(line())


@pytest.mark.real
def test_a_subscriber_that_never_reads_costs_nobody_anything():
    async def line():
        loop = asyncio.get_running_loop()
        hub = Hub()
        edge = await open_udp(lambda _: Reply(), port=0, strict=True)
        subscriptions = Subscriptions(hub, Timetags(loop.time), lambda: 0.0)
        edge.serve(subscriptions)
        deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        deaf.bind(("127.0.0.1", 0))
        try:
            deaf.sendto(encode(Message("/livevae/subscribe", ("riff",))), edge.address)
            while not subscriptions.count:
                await asyncio.sleep(0)
            for _ in range(800):
                hub.tell(example_riff())
                await asyncio.sleep(0)
            assert subscriptions.count == 1
            assert subscriptions.dropped > 0
            assert len(subscriptions._listener) == 0
        finally:
            edge.close()
            deaf.close()
            await asyncio.sleep(0)

    asyncio.run(line())

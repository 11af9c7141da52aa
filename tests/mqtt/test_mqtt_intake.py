"""A flood takes no more than its share of the loop; whoever is quieter than that is handed on at once."""

import asyncio
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from livevae.edges.mqtt import intake
from livevae.edges.mqtt.intake import Allowance, Inbox, Intake

if TYPE_CHECKING:
    from livevae.edges.mqtt.messages import Arrived

STEPS = st.lists(st.tuples(st.floats(0, 2), st.floats(0, 0.5)), max_size=60)


@given(STEPS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_of_any_time_no_more_than_its_share_is_used_and_a_burst_or_two_once(
    steps: list[tuple[float, float]], share: float, burst: float
) -> None:
    """Whoever asks first whether anything is left, and then uses `amount`, owes a burst at most."""
    bucket, now, used = Allowance(share, burst, 0.0), 0.0, 0.0
    for pause, amount in steps:
        now += pause
        if bucket.left(now) > 0:
            taken = min(amount, burst)
            bucket.use(taken, now)
            used += taken
        assert used <= share * now + 2 * burst + 1e-9


@given(STEPS, st.floats(0.01, 1), st.floats(0.01, 1))
def test_after_the_wait_that_it_names_half_a_burst_is_left(
    steps: list[tuple[float, float]], share: float, burst: float
) -> None:
    bucket, now = Allowance(share, burst, 0.0), 0.0
    for pause, amount in steps:
        now += pause
        bucket.use(amount, now)
        assert 0 <= bucket.wait(now) <= 1.5 * burst / share + 1e-9
    now += bucket.wait(now)
    assert bucket.left(now) >= burst / 2 - 1e-9


@dataclass
class Message:
    topic: str
    payload: bytes
    retain: bool = False


class Packets:
    """Paho's client, each of whose messages is a byte, and takes a millisecond to read."""

    def __init__(self, inbox: Inbox, end: socket.socket, clock: list[float]) -> None:
        self.inbox, self.end, self.clock = inbox, end, clock
        self.stretches: list[int] = []
        self.open = True
        self.broken = False

    def socket(self) -> Any:
        return self.end if self.open else None

    def loop_read(self) -> None:
        if self.broken:
            raise BrokenPipeError("gone")
        try:
            data = self.end.recv(1)
        except BlockingIOError:
            return
        self.clock[0] += 0.001
        self.inbox.put_nowait(Message("t", data))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The processor time of the thread, which moves only where it is said to."""
    made = [0.0]
    monkeypatch.setattr(intake.time, "thread_time", lambda: made[0])
    return made


@pytest.mark.asyncio
async def test_a_flood_is_read_in_short_stretches_with_pauses_and_in_order(clock: list[float]) -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    with here, there:
        taken: list[Arrived] = []
        reading = Intake(taken.append)
        packets = Packets(Inbox(reading.came), here, clock)
        there.send(bytes(range(100)))
        reading.start(packets)
        while reading.messages < 40:
            before = reading.messages
            await asyncio.sleep(0)
            assert reading.messages - before <= 1000 * intake.STRETCH + 1
        assert taken == []  # nobody was ready for them
        reading.hand_on()
        while len(taken) < 100:
            await asyncio.sleep(0)
        assert b"".join(one.payload for one in taken) == bytes(range(100))
        assert reading.pauses >= 3  # 30 ms at once, 15 ms after each pause
        reading.stop()


@pytest.mark.asyncio
async def test_what_cannot_be_read_ends_the_connection_and_what_is_closed_is_left_alone(
    clock: list[float],
) -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    with here, there:
        reading = Intake(lambda _: None)
        packets = Packets(Inbox(reading.came), here, clock)
        packets.broken = True
        there.send(b"x")
        reading.start(packets)
        assert isinstance(await reading.broken, BrokenPipeError)
        packets.open = False
        reading.stop()
        # nobody reads it any more: asyncio would say that there is no such reader
        assert not asyncio.get_running_loop().remove_reader(here)

"""MIDI in, from a thread to the loop: whole messages in order, with their time, whatever floods in."""

import asyncio
import threading

import pytest

from livevae.edges.midi_in import MOST_WAITING, MidiInput, MidiInputs
from livevae.errors import PortError

pytestmark = pytest.mark.asyncio


async def settled(one: MidiInput) -> None:
    """Until everything that waits was heard."""
    while one._called:
        await asyncio.sleep(0)


async def test_messages_from_another_thread_are_heard_in_order_with_their_arrival() -> None:
    heard: list[tuple[bytes, float]] = []
    one = MidiInput("keys", lambda data, when: heard.append((data, when)), asyncio.get_running_loop())
    sent = [(bytes((0x90, 60, 1 + i % 127)), i / 1000) for i in range(2000)]

    def play() -> None:
        for data, when in sent:
            one.arrived(data, when)

    thread = threading.Thread(target=play)
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    await settled(one)
    assert heard == sent
    assert one.dropped == 0


async def test_what_is_broken_is_left_out_and_realtime_bytes_are_not_for_us() -> None:
    heard = []
    one = MidiInput("keys", lambda data, _: heard.append(data), asyncio.get_running_loop())
    one.arrived(b"\x90\x3c\xf8\x40\xfe", 0)
    one.arrived(b"\x3e\x41\x99\xf0\x01\x02", 0)
    one.arrived(b"\x03\xf7\xf2\x01\x02\xb0\x07", 0)
    one.arrived(b"\x08", 0)
    await settled(one)
    assert heard == [b"\x90\x3c\x40", b"\x90\x3e\x41", b"\xb0\x07\x08"]


async def test_a_flood_is_bounded_and_counted_and_ends_of_notes_get_through() -> None:
    heard = []
    one = MidiInput("keys", lambda data, _: heard.append(data), asyncio.get_running_loop())
    for i in range(3 * MOST_WAITING):
        one.arrived(bytes((0xB0, 7, i % 128)), 0)
    one.arrived(b"\x80\x3c\x00", 0)
    assert one.dropped == 2 * MOST_WAITING
    turns = 0
    while one._called:
        await asyncio.sleep(0)
        turns += 1
    assert len(heard) == MOST_WAITING + 1
    assert heard[-1] == b"\x80\x3c\x00"
    assert turns > MOST_WAITING / 100  # others had their turn meanwhile
    for _ in range(3 * MOST_WAITING):
        one.arrived(b"\x80\x3c\x00", 0)
    assert len(one._waiting) == 2 * MOST_WAITING
    one.close()


async def test_a_fault_while_hearing_one_message_does_not_deafen_to_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = []

    def hear(data: bytes, _: float) -> None:
        if data[1] == 60:
            raise ZeroDivisionError
        heard.append(data)

    one = MidiInput("keys", hear, asyncio.get_running_loop())
    one.arrived(b"\x90\x3c\x40\x3d\x40", 0)
    await settled(one)
    assert heard == [b"\x90\x3d\x40"]
    assert "a fault while hearing 90 3c 40" in caplog.text


class Studio:
    """A system's MIDI: outputs that come and go; stands in for rtmidi's clients."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self.callbacks: list[object] = []

    def open(self, target: str, _client: str, _label: str) -> tuple["Studio", str]:
        if not any(target in name for name in self.there):
            raise PortError(f"no MIDI input has {target!r} in its name")
        return self, next(name for name in self.there if target in name)

    def get_ports(self) -> list[str]:
        return self.there

    def set_callback(self, callback: object) -> None:
        self.callbacks.append(callback)

    def cancel_callback(self) -> None:
        self.callbacks.pop()

    def close_port(self) -> None:
        """Nothing to close."""

    delete = close_port


async def test_a_keyboard_that_comes_later_goes_and_comes_back_is_listened_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio, said, heard = Studio(), [], []
    monkeypatch.setattr("livevae.edges.midi_in.open_input", studio.open)
    inputs = MidiInputs(["keys"], lambda data, _: heard.append(data), said.append)
    await inputs.open()
    for there in ([], ["keys 1"], ["keys 1"], [], [], ["keys 1", "pads"]):
        studio.there = there
        await inputs.look()
    assert said == [
        "midi in keys is not there yet, playing goes on without it: no MIDI input has 'keys' in its name",
        "midi in keys 1",
        "midi in keys 1 is gone",
        "midi in keys 1 is back",
    ]
    studio.callbacks[-1](([0x90, 60, 100], 0.0), None)
    await settled(inputs.inputs[0])
    assert heard == [b"\x90\x3c\x64"]
    await inputs.close()
    assert studio.callbacks == []


async def test_closing_twice_is_no_error() -> None:
    one = MidiInput("keys", lambda *_: None, asyncio.get_running_loop())
    one.arrived(b"\x90\x3c\x40", 0)
    one.close()
    one.close()
    await settled(one)

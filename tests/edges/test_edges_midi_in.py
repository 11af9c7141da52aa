"""MIDI in, from a thread to the loop: whole messages in order, with their time, whatever floods in."""

import asyncio
import threading

import pytest

from livevae.edges.midi_in import MOST_WAITING, MidiInput, open_inputs

pytestmark = pytest.mark.asyncio


async def settled(one: MidiInput) -> None:
    """Until everything that waits was heard."""
    while one._called:
        await asyncio.sleep(0)


async def test_messages_from_another_thread_are_heard_in_order_with_their_arrival() -> None:
    heard: list[tuple[bytes, float]] = []
    one = MidiInput(lambda data, when: heard.append((data, when)), asyncio.get_running_loop())
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
    one = MidiInput(lambda data, _: heard.append(data), asyncio.get_running_loop())
    one.arrived(b"\x90\x3c\xf8\x40\xfe", 0)
    one.arrived(b"\x3e\x41\x99\xf0\x01\x02", 0)
    one.arrived(b"\x03\xf7\xf2\x01\x02\xb0\x07", 0)
    one.arrived(b"\x08", 0)
    await settled(one)
    assert heard == [b"\x90\x3c\x40", b"\x90\x3e\x41", b"\xb0\x07\x08"]


async def test_a_flood_is_bounded_and_counted_and_ends_of_notes_get_through() -> None:
    heard = []
    one = MidiInput(lambda data, _: heard.append(data), asyncio.get_running_loop())
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

    one = MidiInput(hear, asyncio.get_running_loop())
    one.arrived(b"\x90\x3c\x40\x3d\x40", 0)
    await settled(one)
    assert heard == [b"\x90\x3d\x40"]
    assert "a fault while hearing 90 3c 40" in caplog.text


async def test_an_input_that_is_not_there_is_said_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    said: list[str] = []
    assert open_inputs(["no such keyboard"], lambda *_: None, said.append) == []
    [line] = said
    assert line.startswith("midi in no such keyboard is not open, playing goes on without it")


async def test_closing_twice_is_no_error() -> None:
    one = MidiInput(lambda *_: None, asyncio.get_running_loop())
    one.arrived(b"\x90\x3c\x40", 0)
    one.close()
    one.close()
    await settled(one)

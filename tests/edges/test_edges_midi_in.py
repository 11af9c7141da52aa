"""MIDI in, from the system's queue to whoever hears: whole messages in order, with their time, whatever floods in."""

import asyncio

import pytest

from livevae.edges.midi_in import AT_ONCE, MidiInput, MidiInputs
from livevae.errors import PortError

pytestmark = pytest.mark.asyncio


async def test_what_is_broken_is_left_out_and_realtime_bytes_are_not_for_us() -> None:
    heard = []
    one = MidiInput("keys", lambda data, when: heard.append((when, data)))
    one.arrived(b"\x90\x3c\xf8\x40\xfe", 1)
    one.arrived(b"\x3e\x41\x99\xf0\x01\x02", 2)
    one.arrived(b"\x03\xf7\xf2\x01\x02\xb0\x07", 3)
    one.arrived(b"\x08", 4)
    assert heard == [(1, b"\x90\x3c\x40"), (2, b"\x90\x3e\x41"), (4, b"\xb0\x07\x08")]


async def test_a_fault_while_hearing_one_message_does_not_deafen_to_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = []

    def hear(data: bytes, _: float) -> None:
        if data[1] == 60:
            raise ZeroDivisionError
        heard.append(data)

    MidiInput("keys", hear).arrived(b"\x90\x3c\x40\x3d\x40", 0)
    assert heard == [b"\x90\x3d\x40"]
    assert "a fault while hearing 90 3c 40" in caplog.text


class Studio:
    """A system's MIDI: outputs that come and go; stands in for rtmidi's clients."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self.queue: list[tuple[list[int], float]] = []
        self.clients = 0

    def open(self, target: str, _client: str, _label: str) -> tuple["Studio", str]:
        if not any(target in name for name in self.there):
            raise PortError(f"no MIDI input has {target!r} in its name")
        self.clients += 1
        return self, next(name for name in self.there if target in name)

    def get_ports(self) -> list[str]:
        return self.there

    def ignore_types(self, **_: bool) -> None:
        """It sends none of them."""

    def get_message(self) -> tuple[list[int], float] | None:
        return self.queue.pop(0) if self.queue else None

    def close_port(self) -> None:
        """Nothing to close."""

    def delete(self) -> None:
        self.clients -= 1


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
    studio.queue.append(([0x90, 60, 100], 0.0))
    await inputs.poll()
    assert heard == [b"\x90\x3c\x64"]
    await inputs.close()
    assert studio.clients == 1  # the one whose other end went is left to the end of the process


async def test_a_flood_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    studio, heard, turns = Studio(), [], 0
    studio.there = ["keys"]
    monkeypatch.setattr("livevae.edges.midi_in.open_input", studio.open)
    inputs = MidiInputs(["keys"], lambda data, _: heard.append(data), lambda _: None)
    await inputs.open()
    studio.queue = [([0xB0, 7, i % 128], 0.0) for i in range(20 * AT_ONCE)]
    polling = asyncio.ensure_future(inputs.poll())
    while not polling.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(heard) == 20 * AT_ONCE
    assert turns >= 10  # the keeper polls, too
    await inputs.close()
    await inputs.close()


async def test_inputs_whose_system_ended_are_said_to_be_gone_and_opened_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio, said, looks = Studio(), [], []
    monkeypatch.setattr("livevae.edges.midi_in.open_input", studio.open)
    inputs = MidiInputs(
        ["keys", "pads"], lambda _data, _when: None, said.append, lambda: looks.append(len(said))
    )
    studio.there = ["keys (JACK)", "pads (JACK)"]
    await inputs.open()
    assert looks == [1, 2]
    ours = ["synth:in (JACK)", "livevae-in:livevae-in (JACK)", "livevae-in-01:livevae-in (JACK)"]
    inputs.seen([], ["JACK"])  # a look that is older than our ports
    inputs.seen(ours, ["JACK"])
    inputs.seen(["other:in 12:0 (ALSA)", *ours], ["ALSA", "JACK"])
    assert said == ["midi in keys (JACK)", "midi in pads (JACK)"]
    inputs.seen(["synth:in (JACK)"], ["JACK"])
    inputs.seen([], ["JACK"])
    assert not any(one.opened for one in inputs.inputs)
    await inputs.look()
    assert said[2:] == [
        "midi in keys (JACK) is gone: JACK has ended",
        "midi in pads (JACK) is gone: JACK has ended",
        "midi in keys (JACK) is back",
        "midi in pads (JACK) is back",
    ]
    inputs.seen([], [])
    assert said[6:] == said[2:4]
    await inputs.close()
    assert studio.clients == 4  # those of the server that ended are never touched again


async def test_where_a_system_does_not_show_our_inputs_they_are_not_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio, said = Studio(), []
    monkeypatch.setattr("livevae.edges.midi_in.open_input", studio.open)
    inputs = MidiInputs(["keys"], lambda _data, _when: None, said.append)
    studio.there = ["keys (CoreMIDI)"]
    await inputs.open()
    inputs.seen(["synth (CoreMIDI)"], ["CoreMIDI"])
    inputs.seen([], ["CoreMIDI"])
    assert said == ["midi in keys (CoreMIDI)"]
    await inputs.close()

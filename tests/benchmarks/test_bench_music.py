"""What is counted of a scene's music is what was played."""

import functools

import pytest

from benchmarks.music import lines, measured, notes_of
from livevae.music import harmony
from livevae.music.meter import COMMON
from livevae.music.notes import Note
from livevae.perform.scene import parse
from livevae.render import render
from livevae.testing import FakeDecoder

BAR = 3840


def test_a_line_of_two_sections_is_counted() -> None:
    tune = [
        Note(BAR * bar + 960 * beat, 960, 62 if beat < 3 else 61) for bar in range(16) for beat in range(4)
    ]
    tune[-1] = Note(tune[-1].start, 960, 57)
    found = measured(tune, functools.partial(harmony.chord_of, "Dm A"), COMMON, 16, 8)
    assert found.notes == [32, 32]
    assert found.pitches == [2, 3]
    assert found.on_chord == (960 * (8 * 3 + 8), 960 * 64)
    assert (found.changes, found.steps, found.fifths) == (15, 15, 0)
    assert (found.ends, found.at_rest) == (2, 1)
    assert found.again == [1.0, 1.0]
    assert (
        lines([{"a": found}])[-1]
        == "| a | 32-32 | 2-3 | 1.00-1.00 | 0.50-0.50 | 1.00 | 0.00 | 0.50 | 1.00-1.00 |"
    )


def test_a_rendering_gives_back_its_notes() -> None:
    done = render(parse("[voice.a]\n[voice.b]\nchannel = 2\nvelocity = 0"), lambda _: FakeDecoder(), bars=4)
    assert [(note.start, note.length) for note in notes_of(done)["a"]] == [
        (beat * 960, 720) for beat in range(16)
    ]
    assert set(notes_of(done)) == {"a"}


@pytest.mark.parametrize("bars", [3, 8])
def test_silence_is_counted_too(bars: int) -> None:
    found = measured([], lambda _: None, COMMON, bars, 8)
    assert found.notes == found.again == []
    assert lines([{"a": found}])[-1] == "| a | - | - | - | - | - | - | - | - |"

"""What `python -m benchmarks duet` and `families` say is worked out as it says."""

import numpy as np
import pytest

from benchmarks import duet, families
from livevae.music.notes import TICKS_PER_BAR, Note
from livevae.virtual_time import virtual_time


def test_an_answer_that_is_nearest_to_its_own_call_is_told_from_one_that_is_not():
    own = duet.nearness(np.array([[0.1, 0.5, 0.5], [0.5, 0.1, 0.5], [0.5, 0.5, 0.1]]))
    assert own["to its own call"] == pytest.approx(0.1)
    assert own["to another's call"] == pytest.approx(0.5)
    assert own["nearer to its own than to another's"] == own["nearest to its own of all calls"] == 1
    mixed = duet.nearness(np.array([[0.3, 0.5, 0.1], [0.5, 0.6, 0.7], [0.2, 0.2, 0.1]]))
    assert mixed["nearer to its own than to another's"] == pytest.approx(4 / 6)
    assert mixed["nearest to its own of all calls"] == pytest.approx(1 / 3)


def test_calls_are_four_bars_with_enough_notes_and_end_with_them():
    bar = TICKS_PER_BAR
    notes = [Note(i * 480, 480, 60) for i in range(31)] + [
        Note(4 * bar - 240, bar, 62),
        Note(5 * bar, 480, 64),
    ]
    (call,) = duet.calls(notes)
    assert len(call) == 32
    assert call[-1][:3] == (4 * bar - 240, 240, 62)
    assert list(duet.calls([])) == []


def test_the_calls_that_come_with_livevae_last_for_ten_minutes():
    found = duet.tunes(duet.RIFFS)
    assert len(found) >= 37  # of 16 seconds with their answers
    assert len(set(found)) > 30


def clock(seconds):
    """One that goes on by so much from one look to the next: how long a decode takes, whatever this machine does."""
    now = iter(np.arange(0, 1e6, seconds))
    return lambda: float(next(now))


def test_voices_of_different_families_play_without_a_late_riff():
    models = ("cat-mel_2bar_small", "lookback_rnn")
    with virtual_time() as loop:
        voices, engine = loop.run_until_complete(families.play(models, 0.5, 120.0, 0.25, clock(0.02)))
    assert [(voice.late, voice.repeats) for voice in voices] == [(0, 0), (0, 0)]
    assert all(voice.riffs >= 7 for voice in voices)
    assert set(engine.took) == set(models)
    assert engine.took["lookback_rnn"] == pytest.approx([0.02] * len(engine.took["lookback_rnn"]))


def test_a_lead_that_is_too_short_is_seen():
    with virtual_time() as loop:
        voices, _ = loop.run_until_complete(
            families.play(("lookback_rnn",) * 2, 0.5, 120.0, 0.25, clock(0.3))
        )
    assert any(voice.late for voice in voices)

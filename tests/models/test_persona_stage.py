"""A persona on a real stage: a server process, a MIDI graph, notes played in, all by OSC."""

import shutil

import pytest

from benchmarks import persona_stage
from livevae.models.checkpoints import shelf


@pytest.mark.real
def test_bars_played_in_are_recorded_trained_and_blended_and_the_music_never_stops() -> None:
    if shutil.which("jackd") is None or shutil.which("jack_lsp") is None:
        pytest.skip("jackd is not installed (Debian: apt install jackd2)")
    if not shelf.exists(""):
        pytest.skip("the bundled model is not here")
    outcome = persona_stage.perform(bars=2, bpm=160, seconds=1)
    assert outcome.played == 16
    assert outcome.recorded >= 1
    assert outcome.trainings >= 1
    assert outcome.alone.notes > 0
    assert outcome.blended.notes > 0
    assert outcome.calling.notes > 0
    assert all(outcome.answers)

"""What a channel sounds like is told once, and again where it may not be known."""

import pytest

from livevae.errors import RequestError
from livevae.music.notes import Note, Riff
from livevae.music.shape import dynamics
from livevae.perform.settings import VoiceSettings
from livevae.perform.sounds import Sounds

FLUTE = VoiceSettings(channel=3).changed({"program": "Flute", "bank": 130, "level": 90})
TOLD = [b"\xb2\x07\x5a", b"\xb2\x00\x01", b"\xb2\x20\x02", b"\xc2\x49"]


def test_nothing_is_sent_that_nobody_asked_for() -> None:
    assert Sounds().news(VoiceSettings(), "main") == []


def test_a_channel_is_told_once_and_then_only_what_changes() -> None:
    sounds = Sounds()
    assert sounds.news(FLUTE, "main") == TOLD
    assert sounds.news(FLUTE, "main") == []
    assert sounds.news(FLUTE.changed({"level": 40}), "main") == [b"\xb2\x07\x28"]
    assert sounds.news(FLUTE.changed({"level": 40, "program": 0}), "main") == [b"\xc2\x00"]


def test_another_bank_brings_the_program_again_which_takes_it_up() -> None:
    sounds = Sounds()
    sounds.news(FLUTE, "main")
    assert sounds.news(FLUTE.changed({"bank": 129}), "main") == [b"\xb2\x20\x01", b"\xc2\x49"]


def test_ports_and_channels_are_apart_and_can_be_forgotten() -> None:
    sounds = Sounds()
    sounds.news(FLUTE, "main")
    assert sounds.news(FLUTE, "other") == TOLD
    sounds.forget("main", 2)
    assert sounds.news(FLUTE, "main") == []
    sounds.forget("main")
    assert sounds.news(FLUTE, "other") == []
    assert sounds.news(FLUTE, "main") == TOLD


def test_a_program_that_is_none_is_refused_with_a_sentence() -> None:
    with pytest.raises(
        RequestError, match="program must be a name or a whole number from -1 to 127: 'guitar'"
    ):
        VoiceSettings().changed({"program": "guitar"})
    assert VoiceSettings().changed({"program": 33.0}).program == 33


def test_velocity_0_mutes() -> None:
    riff = Riff((Note(0, 240, 60), Note(240, 240, 62)), 3840)
    assert dynamics(riff, 0) == Riff((), 3840)
    assert len(dynamics(riff, 1).notes) == 2

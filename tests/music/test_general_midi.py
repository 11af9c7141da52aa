"""Names of General MIDI's programs."""

import pytest

from livevae.music import general_midi


def test_every_program_has_a_name_of_its_own_that_finds_it() -> None:
    assert len(set(general_midi.PROGRAMS)) == 128
    assert [general_midi.program(name) for name in general_midi.PROGRAMS] == list(range(128))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("flute", 73),
        ("acoustic bass", 32),
        ("ELECTRIC PIANO 1", 4),
        ("nylon", 24),
        ("fiddle", 110),
        ("glocken", 9),
    ],
)
def test_case_and_brackets_and_rests_of_names_may_go(name: str, number: int) -> None:
    assert general_midi.program(name) == number


def test_a_name_that_none_or_several_have_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="alone; there are Acoustic Guitar"):
        general_midi.program("guitar")
    with pytest.raises(ValueError, match="Marimba"):
        general_midi.program("marimbo")
    with pytest.raises(ValueError, match="is no program"):
        general_midi.program("")

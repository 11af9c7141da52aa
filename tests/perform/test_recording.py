"""Takes: punched in on bar lines, quantised, never losing a note that was meant."""

from hypothesis import given, settings, strategies as st

from livevae.music.notes import Note
from livevae.perform.recording import Recording

BEAT, BAR = 960, 3840


def play(recording: Recording, notes: list[tuple[int, int, int]]) -> None:
    events = [(start, 1, pitch) for start, _, pitch in notes] + [(end, 0, pitch) for _, end, pitch in notes]
    for tick, on, pitch in sorted(events):
        recording.receive(tick, bytes((0x90 if on else 0x80, pitch, 80 * on)))


def test_a_take_begins_on_the_next_bar_and_ends_by_itself() -> None:
    recording = Recording()
    assert recording.arm(100, 1) == BAR
    play(recording, [(0, 500, 40), (BAR, BAR + 400, 60), (BAR + BEAT, BAR + 2 * BEAT, 62)])
    assert recording.takes == ()
    take = recording.due(2 * BAR + 200)
    assert take is not None
    assert take.length == BAR
    assert take.notes == (Note(0, 480, 60, 80), Note(BEAT, BEAT, 62, 80))
    assert recording.takes == (take,)
    assert recording.open is None


def test_a_note_a_little_before_the_punch_is_on_it() -> None:
    recording = Recording()
    recording.arm(1, 1)
    play(recording, [(BAR - 90, BAR + 400, 60), (BAR - 200, BAR - 130, 61)])
    take = recording.stop(2 * BAR)
    assert take is not None
    assert [(note.start, note.pitch) for note in take.notes] == [(0, 60)]


def test_stopping_closes_on_the_nearest_bar_line_and_ends_what_sounds() -> None:
    recording = Recording()
    recording.arm(0, 0)
    recording.receive(0, bytes((0x90, 60, 90)))
    take = recording.stop(2 * BAR + 300)
    assert take is not None
    assert (take.length, take.notes) == (2 * BAR, (Note(0, 2 * BAR, 60, 90),))


def test_nothing_played_is_no_take_and_clear_forgets() -> None:
    recording = Recording()
    recording.arm(0, 0)
    assert recording.stop(BAR) is None
    recording.arm(BAR, 1)
    play(recording, [(BAR, BAR + 240, 60)])
    recording.stop(2 * BAR)
    assert recording.clear() == 1
    assert recording.takes == ()


def test_messages_that_are_no_notes_change_nothing() -> None:
    recording = Recording()
    recording.arm(0, 1)
    for data in (b"\xf8", b"\xb0\x40\x7f", b"\xe0\x00\x40", b"", b"\x80\x3c\x00"):
        recording.receive(10, data)
    assert recording.stop(BAR) is None


@settings(max_examples=60, deadline=None)
@given(
    notes=st.lists(st.tuples(st.integers(0, 63), st.integers(1, 8), st.integers(40, 80)), max_size=20, unique_by=lambda n: (n[0], n[2])),
    jitter=st.lists(st.integers(-100, 100), min_size=40, max_size=40),
)  # fmt: skip
def test_human_jitter_below_half_a_step_is_quantised_away(notes, jitter) -> None:
    recording = Recording()
    recording.arm(0, 4)
    # one key at a time, so that no note ends another's
    spans = {}
    for step, length, pitch in notes:
        if all(step + length < s or e < step for (s, e), p in spans.items() if p == pitch):
            spans[step, step + length] = pitch
    play(
        recording,
        [
            (max(0, s * 240 + a), e * 240 + b, p)
            for ((s, e), p), a, b in zip(spans.items(), jitter, jitter[20:], strict=False)
        ],
    )
    recording.stop(4 * BAR)
    take = recording.takes[0] if recording.takes else None
    expected = {(s * 240, p) for (s, _), p in spans.items()}
    assert {(note.start, note.pitch) for note in (take.notes if take else ())} == expected

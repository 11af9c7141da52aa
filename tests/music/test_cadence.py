"""Cadences: lines lead into the next chord, and sections end at rest."""

import functools

from hypothesis import given, strategies as st

from livevae.music import harmony, keys
from livevae.music.cadence import FIFTHS, Harmony, last_pitch, led, resolved, rested
from livevae.music.meter import COMMON, EARLY, Meter
from livevae.music.notes import Note, Riff
from livevae.music.pace import middle

BAR = 3840
D_MINOR = keys.parse("Dm")

notes = st.builds(
    Note,
    start=st.integers(-EARLY, 4 * BAR - 1),
    length=st.integers(1, 2 * BAR),
    pitch=st.integers(50, 80),
    part=st.sampled_from([0, 0, 0, 2]),
)
riffs = st.builds(Riff, st.lists(notes, max_size=24).map(tuple), st.just(4 * BAR))
ways = st.builds(
    Harmony,
    st.lists(st.sampled_from(["Dm", "Bb", "F", "C", "A", "-"]), min_size=1, max_size=8).map(
        lambda symbols: functools.partial(harmony.chord_of, " ".join(symbols))
    ),
    st.sampled_from([None, D_MINOR]),
    st.sampled_from([COMMON, Meter(3, 4), Meter(6, 8), Meter(7, 8)]),
    st.integers(0, 40).map(lambda beats: beats * 960),
    st.just(50),
    st.just(80),
    st.booleans(),
)


def over(text: str, key: keys.Key | None = D_MINOR, **more: object) -> Harmony:
    return Harmony(functools.partial(harmony.chord_of, text), key, COMMON, **more)  # type: ignore[arg-type]


def line(*pitches: int) -> Riff:
    return Riff(tuple(Note(i * 960, 960, pitch) for i, pitch in enumerate(pitches)), len(pitches) * 960)


def pitches(riff: Riff) -> list[int]:
    return [note.pitch for note in riff.notes]


def test_the_last_note_before_another_chord_is_a_step_from_the_first_on_it() -> None:
    assert pitches(led(line(62, 65, 69, 69, 65, 65, 62, 62), over("Dm Bb"))) == [
        62,
        65,
        69,
        67,
        65,
        65,
        62,
        60,
    ]
    assert pitches(led(line(62, 65, 69, 62, 65, 65, 62, 62), over("Dm Bb"))) == [
        62,
        65,
        69,
        64,
        65,
        65,
        62,
        60,
    ]


def test_beneath_a_dominant_it_is_the_leading_note() -> None:
    assert pitches(led(line(69, 69, 69, 69, 62, 62, 62, 62), over("A Dm")))[3] == 64
    assert pitches(led(line(69, 69, 69, 61, 62, 62, 62, 62), over("A Dm")))[3] == 61


def test_a_bass_may_come_from_the_fifth_of_the_root() -> None:
    bass = over("Dm Gm", bass=True)
    assert pitches(led(line(38, 38, 38, 38, 43, 43, 43, 43), bass))[3] == 38, "a fourth below"
    assert pitches(led(line(38, 38, 38, 41, 43, 43, 43, 43), bass))[3] == 41
    assert pitches(led(line(50, 50, 50, 50, 43, 43, 43, 43), bass))[3] == 50, "a fifth above"


def test_where_the_riff_ends_it_leads_to_the_nearest_tone_of_what_comes() -> None:
    assert pitches(led(line(62, 62, 62, 65), over("Dm C"))) == [62, 62, 62, 65], "E is a step from F"
    assert pitches(led(line(62, 62, 62, 67), over("Dm C"))) == [62, 62, 62, 65], "from G to F or A"
    assert pitches(led(line(62, 62, 62, 62), over("Dm Dm C"))) == [62] * 4, "the chord stays"


def test_at_the_end_of_a_section_it_rests_on_the_root_from_the_bars_middle_on() -> None:
    done = rested(line(*[65] * 8), over("Dm A"), lambda bar: bar == 1)
    assert [(n.start, n.length, n.pitch) for n in done.notes][4:] == [
        (3840, 960, 65),
        (4800, 960, 65),
        (5760, 1920, 69),
    ]
    done = rested(line(*[65] * 4), over(""), lambda _: True)
    assert pitches(done) == [65, 65, 62], "the tonic, where there is no chord"
    assert rested(line(*[65] * 4), over("", None), lambda _: True) == line(*[65] * 4)


@given(riffs, ways)
def test_leading_strikes_nothing_and_moves_nothing_far(riff: Riff, way: Harmony) -> None:
    done = led(riff, way)
    key = [(n.start, n.length, n.velocity, n.part) for n in riff.notes]
    assert sorted((n.start, n.length, n.velocity, n.part) for n in done.notes) == sorted(key)
    assert [n for n in done.notes if n.part == 2] == [n for n in riff.notes if n.part == 2]
    before = [n.pitch for n in riff.notes]
    assert sum(abs(a - b) for a, b in zip(sorted(before), sorted(pitches(done)), strict=True)) <= 6 * len(
        before
    )


@given(riffs, ways)
def test_what_was_moved_is_a_step_from_what_follows_or_a_bass_fifth(riff: Riff, way: Harmony) -> None:
    done = led(riff, way)
    moved = sorted(set(done.notes) - set(riff.notes))
    for note in moved:
        after = [n for n in done.notes if n.part != 2 and n.start >= note.start + EARLY]
        bar = (way.start + note.start + EARLY) // way.meter.bar
        assert way.line(bar) - way.meter.beat - EARLY <= note.start
        assert way.chord_of(bar) != way.chord_of(bar + 1)
        if after and after[0].start < way.line(bar) + way.meter.beat and after[0] not in moved:
            step = note.pitch - after[0].pitch
            assert 1 <= abs(step) <= 2 or (way.bass and step in FIFTHS)


@given(riffs, ways)
def test_a_section_ends_on_its_root_and_nothing_begins_after(riff: Riff, way: Harmony) -> None:
    ended = {bar for bar in way.bars(riff) if bar % 2}
    done = rested(riff, way, ended.__contains__)
    assert [n for n in done.notes if n.part == 2] == [n for n in riff.notes if n.part == 2]
    others = [n for n in riff.notes if (way.start + n.start + EARLY) // way.meter.bar not in ended]
    assert set(others) <= set(done.notes)
    for bar in ended:
        chord, end = way.chord_of(bar), way.line(bar)
        begin = end - way.meter.bar
        inside = [n for n in done.notes if n.part != 2 and begin - EARLY <= n.start < end - EARLY]
        resting = [n for n in inside if n.end == end and n.pitch % 12 == (chord.root if chord else 2)]
        if chord and resting and set(resting) - set(riff.notes):
            assert resting[-1] == inside[-1]
            assert inside[-1].start < begin + middle(way.meter) + EARLY


@given(riffs, ways)
def test_resting_twice_is_resting_once(riff: Riff, way: Harmony) -> None:
    done = rested(riff, way, lambda bar: bar % 2 == 1)
    assert rested(done, way, lambda bar: bar % 2 == 1) == done


def test_the_next_riff_takes_up_what_led_into_it() -> None:
    melody, bass = over("Dm C", start=BAR), over("Dm C", start=BAR, bass=True)
    assert pitches(resolved(line(67, 60), melody, 65)) == [64, 60], "E is a step from F"
    assert pitches(resolved(line(72, 60), melody, 65)) == [72, 60], "E is far from C"
    assert pitches(resolved(line(48, 60), bass, 62)) == [60, 60], "a root, an octave higher"
    for none in (over("Dm", start=BAR), over("Dm C", start=BAR + 960), over("Dm -", start=BAR)):
        assert pitches(resolved(line(67, 60), none, 65)) == [67, 60]
    assert pitches(resolved(line(67, 60), melody, None)) == [67, 60]


def test_what_leads_out_of_a_riff_begins_in_its_last_beat() -> None:
    assert last_pitch(line(60, 62, 64, 65).notes, BAR, COMMON) == 65
    assert last_pitch((Note(0, BAR, 60),), BAR, COMMON) is None
    assert last_pitch((Note(2880, 960, 60), Note(2880, 960, 64)), BAR, COMMON) is None
    assert last_pitch((Note(2880, 960, 36, part=2),), BAR, COMMON) is None


@given(riffs, ways, st.one_of(st.none(), st.integers(50, 80)))
def test_resolving_moves_the_first_note_alone_and_to_the_chord(
    riff: Riff, way: Harmony, before: int | None
) -> None:
    done = resolved(riff, way, before)
    moved = set(done.notes) - set(riff.notes)
    assert len(moved) <= 1
    for note in moved:
        chord = way.chord_of(way.start // way.meter.bar)
        assert chord is not None
        assert before is not None
        assert note.start < way.meter.beat
        assert note.pitch % 12 in ({chord.root} if way.bass else chord.tones)
        assert way.bass or abs(note.pitch - before) <= 2

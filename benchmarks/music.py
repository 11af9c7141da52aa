"""`benchmarks music`: what docs/sound.md says of the scenes, counted in renderings with some seeds.

A section is eight bars, or a leg of the scene's arc. Of each voice with pitches: how much its sections hold, what of
its time is on the chord, how it goes from chord to chord, how sections end, and what comes back.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from livevae import scene_files
from livevae.cli.common import add_model_options, add_prior, open_models
from livevae.music.harmony import Chord
from livevae.music.meter import EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note
from livevae.perform.scene import Scene
from livevae.render import NOTE_OFF, NOTE_ON, Rendered, render

DRUMS = 10
"""The channel of what has no pitches."""

STEPS, FIFTHS = (-2, -1, 1, 2), (7, -5)
HELD = 0.7
"""Of a beat, that a last note is held for at least."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted of a voice; lists have a value for each section in which it plays.

    Attributes:
        notes: how many.
        pitches: how many different ones.
        top: the share of the three that are played most.
        on_chord: ticks on tones of the bar's chord, and all with a chord.
        changes: how often a note in a bar's last beat is followed by one on the downbeat of another chord.
        steps: of those, how often by a step.
        fifths: how often from the fifth.
        ends: sections that have notes in their last bar.
        at_rest: those whose last note is the chord's root, held.
        again: for sections of which bars 5 and 6 have notes, or 1 and 2: the share of strokes that are in both.
    """

    notes: list[int]
    pitches: list[int]
    top: list[float]
    on_chord: tuple[int, int]
    changes: int
    steps: int
    fifths: int
    ends: int
    at_rest: int
    again: list[float]


def notes_of(done: Rendered) -> Mapping[str, list[Note]]:
    """The notes of each voice of a rendering."""
    found: dict[str, list[Note]] = {}
    begun: dict[tuple[str, int], tuple[int, int]] = {}
    for (tick, data), voice in zip(done.messages, done.voices, strict=True):
        if data[0] & 0xF0 == NOTE_ON and data[2]:
            begun[voice, data[1]] = tick, data[2]
        elif data[0] & 0xF0 in (NOTE_ON, NOTE_OFF) and (voice, data[1]) in begun:
            start, velocity = begun.pop((voice, data[1]))
            found.setdefault(voice, []).append(Note(start, max(1, tick - start), data[1], velocity))
    return {voice: sorted(notes) for voice, notes in found.items()}


def measured(
    notes: Sequence[Note], chord_of: Callable[[int], Chord | None], meter: Meter, bars: int, section: int
) -> Figures:
    """The figures of a voice that played some bars, whole sections of them."""

    def bar_of(note: Note) -> int:
        return (note.start + EARLY) // meter.bar

    by_bar = [[note for note in notes if bar_of(note) == bar] for bar in range(bars)]
    firsts = range(0, bars - section + 1, section)
    sections = [[note for bar in by_bar[first : first + section] for note in bar] for first in firsts]
    counts = [Counter(note.pitch for note in played) for played in sections if played]
    leaps = [
        one.pitch - other.pitch
        for one, other in pairwise(notes)
        if bar_of(other) == bar_of(one) + 1 < bars
        and (other.start + EARLY) % meter.bar < 2 * TICKS_PER_STEP
        and (one.start + EARLY) % meter.bar >= meter.bar - meter.beat
        and chord_of(bar_of(one)) != chord_of(bar_of(other))
    ]
    with_chord = [(note, chord) for note in notes if (chord := chord_of(bar_of(note))) is not None]
    lasts = [(by_bar[last][-1], chord_of(last)) for last in range(section - 1, bars, section) if by_bar[last]]
    return Figures(
        [count.total() for count in counts],
        [len(count) for count in counts],
        [sum(number for _, number in count.most_common(3)) / count.total() for count in counts],
        (
            sum(note.length for note, chord in with_chord if note.pitch % 12 in chord.tones),
            sum(note.length for note, _ in with_chord),
        ),
        len(leaps),
        sum(leap in STEPS for leap in leaps),
        sum(leap in FIFTHS for leap in leaps),
        sum(chord is not None for _, chord in lasts),
        sum(
            chord is not None and note.pitch % 12 == chord.root and note.length >= HELD * meter.beat
            for note, chord in lasts
        ),
        [
            shared
            for first in firsts
            if section >= 6 and (shared := again(by_bar, first, first + 4, meter)) is not None
        ],
    )


def again(by_bar: Sequence[Sequence[Note]], first: int, second: int, meter: Meter) -> float | None:
    """Of the sixteenths that are struck in two bars or in two others, the share that is in both; None for silence."""

    def strokes(bar: int) -> set[int]:
        begin = bar * meter.bar - EARLY
        return {(note.start - begin) // TICKS_PER_STEP for two in by_bar[bar : bar + 2] for note in two}

    one, other = strokes(first), strokes(second)
    return len(one & other) / len(one | other) if one | other else None


def figures(scene: Scene, done: Rendered, seed: int, bars: int, section: int) -> Mapping[str, Figures]:
    """Of each voice with pitches."""
    found = {}
    for voice, notes in notes_of(done).items():
        settings = scene.voices[voice].settings
        if settings.channel != DRUMS:
            chord_of = lambda bar, one=settings: one.chord_of(bar, scene.meter, seed)  # noqa: E731
            found[voice] = measured(notes, chord_of, scene.meter, bars, section)
    return found


def spread(values: Iterable[float], form: str = ".2f") -> str:
    """The least and the most."""
    held = list(values)
    return f"{min(held):{form}}-{max(held):{form}}" if held else "-"


def share(some: int, of: int) -> str:
    """One number by another."""
    return f"{some / of:.2f}" if of else "-"


def lines(found: Sequence[Mapping[str, Figures]]) -> list[str]:
    """A row for each voice, over all renderings."""
    rows = [
        "| voice | notes | pitches | top three | on the chord | by step | by fifth | at rest | bars 5-6 as 1-2 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for voice in dict.fromkeys(name for one in found for name in one):
        each = [one[voice] for one in found if voice in one]
        changes = sum(one.changes for one in each)
        cells = (
            voice,
            spread((n for one in each for n in one.notes), "d"),
            spread((n for one in each for n in one.pitches), "d"),
            spread(n for one in each for n in one.top),
            spread(one.on_chord[0] / one.on_chord[1] for one in each if one.on_chord[1]),
            share(sum(one.steps for one in each), changes),
            share(sum(one.fifths for one in each), changes),
            share(sum(one.at_rest for one in each), sum(one.ends for one in each)),
            spread(n for one in each for n in one.again),
        )
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `music`."""
    text = "what a scene's music is like: pitches, chords, cadences and what comes back, by voice"
    bench = below.add_parser("music", help=text, description=text[0].upper() + text[1:] + ".")
    bench.add_argument("scene", nargs="?", default="first-light", help="default: %(default)s")
    bench.add_argument("--bars", type=int, default=64, help="of each rendering (default: %(default)s)")
    bench.add_argument("--section", type=int, default=8, help="bars of a section (default: %(default)s)")
    bench.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    add_prior(bench)
    add_model_options(bench)
    bench.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Render and count."""
    scene = scene_files.find(arguments.scene)
    models = open_models(arguments)
    found, counts = [], []
    for seed in arguments.seeds:
        done = render(
            scene,
            models.load,
            bars=arguments.bars,
            seed=seed,
            has_model=models.known,
            takes=models.takes,
            personas=models.personas,
            prior=arguments.prior,
        )
        found.append(figures(scene, done, seed, arguments.bars, arguments.section))
        counts.append(sum(map(len, notes_of(done).values())))
    print(f"{scene.title}, {arguments.bars} bars, seeds {arguments.seeds}: {spread(counts, ',d')} notes")
    print("\n".join(lines(found)))
    return 0

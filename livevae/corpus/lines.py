"""Lines and bars: what every reader gives, and how bars become unbroken runs on the sixteenth grid.

A reader knows notation (MusicXML, ABC) or ticks (MIDI); what leaves it is `Line`s of `Bar`s. Here the bars
are joined into `Run`s, stretches in which the grid of beats never slips, because a window may only be cut
where the bar lines mean what the grid says they mean.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType

STEPS_PER_QUARTER = 4

MAX_BARS = 20_000
"""Of a line; the longest of the scores at hand has 600."""

MAX_BAR = 256
"""Quarters of a written bar."""

FITTING_METERS = frozenset({(4, 4), (2, 2), (2, 4), (4, 2), (4, 8), (8, 4)})
"""Meters whose bars are halves, wholes or doubles of a 4/4 bar with the same beats, so 2-bar windows of 32
sixteenths fall on their bar lines. 3/4 has the same beat but puts its accents where 4/4 has none, and 6/8
and its kin divide the beat in three: these are refused."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Bars of so many sixteenths, and what is written in them.

    Attributes:
        name: as a performer asks for it.
        bar: sixteenths.
        meters: whose bars are those, halves or doubles of them.
        hop: sixteenths from a window's beginning to the next one's.
    """

    name: str
    bar: int
    meters: frozenset[tuple[int, int]]
    hop: int


_THREE = frozenset({(3, 4), (6, 4)})
_SIX = frozenset({(6, 8), (3, 8), (12, 8)})

GRIDS: Mapping[str, Grid] = MappingProxyType(
    {
        grid.name: grid
        for grid in (
            Grid("4/4", 16, FITTING_METERS, STEPS_PER_QUARTER),
            Grid("3/4", 12, _THREE, 12),
            Grid("6/8", 12, _SIX, 12),
            Grid("12", 12, _THREE | _SIX, 12),
        )
    }
)
"""By name. Windows of 4/4 begin on every beat; those of 12 on bar lines, which is what tells 3/4 from 6/8."""

COMMON = GRIDS["4/4"]


def grid_of(bar: int) -> Grid:
    """Every meter that fits bars of so many sixteenths."""
    return next(grid for grid in (COMMON, GRIDS["12"]) if grid.bar == bar)


@dataclass(frozen=True, slots=True)
class BarNote:
    """A note in a bar.

    Attributes:
        start: quarters from the bar line.
        length: quarters.
        pitch: MIDI pitch as it sounds.
        tied: it goes on from the note before and is not struck again.
    """

    start: Fraction
    length: Fraction
    pitch: int
    tied: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as it was written.

    Attributes:
        meter: the time signature, None when there is none (free time).
        length: quarters that it really lasts: pickups and bars cut by a repeat are shorter than the meter
            says.
        notes: sorted by start.
        jump: it does not follow the bar before (a second ending).
        chords: (quarters from the bar line, class of `livevae.music.chords`) where one is written above it.
    """

    meter: tuple[int, int] | None
    length: Fraction
    notes: tuple[BarNote, ...]
    jump: bool = False
    chords: tuple[tuple[Fraction, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One melody line of a song.

    Attributes:
        song: canonical name, the same for every version of a song; songs are split and counted by it.
        bars: in written order, repeats not played out.
    """

    song: str
    bars: tuple[Bar, ...]


@dataclass(slots=True)
class Run:
    """An unbroken stretch of the grid, bar lines at multiples of its bar.

    Attributes:
        notes: (start, end, pitch) in steps from the first beat, as fractions: not yet quantised.
        steps: how long it is.
        chords: (start in steps, class).
    """

    notes: list[tuple[Fraction, Fraction, int]] = field(default_factory=list)
    steps: Fraction = Fraction(0)
    chords: list[tuple[Fraction, int]] = field(default_factory=list)


def runs(bars: Iterable[Bar], refused: Counter[str], grid: Grid = COMMON) -> Iterator[Run]:
    """The unbroken runs of a line; `refused` counts the bars that are in none, by reason.

    Two parts of a bar (a pickup after a repeat sign, say) join where together they are whole; where the
    lengths do not add up, a new run begins, so that no window hears a beat in the wrong place.
    """
    run = Run()
    meter: tuple[int, int] | None = None
    for bar in bars:
        if bar.meter is None or bar.meter not in grid.meters:
            if run.notes:
                yield run
            run, meter = Run(), None
            name = f"{bar.meter[0]}/{bar.meter[1]}" if bar.meter else "free time"
            refused[f"bars in {name}, which does not fit the {grid.name} grid"] += 1
            continue
        whole = Fraction(4 * STEPS_PER_QUARTER * bar.meter[0], bar.meter[1])
        length = bar.length * STEPS_PER_QUARTER
        inside = run.steps % whole
        joins = bar.meter == meter and not bar.jump and (inside == 0 or inside + length == whole)
        if not joins:
            if run.notes:
                yield run
            run, meter = Run(), bar.meter
            if length < whole:
                run.steps = whole - length  # a pickup: it ends on the bar line
        _append(run, bar, length)
        if length > whole and length % whole:
            refused["bars longer than their meter"] += 1
            yield run
            run, meter = Run(), None
    if run.notes:
        yield run


def _append(run: Run, bar: Bar, length: Fraction) -> None:
    run.chords += [(run.steps + start * STEPS_PER_QUARTER, chord) for start, chord in bar.chords]
    for note in bar.notes:
        start = run.steps + note.start * STEPS_PER_QUARTER
        end = start + note.length * STEPS_PER_QUARTER
        if note.tied and run.notes and run.notes[-1][1:] == (start, note.pitch):
            run.notes[-1] = (run.notes[-1][0], end, note.pitch)
        else:
            run.notes.append((start, end, note.pitch))
    run.steps += length

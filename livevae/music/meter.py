"""Meters: how long a bar is, and how a model's bars, of sixteen sixteenths as a rule, become bars of another. Pure.

Every bar of a meter is cut from as many of the model's bars as it needs, so that each begins on a downbeat of the
model: 3/4 takes the first twelve sixteenths of each, 5/4 one whole bar and four sixteenths of the next. Laws:

    a riff of n bars lasts n bars of the meter
    in 4/4 nothing is changed, nor in 3/4 and 6/8 where the model's bars have twelve sixteenths
    fitted(spread(riff, meter), meter, n) == riff    where no note of the riff reaches across a bar line
"""

from dataclasses import dataclass, replace

from livevae.errors import MusicError
from livevae.music import shape
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT, TICKS_PER_STEP, Note, Riff

UNITS = (2, 4, 8, 16)
LONGEST = 2 * TICKS_PER_BAR
"""Ticks of the longest bar: 8/4, 16/8, 4/2. Longer ones are heard as several."""

EARLY = TICKS_PER_STEP // 2
"""Microtiming reaches half a step before its step."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A time signature.

    Attributes:
        beats: the upper number, how many notes of the unit fill a bar.
        unit: the lower number: 2, 4, 8 or 16. A tempo counts quarters in every meter.
    """

    beats: int = 4
    unit: int = 4

    def __post_init__(self) -> None:
        if self.unit not in UNITS or self.beats < 1 or self.bar > LONGEST:
            raise MusicError(f"{_EXPECTED}, not {self}")

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"

    @property
    def bar(self) -> int:
        """How long a bar is, in ticks."""
        return self.beats * 4 * TICKS_PER_BEAT // self.unit

    @property
    def quarters(self) -> float:
        """How long a bar is, in beats as Link and the tempo count them."""
        return self.bar / TICKS_PER_BEAT

    @property
    def beat(self) -> int:
        """How long a beat is as it is felt, in ticks: three units in 6/8, 9/8 and 12/8, else a quarter."""
        compound = self.unit > 4 and self.beats > 3 and self.beats % 3 == 0
        return 3 * 4 * TICKS_PER_BEAT // self.unit if compound else TICKS_PER_BEAT

    @property
    def model_bars(self) -> int:
        """How many of a model's bars one bar is cut from."""
        return -(-self.bar // TICKS_PER_BAR)


_EXPECTED = "a meter is beats and unit, such as 3/4 or 7/8, its unit 2, 4, 8 or 16, its bar 8/4 at most"

COMMON = Meter()
"""4/4, which is the model's own."""


def parse(text: str) -> Meter:
    """`3/4` as a meter.

    Raises:
        MusicError: it is none.
    """
    beats, slash, unit = text.replace(" ", "").partition("/")
    if not slash or not all(part.isascii() and part.isdecimal() and len(part) < 4 for part in (beats, unit)):
        shown = text if len(text) <= 20 else text[:20] + "..."
        raise MusicError(f"{_EXPECTED}, not {shown!r}")
    return Meter(int(beats), int(unit))


def fitted(riff: Riff, meter: Meter, bars: int) -> Riff:
    """A decoded riff in `bars` bars of a meter: each bar cut from the model's, all of it played again until full.

    A riff whose own bars fill the meter's is not cut.
    """
    if riff.bar * meter.model_bars == meter.bar:
        return shape.fitted(riff, bars * meter.bar)
    whole = meter.model_bars * TICKS_PER_BAR
    riff = shape.fitted(common(riff), bars * whole)

    def placed(note: Note) -> Note | None:
        bar = (note.start + EARLY) // whole
        start = note.start - bar * whole
        if bar >= bars or start >= meter.bar - EARLY:
            return None
        return replace(note, start=bar * meter.bar + start, length=min(note.length, meter.bar - start))

    return Riff(riff.map(placed).notes, bars * meter.bar)


def common(riff: Riff) -> Riff:
    """A riff in bars of 4/4: shorter bars of its own begin where those begin."""
    return riff if riff.bar == TICKS_PER_BAR else spread(riff, Meter(riff.bar // TICKS_PER_STEP, 16))


def spread(riff: Riff, meter: Meter) -> Riff:
    """What was played in a meter, as the model hears it: each bar laid at the beginning of bars of the model's."""
    whole = meter.model_bars * TICKS_PER_BAR

    def placed(note: Note) -> Note:
        bar = (note.start + EARLY) // meter.bar
        last = (note.end - 1) // meter.bar
        end = last * whole + note.end - last * meter.bar
        start = bar * whole + note.start - bar * meter.bar
        return replace(note, start=start, length=end - start)

    return Riff(riff.map(placed).notes, -(-riff.length // meter.bar) * whole)

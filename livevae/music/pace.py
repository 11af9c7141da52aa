"""Pace: how many notes a bar has, held between two bounds; and which of them are accented. Pure.

Laws:

a bar has no more notes than `most`, and no fewer than `least` where it has steps enough for them
a riff that keeps within the bounds is left as it is, and so are drums
what is left out is off the beat rather than on it; what is struck again, on the beat rather than off it
"""

from dataclasses import replace

from livevae.music.meter import EARLY, Meter
from livevae.music.notes import TICKS_PER_STEP, Note, Riff
from livevae.music.shape import DRUMS


def paced(riff: Riff, least: int, most: int, meter: Meter) -> Riff:
    """A riff with so many notes a bar.

    Notes that are too many leave their time to the one before them, where that reached so far. Where there are too
    few, the note that sounds, or sounded last, is struck again.

    Args:
        riff: in bars of the meter, from a bar line on.
        least: notes a bar; one that is more than `most` is it.
        most: notes a bar; 0 is any number.
        meter: how long bars and beats are.
    """
    tune = [note for note in riff.notes if note.part != DRUMS]
    if not tune:
        return riff
    least = min(least, most) if most else least
    for bar in range(-(-riff.length // meter.bar)):
        if most:
            _thin(tune, bar, most, meter)
        _fill(tune, bar, least, riff.length, meter)
    return replace(riff, notes=(*tune, *(note for note in riff.notes if note.part == DRUMS)))


ACCENTS = (1.0, 0.6, 0.4, -0.2, -0.6)
"""How much of an accent a note gets, by the weight of its place."""


def accented(riff: Riff, amount: int, meter: Meter) -> Riff:
    """Notes up to `amount` harder on strong places, and softer on weak ones; a negative one, the other way round."""

    def struck(note: Note) -> Note:
        more = round(amount * ACCENTS[weight(note.start % meter.bar, meter)])
        return replace(note, velocity=min(127, max(1, note.velocity + more)))

    return riff.map(struck)


def weight(place: int, meter: Meter) -> int:
    """How weak a place in a bar is: 0 is the downbeat, then the bar's middle, beats, eighths, and all others."""
    place = (place + EARLY) // TICKS_PER_STEP * TICKS_PER_STEP % meter.bar
    levels = (meter.bar, middle(meter), meter.beat, 2 * TICKS_PER_STEP)
    found = (
        level for level, ticks in enumerate(levels) if (place == ticks if level == 1 else place % ticks == 0)
    )
    return next(found, len(levels))


def middle(meter: Meter) -> int:
    """The last beat that is not after the middle of a bar: the third in 4/4, the second in 6/8 and 3/4."""
    return meter.bar // 2 // meter.beat * meter.beat


def _inside(tune: list[Note], bar: int, meter: Meter) -> list[int]:
    begin = bar * meter.bar - EARLY
    return [i for i, note in enumerate(tune) if begin <= note.start < begin + meter.bar]


def _thin(tune: list[Note], bar: int, most: int, meter: Meter) -> None:
    while len(inside := _inside(tune, bar, meter)) > most:

        def weakness(i: int) -> tuple[int, int, int]:
            note = tune[i]
            return weight(note.start - bar * meter.bar, meter), -note.length, note.start

        gone = tune.pop(weakest := max(inside, key=weakness))
        if weakest and (before := tune[weakest - 1]).end >= gone.start - EARLY:
            tune[weakest - 1] = replace(before, length=max(before.length, gone.end - before.start))


def _fill(tune: list[Note], bar: int, least: int, end: int, meter: Meter) -> None:
    begin = bar * meter.bar
    places = sorted(
        range(begin, min(end, begin + meter.bar), TICKS_PER_STEP),
        key=lambda tick: (weight(tick - begin, meter), tick),
    )
    missing = least - len(_inside(tune, bar, meter))
    for tick in places:
        if missing <= 0:
            return
        if any(abs(note.start - tick) <= EARLY for note in tune):
            continue
        _strike(tune, tick, min(end, begin + meter.bar), meter)
        missing -= 1


def _strike(tune: list[Note], tick: int, end: int, meter: Meter) -> None:
    """A note on a tick: the one that sounds there, again; or the last one, or the first."""
    earlier = [i for i, note in enumerate(tune) if note.start < tick]
    last = earlier[-1] if earlier else 0
    note = tune[last]
    if note.start < tick < note.end:
        tune[last] = replace(note, length=tick - note.start)
        length = note.end - tick
    else:
        later = (other.start for other in tune if other.start > tick)
        length = min(meter.beat, end - tick, min(later, default=end) - tick)
    tune.append(replace(note, start=tick, length=length))
    tune.sort()

"""Pace: how many notes a bar has, held between two bounds; and which of them are accented. Pure.

Laws:

a bar has no more notes than `most`, and no fewer than `least` where it has steps enough for them
a riff that keeps within the bounds is left as it is, and so are drums
what is left out is off the beat rather than on it; what is struck again, on the beat rather than off it
"""

from collections import Counter
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
    bars = _thinned(tune, most, meter) if most else _by_bar(tune, meter)
    done: list[Note] = []
    whole = range(-(-riff.length // meter.bar))
    for bar in sorted({*whole, *bars}):
        later = next((bars[i][0] for i in range(bar + 1, whole.stop) if i in bars), None)
        done += _filled(done, bars.get(bar, []), later, bar, least, riff.length, meter)
    return replace(riff, notes=(*done, *(note for note in riff.notes if note.part == DRUMS)))


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


def _by_bar(tune: list[Note], meter: Meter) -> dict[int, list[Note]]:
    bars: dict[int, list[Note]] = {}
    for note in tune:
        bars.setdefault((note.start + EARLY) // meter.bar, []).append(note)
    return bars


def _thinned(tune: list[Note], most: int, meter: Meter) -> dict[int, list[Note]]:
    """The notes by bar, without the weakest of those that are too many."""

    def weakness(note: Note) -> tuple[int, int, int]:
        return weight(note.start % meter.bar, meter), -note.length, note.start

    kept: list[Note] = []
    for notes in _by_bar(tune, meter).values():
        strong = Counter(sorted(notes, key=weakness)[:most])
        for note in notes:
            if strong[note]:
                strong[note] -= 1
                kept.append(note)
            elif kept and kept[-1].end >= note.start - EARLY:
                kept[-1] = replace(kept[-1], length=max(kept[-1].length, note.end - kept[-1].start))
    return _by_bar(kept, meter)


def _filled(
    before: list[Note], inside: list[Note], later: Note | None, bar: int, least: int, end: int, meter: Meter
) -> list[Note]:
    """The notes of a bar, with more where they are too few; one before it, that sounds on, may be cut."""
    begin = bar * meter.bar
    end = min(end, begin + meter.bar)
    places = sorted(range(begin, end, TICKS_PER_STEP), key=lambda tick: (weight(tick - begin, meter), tick))
    inside = list(inside)
    for tick in places:
        if len(inside) >= least:
            break
        near = [*before[-1:], *inside, *([later] if later else [])]
        if all(abs(note.start - tick) > EARLY for note in near):
            earlier = [note for note in near if note.start < tick]
            last = earlier[-1] if earlier else near[0]
            if last.start < tick < last.end:
                cut = replace(last, length=tick - last.start)
                if last in inside:
                    inside[inside.index(last)] = cut
                else:
                    before[-1] = cut
                length = last.end - tick
            else:
                length = min(
                    [meter.beat, end - tick, *(note.start - tick for note in near if note.start > tick)]
                )
            inside = sorted([*inside, replace(last, start=tick, length=length)])
    return inside

"""Beats and bar lines of music that was played without a click, found in its onsets.

A performance is a Poisson process of onsets whose intensity peaks on beats, halves and quarters of beats; beats move
with a tempo that changes a little from one to the next. The likeliest course of the beat is found by dynamic
programming over states (position in the beat, period), as in Krebs, Böck and Widmer (2015), "An efficient state-space
model for joint tempo and meter tracking", with onsets of notes in place of audio features. Bar lines are where basses,
long notes and new harmonies fall. One algorithm from onsets to bar lines, so one file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from livevae.corpus.score import Part, PlayedNote, Score
from livevae.errors import MusicError
from livevae.music.meter import parse as parse_meter

Mode = Literal["auto", "file", "off"]
Floats = NDArray[np.float64]

RATE = 100
"""Frames a second."""

SLOWEST, FASTEST = 45.0, 210.0
"""Beats a minute."""

PERIODS = 56
USUAL, SPREAD = 105.0, 0.45
"""Beats a minute that are likeliest, and the deviation of their logarithm."""

PRIOR = 1.0
"""How much that counts with every beat, beside the onsets."""

STEADY = 30.0
"""How unlikely a change of tempo is: exp(-STEADY * |ratio - 1|) from one beat to the next."""

WIDTH = 0.022
"""Deviation of an onset from its place, seconds."""

ON_BEAT, ON_HALF, ON_QUARTER, ANYWHERE = 0.65, 0.3, 0.1, 0.15
"""Onsets to expect on a beat, between two, on each of its other quarters, and elsewhere within a beat."""

TOGETHER = 0.045
"""Seconds within which onsets are one chord."""

MAX_SECONDS = 3600.0
LEAST_ONSETS = 12

ON_GRID = 0.2
"""Steps of a sixteenth within which an onset is on the grid, as windows count it."""

DIVISIONS = (1, 2, 3, 4, 6, 8, 12)
"""Equal parts of a beat that onsets may gather on."""

GATHERED = 0.15
"""How much onsets gather on the file's own beats where those are taken without a search, see `gathered`."""

BY_CHANCE = 2.6
"""What `gathered` can be by chance, times the root of the number of onsets: 1 of 20 warped songs had more."""

SURELY = 0.6
"""Gathered so much, few onsets are enough."""

LEAST_SURE = 0.2
NOISE = 0.75
"""Share of onsets on the best grid of beats that is found in noise (0.73 to 0.79)."""

QUANTISE_FOUND = 0.3
"""How far onsets are moved to the grid that was found, where the performer does not say."""

TICKS_PER_QUARTER = 480


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a performance gets its beats.

    Attributes:
        mode: "auto" takes the file's beats where its onsets gather on them, and else finds them; "file" takes the
            file's always; "off" does too, and moves nothing.
        bpm: where beats are found, about how many a minute; 0 to find out.
        meter: where beats are found, the meter, such as "3/4"; "" to find out.
        quantise: how far onsets go to the nearest sixteenth, 0 to 1; None is 0 on the file's beats, 0.3 on found ones.
    """

    mode: Mode = "auto"
    bpm: float = 0.0
    meter: str = ""
    quantise: float | None = None


class Beats(NamedTuple):
    """What was found.

    Attributes:
        times: seconds of each beat.
        first: index of the first beat that begins a bar.
        meter: beats and unit of a bar.
        sure: 0 (any beat would do as well) to 1 (every onset lies on the grid).
    """

    times: Floats
    first: int
    meter: tuple[int, int]
    sure: float


class Clock:
    """Seconds of a score's ticks."""

    def __init__(self, score: Score) -> None:
        ticks = np.array([tick for tick, _ in score.tempi], np.float64)
        per_tick = 60.0 / (np.array([bpm for _, bpm in score.tempi]) * score.ticks_per_quarter)
        begins = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * per_tick[:-1])])
        self._ticks, self._per_tick, self._begins = ticks, per_tick, begins

    def __call__(self, ticks: Any) -> Floats:
        """Seconds of ticks, of the same shape."""
        at = np.asarray(ticks, np.float64)
        index = np.clip(np.searchsorted(self._ticks, at, "right") - 1, 0, None)
        seconds: Floats = self._begins[index] + (at - self._ticks[index]) * self._per_tick[index]
        return seconds


class Onsets(NamedTuple):
    """Chords and single notes as points in time: arrays of one length.

    Attributes:
        times: seconds.
        accents: 0 to 1, how much each sounds like a beat: velocity, length, bass, how many notes.
        lows: how much of a bass each has, 0 to 1.
    """

    times: Floats
    accents: Floats
    lows: Floats


def aligned(score: Score, how: Alignment) -> tuple[Score, str]:
    """A score on a grid of beats, and what was found, in words.

    Raises:
        MusicError: beats are to be found, and there are none, or too few onsets, or more than an hour.
    """
    if how.mode == "off":
        return score, ""
    strength = how.quantise
    own = _file_beats(score)
    trust = gathered(own)
    if how.mode == "file":
        return quantised(score, strength or 0.0), ""
    if len(own) < LEAST_ONSETS or trust >= max(GATHERED, min(SURELY, BY_CHANCE / np.sqrt(len(own)))):
        return quantised(score, strength or 0.0), f"the file's beats, sure {max(0.0, trust):.0%}"
    seconds = Clock(score)
    onsets = onsets_of(score, seconds)
    found = find(onsets, score, seconds, how)
    if found.sure < LEAST_SURE:
        raise MusicError(
            f"no steady beat: sure {max(0.0, trust):.0%} of the file's and {found.sure:.0%} of the best that was found"
            " (--bpm and --meter help, --align file takes the file's)"
        )
    bpm = 60.0 / float(np.median(np.diff(found.times)))
    words = f"beats found: {bpm:.0f} a minute, {found.meter[0]}/{found.meter[1]}, sure {found.sure:.0%}"
    on = _on_beats(score, seconds, found)
    return quantised(on, QUANTISE_FOUND if strength is None else strength), words


def gathered(beats: Floats) -> float:
    """How much positions in beats gather on the beats' equal parts: 1 exactly, 0 not at all.

    The mean cosine of the phases within those parts that they gather on most (Rayleigh's V test); of n positions that
    have nothing to do with the beats it is 0, give or take 0.7 over the root of n.
    """
    if not len(beats):
        return 0.0
    return max(float(np.cos(2 * np.pi * parts * beats).mean()) for parts in DIVISIONS)


def on_grid(beats: Floats) -> float:
    """The share of positions in beats that lie on sixteenths, or on the thirds of a beat."""
    if not len(beats):
        return 0.0
    steps = np.abs(4 * beats - np.round(4 * beats)) <= ON_GRID
    thirds = np.abs(3 * beats - np.round(3 * beats)) <= ON_GRID / 2
    return float((steps | thirds).mean())


def quantised(score: Score, strength: float) -> Score:
    """A score whose onsets are moved to the nearest sixteenth by a share of the way; ends move along."""
    if not strength:
        return score
    step = score.ticks_per_quarter / 4

    def moved(note: PlayedNote) -> PlayedNote:
        start = round(note.start + strength * (round(note.start / step) * step - note.start))
        return note._replace(start=start, end=max(start + 1, note.end + start - note.start))

    parts = tuple(_with_notes(part, [moved(note) for note in part.notes]) for part in score.parts)
    return replace(score, parts=parts, length=max(score.length, *(n.end for p in parts for n in p.notes)))


# onsets


def _file_beats(score: Score) -> Floats:
    """Onsets in beats of the file, chords once."""
    starts = np.unique([note.start for part in score.parts for note in part.notes])
    return starts / score.ticks_per_quarter


def onsets_of(score: Score, seconds: Clock) -> Onsets:
    """The onsets of a score in seconds, those of a chord as one.

    Raises:
        MusicError: there are too few, or they last for more than an hour.
    """
    notes = [note for part in score.parts for note in part.notes]
    starts, ends = seconds([n.start for n in notes]), seconds([n.end for n in notes])
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    pitches = np.array([n.pitch for n in notes], np.float64)[order]
    velocities = np.array([n.velocity for n in notes], np.float64)[order]
    drums = np.array([p.is_drums for p in score.parts for _ in p.notes])[order]
    group = np.concatenate([[0], np.cumsum(np.diff(starts) > TOGETHER)])
    count = int(group[-1]) + 1
    if count < LEAST_ONSETS:
        raise MusicError(f"{count} onsets are too few to find beats in (--align file takes the file's)")
    if ends[-1] - starts[0] > MAX_SECONDS:
        raise MusicError("more than an hour is too long to find beats in (--align file takes the file's)")
    sizes = np.bincount(group)
    times = np.bincount(group, starts) / sizes
    longest, loudest, lowest = np.zeros(count), np.zeros(count), np.full(count, 127.0)
    np.maximum.at(longest, group, np.where(drums, 0.0, ends - starts))
    np.maximum.at(loudest, group, velocities)
    kick = drums & ((pitches == 35) | (pitches == 36))
    np.minimum.at(lowest, group, np.where(drums, np.where(kick, 30.0, 90.0), pitches))
    gaps = np.append(np.diff(times), times[-1] - times[-2])
    lows = np.clip((60 - lowest) / 24, 0, 1)
    accents = (
        0.3 * np.clip(np.maximum(gaps, longest) / 0.8, 0, 1)
        + 0.25 * lows
        + 0.2 * np.clip((sizes - 1) / 3, 0, 1)
        + 0.25 * _ranked(loudest)
    )
    return Onsets(times, accents, lows)


def _ranked(values: Floats) -> Floats:
    """How each lies among all, 0 to 1; all alike are 0.5."""
    spread = values.std()
    if spread < 1e-9:
        return np.full(len(values), 0.5)
    ranked: Floats = np.clip(0.5 + (values - values.mean()) / (4 * spread), 0, 1)
    return ranked


# beats


def find(onsets: Onsets, score: Score, seconds: Clock, how: Alignment) -> Beats:
    """The likeliest beats of onsets, with bar lines."""
    slowest, fastest = (how.bpm / 1.25, how.bpm * 1.25) if how.bpm else (SLOWEST, FASTEST)
    times = _refined(_beat_times(onsets, slowest, fastest), onsets)
    meter = parse_meter(how.meter) if how.meter else None
    beats, first = _bar_lines(times, onsets, score, seconds, meter.beats if meter else 0)
    share = on_grid(_positions(onsets.times, times))
    sure = float(np.clip((share - NOISE) / (1 - NOISE), 0, 1))
    return Beats(times, first, (meter.beats, meter.unit) if meter else (beats, 4), sure)


LEVELS = 8
"""Accents are told apart in so many levels."""


def _beat_times(onsets: Onsets, slowest: float, fastest: float) -> Floats:
    """Beats in seconds, by dynamic programming over frames."""
    lengths = np.unique(np.round(np.geomspace(60 * RATE / fastest, 60 * RATE / slowest, PERIODS))).astype(int)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    lasts = np.cumsum(lengths) - 1
    position = np.concatenate([np.arange(n) for n in lengths])
    length = np.repeat(lengths, lengths)
    empty = -(ON_BEAT + ON_HALF + 2 * ON_QUARTER + ANYWHERE) / length
    struck = np.stack([_log_intensity(position, length, (i + 0.5) / LEVELS) for i in range(LEVELS)])
    ratio = lengths[None, :] / lengths[:, None]
    usual = -0.5 * (np.log(60 * RATE / lengths / USUAL) / SPREAD) ** 2
    change = -STEADY * np.abs(ratio - 1) + PRIOR * usual[None, :]

    begin = onsets.times[0]
    frames = np.round((onsets.times - begin) * RATE).astype(int)
    level = np.minimum((onsets.accents * LEVELS).astype(int), LEVELS - 1)
    total = int(frames[-1]) + int(lengths[-1]) + 1
    at = dict(zip(frames.tolist(), level.tolist(), strict=True))
    score = usual[np.repeat(np.arange(len(lengths)), lengths)] + empty
    if 0 in at:
        score = score + struck[at[0]]
    back = np.zeros((total, len(lengths)), np.int8)
    for frame in range(1, total):
        arriving = score[lasts][:, None] + change
        best = arriving.argmax(0)
        back[frame] = best
        score[1:] = score[:-1]
        score[starts] = arriving[best, np.arange(len(lengths))]
        score += empty
        if (accent := at.get(frame)) is not None:
            score += struck[accent]
    state = int(score.argmax())
    tempo = int(np.searchsorted(starts, state, "right")) - 1
    frame = total - 1 - int(position[state])
    beats = []
    while frame >= 0:
        beats.append(frame)
        if frame == 0:
            break
        tempo = int(back[frame, tempo])
        frame -= int(lengths[tempo])
    found: Floats = begin + np.array(beats[::-1], np.float64) / RATE
    return found


def _log_intensity(position: NDArray[np.int_], length: NDArray[np.int_], accent: float) -> Floats:
    """The logarithm of onsets a second at each state, for an onset of this accent."""
    period = length / RATE
    at = position / RATE
    places = (
        (0.0, ON_BEAT * (0.4 + 1.2 * accent)),
        (0.5, ON_HALF * (1.2 - 0.4 * accent)),
        (0.25, ON_QUARTER * (1.5 - accent)),
        (0.75, ON_QUARTER * (1.5 - accent)),
    )
    intensity = ANYWHERE / period
    for place, expected in places:
        off = at - place * period
        off = np.minimum(np.abs(off), period - np.abs(off))
        intensity = intensity + expected * np.exp(-0.5 * (off / WIDTH) ** 2) / (WIDTH * np.sqrt(2 * np.pi))
    found: Floats = np.log(intensity)
    return found


def _refined(beats: Floats, onsets: Onsets) -> Floats:
    """Beats moved to the onsets that are meant, those without one kept between their neighbours."""
    nearest = np.clip(np.searchsorted(onsets.times, beats), 1, len(onsets.times) - 1)
    before, after = onsets.times[nearest - 1], onsets.times[nearest]
    closest = np.where(beats - before < after - beats, before, after)
    period = np.gradient(beats)
    close = np.abs(closest - beats) < np.minimum(0.06, period / 8)
    if close.sum() < 2:
        return beats
    index = np.arange(len(beats))
    offset = np.interp(index, index[close], (closest - beats)[close])
    # a beat is a little steadier than the hand
    smooth = np.convolve(np.pad(offset, 1, "edge"), [0.2, 0.6, 0.2], "valid")
    moved: Floats = beats + smooth
    return moved


def _positions(times: Floats, beats: Floats) -> Floats:
    """Times as positions in beats; before the first and after the last beat the tempo goes on."""
    index = np.clip(np.searchsorted(beats, times, "right") - 1, 0, len(beats) - 2)
    found: Floats = index + (times - beats[index]) / (beats[index + 1] - beats[index])
    return found


def _bar_lines(beats: Floats, onsets: Onsets, score: Score, seconds: Clock, given: int) -> tuple[int, int]:
    """Beats of a bar, and the index of the first beat that begins one."""
    position = _positions(onsets.times, beats)
    index = np.round(position).astype(int)
    near = (np.abs(position - index) < 0.12) & (index >= 0) & (index < len(beats))
    weight = np.zeros(len(beats))
    np.maximum.at(weight, index[near], (onsets.accents + onsets.lows)[near])
    strength = weight / max(weight.std(), 1e-9) + 1.5 * _novelty(beats, score, seconds)
    best: tuple[float, int, int] = (-np.inf, 4, 0)
    for count in (given,) if given else (4, 3):
        for first in range(count):
            mine = strength[first::count]
            others = np.delete(strength, np.arange(first, len(strength), count))
            if not len(mine) or not len(others):
                continue
            value = float((mine.mean() - others.mean()) * np.sqrt(len(mine)))
            if count == 3:
                value *= 0.85  # most music is in four
            best = max(best, (value, count, first))
    return best[1], best[2]


def _novelty(beats: Floats, score: Score, seconds: Clock) -> Floats:
    """How much the harmony changes at each beat: distance of the pitch classes of two beats before and after."""
    chroma = np.zeros((len(beats) + 4, 12))
    for part in score.parts:
        if part.is_drums:
            continue
        starts, ends = (_positions(seconds([n[i] for n in part.notes]), beats) for i in (0, 1))
        for note, start, end in zip(part.notes, starts, ends, strict=True):
            low = 1.5 if note.pitch < 55 else 1.0
            first, last = (
                max(0, round(start)),
                min(len(beats), max(round(start) + 1, min(round(end), round(start) + 8))),
            )
            chroma[first + 2 : last + 2, note.pitch % 12] += low
    before = chroma[:-4] + chroma[1:-3]
    after = chroma[2:-2] + chroma[3:-1]
    dot = (before * after).sum(1)
    size = np.sqrt((before**2).sum(1) * (after**2).sum(1))
    change = np.where(size > 0, 1 - dot / np.maximum(size, 1e-9), 0.0)
    scaled: Floats = change / max(float(change.std()), 1e-9)
    return scaled


# onto the beats


def _on_beats(score: Score, seconds: Clock, found: Beats) -> Score:
    """The score with times in the beats that were found, the first bar line at or before its first onset at 0."""
    bar = found.meter[0]
    quarters = 4.0 / found.meter[1]
    first = found.first
    onset = min(float(_positions(seconds([p.notes[0].start for p in score.parts]), found.times).min()), first)
    while first - onset > 0.25:
        first -= bar

    def ticks(given: list[int]) -> list[int]:
        beats = _positions(seconds(given), found.times) - first
        return [int(tick) for tick in np.round(beats * quarters * TICKS_PER_QUARTER)]

    parts = tuple(_placed(score.parts, ticks))
    length = max(note.end for part in parts for note in part.notes)
    whole = round(bar * quarters * TICKS_PER_QUARTER)
    length = -(-length // whole) * whole
    bpm = 60.0 / float(np.median(np.diff(found.times))) * quarters
    return replace(
        score,
        ticks_per_quarter=TICKS_PER_QUARTER,
        parts=parts,
        meters=((0, found.meter),),
        tempi=((0, bpm),),
        length=length,
    )


def _placed(parts: tuple[Part, ...], ticks: Any) -> Iterator[Part]:
    for part in parts:
        starts, ends = ticks([n.start for n in part.notes]), ticks([n.end for n in part.notes])
        notes = [
            note._replace(start=max(0, start), end=max(max(0, start) + 1, end))
            for note, start, end in zip(part.notes, starts, ends, strict=True)
        ]
        yield _with_notes(replace(part, ticks_per_quarter=TICKS_PER_QUARTER), notes)


def _with_notes(part: Part, notes: list[PlayedNote]) -> Part:
    return replace(part, notes=tuple(sorted(notes, key=lambda note: (note.start, -note.pitch))))

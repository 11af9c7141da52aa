"""Beats found in performances without a click: songs whose beats are known, warped, and tracked.

Every song's tempo becomes a random walk (each beat differs from the last by a few per cent), every note is moved a
little, and the file says 120 throughout. What `livevae.corpus.align` finds is laid beside what is known.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import align, midi, midi_lines
from livevae.corpus.align import Alignment
from livevae.corpus.lines import runs
from livevae.corpus.melody_windows import windows
from livevae.corpus.score import Score
from livevae.errors import MusicError

LEAST_NOTES = 60
FITTING = {(4, 4), (2, 2), (2, 4), (3, 4)}
CLOSE = 0.07


def warped(score: Score, seed: int, walk: float, jitter: float) -> tuple[Score, NDArray[np.float64]]:
    """The score played freely, and the seconds of its quarters."""
    generator = np.random.default_rng(seed)
    per_quarter = score.ticks_per_quarter
    count = score.length // per_quarter + 2
    base = generator.uniform(0.42, 0.8)
    course = np.zeros(count)
    for beat in range(1, count):
        course[beat] = 0.98 * course[beat - 1] + generator.normal(0, walk)
    beats = np.concatenate([[0.3], 0.3 + np.cumsum(base * np.exp(course))])
    file_rate = 2 * 480  # ticks a second at 120, 480 a quarter

    def ticks(tick: int, moved: float = 0.0) -> int:
        whole, rest = divmod(tick / per_quarter, 1)
        index = min(int(whole), count - 1)
        seconds = beats[index] + rest * (beats[index + 1] - beats[index]) + moved
        return max(0, round(float(seconds) * file_rate))

    parts = []
    for part in score.parts:
        notes = []
        for note in part.notes:
            moved = generator.normal(0, jitter)
            start = ticks(note.start, moved)
            notes.append(note._replace(start=start, end=max(start + 1, ticks(note.end, moved))))
        notes.sort(key=lambda note: (note.start, -note.pitch))
        parts.append(replace(part, notes=tuple(notes), ticks_per_quarter=480))
    length = max(note.end for part in parts for note in part.notes)
    free = replace(
        score,
        ticks_per_quarter=480,
        parts=tuple(parts),
        meters=((0, (4, 4)),),
        tempi=((0, 120.0),),
        length=length,
    )
    return free, beats


def cut(score: Score) -> set[bytes]:
    """The melody windows of a score, two bars each from every beat."""
    found: set[bytes] = set()
    try:
        for line in midi_lines.lines_of(score):
            for run in runs(line.bars, Counter()):
                found.update(window.tobytes() for window in windows(run, 32, Counter()))
    except MusicError:
        pass
    return found


def add_command(commands: Any) -> None:
    """Add `align` to the benchmarks."""
    parser = commands.add_parser("align", help="beats found in performances without a click")
    parser.add_argument("folders", nargs="+", type=Path, help="MIDI files whose beats are right")
    parser.add_argument("--songs", type=int, default=40, help="of each folder (default: %(default)s)")
    parser.add_argument(
        "--walk", type=float, default=0.025, help="deviation of a beat's tempo from the last's"
    )
    parser.add_argument("--jitter", type=float, default=0.015, help="deviation of a note, seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> None:
    print(f"walk {args.walk}, jitter {1000 * args.jitter:.0f} ms")
    print(
        "set               songs  beats F  half/double  downbeats  windows kept  unaligned  refused  s/song"
    )
    for folder in args.folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".mid", ".midi"})
        random.Random(args.seed).shuffle(files)  # noqa: S311  (not for secrets)
        print(_row(folder.name, files, args), flush=True)


def _row(name: str, files: Sequence[Path], args: argparse.Namespace) -> str:
    scores: list[float] = []
    spent: list[float] = []
    doubled, downs, kept, spoilt, refused = 0, 0.0, 0, 0, 0
    known = judged = 0
    for number, path in enumerate(files):
        if len(scores) + refused >= args.songs:
            break
        try:
            score = midi.read(path)
        except MusicError:
            continue
        notes = sum(len(part.notes) for part in score.parts)
        meters = {meter for _, meter in score.meters}
        if notes < LEAST_NOTES or len(meters) != 1 or not meters <= FITTING:
            continue
        if (
            align.on_grid(
                np.unique([n.start for p in score.parts for n in p.notes]) / score.ticks_per_quarter
            )
            < 0.95
        ):
            continue
        free, beats = warped(score, args.seed + number, args.walk, args.jitter)
        windows_known = cut(score)
        known += len(windows_known)
        spoilt += len(windows_known & cut(free))
        clock = align.Clock(free)
        begun = time.process_time()
        try:
            onsets = align.onsets_of(free, clock)
            found = align.find(onsets, free, clock, Alignment())
            on, _ = align.aligned(free, Alignment())
        except MusicError:
            refused += 1
            continue
        spent.append((time.process_time() - begun) / 2)
        inside = beats[(beats >= onsets.times[0] - 0.1) & (beats <= onsets.times[-1] + 0.1)]
        hits = sum(np.abs(found.times - beat).min() <= CLOSE for beat in inside)
        mine = found.times[(found.times >= onsets.times[0] - 0.1) & (found.times <= onsets.times[-1] + 0.1)]
        measure = 2 * hits / (len(inside) + len(mine))
        scores.append(measure)
        ratio = len(mine) / max(1, len(inside))
        doubled += ratio > 1.7 or ratio < 0.6
        if 0.8 < ratio < 1.25:
            judged += 1
            beats_a_bar = next(iter(meters))[0] * 4 // next(iter(meters))[1]
            starts = beats[::beats_a_bar]
            starts = starts[(starts >= inside[0] - 0.05) & (starts <= inside[-1] + 0.05)]
            lines = found.times[found.first % found.meter[0] :: found.meter[0]]
            hit = sum(np.abs(lines - start).min() <= CLOSE for start in starts) if len(lines) else 0
            downs += 2 * hit / max(1, len(starts) + len(lines))
        kept += len(windows_known & cut(on))
    if not scores:
        return f"{name[:16]:<16} no songs"
    return (
        f"{name[:16]:<16} {len(scores):>6}  {np.mean(scores):>7.3f}  {doubled / len(scores):>11.2f}"
        f"  {downs / max(1, judged):>9.2f}  {kept / max(1, known):>12.2f}  {spoilt / max(1, known):>9.2f}"
        f"  {refused:>7}  {np.mean(spent):>6.2f}"
    )

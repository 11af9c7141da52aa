"""A performer's music to a model's windows, with a report of what was used, what was left out, and why. No torch."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from livevae.corpus import music_files
from livevae.corpus.align import Alignment, aligned
from livevae.corpus.lines import FITTING_METERS, Bar, Run, grid_of, runs
from livevae.corpus.melody_windows import windows as melody_windows
from livevae.corpus.midi_lines import bars_of
from livevae.corpus.music_files import Songbook
from livevae.corpus.reading import Cut, cut_all, guarded
from livevae.corpus.score import Part, PlayedNote, Score, band, fullest, notes_of
from livevae.errors import MusicError
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.vocabulary import from_riff
from livevae.music.meter import fitted
from livevae.music.notes import STEPS_PER_BAR, TICKS_PER_STEP, Riff

Window = NDArray[Any]
"""One window as the model's encoder takes it: tokens `[steps]` or `[steps, parts]`, or rows `[steps, depth]`."""

Hop = Literal["bar", "beat"]

MOST_FILES = 20_000
MOST_NAMED = 8
"""Files that a refusal names."""

LEAST_DRUM_HITS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """Which notes of a file are the performer's, and where windows are cut.

    Attributes:
        track: number from 1, or a part of the track's name; "" is every track that fits.
        channel: 1 to 16; 0 is every channel that fits.
        skyline: of chords, take the highest note that sounds; without it a track of chords is left out.
        hop: a window begins on every "bar" or on every "beat", which gives four times as many.
    """

    track: str = ""
    channel: int = 0
    skyline: bool = False
    hop: Hop = "beat"


@dataclass(slots=True)
class FileReport:
    """What became of one file.

    Attributes:
        name: the file's.
        sha256: of its bytes, the first 16 hexadecimal digits; which riffs a persona was trained on.
        windows: how many of its windows are trained on; a window that an earlier file had is not counted.
        parts: what windows were cut from, in words.
        left_out: reasons and how often each.
        beats: where its beats come from, in words, where that was looked into.
    """

    name: str
    sha256: str
    windows: int = 0
    parts: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    beats: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """A performer's windows.

    Attributes:
        windows: `[N, steps]`, `[N, steps, parts]` or `[N, steps, depth]`, no two the same.
        files: a report for each file, in order.
        sources: [N] index into `files` of each window.
    """

    windows: NDArray[Any]
    files: tuple[FileReport, ...]
    sources: NDArray[np.int64]

    @property
    def expectation(self) -> str:
        """What a persona of so many windows can be, for the performer."""
        count = len(self.windows)
        if count < 4:
            words = f"{count} window{'s' if count > 1 else ''}: the persona will play this with slips and little else"
            return f"{words}; four riffs give something between them"
        if count < 16:
            return f"{count} windows: crossings between the riffs"
        return f"{count} windows: variations in their manner; more riffs, more range"


def find(paths: Iterable[Path]) -> list[Path]:
    """The music files of files and folders, in the order of their names; those that were named stay first.

    Raises:
        MusicError: a path is not there, or a named file is no music.
    """
    return music_files.find(paths, MOST_FILES)


def read(
    paths: Iterable[Path],
    config: Config,
    choice: Choice | None = None,
    on_file: Callable[[Path], object] | None = None,
    *,
    alignment: Alignment | None = None,
    isolated: bool = False,
) -> Imported:
    """Cut a performer's files into the model's windows.

    Args:
        paths: files and folders.
        config: of the model whose windows they become.
        choice: which notes.
        on_file: called with each file once it is read.
        alignment: where the beats of MIDI files come from; as the files have them if None.
        isolated: read in a process with limits of memory and time, as strangers' files should be.

    Raises:
        MusicError: a path is not there, or nothing could be used; the text holds the commonest reasons.
    """
    options = {
        "config": config.to_json(),
        "choice": asdict(choice or Choice()),
        "align": asdict(alignment or Alignment("off")),
    }
    reports: list[FileReport] = []
    kept: dict[bytes, tuple[Window, int]] = {}
    for path, cut in cut_all(cut_file, find(paths), options, isolated=isolated):
        if on_file is not None:
            on_file(path)
        report = FileReport(path.name, _digest(path), 0, cut.sources, cut.refused, cut.found)
        reports.append(report)
        for window in () if cut.windows is None else cut.windows:
            key = window.tobytes()
            if key in kept:
                report.left_out["windows that are there already"] += 1
            else:
                kept[key] = (window, len(reports) - 1)
                report.windows += 1
        if cut.error:
            report.left_out[cut.error] += 1
    return _imported(kept, reports)


def _imported(kept: Mapping[bytes, tuple[Window, int]], reports: Sequence[FileReport]) -> Imported:
    """All windows that were kept, each with the number of its source.

    Raises:
        MusicError: there are none.
    """
    if not kept:
        raise MusicError(_nothing(reports))
    return Imported(
        np.stack([window for window, _ in kept.values()]),
        tuple(reports),
        np.array([source for _, source in kept.values()], np.int64),
    )


def cut_file(path: Path, options: Mapping[str, Any]) -> Cut:
    """The windows of a file, for `livevae.corpus.reading`.

    Args:
        path: of the file.
        options: `config`, the model's as JSON; `choice`, the fields of `Choice`; `align`, those of `Alignment`.
    """
    config, choice = Config.from_json(options["config"]), Choice(**options["choice"])
    cut = Cut()
    windows = _file(path, config, choice, Alignment(**options["align"]), cut)
    guarded(cut, (("", window) for window in windows))
    return cut


def from_takes(takes: Sequence[Riff], config: Config) -> Imported:
    """Riffs that were played in, as windows from every beat; a riff shorter than a window is repeated to fill it.

    Raises:
        MusicError: nothing in them makes a window.
    """
    reports: list[FileReport] = []
    kept: dict[bytes, tuple[Window, int]] = {}
    for number, take in enumerate(takes, 1):
        report = FileReport(f"take {number}", hashlib.sha256(repr(take).encode()).hexdigest()[:16])
        reports.append(report)
        if config.bar != STEPS_PER_BAR:  # takes come in bars of 4/4, as far as those are played
            take = fitted(take, config.meter, round(take.bars))  # noqa: PLW2901
        for window in _riff_windows(take, config, Choice(), report.left_out):
            if kept.setdefault(window.tobytes(), (window, number - 1))[1] == number - 1:
                report.windows += 1
    return _imported(kept, reports)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise MusicError(f"{path.name} cannot be read: {error.strerror}") from None


def _nothing(reports: Sequence[FileReport]) -> str:
    reasons: Counter[str] = Counter()
    for report in reports:
        reasons.update(report.left_out)
    if not reports:
        return "there is no music file in what was named"
    why = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    names = ", ".join(report.name for report in reports[:MOST_NAMED])
    more = f" and {len(reports) - MOST_NAMED} more" if len(reports) > MOST_NAMED else ""
    return f"none of {len(reports)} file(s) gave a window ({names}{more}): {why or 'they are empty'}"


def _file(path: Path, config: Config, choice: Choice, alignment: Alignment, cut: Cut) -> Iterator[Window]:
    for music in music_files.read_all(path):
        yield from _music(music, config, choice, alignment, cut)


def _music(
    music: Score | Songbook, config: Config, choice: Choice, alignment: Alignment, cut: Cut
) -> Iterator[Window]:
    if isinstance(music, Songbook):
        if config.music != "melody":
            raise MusicError(f"{config.music} is read from MIDI files")
        cut.refused.update(f"tunes: {fault}" for fault in music.faults)
        for line in music.lines:
            yield from _bars(line.bars, config, choice, cut.refused)
        cut.sources.append(f"{len(music.lines)} line{'s' if len(music.lines) != 1 else ''}")
        return
    cut.refused.update(f"remarks: {remark}" for remark in music.remarks)
    music, cut.found = aligned(music, alignment)
    if config.music == "melody":
        for part in _melodic(music, choice, cut):
            cut.sources.append(part.title)
            yield from _bars(bars_of(part, music), config, choice, cut.refused)
    else:
        yield from _riff_windows(_riff(music, config, choice, cut), config, choice, cut.refused)


# melody


def _melodic(score: Score, choice: Choice, cut: Cut) -> list[Part]:
    """The parts that are one line, or are made one."""
    chosen = _chosen(score, choice)
    free = not (choice.track or choice.channel)
    lines: list[Part] = []
    for part in chosen:
        if part.is_drums:
            cut.refused["drum tracks"] += 1
        elif free and len(chosen) > 1 and (part.is_bass or part.is_effect):
            cut.refused["bass and effect tracks (choose one with --track)"] += 1
        elif part.is_chords and not choice.skyline:
            cut.refused["tracks of chords (--skyline takes their highest notes)"] += 1
        else:
            lines.append(replace(part, notes=tuple(_skyline(part))) if part.is_chords else part)
    return lines


def _chosen(score: Score, choice: Choice) -> list[Part]:
    parts = [
        part
        for part in score.parts
        if (not choice.channel or part.channel == choice.channel) and _named(part, choice.track)
    ]
    if not parts:
        there = ", ".join(part.title for part in score.parts[:8])
        raise MusicError(f"no track or channel as chosen; there are: {there}")
    return parts


def _named(part: Part, wanted: str) -> bool:
    if wanted.isdecimal():
        return part.track == int(wanted)
    return wanted.lower() in part.name.lower()


def _skyline(part: Part) -> Iterator[PlayedNote]:
    """The highest note that sounds at any moment (Uitdenbogerd and Zobel 1998): lower ones that start under it go."""
    top: list[PlayedNote] = []
    for note in part.notes:  # at one start, the highest first
        if top and note.start < top[-1].end:
            if note.start == top[-1].start or note.pitch < top[-1].pitch:
                continue
            top[-1] = top[-1]._replace(end=note.start)
        top.append(note)
    yield from top


def _bars(bars: Iterable[Bar], config: Config, choice: Choice, left_out: Counter[str]) -> Iterator[Window]:
    grid = grid_of(config.bar)
    hop = grid.hop if choice.hop == "beat" else grid.bar
    for run in runs(bars, left_out, grid):
        filled = _filled(run, config.steps)
        if filled.steps < config.steps:
            left_out[f"stretches shorter than {config.bars} bars"] += 1
        yield from melody_windows(filled, config.steps, left_out, hop, grid.bar)


def _filled(run: Run, steps: int) -> Run:
    """A riff of whole bars that is shorter than a window, repeated until it fills one."""
    if not run.steps or run.steps >= steps or steps % run.steps:
        return run
    notes = [
        (start + turn * run.steps, end + turn * run.steps, pitch)
        for turn in range(int(steps / run.steps))
        for start, end, pitch in run.notes
    ]
    return Run(notes, Fraction(steps))


# drums, groove, trio: any notes on the grid


def _riff(score: Score, config: Config, choice: Choice, cut: Cut) -> Riff:
    """The file's notes as one riff, with the parts that the model knows."""
    odd = sorted({f"{a}/{b}" for _, (a, b) in score.meters if (a, b) not in FITTING_METERS})
    if odd:
        raise MusicError(f"meters that do not fit the 4/4 grid: {', '.join(odd)}")
    parts = _chosen(score, choice)
    if config.music == "trio":
        roles = _roles(parts, cut)
    else:
        drums = [part for part in parts if part.is_drums] or (parts if choice.track or choice.channel else [])
        roles = [(part, 0) for part in drums]
        if not roles:
            raise MusicError("no drums on channel 10 (choose others with --track or --channel)")
    cut.sources += [part.title for part, _ in roles]
    notes = notes_of(roles)
    bar = STEPS_PER_BAR * TICKS_PER_STEP
    end = max(note.start for note in notes) + 1
    return Riff(tuple(notes), -(-end // bar) * bar)


def _roles(parts: Sequence[Part], cut: Cut) -> list[tuple[Part, int]]:
    """A melody, a bass and drums: the fullest part of each kind."""
    players = band(parts)
    if skipped := len(parts) - len(players.lines) - len(players.basses) - len(players.drums):
        cut.refused["tracks of chords or effects"] += skipped
    kinds = (players.lines, players.basses, players.drums)
    for name, kind in zip(("melody", "bass", "drums"), kinds, strict=True):
        if not kind:
            raise MusicError(
                f"a trio needs melody, bass (programs 33 to 40) and drums (channel 10); no {name}"
            )
    return [(part, role) for role, kind in enumerate(kinds) for part in fullest(kind)]


def _riff_windows(riff: Riff, config: Config, choice: Choice, left_out: Counter[str]) -> Iterator[Window]:
    """Windows of a riff; one that is shorter than a window is repeated to fill it."""
    grid = grid_of(config.bar)
    hop = (grid.hop if choice.hop == "beat" else grid.bar) * TICKS_PER_STEP
    if config.music == "melody":
        sung = [
            (Fraction(n.start, TICKS_PER_STEP), Fraction(n.end, TICKS_PER_STEP), n.pitch) for n in riff.notes
        ]
        run = _filled(Run(sung, Fraction(riff.length, TICKS_PER_STEP)), config.steps)
        if run.steps < config.steps:
            left_out[f"stretches shorter than {config.bars} bars"] += 1
        yield from melody_windows(run, config.steps, left_out, hop // TICKS_PER_STEP, grid.bar)
        return
    window = config.steps * TICKS_PER_STEP
    if riff.length < window and window % riff.length == 0:
        turns = range(window // riff.length)
        riff = Riff(tuple(n for turn in turns for n in riff.moved(turn * riff.length).notes), window)
    for first in range(0, riff.length - window + 1, hop):
        inside = riff.moved(-first).notes
        cut = Riff(tuple(n for n in inside if -TICKS_PER_STEP // 2 <= n.start < window), window)
        if len(cut.notes) < LEAST_DRUM_HITS:
            left_out[f"windows with fewer than {LEAST_DRUM_HITS} notes"] += 1
            continue
        try:
            yield from_riff(config, cut)
        except MusicError as error:
            left_out[f"windows the model cannot hear: {error}"] += 1

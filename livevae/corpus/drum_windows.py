"""MIDI files to drum windows: what channel 10 plays, on sixteenths, in bars of 4/4.

Unlike melodies, windows begin on bar lines only: where the one is belongs to a beat more than to a tune, and a
performer expects it at the window's beginning.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np
from numpy.typing import NDArray

from livevae.corpus.lines import FITTING_METRES
from livevae.corpus.midi_lines import DRUM_CHANNEL, metres_of, open_midi
from livevae.corpus.names import song_name
from livevae.errors import MusicError
from livevae.music import drums
from livevae.music.notes import STEPS_PER_BAR, STEPS_PER_BEAT

MIN_STRUCK = 4
"""Steps of a window on which something is struck."""

Stretch = NDArray[Any]
"""Tokens of a stretch of one metre, from its first bar line: uint16, of all 61 instruments uint64."""


def read(path: Path, refused: Counter[str], kit: drums.Kit = drums.REDUCED) -> tuple[str, list[Stretch]]:
    """A file's song and its stretches of drums in metres that fit; bars in others are counted.

    Args:
        path: of a MIDI file.
        refused: the count.
        kit: the instruments; each is one bit of a token.

    Raises:
        MusicError: it is no MIDI file, or has no drums.
    """
    found: list[Stretch] = []
    for stretch in struck(path, kit, refused):
        tokens = np.zeros(stretch.steps + 1, np.uint16 if len(kit) <= 16 else np.uint64)
        for hit in stretch.hits:
            # half a step late is the next step; a hit just after the last bar line belongs to no bar here
            tokens[min(int(hit.at + 0.5), stretch.steps)] |= 1 << hit.drum
        found.append(tokens[:-1])
    return song_name(path.stem), found


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A stroke.

    Attributes:
        at: in steps from the stretch's first bar line, off the grid as it was played; a stroke half a step before the
            bar line still belongs to the bar.
        drum: which of the kit.
        velocity: 1 to 127.
    """

    at: float
    drum: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Struck:
    """All strokes of a stretch in one metre.

    Attributes:
        steps: its whole bars, in sixteenths.
        hits: sorted.
    """

    steps: int
    hits: tuple[Hit, ...]


def struck(path: Path, kit: drums.Kit, refused: Counter[str]) -> list[Struck]:
    """The strokes of a MIDI file's drums, stretch by stretch; stretches in metres that do not fit are counted.

    Raises:
        MusicError: it is no MIDI file, or has no drums.
    """
    file = open_midi(path)
    hits = sorted(_hits(file, drums.instruments(kit)))
    if not hits:
        raise MusicError("nothing is played on the drum channel")
    per_step = file.ticks_per_beat / STEPS_PER_BEAT
    metres = metres_of(file)
    # the last stroke may be early for its step: the last stretch ends half a step after it
    last = hits[-1][0] + 1 + int(per_step / 2)
    ends = [tick for tick, _ in metres[1:]] + [max(last, metres[-1][0] + 1)]
    found: list[Struck] = []
    for (begin, metre), end in zip(metres, ends, strict=True):
        inside = [hit for hit in hits if begin - per_step / 2 <= hit[0] < end - per_step / 2]
        if metre not in FITTING_METRES:
            refused[f"stretches in {metre[0]}/{metre[1]}, which does not fit the 4/4 grid"] += bool(inside)
            continue
        bars = int(np.ceil(round((end - begin) / per_step) / STEPS_PER_BAR))
        strokes = (Hit((tick - begin) / per_step, drum, velocity) for tick, drum, velocity in inside)
        found.append(Struck(bars * STEPS_PER_BAR, tuple(strokes)))
    return found


def _hits(file: mido.MidiFile, drum_of: dict[int, int]) -> Iterator[tuple[int, int, int]]:
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            down = message.type == "note_on" and message.velocity > 0
            if down and message.channel == DRUM_CHANNEL and message.note in drum_of:
                yield tick, drum_of[message.note], message.velocity


def windows(
    stretch: NDArray[Any], steps: int, refused: Counter[str], hits: int | None = None
) -> Iterator[NDArray[Any]]:
    """Every window of `steps` from every bar line that is worth learning; the others are counted.

    Args:
        stretch: tokens [steps], or rows [steps, width].
        steps: of a window.
        refused: the count.
        hits: how many of a row's first numbers say that something is struck; None for tokens.
    """
    anything = np.asarray(stretch > 0 if hits is None else (stretch[:, :hits] > 0).any(1))
    for first in range(0, len(stretch) - steps + 1, STEPS_PER_BAR):
        window, on = stretch[first : first + steps], anything[first : first + steps]
        if int(on.sum()) < MIN_STRUCK:
            refused[f"windows with fewer than {MIN_STRUCK} steps struck"] += 1
        elif not all(on[bar : bar + STEPS_PER_BAR].any() for bar in range(0, steps, STEPS_PER_BAR)):
            refused["windows with a silent bar"] += 1
        else:
            yield window

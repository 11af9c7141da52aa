"""MIDI files to drum windows: what channel 10 plays, on sixteenths, in bars of 4/4.

Unlike melodies, windows begin on bar lines only: where the one is belongs to a beat more than to a tune, and a
performer expects it at the window's beginning.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from livevae.errors import MusicError
from livevae.models.data.lines import FITTING_METRES
from livevae.models.data.midi import DRUM_CHANNEL, metres_of, open_midi
from livevae.models.data.names import song_name
from livevae.music import drums
from livevae.music.notes import STEPS_PER_BAR, STEPS_PER_BEAT

MIN_STRUCK = 4
"""Steps of a window on which something is struck."""

Stretch = NDArray[np.uint16]
"""Tokens of a stretch of one metre, from its first bar line."""


def read(path: Path, refused: Counter[str]) -> tuple[str, list[Stretch]]:
    """A file's song and its stretches of drums in metres that fit; bars in others are counted.

    Raises:
        MusicError: it is no MIDI file, or has no drums.
    """
    file = open_midi(path)
    drum_of = drums.instruments(drums.REDUCED)
    hits = sorted(_hits(file, drum_of))
    if not hits:
        raise MusicError("nothing is played on the drum channel")
    last = hits[-1][0] + 1
    metres = metres_of(file)
    ends = [tick for tick, _ in metres[1:]] + [max(last, metres[-1][0] + 1)]
    found: list[Stretch] = []
    per_step = file.ticks_per_beat / STEPS_PER_BEAT
    for (begin, metre), end in zip(metres, ends, strict=True):
        inside = [hit for hit in hits if begin - per_step / 2 <= hit[0] < end - per_step / 2]
        if metre not in FITTING_METRES:
            refused[f"stretches in {metre[0]}/{metre[1]}, which does not fit the 4/4 grid"] += bool(inside)
            continue
        bars = int(np.ceil(round((end - begin) / per_step) / STEPS_PER_BAR))
        tokens = np.zeros(bars * STEPS_PER_BAR + 1, np.uint16)
        for tick, drum in inside:
            # half a step late is the next step; a hit just after the last bar line belongs to no bar here
            tokens[min(int((tick - begin) / per_step + 0.5), len(tokens) - 1)] |= 1 << drum
        found.append(tokens[:-1])
    return song_name(path.stem), found


def _hits(file: mido.MidiFile, drum_of: dict[int, int]) -> Iterator[tuple[int, int]]:
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            struck = message.type == "note_on" and message.velocity > 0
            if struck and message.channel == DRUM_CHANNEL and message.note in drum_of:
                yield tick, drum_of[message.note]


def windows(stretch: Stretch, steps: int, refused: Counter[str]) -> Iterator[Stretch]:
    """Every window of `steps` from every bar line that is worth learning; the others are counted."""
    for first in range(0, len(stretch) - steps + 1, STEPS_PER_BAR):
        window = stretch[first : first + steps]
        struck = window > 0
        if int(struck.sum()) < MIN_STRUCK:
            refused[f"windows with fewer than {MIN_STRUCK} steps struck"] += 1
        elif not all(struck[bar : bar + STEPS_PER_BAR].any() for bar in range(0, steps, STEPS_PER_BAR)):
            refused["windows with a silent bar"] += 1
        else:
            yield window

"""How much of one core's time models that continue take for a riff of two bars after four bars of context.

    python -m benchmarks.continuation [MODEL ...]

Each model decodes with batches of 1 and of 4, every recipe with a context of its own, so that nothing that is kept
helps; without a name, random weights of published sizes are measured.
"""

import statistics
import sys
import time
from collections.abc import Mapping

import numpy as np

from livevae.latent.recipe import Recipe
from livevae.models import stepwise
from livevae.models.melody_rnn.config import CONFIGS
from livevae.models.melody_rnn.decode import MelodyDecoder
from livevae.models.melody_rnn.layout import shapes
from livevae.models.melody_rnn.model import Model
from livevae.models.note_rnn.config import CONFIGS as NOTE_CONFIGS, shapes as note_shapes
from livevae.models.note_rnn.model import Model as NoteModel, NoteDecoder
from livevae.music.notes import TICKS_PER_BAR

REPEATS = 30
RANDOM = ("lookback_rnn", "attention_rnn", "drum_kit", "attention_rnn 512", "note_rnn")


def context(seed: int) -> tuple[tuple[int, int, int, int], ...]:
    """Four bars of eighths, different for every seed."""
    numbers = np.random.default_rng(seed)
    return tuple((-4 * TICKS_PER_BAR + i * 480, 480, int(numbers.integers(55, 80)), 90) for i in range(32))


def random_decoder(name: str) -> MelodyDecoder | NoteDecoder:
    """A decoder of published size with random weights, which take as long as trained ones."""
    numbers = np.random.default_rng(0)

    def drawn(wanted: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {key: numbers.normal(0, 0.1, shape).astype(np.float32) for key, shape in wanted.items()}

    if name == "note_rnn":
        notes = NOTE_CONFIGS[name]
        return NoteDecoder(NoteModel(notes, drawn(note_shapes(notes)), {}))
    config = CONFIGS[name.split(maxsplit=1)[0]]
    if name.endswith("512"):
        config = config.replace(layers=(512, 512), attention="stack")
    return MelodyDecoder(Model(config, drawn(shapes(config)), {}))


def main() -> None:
    """Print a line a model."""
    names = sys.argv[1:]
    made = [(name, stepwise.decoder(name)) for name in names] or [
        (f"{name} (random weights)", random_decoder(name)) for name in RANDOM
    ]
    print(f"{'model':<36}{'batch 1: p50':>14}{'p99 ms':>9}{'batch 4: p50':>14}{'p99 ms':>9}")
    for name, decoder in made:
        line = f"{name:<36}"
        for size in (1, 4):
            took = []
            if decoder is None:
                sys.exit(f"{name} does not continue")
            for turn in range(REPEATS):
                recipes = [Recipe(turn, context=context(turn * size + i), bars=2) for i in range(size)]
                began = time.process_time()
                decoder.decode(recipes)
                took.append(1000 * (time.process_time() - began))
            line += f"{statistics.median(took):>14.1f}{sorted(took)[len(took) * 99 // 100]:>9.1f}"
        print(line)


if __name__ == "__main__":
    main()

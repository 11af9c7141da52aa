"""How much of one core's time models that continue take for a riff of two bars after four bars of context.

    python -m benchmarks.continuation [MODEL ...]

Each model decodes with batches of 1 and of 4, every recipe with a context of its own, so that nothing that is kept
helps; without a name, random weights of published sizes are measured. Where Notochord is installed (`pip install
notochord`, MIT; another improvising model, of notes one by one), it is the reference: of its own size, with random
weights, on one thread, it hears the same notes and makes as many as eighths fill two bars.
"""

import importlib
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from livevae.latent.recipe import Recipe
from livevae.models import families, stepwise
from livevae.models.families import StepDecoder
from livevae.music.notes import TICKS_PER_BAR

REPEATS = 30
TRANSFORMERS = ("music_transformer", "music_transformer_large")
RANDOM = ("lookback_rnn", "attention_rnn", "drum_kit", "attention_rnn 512", "note_rnn", *TRANSFORMERS)


def context(seed: int) -> tuple[tuple[int, int, int, int], ...]:
    """Four bars of eighths, different for every seed."""
    numbers = np.random.default_rng(seed)
    return tuple((-4 * TICKS_PER_BAR + i * 480, 480, int(numbers.integers(55, 80)), 90) for i in range(32))


def random_decoder(name: str) -> StepDecoder:
    """A decoder of published size with random weights, which take as long as trained ones."""
    numbers = np.random.default_rng(0)
    configuration = name.split(maxsplit=1)[0]
    family = families.of_configuration(configuration)
    if family is None:
        sys.exit(f"{configuration} is no configuration of a step-wise family")
    config = family.CONFIGS[configuration]
    if name.endswith("512"):
        config = config.replace(layers=(512, 512), attention="stack")
    tensors = {
        key: numbers.normal(0, 0.1, shape).astype(np.float32) for key, shape in family.shapes(config).items()
    }
    return family.decoder(family.model(config, tensors, {}))


def decoding(decoder: StepDecoder) -> Callable[[int, int], object]:
    """What decodes a batch of some size in some turn."""

    def decode(turn: int, size: int) -> object:
        return decoder.decode([Recipe(turn, context=context(turn * size + i), bars=2) for i in range(size)])

    return decode


def notochord() -> Callable[[int, int], object] | None:
    """Likewise, of Notochord, which takes one voice after another; None where it is not installed."""
    if importlib.util.find_spec("notochord") is None:
        return None
    importlib.import_module("torch").set_num_threads(1)
    model = importlib.import_module("notochord").Notochord().eval()
    heard, made = 32, 16

    def continued(seed: int) -> None:
        model.reset()
        for _, _, pitch, velocity in context(seed)[:heard]:
            model.feed(1, pitch, 0.25, velocity)
        for _ in range(made):
            event = model.query(next_inst=1)
            model.feed(event["inst"], event["pitch"], event["time"], event["vel"])

    def decode(turn: int, size: int) -> None:
        for i in range(size):
            continued(turn * size + i)

    return decode


def main() -> None:
    """Print a line a model."""
    names = sys.argv[1:]
    found = [(name, stepwise.decoder(name)) for name in names] or [
        (f"{name} (random weights)", random_decoder(name)) for name in RANDOM
    ]
    made: list[tuple[str, Callable[[int, int], object]]] = []
    for name, decoder in found:
        if decoder is None:
            sys.exit(f"{name} does not continue")
        made.append((name, decoding(decoder)))
    if (reference := notochord()) is not None:
        made.append(("Notochord (random weights)", reference))
    print(f"{'model':<36}{'batch 1: p50':>14}{'p99 ms':>9}{'batch 4: p50':>14}{'p99 ms':>9}")
    for title, decode in made:
        line = f"{title:<36}"
        for size in (1, 4):
            took = []
            for turn in range(REPEATS):
                began = time.process_time()
                decode(turn, size)
                took.append(1000 * (time.process_time() - began))
            line += f"{statistics.median(took):>14.1f}{sorted(took)[len(took) * 99 // 100]:>9.1f}"
        print(line)


if __name__ == "__main__":
    main()

"""`benchmarks prior`: what a learned prior costs: a z, a riff, a cold start, with and without, in one run.

Candidates take turns. It also decodes the same recipes alone, in company, in threads and in another process, and
compares bytes.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

RECIPES = 8
SEEDS = range(RECIPES)


def add_command(below: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command `prior`."""
    text = "what a learned prior costs, and whether it is the same everywhere"
    bench = below.add_parser("prior", help=text, description=text[0].upper() + text[1:] + ".")
    bench.add_argument("--model", default="", metavar="NAME|PATH", help="default: the default melody model")
    bench.add_argument("--rounds", type=int, default=200, help="(default: %(default)s)")
    bench.set_defaults(run=_run)


def digest(model: str, together: int = RECIPES) -> str:
    """What learned riffs of a model come to, so many at once: a digest of all their notes."""
    from livevae.latent.recipe import LEARNED, Recipe
    from livevae.models.live import LiveDecoder

    decoder = LiveDecoder.open(model, device="cpu")
    recipes = [Recipe(seed, 0.8, decoder.bars, 5, 0.4, prior=LEARNED) for seed in SEEDS]
    riffs = [
        riff
        for first in range(0, RECIPES, together)
        for riff in decoder.decode(recipes[first : first + together])
    ]
    return hashlib.sha256(repr(riffs).encode()).hexdigest()


def cold(model: str, prior: str) -> float:
    """Seconds from nothing to a first riff, in a process of its own (Python's own start is in it)."""
    code = (
        "from livevae.models.live import LiveDecoder\nfrom livevae.latent.recipe import Recipe\n"
        f"one = LiveDecoder.open({model!r}, device='cpu')\n"
        f"one.decode([Recipe(1, bars=one.bars, prior={prior!r})])\n"
    )
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun


def _run(arguments: argparse.Namespace) -> int:
    import numpy as np
    from threadpoolctl import threadpool_limits

    from livevae.errors import ModelError
    from livevae.latent.recipe import PRIORS, Recipe
    from livevae.models.checkpoints.identity import identity_of
    from livevae.models.live import LiveDecoder
    from livevae.models.musicvae import prior as priors

    learned = priors.load(identity_of(arguments.model))
    if learned is None:
        raise ModelError("this model has no learned prior; `livevae model prior` fits one")
    decoder = LiveDecoder.open(arguments.model, device="cpu")
    u = np.random.default_rng(0).normal(size=(arguments.rounds, learned.latent))
    times: dict[str, list[float]] = {"a z": [], "a u": [], **{f"a riff, {prior}": [] for prior in PRIORS}}

    def act(name: str, number: int) -> None:
        if name == "a z":
            learned.z(u[number])
        elif name == "a u":
            learned.u(u[number])
        else:
            decoder.decode([Recipe(number, bars=decoder.bars, prior=name.rsplit(maxsplit=1)[-1])])

    with threadpool_limits(1, "blas"):
        for number in range(arguments.rounds):
            for name, found in times.items():
                begun = time.perf_counter()
                act(name, number)
                found.append((time.perf_counter() - begun) * 1e3)
    for name, found in times.items():
        ranked = sorted(found)
        p50, p99 = ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100]
        print(f"{name:<16} best {ranked[0]:.2f} ms, p50 {p50:.2f}, p99 {p99:.2f}")
    starts = {prior: min(cold(arguments.model, prior) for _ in range(3)) for prior in PRIORS}
    print(
        "cold start, best of 3: " + ", ".join(f"{prior} {seconds:.2f} s" for prior, seconds in starts.items())
    )
    with ThreadPoolExecutor(2) as pool:
        threads = list(pool.map(lambda together: digest(arguments.model, together), (RECIPES, 3)))
    code = f"from benchmarks.prior import digest\nprint(digest({arguments.model!r}))"
    other = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()
    same = len({digest(arguments.model), digest(arguments.model, 1), *threads, other}) == 1
    ways = f"alone, in batches of {RECIPES} and 3, in two threads and another process"
    print(f"the same bytes {ways}: {'yes' if same else 'NO'}")
    return 0 if same else 1

"""Fitting a model's learned prior: a flow on the principal directions of its encodings of music. Torch.

The z's that it learns are draws of the posterior, mu + sigma * noise with new noise in every batch. Melodies are also
heard in other keys; `own_key` says how many of them stay in their own. Drums are also heard rearranged, `vary` says how
many; a `critic` may help to tell what samples play from what music plays. The flow that is kept is the one that gives
held-out music the highest likelihood: with so few songs it learns them by heart before long. Its samples go on coming
nearer to music for a while after that; `last` keeps the end.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from livevae.errors import ModelError
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.musicvae.prior import Prior
from livevae.models.training.critic import Critic, ear, learn_to_hear
from livevae.models.training.encodings import Axes, Encodings, encodings, narrowed, posterior, principal
from livevae.models.training.flow import Flow, nats
from livevae.whole_files import replacing

REPORT = 250
"""Steps from one look at held-out music, and one save, to the next."""


MOST = {"noise": 10.0, "critic": 1e6, "vary": 1.0, "own_key": 1.0}
"""The most that some options are."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a prior is trained.

    Attributes:
        dim: principal directions that the flow is on; the others stay normal.
        layers: couplings.
        hidden: units of each coupling's two hidden layers.
        hours: time to train.
        batch: encodings a step.
        learning_rate: the highest; it falls to nothing along a cosine.
        weight_decay: AdamW's.
        dropout: share of a coupling's hidden units that are left out of a step.
        own_key: share of the melodies that stay in their key; the rest is moved by -7 to 7 semitones.
        vary: share of drum windows and grooves that are rearranged, see `batches.rearranged`.
        noise: how much of the posterior's deviation is added to mu.
        encodings: the most windows that are encoded.
        critic: weight of what a critic says of samples beside likelihood, for drums; see `training.critic`.
        last: whether the flow is kept as it is at the end, and not where held-out music was likeliest.
        average: decay of the running average of weights.
        seed: of everything random.

    Raises:
        ModelError: shares and weights that are none.
    """

    dim: int = 64
    layers: int = 12
    hidden: int = 256
    hours: float = 0.25
    batch: int = 256
    learning_rate: float = 1.2e-3
    weight_decay: float = 1e-3
    dropout: float = 0.0
    own_key: float = 0.85
    vary: float = 0.0
    noise: float = 1.0
    encodings: int = 250_000
    critic: float = 0.0
    last: bool = False
    average: float = 0.999
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("noise", "critic", "vary", "own_key"):
            if not 0 <= (value := getattr(self, name)) <= MOST[name]:
                raise ModelError(f"--{name.replace('_', '-')} is 0 to {MOST[name]:g}, not {value:g}")


Learns = dict[str, tuple[nn.Parameter, torch.optim.Optimizer]]
"""What a run trains, by name, and what trains it."""


def train(
    model: MusicVAE,
    train_windows: NDArray[Any],
    test_windows: NDArray[Any],
    run: Path,
    options: Options,
    show: Callable[[str, float], object] = lambda _text, _done: None,
    begin: Mapping[str, NDArray[Any]] | None = None,
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Fit a prior in a run folder; goes on where it was left.

    Args:
        model: whose z's.
        train_windows: stored windows, as data sets have them.
        test_windows: of held-out songs: they say when to stop.
        run: keeps `encodings.npz`, `state.safetensors` and `log.jsonl`.
        options: how.
        show: what happens, and how much of it is done (0 to 1).
        begin: tensors of a prior of this model to begin with: its directions stay, its couplings go on learning.

    Returns:
        Tensors and metadata for `Prior` and `musicvae.prior.save`.

    Raises:
        ModelError: more directions than the model has; `begin`, or what the run folder holds, is of other shapes than
            the options say; or a critic is to hear other music than drums, or windows that the run was not begun with.
    """
    if options.critic and model.config.learns != "drums":
        raise ModelError(f"a critic hears drums alone; {model.config.name} learns {model.config.learns}")
    if not 2 <= options.dim <= model.config.latent:
        raise ModelError(f"--dim is 2 to {model.config.latent} for {model.config.name}, not {options.dim}")
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    held = _encoded(model, train_windows, run / "encodings.npz", options, show)
    axes = principal(held, options.noise)
    flow = Flow(options.dim, options.layers, options.hidden, options.dropout)
    if begin is not None:
        axes = Axes(*(np.asarray(begin[name], np.float32) for name in ("mean", "axes", "spread")))
        flow.take(begin)
    average = Flow(options.dim, options.layers, options.hidden)
    average.load_state_dict(flow.state_dict())
    loss = torch.optim.AdamW(
        flow.parameters(),
        options.learning_rate,
        betas=(0.5, 0.99) if options.critic else (0.9, 0.999),
        weight_decay=options.weight_decay,
    )
    own = options.own_key if model.config.music in ("melody", "trio") else 1 - options.vary
    rows = torch.from_numpy(axes.rows[: options.dim] / axes.spread[: options.dim, None])
    mean = torch.from_numpy(axes.mean)
    mu, sigma = (torch.from_numpy(one) for one in (held.mu, held.sigma))
    chance = torch.Generator().manual_seed(options.seed)

    def draw(these: Tensor, m: Tensor, s: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(len(these), m.shape[1], generator=generator)
        z = m[these].float() + options.noise * s[these].float() * noise
        return (z - mean) @ rows.T

    few = test_windows[np.linspace(0, len(test_windows) - 1, min(4096, len(test_windows))).astype(int)]
    unseen = posterior(narrowed(model), few)
    every = torch.arange(len(few))
    held_out = draw(every, *unseen, torch.Generator().manual_seed(0))

    def hear(these: Tensor) -> Tensor:
        return draw(these, mu, sigma, chance)

    critic = _critic(train_windows, held.own, run, options, hear, chance, show) if options.critic else None
    step, seconds, best = 0, 0.0, float("inf")
    kept = average.tensors()
    state = run / "state.safetensors"
    learns: Learns = {name: (value, loss) for name, value in flow.named_parameters()}
    if critic is not None:
        learns.update(
            {f"critic.{name}": (value, critic.loss) for name, value in critic.judge.named_parameters()}
        )
    if state.exists():
        step, seconds, best, kept = _resumed(state, average, learns)
    chance.manual_seed(options.seed + step)
    began, losses = time.monotonic() - seconds, []
    limit = options.hours * 3600
    while (elapsed := time.monotonic() - began) < limit:
        done = elapsed / limit
        for group in loss.param_groups:
            group["lr"] = options.learning_rate * min(1, (step + 1) / 200) * 0.5 * (1 + np.cos(np.pi * done))
        flow.train()
        these = _places(held, options.batch, own, chance)
        x = draw(these, mu, sigma, chance)
        value = nats(flow, x)
        both = value
        if critic is not None:
            samples = critic.heard(flow.back(torch.randn(x.shape, generator=chance)))
            critic.learn(critic.heard(x), samples)
            both = value + options.critic * critic.told_apart(samples)
        loss.zero_grad()
        both.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(flow.parameters(), max(5.0, options.critic))
        loss.step()
        losses.append(float(value.detach()))
        step += 1
        decay = min(options.average, (1 + step) / (10 + step))
        with torch.no_grad():
            for mine, new in zip(average.parameters(), flow.parameters(), strict=True):
                mine.lerp_(new, 1 - decay)
        if step % REPORT == 0:
            with torch.no_grad():
                apart = float(nats(average.eval(), held_out))
            if apart < best:
                best, kept = apart, average.tensors()
            line = {"step": step, "seconds": round(elapsed, 1), "nats": round(float(np.mean(losses[-REPORT:])), 3),
                    "held_out": round(apart, 3)}  # fmt: skip
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            show(f"step {step:,}  nats {line['nats']:.2f}  held out {apart:.2f}", done)
            _keep(state, average, learns, kept, {"step": step, "seconds": elapsed, "best": best})
    if options.last:
        with torch.no_grad():
            best, kept = float(nats(average.eval(), held_out)), average.tensors()
    tensors = {"mean": axes.mean, "axes": axes.rows, "spread": axes.spread, **kept}
    about = {
        "layers": options.layers,
        "temper": [1.0, 1.0],
        "steps": step,
        "held_out_nats": round(best, 3),
        "options": asdict(options),
    }
    Prior(tensors, about)
    return tensors, about


def _places(held: Encodings, batch: int, share: float, chance: torch.Generator) -> Tensor:
    """Which encodings come in a step: such a share of them as they were played."""
    others = len(held.mu) - held.own
    own = torch.randint(held.own, (batch,), generator=chance)
    if not others:
        return own
    moved = held.own + torch.randint(others, (batch,), generator=chance)
    return torch.where(torch.rand(batch, generator=chance) < share, own, moved)


def _encoded(
    model: MusicVAE,
    windows: NDArray[Any],
    path: Path,
    options: Options,
    show: Callable[[str, float], object],
) -> Encodings:
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            return Encodings(kept["mu"], kept["sigma"], int(kept["own"]))
    held = encodings(
        model,
        windows,
        most=options.encodings,
        own_key=options.own_key,
        seed=options.seed,
        vary=options.vary,
        note=lambda done: show("encoding", done),
    )
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, mu=held.mu, sigma=held.sigma, own=np.array(held.own))
    return held


def _critic(
    windows: NDArray[Any],
    known: int,
    run: Path,
    options: Options,
    hear: Callable[[Tensor], Tensor],
    chance: torch.Generator,
    show: Callable[[str, float], object],
) -> Critic:
    """A critic whose ear heard all of some windows.

    Args:
        windows: tokens `[N, steps]`.
        known: how many of the run's encodings are of windows as they were played.
        run: its folder keeps the ear.
        options: of the run.
        hear: directions `[n, dim]` of draws of the posteriors of those windows, by their numbers `[n]`.
        chance: which windows come when.
        show: what happens, and how much of it is done (0 to 1).

    Raises:
        ModelError: windows that the run does not know, or an ear of other directions.
    """
    if len(windows) > options.encodings:
        raise ModelError(f"a critic knows {options.encodings:,} windows at most: here are {len(windows):,}")
    if known != len(windows):
        raise ModelError(f"{run} was begun with other windows: take a new folder for these")
    hears = _ear(run / "ear.safetensors", options.dim, windows, hear, chance, show)
    return Critic(hears, options.dim, windows.shape[1])


def _ear(
    path: Path,
    dim: int,
    windows: NDArray[Any],
    draw: Callable[[Tensor], Tensor],
    chance: torch.Generator,
    show: Callable[[str, float], object],
) -> nn.Sequential:
    """A critic's ear, trained, or read back where a run goes on.

    Raises:
        ModelError: the one that is there hears other directions.
    """
    network = ear(dim, windows.shape[1])
    if path.exists():
        held = load_file(path)
        _see_that_they_fit(path, network.state_dict(), held)
        network.load_state_dict(held)
        return network
    played = torch.from_numpy(windows.astype(np.int64))
    learn_to_hear(network, draw, played, chance, lambda done: show("the critic's ear", done))
    with replacing(path) as part:
        save_file(network.state_dict(), part)
    return network


def _see_that_they_fit(path: Path, wanted: Mapping[str, Tensor], held: Mapping[str, Tensor]) -> None:
    """See that tensors of a run folder are those that the options ask for.

    Raises:
        ModelError: they have other names or shapes.
    """
    if {name: one.shape for name, one in wanted.items()} != {name: one.shape for name, one in held.items()}:
        raise ModelError(
            f"{path} is of a run with other directions, couplings or units: give its own options, or a new folder"
        )


def _keep(
    path: Path,
    average: Flow,
    learns: Learns,
    kept: dict[str, NDArray[np.float32]],
    where: dict[str, float],
) -> None:
    """Everything that a run needs to go on, whole or not at all."""
    tensors = {f"average/{name}": value.detach() for name, value in average.named_parameters()}
    tensors |= {f"kept/{name}": torch.from_numpy(value) for name, value in kept.items()}
    for name, (value, loss) in learns.items():
        held = loss.state[value]
        tensors[f"flow/{name}"] = value.detach()
        tensors |= {f"first/{name}": held["exp_avg"], f"second/{name}": held["exp_avg_sq"]}
    whole = {name: value.contiguous().clone() for name, value in tensors.items()}
    with replacing(path) as part:
        save_file(whole, part, {name: repr(value) for name, value in where.items()})


def _resumed(
    path: Path, average: Flow, learns: Learns
) -> tuple[int, float, float, dict[str, NDArray[np.float32]]]:
    """Read back what `_keep` wrote; gives step, seconds, best and the kept tensors.

    Raises:
        ModelError: it is of a flow of other shapes.
    """
    from safetensors import safe_open  # noqa: PLC0415  (only the metadata)

    with safe_open(str(path), framework="pt") as file:
        where = {name: float(value) for name, value in file.metadata().items()}
    tensors = load_file(path)
    flow = {f"average/{name}": value for name, value in average.named_parameters()}
    _see_that_they_fit(
        path, flow, {name: value for name, value in tensors.items() if name.startswith("average/")}
    )
    step = int(where["step"])
    average.load_state_dict({name: tensors[f"average/{name}"] for name, _ in average.named_parameters()})
    for name, (value, loss) in learns.items():
        if f"flow/{name}" not in tensors:  # a critic that came later
            continue
        with torch.no_grad():
            value.copy_(tensors[f"flow/{name}"])
        loss.state[value] = {
            "step": torch.tensor(float(step)),
            "exp_avg": tensors[f"first/{name}"],
            "exp_avg_sq": tensors[f"second/{name}"],
        }
    kept = {
        name.removeprefix("kept/"): value.numpy()
        for name, value in tensors.items()
        if name.startswith("kept/")
    }
    return step, where["seconds"], where["best"], kept

"""Fitting a model's learned prior: encode the music, find its principal directions, train a flow. Torch.

The z's that it learns are draws of the posterior, mu + sigma * noise with new noise in every batch. Melodies are also
heard in other keys; `own_key` says how many of them stay in their own. The part that is kept is the one that gives
held-out music the highest likelihood: a flow with so few songs learns them by heart before long.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.errors import ModelError
from livevae.models.musicvae.networks import MusicVAE
from livevae.models.musicvae.prior import PER_LAYER, STEEPEST, Prior
from livevae.models.training.batches import transposed
from livevae.models.training.groove_music import HEARD, lesson_of
from livevae.models.training.token_music import separate

FEWEST = 64
"""Fewer windows than this make no prior."""

REPORT = 250
"""Steps from one look at held-out music, and one save, to the next."""


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
        noise: how much of the posterior's deviation is added to mu.
        encodings: the most windows that are encoded.
        average: decay of the running average of weights.
        seed: of everything random.
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
    noise: float = 1.0
    encodings: int = 250_000
    average: float = 0.999
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Encodings:
    """Posteriors of windows: mu and sigma `[N, latent]` float16; the first `own` of them are in their own key."""

    mu: NDArray[np.float16]
    sigma: NDArray[np.float16]
    own: int


class Flow(nn.Module):
    """Affine couplings with linear layers between: z along principal directions to u. See `musicvae.prior.Prior`."""

    def __init__(self, dim: int, layers: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.kept, self.dropout = dim - dim // 2, dropout
        for i in range(layers):
            turn = torch.linalg.qr(torch.randn(dim, dim))[0]
            shapes = {
                "w_in": (hidden, self.kept), "b_in": (hidden,), "w_mid": (hidden, hidden), "b_mid": (hidden,),
                "w_scale": (dim // 2, hidden), "b_scale": (dim // 2,),
                "w_shift": (dim // 2, hidden), "b_shift": (dim // 2,),
            }  # fmt: skip
            self.register_parameter(f"linear_{i}", nn.Parameter(turn))
            for name, shape in shapes.items():
                start = torch.zeros(shape)
                if name in ("w_in", "w_mid"):
                    start = torch.randn(shape) * (2 / shape[1]) ** 0.5 * (1.0 if name == "w_in" else 0.5)
                self.register_parameter(f"{name}_{i}", nn.Parameter(start))
        self.layers = layers

    def layer(self, i: int) -> list[Tensor]:
        """A layer's tensors, as `PER_LAYER` names them."""
        return [getattr(self, f"{name}_{i}") for name in PER_LAYER]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The u `[N, dim]` and the logarithm of the determinant `[N]`."""
        logdet = x.new_zeros(len(x))
        for i in range(self.layers):
            linear, w_in, b_in, w_mid, b_mid, w_scale, b_scale, w_shift, b_shift = self.layer(i)
            x = x @ linear.T
            logdet = logdet + torch.linalg.slogdet(linear)[1]
            kept, moved = x[:, : self.kept], x[:, self.kept :]
            hidden = F.linear(kept, w_in, b_in)
            hidden = F.linear(F.relu(hidden), w_mid, b_mid) + hidden
            hidden = F.dropout(F.relu(hidden), self.dropout, self.training)
            scale = float(STEEPEST) * torch.tanh(F.linear(hidden, w_scale, b_scale))
            x = torch.cat([kept, moved * torch.exp(scale) + F.linear(hidden, w_shift, b_shift)], 1)
            logdet = logdet + scale.sum(1)
        return x, logdet

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """As `Prior` takes them."""
        return {
            f"{name}.{i}": value.detach().float().numpy().copy()
            for i in range(self.layers)
            for name, value in zip(PER_LAYER, self.layer(i), strict=True)
        }


def nats(flow: Flow, x: Tensor) -> Tensor:
    """Mean negative log likelihood of encodings `[N, dim]`, in nats, without the constant."""
    u, logdet = flow(x)
    found: Tensor = (0.5 * (u * u).sum(1) - logdet).mean()
    return found


def encodings(
    model: MusicVAE,
    windows: NDArray[Any],
    options: Options,
    note: Callable[[float], object] = lambda _: None,
) -> Encodings:
    """Encode windows, evenly spread over the data, melodies partly moved to other keys.

    Raises:
        ModelError: too few windows, or a model that needs chords or hits.
    """
    config = model.config
    if config.controls:
        raise ModelError(f"{config.name} needs controls (chords or hits): it has no prior of its own")
    if len(windows) < FEWEST:
        raise ModelError(f"a prior needs {FEWEST} windows at least, not {len(windows)}")
    chance = np.random.default_rng(options.seed)
    pitched = config.music in ("melody", "trio")
    count = min(len(windows), options.encodings)
    own = np.sort(chance.permutation(len(windows))[:count])
    others = np.sort(chance.permutation(len(windows))[:count]) if pitched and options.own_key < 1 else own[:0]
    narrow = narrowed(model)
    mus, sigmas = [], []
    done = 0
    for chosen, moved in ((own, False), (others, True)):
        for first in range(0, len(chosen), 512):
            batch = windows[chosen[first : first + 512]]
            if moved:
                batch = transposed(batch.astype(np.int64), (-7, 7), chance)
            mu, sigma = posterior(narrow, batch)
            mus.append(mu.numpy().astype(np.float16))
            sigmas.append(sigma.numpy().astype(np.float16))
            done += len(batch)
            note(done / (len(own) + len(others)))
    return Encodings(np.concatenate(mus), np.concatenate(sigmas), len(own))


@torch.no_grad()
def posterior(model: MusicVAE, windows: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Mu and sigma of stored windows."""
    config = model.config
    if config.name in HEARD:
        return model.posterior(lesson_of(config, windows, torch.device("cpu"))[0])
    music, told = separate(config, torch.from_numpy(np.asarray(windows).astype(np.int64)))
    return model.posterior(music, told)


def narrowed(model: MusicVAE) -> MusicVAE:
    """The model without the encoder's last units that nothing reads (see `growth`); it computes the same."""
    if len(model.config.encoder) != 1 or model.config.encode_segments:
        return model
    units = model.config.encoder[0]
    heads = torch.cat([model.encoder.mu.weight, model.encoder.sigma.weight]).detach()
    read = (heads != 0).any(0).view(2, units).any(0)
    alive = int(read.nonzero().max()) + 1
    state = {name: value.detach() for name, value in model.state_dict().items()}
    hidden = [value.view(4, units, units) for name, value in state.items() if _is_encoder(name, "weight_hh")]
    if alive == units or any((blocks[:, :alive, alive:] != 0).any() for blocks in hidden):
        return model
    for name, value in state.items():
        if _is_encoder(name, "weight") or _is_encoder(name, "bias"):
            blocks = value.view(4, units, *value.shape[1:])[:, :alive]
            blocks = blocks[..., :alive] if "weight_hh" in name else blocks
            state[name] = blocks.reshape(4 * alive, *blocks.shape[2:]).clone()
        elif name in ("encoder.mu.weight", "encoder.sigma.weight"):
            state[name] = torch.cat([value[:, :alive], value[:, units : units + alive]], 1)
    small = MusicVAE(model.config.replace(encoder=(alive,)))
    small.load_state_dict(state)
    return small.eval().requires_grad_(requires_grad=False)


def _is_encoder(name: str, kind: str) -> bool:
    return name.startswith("encoder.layers.") and kind in name


@dataclass(frozen=True, slots=True)
class Axes:
    """Principal directions of encodings: z's mean, orthonormal rows of falling variance, deviations along them."""

    mean: NDArray[np.float32]
    rows: NDArray[np.float32]
    spread: NDArray[np.float32]


def principal(held: Encodings, noise: float) -> Axes:
    """The directions of the posteriors' own draws."""
    mu = held.mu.astype(np.float32)
    mean = mu.mean(0)
    values, vectors = np.linalg.eigh(np.cov(mu - mean, rowvar=False).astype(np.float64))
    rows = vectors[:, ::-1].T
    within = rows**2 @ (held.sigma.astype(np.float32) ** 2).mean(0).astype(np.float64) * noise**2
    spread = np.sqrt(np.maximum(values[::-1], 0) + within + 1e-8)
    # float16 is what the file has: what is trained is what will be read
    return Axes(*(np.ascontiguousarray(one, np.float16).astype(np.float32) for one in (mean, rows, spread)))


def train(
    model: MusicVAE,
    train_windows: NDArray[Any],
    test_windows: NDArray[Any],
    run: Path,
    options: Options,
    show: Callable[[str, float], object] = lambda _text, _done: None,
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Fit a prior in a run folder; goes on where it was left.

    Args:
        model: whose z's.
        train_windows: stored windows, as data sets have them.
        test_windows: of held-out songs: they say when to stop.
        run: keeps `encodings.npz`, `state.safetensors` and `log.jsonl`.
        options: how.
        show: what happens, and how much of it is done (0 to 1).

    Returns:
        Tensors and metadata for `Prior` and `musicvae.prior.save`.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    held = _encoded(model, train_windows, run / "encodings.npz", options, show)
    axes = principal(held, options.noise)
    flow = Flow(options.dim, options.layers, options.hidden, options.dropout)
    average = Flow(options.dim, options.layers, options.hidden)
    average.load_state_dict(flow.state_dict())
    loss = torch.optim.AdamW(flow.parameters(), options.learning_rate, weight_decay=options.weight_decay)
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

    step, seconds, best = 0, 0.0, float("inf")
    kept = average.tensors()
    state = run / "state.safetensors"
    if state.exists():
        step, seconds, best, kept = _resumed(state, flow, average, loss)
    chance.manual_seed(options.seed + step)
    began, losses = time.monotonic() - seconds, []
    limit = options.hours * 3600
    while (elapsed := time.monotonic() - began) < limit:
        done = elapsed / limit
        for group in loss.param_groups:
            group["lr"] = options.learning_rate * min(1, (step + 1) / 200) * 0.5 * (1 + np.cos(np.pi * done))
        flow.train()
        these = _places(held, options, chance)
        value = nats(flow, draw(these, mu, sigma, chance))
        loss.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
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
            _keep(state, flow, average, loss, kept, {"step": step, "seconds": elapsed, "best": best})
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


def compared(
    model: MusicVAE, windows: NDArray[Any], learned: Prior | None, count: int, seed: int = 0
) -> dict[str, NDArray[Any]]:
    """Z's `[count, latent]` of other priors than N(0, 1), by name, for `evaluate`.

    The posterior's own draws of training windows (no prior can hope for better), one full Gaussian fitted to such
    draws, and the learned one where there is one.
    """
    chance = np.random.default_rng(seed)
    few = windows[np.linspace(0, len(windows) - 1, min(len(windows), 5 * count)).astype(int)]
    mu, sigma = (one.numpy() for one in posterior(narrowed(model), few))
    z = mu + sigma * chance.normal(size=mu.shape)
    found = {
        "full Gaussian": chance.multivariate_normal(z.mean(0), np.cov(z, rowvar=False), size=count),
        "posterior": z[chance.permutation(len(z))[:count]],
    }
    if learned is not None:
        found["learned prior"] = learned.z(chance.normal(size=(count, model.config.latent)))
    return found


def _places(held: Encodings, options: Options, chance: torch.Generator) -> Tensor:
    """Which encodings come in a step: so many in their own key."""
    others = len(held.mu) - held.own
    own = torch.randint(held.own, (options.batch,), generator=chance)
    if not others:
        return own
    moved = held.own + torch.randint(others, (options.batch,), generator=chance)
    return torch.where(torch.rand(options.batch, generator=chance) < options.own_key, own, moved)


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
    held = encodings(model, windows, options, lambda done: show("encoding", done))
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, mu=held.mu, sigma=held.sigma, own=np.array(held.own))
    unfinished.replace(path)
    return held


def _keep(
    path: Path,
    flow: Flow,
    average: Flow,
    loss: torch.optim.AdamW,
    kept: dict[str, NDArray[np.float32]],
    where: dict[str, float],
) -> None:
    """Everything that a run needs to go on, whole or not at all."""
    tensors = {f"flow/{name}": value.detach() for name, value in flow.named_parameters()}
    tensors |= {f"average/{name}": value.detach() for name, value in average.named_parameters()}
    tensors |= {f"kept/{name}": torch.from_numpy(value) for name, value in kept.items()}
    for name, value in flow.named_parameters():
        held = loss.state[value]
        tensors |= {f"first/{name}": held["exp_avg"], f"second/{name}": held["exp_avg_sq"]}
    unfinished = path.with_suffix(".part")
    save_file(
        {name: value.contiguous().clone() for name, value in tensors.items()}, unfinished,
        {name: repr(value) for name, value in where.items()},
    )  # fmt: skip
    unfinished.replace(path)


def _resumed(
    path: Path, flow: Flow, average: Flow, loss: torch.optim.AdamW
) -> tuple[int, float, float, dict[str, NDArray[np.float32]]]:
    """Read back what `_keep` wrote; gives step, seconds, best and the kept tensors."""
    from safetensors import safe_open  # noqa: PLC0415  (only the metadata)

    with safe_open(str(path), framework="pt") as file:
        where = {name: float(value) for name, value in file.metadata().items()}
    tensors = load_file(path)
    step = int(where["step"])
    for network, prefix in ((flow, "flow"), (average, "average")):
        wanted = {name: tensors[f"{prefix}/{name}"] for name, _ in network.named_parameters()}
        network.load_state_dict(wanted)
    for name, value in flow.named_parameters():
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

"""The names and shapes of a checkpoint's tensors; without torch, for all who read them."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from livevae.models.musicvae.config import Config

Shape = tuple[int, ...]


def lstm_names(
    prefix: str, sizes: Sequence[int], *, both_ways: bool = False
) -> Iterator[tuple[str, str, str, str]]:
    """(weight_ih, weight_hh, bias_ih, bias_hh) of each layer, first forward, then (both ways) backward.

    Neighbouring layers of one size share an `nn.LSTM`, see `networks.Layers`. Rows are gates in torch's
    order: input, forget, candidate, output.

    Args:
        prefix: of the stack, such as "encoder.layers".
        sizes: units of the layers.
        both_ways: whether the layers are bidirectional.
    """
    for run, (_, layers) in enumerate(groupby(sizes)):
        for layer, _ in enumerate(layers):
            for suffix in ("", "_reverse") if both_ways else ("",):
                kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                a, b, c, d = (f"{prefix}.runs.{run}.{kind}_l{layer}{suffix}" for kind in kinds)
                yield a, b, c, d


def shapes(config: Config) -> dict[str, Shape]:
    """The shape of every tensor of a configuration, by `networks.MusicVAE`'s own names."""
    last = 2 * config.encoder[-1]
    width = config.input_depth + config.controls
    found: dict[str, Shape] = {}
    if config.encode_segments:
        found |= dict(_lstm("encoder.segments", width, config.encoder, ways=2))
        width = last
    found |= dict(_lstm("encoder.layers", width, config.encoder, ways=2))
    found |= _dense("encoder.mu", last, config.latent) | _dense("encoder.sigma", last, config.latent)
    embedding = config.latent
    states = 2 * sum(config.decoder)
    if config.segments:
        found |= _dense("conductor.initial.dense", config.latent, states)
        found |= dict(_lstm("conductor.layers", 1, config.decoder))
        embedding = config.decoder[-1]
    for i, depth in enumerate(config.core_depths):
        core = f"cores.{i}"
        found |= _dense(f"{core}.initial.dense", embedding, states)
        found |= dict(_lstm(f"{core}.layers", depth + embedding + config.controls, config.decoder))
        raw = depth + (config.nade_hidden if config.head == "nade" else 0)
        found |= _dense(f"{core}.output", config.decoder[-1], raw)
        if config.head == "nade":
            found |= {f"{core}.head.{part}": (depth, config.nade_hidden) for part in ("encoder", "decoder")}
    return found


def _dense(prefix: str, width: int, units: int) -> dict[str, Shape]:
    return {f"{prefix}.weight": (units, width), f"{prefix}.bias": (units,)}


def _lstm(prefix: str, width: int, sizes: Sequence[int], ways: int = 1) -> Iterator[tuple[str, Shape]]:
    for i, (w_ih, w_hh, b_ih, b_hh) in enumerate(lstm_names(prefix, sizes, both_ways=ways == 2)):
        layer = i // ways
        units = sizes[layer]
        yield w_ih, (4 * units, ways * sizes[layer - 1] if layer else width)
        yield w_hh, (4 * units, units)
        yield b_ih, (4 * units,)
        yield b_hh, (4 * units,)

"""The CPU's live decoder: a MusicVAE's decoder weights packed for one thread of numpy.

At batch 1 a decode is little more than reading the weights once a step, so everything here serves that:

* z (with all biases) is projected once a segment, and the one-hot input is a row gathered, not a product.
* What hears a layer's h is stacked: one product gives the next layer's input and the layer's own next
  recurrence (for the top layer: the outputs and its recurrence), with the biases as one more column.
* Gates and h are laid out and scaled so that a layer's step is one product and eight calls (see `packed_layers`).
* The weights lie in one block that the system can map with large pages.

Nothing imports torch here, so a server can play before torch would be loaded. The plain reference that this
is tested against is `networks.free_running`.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.packed_layers import (
    HALF,
    Floats,
    Layer,
    LayerState,
    gates,
    in_one_block,
)

Weights = Mapping[str, Floats]
"""A checkpoint's tensors by name."""

ROW_BY_ROW = 16 * 2**20
"""Bytes of weights up to which rows of a batch are decoded one by one, so that a row is the same bit for bit
in every batch; the weights stay in the cache meanwhile. Beyond, reading them once for all rows matters more."""

TWO = np.float32(2)


class Packed:
    """A decoder that turns latent vectors into music. Not thread-safe: one worker thread owns it.

    Attributes:
        config: of the model.
        nbytes: of the weights that are read every step, as float32.
    """

    def __init__(self, config: Config, weights: Weights) -> None:
        """Pack the decoder's part of a checkpoint; the encoder's is not looked at.

        Args:
            config: of the model.
            weights: float32 by `MusicVAE`'s own names.
        """
        self.config = config
        self._conductor: _Conductor | None = None
        if config.segments:
            self._conductor = _Conductor(config, weights)
        embedding = config.decoder[-1] if config.segments else config.latent
        self._cores = [
            _Core(config, weights, f"cores.{i}", depth, embedding)
            for i, depth in enumerate(config.core_depths)
        ]
        self.nbytes = sum(core.stack.nbytes for core in self._cores)
        self._row_by_row = self.nbytes <= ROW_BY_ROW

    def __call__(
        self, z: Floats, temperature: Floats, noise: Floats, controls: Floats | None = None
    ) -> NDArray[Any]:
        """Music from latent vectors, each step hearing its own last.

        Args:
            z: `[N, latent]`.
            temperature: `[N]`; 0 is greedy.
            noise: `[N, steps, output_depth]`, see `heads`.
            controls: `[N, steps, controls]` where the configuration has them.

        Returns:
            Tokens `[N, steps]` for one softmax, `[N, steps, parts]` for several, else music
            `[N, steps, depth]`.
        """
        z = np.ascontiguousarray(z, np.float32)
        scaled = noise * np.asarray(temperature, np.float32)[:, None, None] if np.any(temperature) else None
        if self._row_by_row or len(z) == 1:
            rows = [
                self._decode(
                    z[row],
                    None if scaled is None else scaled[row],
                    None if controls is None else controls[row],
                )
                for row in range(len(z))
            ]
            whole = np.stack(rows)
        else:
            steps_first = None if scaled is None else scaled.swapaxes(0, 1)
            heard = None if controls is None else controls.swapaxes(0, 1)
            whole = self._decode(z, steps_first, heard).swapaxes(0, 1)
        return whole[..., 0] if self.config.head == "categorical" and whole.shape[-1] == 1 else whole

    def outputs(self, z: Floats, tokens: NDArray[Any]) -> Floats:
        """What a decoder of one softmax says before sampling, `[N, steps, classes]`, when it hears given tokens.

        Args:
            z: `[N, latent]`.
            tokens: `[N, steps]`.
        """
        core = self._cores[0]
        said = np.empty((*tokens.shape, core.depth), np.float32)
        for row, into, heard in zip(z, said, tokens, strict=True):
            state = core.stack.start(row)
            below = base = product(core.latent, row) + core.stack.first_bias
            for t, token in enumerate(heard):
                into[t] = advance(state, below)
                below = base + core.music[token]
        return said

    def _decode(self, z: Floats, noise: Floats | None, controls: Floats | None) -> NDArray[Any]:
        """One row, z `[latent]`, or many, z `[N, latent]`; noise, controls and music have steps first."""
        length = self.config.steps // max(1, self.config.segments)
        embeddings = [z] if self._conductor is None else self._conductor(z)
        music = [np.zeros((self.config.steps, *z.shape[:-1], core.width), core.dtype) for core in self._cores]
        for segment, embedding in enumerate(embeddings):
            span = slice(segment * length, (segment + 1) * length)
            start = 0
            for core, whole in zip(self._cores, music, strict=True):
                chance = None if noise is None else noise[span, ..., start : start + core.depth]
                heard = None if controls is None else controls[span]
                core.decode(embedding, chance, heard, whole[span.start - 1] if segment else None, whole[span])
                start += core.depth
        return music[0] if len(music) == 1 else np.concatenate(music, -1)


class _Recurrent:
    """A stack of layers: first state from a vector, then step after step."""

    def __init__(
        self,
        config: Config,
        weights: Weights,
        prefix: str,
        output: tuple[Floats, Floats],
    ) -> None:
        sizes = config.decoder
        found = list(_lstm(weights, f"{prefix}.layers", sizes))
        self.first_input, self.first_bias = gates(found[0][0]), gates(found[0][2])
        above = [(gates(w_ih), gates(bias)) for w_ih, _, bias in found[1:]] + [output]
        self.layers = [
            Layer(units, w_hh, *heard) for units, (_, w_hh, _), heard in zip(sizes, found, above, strict=True)
        ]
        in_one_block(self.layers)
        self.initial = weights[f"{prefix}.initial.dense.weight"], weights[f"{prefix}.initial.dense.bias"]
        self._state: list[LayerState] = []
        self._rows: tuple[int, ...] | None = None

    @property
    def nbytes(self) -> int:
        """Size of the weights that are read every step, in float32."""
        return sum(layer.nbytes for layer in self.layers)

    def start(self, embedding: Floats) -> list[LayerState]:
        """The state before the first step, from the tanh of a dense layer: c0, h0, c1, h1 ..."""
        if self._rows != embedding.shape[:-1]:
            self._rows = embedding.shape[:-1]
            self._state = [LayerState(layer, embedding.shape[:-1]) for layer in self.layers]
        weight, bias = self.initial
        values = np.tanh(product(weight, embedding) + bias)
        start = 0
        for at in self._state:
            units = at.c.shape[-1]
            at.c[...] = values[..., start : start + units]
            np.multiply(values[..., start + units : start + 2 * units], TWO, out=at.hidden)
            start += 2 * units
            at.hear()
        return self._state


def advance(state: Sequence[LayerState], given: Floats) -> Floats:
    """One step with the first layer's input product given; what the top layer's hearer says of it."""
    for at in state:
        np.add(given, at.recurrence, at.gates)
        at.advance()
        at.hear()
        given = at.above
    return given


class _Conductor:
    """z to one embedding a segment."""

    def __init__(self, config: Config, weights: Weights) -> None:
        nobody = np.zeros((0, config.decoder[-1]), np.float32), np.zeros(0, np.float32)
        self.stack = _Recurrent(config, weights, "conductor", nobody)
        self.segments = config.segments

    def __call__(self, z: Floats) -> list[Floats]:
        """`[..., latent]` to `[..., units]` a segment."""
        state = self.stack.start(z)
        said = []
        for _ in range(self.segments):
            advance(state, self.stack.first_bias)
            said.append(state[-1].hidden * HALF)
        return said


class _Core:
    """One core decoder."""

    def __init__(
        self,
        config: Config,
        weights: Weights,
        prefix: str,
        depth: int,
        embedding: int,
    ) -> None:
        self.depth = depth
        output = weights[f"{prefix}.output.weight"], weights[f"{prefix}.output.bias"]
        self.stack = _Recurrent(config, weights, prefix, output)
        music, latent, controls = np.split(self.stack.first_input, [depth, depth + embedding], 1)
        self.music: Floats = np.ascontiguousarray(music.T)
        self.latent: Floats = np.asfortranarray(latent)
        self.controls: Floats = np.asfortranarray(controls)
        self.head = config.head
        self.parts = [0]
        if config.head == "categorical":
            self.parts = list(np.cumsum([0, *((depth,) if config.split else config.output_depths)]))
        if config.head == "nade":
            self.nade = weights[f"{prefix}.head.encoder"], weights[f"{prefix}.head.decoder"]
        self.width = len(self.parts) - 1 if config.head == "categorical" else depth
        self.dtype: Any = np.int64 if config.head == "categorical" else np.float32

    def decode(
        self,
        embedding: Floats,
        chance: Floats | None,
        controls: Floats | None,
        last: NDArray[Any] | None,
        into: NDArray[Any],
    ) -> None:
        """Fill `into [steps, ..., width]`, starting after the music `last [..., width]` (None: nothing)."""
        state = self.stack.start(embedding)
        base = product(self.latent, embedding) + self.stack.first_bias
        plain = self.head == "categorical" and self.width == 1 and controls is None
        if plain and base.ndim == 1:
            _play(state, base, self.music, chance, last, into)
            return
        given = np.empty_like(base)
        for t, now in enumerate(into):
            heard = base
            if last is not None:
                heard = self._add_music(heard, last, given)
            if controls is not None:
                heard = np.add(heard, product(self.controls, controls[t]), out=given)
            outputs = advance(state, heard)
            if self.head == "categorical":
                if chance is not None:
                    np.add(outputs, chance[t], out=outputs)
                for part, (start, end) in enumerate(pairwise(self.parts)):
                    now[..., part] = outputs[..., start:end].argmax(-1)
            elif self.head == "groove":
                _groove(outputs, chance[t] if chance is not None else None, now)
            else:
                _nade(outputs, chance[t] if chance is not None else None, now, *self.nade)
            last = now

    def _add_music(self, base: Floats, last: NDArray[Any], given: Floats) -> Floats:
        if self.head != "categorical":
            return np.add(base, product(self.music.T, last), out=given)
        for part, start in enumerate(self.parts[:-1]):
            base = np.add(base, self.music[start + last[..., part]], out=given)
        return base


def _play(
    state: Sequence[LayerState],
    base: Floats,
    music: Floats,
    chance: Floats | None,
    last: NDArray[Any] | None,
    into: NDArray[Any],
) -> None:
    """`_Core.decode` for one row of one softmax, which is what plays live: the same, with every name at hand."""
    add, multiply, tanh, dot = np.add, np.multiply, np.tanh, np.dot
    layers = [
        (at.recurrence, at.gates, at.sigmoids, at.c_g, at.f_i, at.products, at.kept, at.new, at.c, at.spare,
         at.o, at.hidden, at.ones, at.halves, at.weights, at.h, at.out, at.above)
        for at in state
    ]  # fmt: skip
    outputs = state[-1].above
    given = np.empty_like(base)
    below = base if last is None else add(base, music[last[0]], given)
    for t in range(len(into)):
        for (
            recurrence,
            gate,
            sigmoids,
            c_g,
            f_i,
            products,
            kept,
            new,
            c,
            spare,
            o,
            hidden,
            ones,
            halves,
            weights,
            h,
            out,
            above,
        ) in layers:
            add(below, recurrence, gate)
            tanh(gate, gate)
            add(sigmoids, ones, sigmoids)
            multiply(c_g, f_i, products)
            add(kept, new, c)
            multiply(c, halves, c)
            tanh(c, spare)
            multiply(o, spare, hidden)
            dot(weights, h, out)
            below = above
        if chance is not None:
            add(outputs, chance[t], outputs)
        token = outputs.argmax()
        into[t, 0] = token
        below = add(base, music[token], given)


def _groove(outputs: Floats, chance: Floats | None, into: Floats) -> None:
    """Hits, velocities and offsets, as `heads.Groove.sample`."""
    hits, velocities, offsets = np.split(outputs, 3, -1)
    third = hits.shape[-1]
    into[..., :third] = hits + (0.0 if chance is None else chance[..., :third]) >= 0
    into[..., third : 2 * third] = HALF * np.tanh(HALF * velocities) + HALF
    into[..., 2 * third :] = np.tanh(offsets)


def _nade(outputs: Floats, chance: Floats | None, into: Floats, encoder: Floats, decoder: Floats) -> None:
    """Drums one after the other, each given those before, as `heads.Nade.sample`."""
    units = encoder.shape[1]
    hidden = outputs[..., :units].copy()
    logits = outputs[..., units:] + (0.0 if chance is None else chance)
    for i, (taken, given) in enumerate(zip(encoder, decoder, strict=True)):
        on = logits[..., i] + ((HALF * np.tanh(HALF * hidden) + HALF) * given).sum(-1) >= 0
        into[..., i] = on
        hidden += np.where(on[..., None], taken, np.float32(0))


def product(weight: Floats, x: NDArray[Any]) -> Floats:
    """`[m, k]` times `[k]`, or `[N, k]` times the transpose of `[m, k]`."""
    return np.asarray(np.dot(weight, x) if x.ndim == 1 else np.dot(x, weight.T))


def _lstm(weights: Weights, prefix: str, sizes: Sequence[int]) -> Iterator[tuple[Floats, Floats, Floats]]:
    """(w_ih, w_hh, whole bias) of each layer, gates still in torch's order."""
    for w_ih, w_hh, b_ih, b_hh in lstm_names(prefix, sizes):
        yield weights[w_ih], weights[w_hh], weights[b_ih] + weights[b_hh]

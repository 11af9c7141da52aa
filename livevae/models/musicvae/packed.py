"""The CPU's live decoder: a MusicVAE's decoder weights packed for numpy.

At batch 1 a decode is little more than reading the weights once a step, so everything here serves that:

* z (with all biases) is projected once a segment, and the one-hot input is a row gathered, not a product.
* What hears a layer's h is stacked: one product gives the next layer's input and the layer's own next
  recurrence (for the top layer: the outputs and its recurrence), with the biases as one more row.
* Gates and h are laid out and scaled so that a layer's step is one or two products and eight calls, however many rows
  are decoded, and each block of weights is read once for all of them (see `packed_layers`).
* The weights lie in one block that the system can map with large pages.

A row's music is the same bit for bit in every batch: each row's products are calls of their own, of the same shapes
always, and the rest is computed number by number.

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
    by_gates,
    gates,
    in_one_block,
    unit_width,
)

Weights = Mapping[str, Floats]
"""A checkpoint's tensors by name."""


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
        chance = None
        if np.any(temperature):
            chance = np.ascontiguousarray(noise.swapaxes(0, 1)) * np.asarray(temperature, np.float32)[:, None]
        steps_first = None if controls is None else np.ascontiguousarray(controls.swapaxes(0, 1))
        whole = self._decode(z, chance, steps_first).swapaxes(0, 1)
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
            state = core.stack.start(row[None])
            below = base = core.base(row[None])
            for t, token in enumerate(heard):
                into[t] = advance(state, below)[0]
                below = base + core.music[token].reshape(-1)
        return said

    def _decode(self, z: Floats, chance: Floats | None, controls: Floats | None) -> NDArray[Any]:
        """Music `[steps, N, width]` of z `[N, latent]`; chance and controls have steps first as well."""
        length = self.config.steps // max(1, self.config.segments)
        embeddings = [z] if self._conductor is None else self._conductor(z)
        music = [np.zeros((self.config.steps, len(z), core.width), core.dtype) for core in self._cores]
        for segment, embedding in enumerate(embeddings):
            span = slice(segment * length, (segment + 1) * length)
            start = 0
            for core, whole in zip(self._cores, music, strict=True):
                given = None if chance is None else chance[span, :, start : start + core.depth]
                last = whole[span.start - 1] if segment else None
                core.decode(embedding, given, None if controls is None else controls[span], last, whole[span])
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
        self.width = unit_width(sizes[0])
        self.first_input, self.first_bias = gates(found[0][0]), gates(found[0][2])
        above = [(gates(w_ih), gates(bias), unit_width(len(bias) // 4)) for w_ih, _, bias in found[1:]]
        self.layers = [
            Layer(units, w_hh, *heard)
            for units, (_, w_hh, _), heard in zip(sizes, found, [*above, (*output, 0)], strict=True)
        ]
        in_one_block(self.layers)
        self.initial = weights[f"{prefix}.initial.dense.weight"], weights[f"{prefix}.initial.dense.bias"]
        self._state: list[LayerState] = []
        self._rows = 0

    @property
    def nbytes(self) -> int:
        """Size of the weights that are read every step, in float32."""
        return sum(layer.nbytes for layer in self.layers)

    def start(self, embedding: Floats) -> list[LayerState]:
        """The state before the first step, from the tanh of a dense layer of `[N, size]`: c0, h0, c1, h1 ..."""
        if self._rows != len(embedding):
            self._rows = len(embedding)
            self._state = [LayerState(layer, self._rows) for layer in self.layers]
        weight, bias = self.initial
        values = np.tanh(product(weight, embedding) + bias)
        start = 0
        for at in self._state:
            at.begin(values[:, start : start + at.units], values[:, start + at.units : start + 2 * at.units])
            start += 2 * at.units
            at.hear()
        return self._state


def advance(state: Sequence[LayerState], given: Floats) -> Floats:
    """One step with the first layer's input product given, flat; what the top layer's hearer says, `[N, outputs]`."""
    for at in state:
        np.add(given, at.recurrence, at.gates)
        at.advance()
        at.hear()
        given = at.above
    return state[-1].outputs


class _Conductor:
    """z to one embedding a segment."""

    def __init__(self, config: Config, weights: Weights) -> None:
        nobody = np.zeros((0, config.decoder[-1]), np.float32), np.zeros(0, np.float32)
        self.stack = _Recurrent(config, weights, "conductor", nobody)
        self.segments = config.segments

    def __call__(self, z: Floats) -> list[Floats]:
        """`[N, latent]` to `[N, units]` a segment."""
        state = self.stack.start(z)
        bias = by_gates(np.tile(self.stack.first_bias, (len(z), 1)), self.stack.width)
        said = []
        for _ in range(self.segments):
            advance(state, bias)
            said.append(state[-1].h[:, :-1] * HALF)
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
        self.latent: Floats = np.asfortranarray(latent)
        self.controls: Floats = np.asfortranarray(controls)
        self.heard: Floats = np.asfortranarray(music)
        self.music: Floats = np.ascontiguousarray(music.T).reshape(depth, -1, self.stack.width)
        """What hearing a class adds to the first layer's gates, `[depth, blocks, width]`."""
        self.head = config.head
        self.parts = [0]
        if config.head == "categorical":
            self.parts = list(np.cumsum([0, *((depth,) if config.split else config.output_depths)]))
        if config.head == "nade":
            self.nade = weights[f"{prefix}.head.encoder"], weights[f"{prefix}.head.decoder"]
        self.width = len(self.parts) - 1 if config.head == "categorical" else depth
        self.dtype: Any = np.int64 if config.head == "categorical" else np.float32

    def base(self, embedding: Floats) -> Floats:
        """What the first layer hears in every step of so many rows, as its gates lie, flat."""
        return by_gates(product(self.latent, embedding) + self.stack.first_bias, self.stack.width)

    def decode(
        self,
        embedding: Floats,
        chance: Floats | None,
        controls: Floats | None,
        last: NDArray[Any] | None,
        into: NDArray[Any],
    ) -> None:
        """Fill `into [steps, N, width]`, starting after the music `last [N, width]` (None: nothing)."""
        state = self.stack.start(embedding)
        base = self.base(embedding)
        if self.head == "categorical" and self.width == 1 and controls is None:
            _play(state, base, self.music, chance, last, into)
            return
        for t, now in enumerate(into):
            given = base
            if last is not None:
                given = given + self._heard(last)
            if controls is not None:
                given = given + by_gates(product(self.controls, controls[t]), self.stack.width)
            outputs = advance(state, given)
            if self.head == "categorical":
                if chance is not None:
                    np.add(outputs, chance[t], out=outputs)
                for part, (start, end) in enumerate(pairwise(self.parts)):
                    now[:, part] = outputs[:, start:end].argmax(-1)
            elif self.head == "groove":
                _groove(outputs, chance[t] if chance is not None else None, now)
            else:
                _nade(outputs, chance[t] if chance is not None else None, now, *self.nade)
            last = now

    def _heard(self, last: NDArray[Any]) -> Floats:
        """What hearing the step before adds to the first layer's gates, flat."""
        if self.head != "categorical":
            return by_gates(product(self.heard, last), self.stack.width)
        rows = sum(self.music[start + last[:, part]] for part, start in enumerate(self.parts[:-1]))
        return by_gates(np.asarray(rows, np.float32), self.stack.width)


def _play(
    state: Sequence[LayerState],
    base: Floats,
    music: Floats,
    chance: Floats | None,
    last: NDArray[Any] | None,
    into: NDArray[Any],
) -> None:
    """`_Core.decode` for one softmax, which is what plays live: the same, with every name at hand."""
    add, multiply, tanh, matmul, take = np.add, np.multiply, np.tanh, np.matmul, np.take
    layers = [
        (at.recurrence, at.gates, at.sigmoids, at.c_g, at.f_i, at.pairs, at.kept, at.new, at.c, at.spare, at.spread,
         at.o, at.hidden, at.ones, at.halves, at.products, at.above)
        for at in state
    ]  # fmt: skip
    outputs, rows = state[-1].outputs, into.shape[1]
    heard = np.empty((rows, *music.shape[1:]), np.float32)
    # the rows as the gates lie, [blocks, rows, width]
    if rows == 1:
        turned, wanted, given = heard.reshape(-1), base, np.empty_like(base)
    else:
        turned = heard.swapaxes(0, 1)
        wanted, given = base.reshape(turned.shape), np.empty(turned.shape, np.float32)
    flat = given.reshape(-1)
    below = base
    if last is not None:
        take(music, last[:, 0], 0, heard, "clip")
        add(wanted, turned, given)
        below = flat
    for t in range(len(into)):
        for (
            recurrence,
            gate,
            sigmoids,
            c_g,
            f_i,
            pairs,
            kept,
            new,
            c,
            spare,
            spread,
            o,
            hidden,
            ones,
            halves,
            products,
            above,
        ) in layers:
            add(below, recurrence, gate)
            tanh(gate, gate)
            add(sigmoids, ones, sigmoids)
            multiply(c_g, f_i, pairs)
            add(kept, new, c)
            multiply(c, halves, c)
            tanh(c, spare)
            multiply(o, spread, hidden)
            for h, weights, out in products:
                matmul(h, weights, out)
            below = above
        if chance is not None:
            add(outputs, chance[t], outputs)
        tokens = outputs.argmax(1)
        into[t, :, 0] = tokens
        take(music, tokens, 0, heard, "clip")
        add(wanted, turned, given)
        below = flat


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
    """`[m, k]` times each of `[N, k]`, row by row: `[N, m]`."""
    return np.asarray(np.matmul(x[:, None], weight.T)[:, 0])


def _lstm(weights: Weights, prefix: str, sizes: Sequence[int]) -> Iterator[tuple[Floats, Floats, Floats]]:
    """(w_ih, w_hh, whole bias) of each layer, gates still in torch's order."""
    for w_ih, w_hh, b_ih, b_hh in lstm_names(prefix, sizes):
        yield weights[w_ih], weights[w_hh], weights[b_ih] + weights[b_hh]

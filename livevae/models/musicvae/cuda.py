"""The live decoder's network in torch, for a GPU: no synchronisation until the music is whole.

On CUDA the whole decode of a batch size is captured once as a graph and replayed, so that a step costs its
kernels and nothing else. Weights are stacked as in `packed`: one product a layer and step gives the input of the
layer above (or the outputs) and the layer's own next recurrence.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livevae.errors import ModelError
from livevae.models.checkpoints.files import Tensors
from livevae.models.checkpoints.layout import lstm_names
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.heads import Head, make_heads

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Batch sizes that graphs are captured for; a batch is filled up to the next one with rows that nobody hears."""

MOST_GRAPHS = 6
"""Graphs that are kept; each holds the memory of a whole decode."""


def usable() -> bool:
    """Whether torch finds a GPU that it can use."""
    return torch.cuda.is_available()


class TorchNetwork:
    """`decoder.Network` on a torch device. Not thread-safe: one worker thread owns it."""

    def __init__(self, config: Config, weights: Tensors, device: str) -> None:
        """Weights go to the device at once.

        Raises:
            ModelError: there is no such device.
        """
        if device.startswith("cuda") and not usable():
            raise ModelError("torch finds no GPU here; play with `--device cpu`")
        self.config = config
        self.device = torch.device(device)
        on_device = {name: torch.tensor(value, device=self.device) for name, value in weights.items()}
        self._conductor: _Stack | None = None
        if config.segments:
            self._conductor = _Stack(config, on_device, "conductor", None)
        embedding = config.decoder[-1] if config.segments else config.latent
        self._cores = [
            _Core(config, on_device, i, head, embedding) for i, head in enumerate(make_heads(config))
        ]
        self._graphs: dict[tuple[int, bool], _Graph] = {}

    def __call__(
        self,
        z: NDArray[Any],
        temperature: NDArray[Any],
        noise: NDArray[Any],
        controls: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """`[N, latent], [N], [N, steps, depth]` to tokens or rows, as `packed.Packed`."""
        given = [z, np.asarray(temperature)[:, None], noise, *([] if controls is None else [controls])]
        inputs = [torch.from_numpy(np.ascontiguousarray(part, np.float32)) for part in given]
        with torch.inference_mode():
            if self.device.type == "cuda":
                music = self._replay(inputs)
            else:
                music = self.run(*(part.to(self.device) for part in inputs))
            found = np.asarray(music.cpu().numpy())
        return found[..., 0] if self.config.head == "categorical" and found.shape[-1] == 1 else found

    def run(self, z: Tensor, temperature: Tensor, noise: Tensor, controls: Tensor | None = None) -> Tensor:
        """The decode itself, on the device: fixed work for a batch size, nothing that waits for the host.

        Args:
            z: `[N, latent]`.
            temperature: `[N, 1]`.
            noise: `[N, steps, output_depth]`.
            controls: `[N, steps, controls]` where the configuration has them.

        Returns:
            Tokens `[N, steps, parts]`, or rows `[N, steps, depth]`.
        """
        config = self.config
        scaled = temperature.unsqueeze(-1) * noise
        length = config.steps // max(1, config.segments)
        embeddings = [z] if self._conductor is None else self._conduct(z)
        music: list[list[Tensor]] = [[] for _ in self._cores]
        for segment, embedding in enumerate(embeddings):
            span = slice(segment * length, (segment + 1) * length)
            start = 0
            for core, played in zip(self._cores, music, strict=True):
                chance = scaled[:, span, start : start + core.head.depth]
                heard = None if controls is None else controls[:, span]
                core.decode(embedding, chance, heard, played)
                start += core.head.depth
        return torch.cat([torch.stack(played, 1) for played in music], -1)

    def _conduct(self, z: Tensor) -> list[Tensor]:
        stack = self._conductor
        assert stack is not None  # noqa: S101  (for the type checker)
        state = stack.start(z)
        given = stack.first_bias.expand(len(z), -1)
        said = []
        for _ in range(self.config.segments):
            stack.advance(state, given)
            said.append(state[-1].h)
        return said

    def _replay(self, inputs: list[Tensor]) -> Tensor:
        """The decode as a captured graph; a batch larger than the largest goes in several."""
        n = len(inputs[0])
        if n > SIZES[-1]:
            halves = [[part[:SIZES[-1]] for part in inputs], [part[SIZES[-1]:] for part in inputs]]  # fmt: skip
            return torch.cat([self._replay(half) for half in halves])
        size = next(size for size in SIZES if size >= n)
        key = size, len(inputs) > 3
        graph = self._graphs.pop(key, None) or _Graph(self, [(size, *part.shape[1:]) for part in inputs])
        self._graphs[key] = graph  # the latest last
        while len(self._graphs) > MOST_GRAPHS:
            self._graphs.pop(next(iter(self._graphs)))
        return graph(inputs)[:n]


class _Graph:
    """A captured decode of one batch size: the same memory in, the same memory out, every time."""

    def __init__(self, network: TorchNetwork, shapes: list[tuple[int, ...]]) -> None:
        self.inputs = [torch.zeros(shape, device=network.device) for shape in shapes]
        self.graph = torch.cuda.CUDAGraph()
        # libraries set themselves up in the first runs, which must not be captured
        beside = torch.cuda.Stream(network.device)  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream(network.device))
        with torch.cuda.stream(beside):
            for _ in range(2):
                network.run(*self.inputs)
        torch.cuda.current_stream(network.device).wait_stream(beside)
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.music = network.run(*self.inputs)

    def __call__(self, inputs: list[Tensor]) -> Tensor:
        for place, part in zip(self.inputs, inputs, strict=True):
            place[: len(part)].copy_(part, non_blocking=True)
        self.graph.replay()
        return self.music


class _LayerState:
    """h, c and what the layer's product said of h: the input above and its own recurrence."""

    def __init__(self, h: Tensor, c: Tensor) -> None:
        self.h, self.c = h, c
        self.above = self.recurrence = h


class _Stack:
    """A stack of LSTM layers, gates in torch's order."""

    def __init__(
        self, config: Config, weights: dict[str, Tensor], prefix: str, output: tuple[Tensor, Tensor] | None
    ) -> None:
        found = [
            [weights[name] for name in names] for names in lstm_names(f"{prefix}.layers", config.decoder)
        ]
        self.first_input, self.first_bias = found[0][0], found[0][2] + found[0][3]
        above = [(w_ih, b_ih + b_hh) for w_ih, _, b_ih, b_hh in found[1:]]
        above.append(output or (found[-1][1][:0], found[-1][2][:0]))
        self.layers: list[tuple[Tensor, Tensor, int]] = []
        for (w_above, b_above), (_, w_hh, _, _) in zip(above, found, strict=True):
            bias = torch.cat([b_above, b_above.new_zeros(len(w_hh))])
            self.layers.append((torch.cat([w_above, w_hh]).t(), bias, len(w_above)))
        self.dense = weights[f"{prefix}.initial.dense.weight"], weights[f"{prefix}.initial.dense.bias"]
        self.splits = [units for units in config.decoder for _ in ("c", "h")]

    def start(self, embedding: Tensor) -> list[_LayerState]:
        """The state before the first step."""
        weight, bias = self.dense
        parts = torch.split(torch.tanh(torch.addmm(bias, embedding, weight.t())), self.splits, -1)
        state = [_LayerState(h, c) for c, h in zip(parts[0::2], parts[1::2], strict=True)]
        for at, layer in zip(state, self.layers, strict=True):
            _hear(at, layer)
        return state

    def advance(self, state: list[_LayerState], given: Tensor) -> Tensor:
        """One step with the first layer's input product given; what the top layer's hearer says of it."""
        for at, layer in zip(state, self.layers, strict=True):
            at.h, at.c = _cell(given, at.recurrence, at.c)
            _hear(at, layer)
            given = at.above
        return given


def _hear(at: _LayerState, layer: tuple[Tensor, Tensor, int]) -> None:
    weight, bias, split = layer
    out = torch.addmm(bias, at.h, weight)
    at.above, at.recurrence = out[:, :split], out[:, split:]


def _cell(given: Tensor, recurrence: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """(h, c) of an LSTM cell from the two halves of its gates; one kernel on CUDA."""
    if given.is_cuda:
        h, c, _ = torch.ops.aten._thnn_fused_lstm_cell(  # noqa: SLF001
            given.contiguous(), recurrence.contiguous(), c.contiguous()
        )
        return h, c
    i, f, g, o = (given + recurrence).chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class _Core:
    """One core decoder."""

    def __init__(
        self, config: Config, weights: dict[str, Tensor], index: int, head: Head, embedding: int
    ) -> None:
        prefix = f"cores.{index}"
        self.head = head.to(weights[f"{prefix}.output.weight"].device)
        own = {name: weights[f"{prefix}.head.{name}"] for name, _ in head.named_parameters()}
        self.head.load_state_dict(own)
        self.stack = _Stack(
            config, weights, prefix, (weights[f"{prefix}.output.weight"], weights[f"{prefix}.output.bias"])
        )
        music, latent, controls = torch.split(
            self.stack.first_input, [head.depth, embedding, config.controls], 1
        )
        self.music = music.t().contiguous()
        self.latent, self.controls = latent.t(), controls.t()
        self.categorical = config.head == "categorical"
        depths = [head.depth] if config.split else list(config.output_depths)
        self.starts = [sum(depths[:part]) for part in range(len(depths))]
        self.depths = depths

    def decode(
        self, embedding: Tensor, chance: Tensor, controls: Tensor | None, played: list[Tensor]
    ) -> None:
        """Go on after what was played, a step for each of `chance`'s, already scaled by the temperature."""
        state = self.stack.start(embedding)
        base = torch.addmm(self.stack.first_bias, embedding, self.latent)
        one = chance.new_ones(len(embedding), 1)
        for t in range(chance.shape[1]):
            given = base
            if played:
                given = given + self._music(played[-1])
            if controls is not None:
                given = torch.addmm(given, controls[:, t], self.controls)
            outputs = self.stack.advance(state, given)
            played.append(self._sample(outputs, chance[:, t], one))

    def _music(self, last: Tensor) -> Tensor:
        if not self.categorical:
            return last @ self.music
        rows = [self.music[start + last[:, part]] for part, start in enumerate(self.starts)]
        return torch.stack(rows).sum(0) if len(rows) > 1 else rows[0]

    def _sample(self, outputs: Tensor, chance: Tensor, one: Tensor) -> Tensor:
        if not self.categorical:
            return self.head.sample(outputs, one, chance)
        parts = torch.split(outputs + chance, self.depths, -1)
        return torch.stack([part.argmax(-1) for part in parts], -1)

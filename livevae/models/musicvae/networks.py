"""MusicVAE's networks in torch: bidirectional encoder, conductor, core decoders.

Roberts et al. 2018 (arXiv 1803.05428), built from a `Config` so that Magenta's checkpoints fit without a
class of their own. Music is `[N, steps, depth]`; wherever music goes in, integer tokens `[N, steps]` (a trio:
`[N, steps, 3]`) may stand for it. Nothing here draws random numbers: chance comes in as noise (see `heads`).
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from livevae.errors import ModelError
from livevae.models.musicvae.config import Config
from livevae.models.musicvae.heads import Head, make_heads

State = list[tuple[Tensor, Tensor]]
"""(h, c) of each layer, `[N, units]` each."""


def one_hot(tokens: Tensor, depths: Sequence[int]) -> Tensor:
    """Class indices `[N, steps]` or `[N, steps, parts]` as one-hot vectors, the parts side by side."""
    if len(depths) == 1 and tokens.dim() == 2:
        tokens = tokens.unsqueeze(-1)
    parts = zip(tokens.unbind(-1), depths, strict=True)
    return torch.cat([F.one_hot(part.long(), depth) for part, depth in parts], -1).float()


class Layers(nn.Module):
    """A stack of LSTM layers of any sizes; neighbours of equal size share one `nn.LSTM` (one cuDNN call)."""

    def __init__(
        self, width: int, sizes: Sequence[int], *, both_ways: bool = False, dropout: float = 0
    ) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.dropout = dropout
        self.runs = nn.ModuleList()
        for units, run in groupby(self.sizes):
            count = len(list(run))
            between = dropout if count > 1 else 0.0
            lstm = nn.LSTM(width, units, count, batch_first=True, bidirectional=both_ways, dropout=between)
            self.runs.append(lstm)
            width = units * (2 if both_ways else 1)
        for _, w_ih, w_hh, b_ih, b_hh in self.weights():
            nn.init.xavier_uniform_(w_ih)
            nn.init.xavier_uniform_(w_hh)
            nn.init.zeros_(b_hh)
            nn.init.zeros_(b_ih)
            with torch.no_grad():
                b_ih[w_hh.shape[1] : 2 * w_hh.shape[1]] = 1.0

    def weights(self) -> Iterator[tuple[str, Tensor, Tensor, Tensor, Tensor]]:
        """(fw or bw, w_ih, w_hh, b_ih, b_hh) of each layer and direction, in order; gates are i, f, g, o."""
        for lstm in self.runs:
            assert isinstance(lstm, nn.LSTM)  # noqa: S101  (for the type checker)
            for layer in range(lstm.num_layers):
                for way, suffix in (("fw", ""), ("bw", "_reverse"))[: 2 if lstm.bidirectional else 1]:
                    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                    w_ih, w_hh, b_ih, b_hh = (getattr(lstm, f"{name}_l{layer}{suffix}") for name in names)
                    yield way, w_ih, w_hh, b_ih, b_hh

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Outputs `[N, steps, units]` and the last state; one way: a state each layer, both ways: two."""
        after: State = []
        start = 0
        for lstm in self.runs:
            assert isinstance(lstm, nn.LSTM)  # noqa: S101  (for the type checker)
            count = lstm.num_layers
            x = F.dropout(x, self.dropout, self.training)
            given = None
            if state is not None:
                h, c = (torch.stack(part) for part in zip(*state[start : start + count], strict=True))
                given = (h.contiguous(), c.contiguous())
            x, (h, c) = lstm(x, given)
            after += list(zip(h.unbind(0), c.unbind(0), strict=True))
            start += count
        return x, after


class InitialState(nn.Module):
    """z to the first (c, h) of every layer: tanh of one dense layer, split c0, h0, c1, h1 ..."""

    def __init__(self, latent: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.splits = [size for size in sizes for _ in range(2)]
        self.dense = nn.Linear(latent, sum(self.splits))
        nn.init.normal_(self.dense.weight, std=0.001)
        nn.init.zeros_(self.dense.bias)

    def forward(self, z: Tensor) -> State:
        """`[N, latent]` to (h, c) of each layer."""
        c_and_h = torch.split(torch.tanh(self.dense(z)), self.splits, -1)
        return list(zip(c_and_h[1::2], c_and_h[0::2], strict=True))


class Encoder(nn.Module):
    """Music to q(z given x): stacked bidirectional LSTM, the last h of both ways, two dense heads.

    With `encode_segments` one stack hears each segment, and a second one hears what it says of them.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.input_depth + config.controls
        self.count = config.segments
        self.segments: Layers | None = None
        if config.encode_segments:
            self.segments = Layers(width, config.encoder, both_ways=True, dropout=config.dropout)
            width = 2 * config.encoder[-1]
        self.layers = Layers(width, config.encoder, both_ways=True, dropout=config.dropout)
        self.mu = nn.Linear(2 * config.encoder[-1], config.latent)
        self.sigma = nn.Linear(2 * config.encoder[-1], config.latent)
        for dense in (self.mu, self.sigma):
            nn.init.normal_(dense.weight, std=0.001)
            nn.init.zeros_(dense.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[N, steps, input_depth + controls]` to mu and sigma, `[N, latent]` each."""
        if self.segments is not None:
            n = len(x)
            pieces = x.reshape(n * self.count, -1, x.shape[-1])
            x = _last(self.segments(pieces)[1]).reshape(n, self.count, -1)
        last = _last(self.layers(x)[1])
        return self.mu(last), F.softplus(self.sigma(last))


def _last(state: State) -> Tensor:
    """The last layer's final h, forward and backward side by side."""
    return torch.cat([state[-2][0], state[-1][0]], -1)


class Conductor(nn.Module):
    """z to one embedding a segment; its LSTM hears nothing but its own state (input: a single zero)."""

    def __init__(self, latent: int, sizes: Sequence[int], segments: int) -> None:
        super().__init__()
        self.segments = segments
        self.initial = InitialState(latent, sizes)
        self.layers = Layers(1, sizes)

    def forward(self, z: Tensor) -> Tensor:
        """`[N, latent]` to `[N, segments, units]`."""
        outputs, _ = self.layers(z.new_zeros(len(z), self.segments, 1), self.initial(z))
        return outputs  # type: ignore[no-any-return]


class Core(nn.Module):
    """The autoregressive decoder of one segment: its input is [previous step, embedding, controls]."""

    def __init__(self, config: Config, embedding: int, head: Head) -> None:
        super().__init__()
        self.head = head
        self.initial = InitialState(embedding, config.decoder)
        width = head.depth + embedding + config.controls
        self.layers = Layers(width, config.decoder, dropout=config.dropout)
        self.output = nn.Linear(config.decoder[-1], head.raw)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self, previous: Tensor, embedding: Tensor, controls: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """Outputs `[N, steps, raw]` and the state after them, given the music one step before each."""
        parts = [previous, embedding.unsqueeze(1).expand(-1, previous.shape[1], -1)]
        if controls is not None:
            parts.append(controls)
        hidden, state = self.layers(torch.cat(parts, -1), state)
        return self.output(hidden), state


class MusicVAE(nn.Module):
    """A whole MusicVAE: posterior, teacher-forced outputs, reconstruction loss.

    Everything is batch first. `config` says the widths.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.conductor = (
            Conductor(config.latent, config.decoder, config.segments) if config.segments else None
        )
        embedding = config.decoder[-1] if config.segments else config.latent
        self.cores = nn.ModuleList(Core(config, embedding, head) for head in make_heads(config))

    def core_list(self) -> list[Core]:
        """The core decoders, one for all parts or one each, typed."""
        return [core for core in self.cores if isinstance(core, Core)]

    def music(self, y: Tensor) -> Tensor:
        """Music as the decoder hears it, `[N, steps, output_depth]` floats, from itself or from tokens."""
        if y.dtype.is_floating_point:
            return y
        if self.config.head != "categorical" and y.dim() != 3:
            raise ModelError(f"{self.config.name} has no tokens: give it music [N, steps, depth]")
        if self.config.head != "categorical":
            return y.float()
        return one_hot(y, self.config.output_depths)

    def encoder_input(self, x: Tensor) -> Tensor:
        """Music as the encoder hears it, `[N, steps, input_depth]` floats.

        Takes that itself, tokens, or a drum roll without its "nothing" flag.
        """
        config = self.config
        if not config.roll_input:
            return self.music(x)
        if not x.dtype.is_floating_point and x.dim() == 2:
            bits = torch.arange(config.input_depth - 1, device=x.device)
            x = (x.unsqueeze(-1) >> bits) & 1
        x = x.float()
        if x.shape[-1] == config.input_depth - 1:
            x = torch.cat([x, (x.sum(-1, keepdim=True) == 0).to(x)], -1)
        return x

    def posterior(self, x: Tensor, controls: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mu and sigma of q(z given x), `[N, latent]` each.

        Args:
            x: music as `encoder_input` takes it.
            controls: `[N, steps, controls]` where the configuration has them.
        """
        x = self.encoder_input(x)
        if (controls := self._controls(controls)) is not None:
            x = torch.cat([x, controls], -1)
        mu, sigma = self.encoder(x)
        return mu, sigma

    def teacher_forced(self, z: Tensor, y: Tensor, controls: Tensor | None = None) -> Tensor:
        """Outputs before sampling, `[N, steps, raw]`, each given the true music before it.

        Args:
            z: `[N, latent]`.
            y: the music, `[N, steps, output_depth]` or tokens; any number of steps for a flat decoder.
            controls: `[N, steps, controls]` where the configuration has them.
        """
        y = self.music(y)
        previous = F.pad(y[:, :-1], (0, 0, 1, 0))
        controls = self._controls(controls)
        n, steps = y.shape[:2]
        embeddings = self.embeddings(z).flatten(0, 1)
        segments = len(embeddings) // n
        previous = previous.reshape(n * segments, steps // segments, -1)
        if controls is not None:
            controls = controls.reshape(n * segments, steps // segments, -1)
        heard = torch.split(previous, self.config.core_depths, -1)
        outputs = [
            core(part, embeddings, controls, core.initial(embeddings))[0]
            for core, part in zip(self.core_list(), heard, strict=True)
        ]
        return torch.cat(outputs, -1).reshape(n, steps, -1)

    def reconstruction_loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Loss of `outputs [N, steps, raw]` given the music, summed over steps and parts: `[N]`, nats."""
        cores = self.core_list()
        raw = torch.split(outputs, [core.head.raw for core in cores], -1)
        target = torch.split(self.music(y), self.config.core_depths, -1)
        losses = [core.head.loss(o, t) for core, o, t in zip(cores, raw, target, strict=True)]
        return torch.stack(losses).sum((0, -1))

    def embeddings(self, z: Tensor) -> Tensor:
        """What each segment's decoder is started from, `[N, segments, size]`; z itself for a flat decoder."""
        return z.unsqueeze(1) if self.conductor is None else self.conductor(z)

    def _controls(self, controls: Tensor | None) -> Tensor | None:
        """Controls as floats, or ModelError where they are missing or not wanted."""
        width = self.config.controls
        if (controls is None) == (width > 0):
            said = f"needs controls [N, steps, {width}]" if width else "takes no controls"
            raise ModelError(f"{self.config.name} {said}")
        return None if controls is None else controls.float()


def kl(mu: Tensor, sigma: Tensor) -> Tensor:
    """KL divergence of N(mu, sigma) from N(0, 1) in nats: `[N, latent]` each to `[N, latent]`."""
    return 0.5 * (mu**2 + sigma**2 - 1) - torch.log(sigma)


def free_running(
    model: MusicVAE, z: Tensor, temperature: Tensor, noise: Tensor, controls: Tensor | None = None
) -> Tensor:
    """Music decoded step by step from z, each step hearing its own last: `[N, steps, output_depth]`.

    The plain reference that the fast decoders are tested against.

    Args:
        model: any MusicVAE.
        z: `[N, latent]`.
        temperature: `[N, 1]`; 0 is greedy.
        noise: `[N, steps, output_depth]`, see `heads`.
        controls: `[N, steps, controls]` where the configuration has them.
    """
    config, cores = model.config, model.core_list()
    controls = model._controls(controls)  # noqa: SLF001
    last = z.new_zeros(len(z), config.output_depth)
    music: list[Tensor] = []
    for embedding in model.embeddings(z).unbind(1):
        states = [core.initial(embedding) for core in cores]
        for _ in range(config.steps // max(1, config.segments)):
            t = len(music)
            now = None if controls is None else controls[:, t : t + 1]
            heard = torch.split(last.unsqueeze(1), config.core_depths, -1)
            chance = torch.split(noise[:, t], config.core_depths, -1)
            step = []
            for i, core in enumerate(cores):
                outputs, states[i] = core(heard[i], embedding, now, states[i])
                step.append(core.head.sample(outputs[:, 0], temperature, chance[i]))
            last = torch.cat(step, -1)
            music.append(last)
    return torch.stack(music, 1)

"""A step-wise RNN as programs use it: inputs, labels, logits, continuations, likelihoods.

model = livevae.models.load("attention_rnn")
answer = model.continued([60, -2, -2, -2, 62, -2, -2, -2], 24, temperature=0.8, seed=1)
"""

import copy
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livevae.errors import ModelError
from livevae.latent import chance
from livevae.models.melody_rnn import chord_inputs, encodings
from livevae.models.melody_rnn.config import Config
from livevae.models.melody_rnn.encodings import Encoder
from livevae.models.melody_rnn.events import checked, squashed, transposed
from livevae.models.melody_rnn.network import Floats, Network, State
from livevae.music import drums

MEMORY = 4
"""Bars of what was played that are read before the model goes on."""

DRUM_OF: Mapping[int, int] = drums.instruments(drums.REDUCED)
MOST_STEPS = 1 << 16
"""Steps that are continued at once at most."""


@dataclass(slots=True)
class Reading:
    """What was read so far.

    Attributes:
        encoder: knows the events.
        state: of the network, one row.
        count: events read.
    """

    encoder: Encoder
    state: State
    count: int = 0

    def copy(self) -> "Reading":
        """An independent copy."""
        return Reading(copy.deepcopy(self.encoder), self.state, self.count)


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How to go on.

    Attributes:
        steps: how many.
        temperature: 0 is greedy.
        noise: Gumbel, `[steps, classes]`.
        controls: encoded chords, `[inputs, control inputs]`, by the number of the input.
        top: only so many of the likeliest; 0 all.
    """

    steps: int
    temperature: float
    noise: Floats
    controls: Floats | None = None
    top: int = 0


class Model:
    """A melody, improv or drums RNN.

    Events are, for melodies, `[T]`: -2 nothing new, -1 the note ends, 0 to 127 a pitch; for drums `[T, 128]`: 1 where
    that MIDI pitch is struck. Chords are symbols, one a step ("N.C." for none); the input after event p is of the
    chord of p + 1, so T + 1 of them describe T inputs (of T, the last is used twice).

    Attributes:
        config: of the model.
        about: where it comes from, plain JSON.
        bars: that a riff of it is a multiple of.
        memory: bars of context that it reads.
        takes: the settings that have an effect on it.
    """

    bars = 1
    memory = MEMORY

    def __init__(self, config: Config, tensors: Mapping[str, Floats], about: Mapping[str, Any]) -> None:
        """From a checkpoint's tensors, float32, see `layout`."""
        self.config, self.about = config, dict(about)
        self.takes = takes(config)
        self._network = Network(config, tensors)

    @property
    def name(self) -> str:
        """Its configuration's."""
        return self.config.name

    def inputs(self, events: ArrayLike, chords: Sequence[str] | None = None) -> Floats:
        """Input after each event, `[T, inputs]`.

        Raises:
            ModelError: events outside of the vocabulary, or chords where the model hears none (or the other way).
            MusicError: a symbol that is no chord.
        """
        numbers = self._numbers(events)
        rows = encodings.inputs(self.config, numbers)
        controls = self._controls(chords, 1, len(numbers))
        return rows if controls is None else np.concatenate([controls, rows], 1)

    def labels(self, events: ArrayLike) -> NDArray[np.int64]:
        """Class of every event but the first, `[T - 1]`; errors as `inputs`."""
        return encodings.labels(self.config, self._numbers(events))

    def logits(self, events: ArrayLike, chords: Sequence[str] | None = None) -> Floats:
        """What the network says after each event, `[T, classes]`, from the zero state; errors as `inputs`."""
        state, rows = self._network.start(), []
        for x in self.inputs(events, chords):
            state = self._network.step([x], state)
            rows.append(self._network.logits(state)[0])
        return np.stack(rows) if rows else np.zeros((0, self.config.classes), np.float32)

    def log_likelihood(self, events: ArrayLike, chords: Sequence[str] | None = None) -> float:
        """Natural logarithm of the probability of all labels, the first event not counted; errors as `inputs`."""
        numbers, labels = self._numbers(events), self.labels(events)
        if not len(labels):
            return 0.0
        logits = self.logits(events, chords)[: len(numbers) - 1].astype(np.float64)
        return float(log_softmax(logits)[np.arange(len(labels)), labels].sum())

    def continued(
        self,
        events: ArrayLike,
        n: int,
        temperature: float = 1.0,
        seed: int | None = None,
        chords: Sequence[str] | None = None,
        *,
        top: int = 0,
        beam: int = 1,
        branch: int = 1,
        stride: int = 1,
    ) -> NDArray[Any]:
        """The events that come next.

        A primer with pitches that the model does not have is first squashed into its range (and to its key), and what
        comes is transposed back, as Magenta does it.

        Args:
            events: the primer, at least one.
            n: how many.
            temperature: of the softmax; 0 takes the likeliest class every time.
            seed: the same gives the same; None draws one.
            chords: of the primer and of what comes, where the model hears chords.
            top: only so many of the likeliest classes; 0 all.
            beam: how many continuations are kept side by side.
            branch: how many ways each of them goes on.
            stride: steps between choosing the `beam` likeliest.

        Returns:
            Events `[n]` int64 or drums `[n, 128]` uint8, without the primer.

        Raises:
            ModelError: no primer, a temperature below 0, or as `inputs`.
        """
        numbers = self._numbers(events)
        if not numbers or not 0 <= n <= MOST_STEPS:
            raise ModelError(
                f"a continuation needs a primer of at least one event, and 0 to {MOST_STEPS} steps"
            )
        if not (0 <= temperature < float("inf")) or top < 0 or min(beam, branch, stride) < 1:
            raise ModelError(
                f"a temperature is 0 or more, top too, and beam, branch and stride are 1 or more; not {temperature}, "
                f"{top}, {beam}, {branch}, {stride}"
            )
        config, amount = self.config, 0
        if config.family != "drums" and any(
            e >= 0 and not config.min_note <= e < config.max_note for e in numbers
        ):
            numbers, amount = squashed(numbers, config.min_note, config.max_note, config.key)
        seed = secrets.randbits(63) if seed is None else seed
        controls = self._controls(chords, 1, len(numbers) + n - 1)
        reading = self.reading()
        self.read([reading], [numbers], [controls])
        if max(beam, branch) > 1:
            made = self._searched(reading, n, temperature, seed, controls, top, beam, branch, stride)
        else:
            noise = _noise(seed, 0, n, config.classes, temperature)
            made = self.go_on([reading], [Way(n, temperature, noise, controls, top)])[0]
        if config.family == "drums":
            return roll(made)
        return np.array(transposed(made, -amount), np.int64)

    # what decoding live is made of

    def reading(self) -> Reading:
        """What was read before the first event: nothing."""
        return Reading(encodings.encoder(self.config), self._network.start())

    def read(
        self,
        readings: Sequence[Reading],
        events: Sequence[Sequence[int]],
        controls: Sequence[Floats | None],
    ) -> None:
        """Read on, each its own events; the readings are changed, each as if it were alone.

        Args:
            readings: from `reading`, or what was read before.
            events: of each.
            controls: of each, encoded chords, `[inputs, control inputs]`, by the number of the input.
        """
        self._together(
            readings, [len(given) for given in events], controls, lambda i, step, _: events[i][step]
        )

    def go_on(self, readings: Sequence[Reading], ways: Sequence[Way]) -> list[list[int]]:
        """The next events of each; the readings are changed, and have read all of them but the last."""
        made: list[list[int]] = [[] for _ in ways]

        def coming(i: int, _: int, logits: Floats) -> int:
            made[i].append(readings[i].encoder.event(chosen(logits, ways[i], len(made[i]))[0]))
            return made[i][-1]

        self._together(
            readings, [way.steps - 1 for way in ways], [way.controls for way in ways], coming, hear=True
        )
        for i, way in enumerate(ways):
            if way.steps:
                coming(i, way.steps - 1, self._network.logits(readings[i].state)[0])
        return made

    def _together(
        self,
        readings: Sequence[Reading],
        counts: Sequence[int],
        controls: Sequence[Floats | None],
        coming: Callable[[int, int, Floats], int],
        *,
        hear: bool = False,
    ) -> None:
        """Read so many events of each in common steps.

        Args:
            readings: are changed.
            counts: of events of each.
            controls: of each.
            coming: the next event, of a row, a step, and the logits before it.
            hear: whether `coming` needs logits.
        """
        done = 0
        for end in sorted({count for count in counts if count > 0}):
            rows = [i for i, count in enumerate(counts) if count >= end]
            state = State.joined([readings[i].state for i in rows])
            logits: Floats = np.zeros((len(rows), 0), np.float32)
            for step in range(done, end):
                if hear:
                    logits = self._network.logits(state)
                x = [
                    self._input(readings[i], coming(i, step, given), controls[i])
                    for i, given in zip(rows, logits, strict=True)
                ]
                state = self._network.step(x, state)
            for place, i in enumerate(rows):
                readings[i].state = state.row(place)
            done = end

    @staticmethod
    def _input(reading: Reading, event: int, controls: Floats | None) -> Floats:
        x = reading.encoder.push(event)
        if controls is not None:
            x = np.concatenate([controls[min(reading.count, len(controls) - 1)], x])
        reading.count += 1
        return x

    def _searched(
        self,
        reading: Reading,
        n: int,
        temperature: float,
        seed: int,
        controls: Floats | None,
        top: int,
        beam: int,
        branch: int,
        stride: int,
    ) -> list[int]:
        """Sampled beam search, as Magenta's: branches are sampled, and the likeliest are kept."""
        beams: list[tuple[float, list[int], Reading]] = [(0.0, [], reading)] * beam
        done = 0
        while done < n:
            count = min(stride, n - done)
            grown: list[tuple[float, list[int], Reading]] = []
            for number, (score, made, at) in enumerate(beams):
                for way in range(branch):
                    mine = at.copy()
                    stream = (done * beam + number) * branch + way
                    noise = _noise(seed, stream, count, self.config.classes, temperature)
                    new, more = self._scored(mine, Way(count, temperature, noise, controls, top))
                    grown.append((score + more, made + new, mine))
            beams = sorted(grown, key=lambda kept: -kept[0])[:beam]
            done += count
        return beams[0][1]

    def _scored(self, reading: Reading, way: Way) -> tuple[list[int], float]:
        """The next events, all of them read, and their log likelihood."""
        made: list[int] = []
        total = 0.0
        for step in range(way.steps):
            label, logits = chosen(self._network.logits(reading.state)[0], way, step)
            total += float(log_softmax(logits.astype(np.float64))[label])
            made.append(reading.encoder.event(label))
            self.read([reading], [made[-1:]], [way.controls])
        return made, total

    def _numbers(self, events: ArrayLike) -> list[int]:
        array = np.asarray(events)
        if self.config.family != "drums":
            if array.ndim != 1:
                raise ModelError(f"a melody is [T] events, not of shape {list(array.shape)}")
            return checked(array.tolist())
        if array.ndim == 1:
            return [int(token) for token in array]
        if array.ndim != 2 or array.shape[1] != 128:
            raise ModelError(
                f"drums are [T, 128], 1 where a pitch is struck, not of shape {list(array.shape)}"
            )
        return [
            sum({1 << DRUM_OF[int(p)] for p in np.flatnonzero(row) if int(p) in DRUM_OF}) for row in array
        ]

    def _controls(self, chords: Sequence[str] | None, first: int, count: int) -> Floats | None:
        """Encoded chords `[count, control inputs]` from the chord of step `first` on."""
        config = self.config
        if (chords is None) == bool(config.control):
            raise ModelError(
                f"{config.name} {'needs chords, one a step' if config.control else 'hears no chords'}"
            )
        if chords is None:
            return None
        if len(chords) < count + first - 1 or not len(chords):
            raise ModelError(f"{count} steps need at least {count} chords, not {len(chords)}")
        encode = chord_inputs.triad_row if config.control == "triad" else chord_inputs.pitches_row
        rows = {symbol: encode(str(symbol)) for symbol in set(chords)}
        width = config.control_inputs
        taken = [rows[chords[min(first + i, len(chords) - 1)]] for i in range(count)]
        return np.stack(taken) if taken else np.zeros((0, width), np.float32)


def takes(config: Config) -> tuple[str, ...]:
    """The parts of a recipe that have an effect on a model of a configuration."""
    beside = ("beside",) if config.control else ()
    return ("seed", "temperature", "bars", "context", "call", "distance", "top", *beside)


def chosen(logits: Floats, way: Way, step: int) -> tuple[int, Floats]:
    """The class that comes next, and the logits that it was chosen by."""
    logits = limited(logits / np.float32(way.temperature or 1.0), way.top)
    return int(np.argmax(logits + way.noise[step] if way.temperature > 0 else logits)), logits


def limited(logits: Floats, top: int) -> Floats:
    """Logits with all but the `top` highest at minus infinity; 0 keeps all."""
    if not 0 < top < len(logits):
        return logits
    least = np.partition(logits, -top)[-top]
    return np.where(logits >= least, logits, np.float32(-np.inf))


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log probabilities along the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def roll(classes: Sequence[int]) -> NDArray[np.uint8]:
    """Drum classes as `[T, 128]`: each drum by its first pitch."""
    found = np.zeros((len(classes), 128), np.uint8)
    for step, token in enumerate(classes):
        for drum, pitches in enumerate(drums.REDUCED):
            if token >> drum & 1:
                found[step, pitches[0]] = 1
    return found


def _noise(seed: int, stream: int, n: int, classes: int, temperature: float) -> Floats:
    if temperature <= 0:
        return np.zeros((n, classes), np.float32)
    return chance.gumbel(seed, chance.CHOICE, stream, 0, n * classes).reshape(n, classes)

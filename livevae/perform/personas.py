"""The personas' desk: trains, loads, keeps and takes back personas while the music plays.

What is trained is hot-swapped just before a bar line's riffs are begun, so that the bar as a whole is hers or not.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from livevae.errors import LivevaeError, RequestError
from livevae.latent.personas import Persona, Personas, U
from livevae.music.notes import TICKS_PER_BEAT, Riff
from livevae.perform import requests as ask
from livevae.perform.clock import TickClock
from livevae.perform.disk import Disk
from livevae.perform.events import PersonaState, Training
from livevae.perform.hub import Hub
from livevae.perform.provenance import persona_state, windows
from livevae.perform.requests import Later, Reply, Request, nobody
from livevae.perform.timing import Timing
from livevae.tempo.timeline import next_grid

logger = logging.getLogger(__name__)

MOST_UNDOS = 32
MOST_STATES = 128
"""Personas that a snapshot tells."""

LOOK_AGAIN = 5.0
"""Seconds after which the folder is looked at again for snapshots."""

SWAP_AHEAD = 0.02
"""Seconds before a bar's riffs are begun that a new persona takes its place."""


OnProgress = Callable[[int, int, float], None]
"""Hears of a training: its epoch, of how many, at what loss."""


class Book(Protocol):
    """What the desk needs of models: personas in memory and on disk, and a process that trains them."""

    personas: Personas

    def identity(self, model: str) -> str:
        """Whose z a model by name speaks. Raises LivevaeError where there is none."""

    def prior(self, model: str) -> str:
        """The digest of a model's learned prior; "" where it has none. Raises LivevaeError."""

    def checked_name(self, name: str) -> str:
        """The name in its one spelling. Raises LivevaeError where no persona can have it."""

    def names(self) -> tuple[str, ...]:
        """Personas in the performer's folder, and those that come with livevae."""

    def find(self, name: str) -> Persona:
        """A persona from disk. Raises LivevaeError."""

    def describe(self, name: str) -> Mapping[str, Any]:
        """What a persona on disk says of its training, without its weights. Raises LivevaeError."""

    def keep(self, persona: Persona) -> None:
        """Write a persona to the performer's folder, in whatever thread. Raises LivevaeError."""

    def attributes(self, model: str) -> Sequence[str]:
        """Which attributes the model has directions for."""

    async def train(
        self, name: str, model: str, takes: Sequence[Riff], epochs: int, on_progress: OnProgress
    ) -> Persona:
        """Train in a process of its own, at low priority; 0 epochs are the usual number. Raises LivevaeError."""


class Desk:
    """Personas of one session. Lives on the session's loop.

    Args:
        book: personas in memory and on disk.
        clock: the session's.
        timing: how early riffs are begun.
        users: the voices whose blend holds a name.
        takes: what was recorded so far.
        hub: told how trainings go.
        disk: what personas are saved on.
    """

    def __init__(
        self,
        book: Book,
        clock: TickClock,
        timing: Timing,
        users: Callable[[str], list[str]],
        takes: Callable[[], tuple[Riff, ...]],
        hub: Hub,
        disk: Disk,
    ) -> None:
        self._hub = hub
        self._disk = disk
        self._book = book
        self._clock = clock
        self._timing = timing
        self._users = users
        self._takes = takes
        self._undo: list[tuple[str, Persona | None]] = []
        self._training: dict[str, asyncio.Task[None]] = {}
        self._done: dict[str, float] = {}
        self._on_disk: tuple[str, ...] = ()
        self._cards: dict[str, Mapping[str, Any]] = {}
        self._next_card = 0
        self._saving: dict[str, Persona] = {}
        self._reading = self._looking = False
        self._looked = -LOOK_AGAIN

    @property
    def training(self) -> tuple[tuple[str, float], ...]:
        """Personas that are being trained, and how far they are, from 0 to 1."""
        return tuple((name, self._done.get(name, 0.0)) for name in self._training)

    @property
    def states(self) -> tuple[PersonaState, ...]:
        """Every persona: those that are here, those in training, those on disk; `MOST_STATES` of them."""
        here, on_disk = self._book.personas, self.on_disk
        found = [
            persona_state(name, "here", one.about, saved=name in on_disk, voices=tuple(self._users(name)))
            for name, one in here.items()
            if name not in self._training
        ]
        found += [
            PersonaState(name, "in training", progress=self._done.get(name, 0.0), saved=False)
            for name in self._training
        ]
        known = {one.name for one in found}
        there = [name for name in on_disk if name not in known][: max(0, MOST_STATES - len(found))]
        self._read_card(there)
        return (*found, *(persona_state(name, "on disk", self._cards.get(name, {})) for name in there))[
            :MOST_STATES
        ]

    @property
    def on_disk(self) -> tuple[str, ...]:
        """Names of those on disk, as they were a few seconds ago."""
        now = self._clock.now()
        if now >= self._looked + LOOK_AGAIN and not self._looking:
            self._looked, self._looking = now, True
            self._disk.look(self._names, self._seen)
        return self._on_disk

    def _names(self) -> tuple[str, ...]:
        try:
            return self._book.names()
        except OSError:
            return self._on_disk

    def _seen(self, names: tuple[str, ...]) -> None:
        self._on_disk, self._looking = names, False
        for gone in self._cards.keys() - set(names):
            del self._cards[gone]

    def _read_card(self, names: Sequence[str]) -> None:
        """Read what one persona on disk says of itself, another at each call: many files are never waited for."""
        if not names or self._reading:
            return
        self._next_card = (self._next_card + 1) % len(names)
        unread = next((name for name in names if name not in self._cards), None)
        name = names[self._next_card] if unread is None else unread

        def read() -> Mapping[str, Any]:
            try:
                return self._book.describe(name)
            except (LivevaeError, OSError):
                return {}

        def found(card: Mapping[str, Any]) -> None:
            self._cards[name], self._reading = card, False

        self._reading = True
        self._disk.look(read, found)

    def do(self, request: Request, later: Later = nobody) -> Reply:
        """Answer one of the personas' requests; how a training goes, and whether one is saved, is for `later`.

        Raises:
            LivevaeError: it cannot be done; nothing was changed.
        """
        match request:
            case ask.PersonaTrain():
                return self._train(request, later)
            case ask.PersonaSave(name):
                return self._save(self._here(name), later)
            case ask.PersonaLoad(name):
                persona = self._find(name)
                self._put(persona.name, persona)
                return Reply(pairs=(("persona", persona.name), ("windows", _windows(persona))))
            case ask.PersonaList():
                return self._list()
            case ask.PersonaRemove(name):
                return self._remove(self._here(name).name)
            case ask.PersonaUndo():
                return self._take_back()
            case _:
                raise RequestError(f"{type(request).__name__} is not a request about personas")

    def check(self, name: str, model: str) -> None:
        """See that a persona can be played with a model; one that only lies on disk is loaded.

        Raises:
            LivevaeError: there is none of that name, or it speaks another model's z or another prior's u.
        """
        persona = self._book.personas.get(self._book.checked_name(name))
        if persona is None:
            persona = self._find(name)
            self._book.personas.put(persona.name, persona)
        ours = model or "the model that plays here"
        if persona.model != self._book.identity(model):
            base = persona.about.get("base", "another model")
            raise RequestError(f"{name} was trained over {base}, not over {ours}: train it again")
        if persona.space == U and persona.prior != self._book.prior(model):
            raise RequestError(
                f"{name} was trained over another learned prior than that of {ours}: train it again"
            )

    def gone(self, names: Sequence[str], model: str) -> tuple[str, ...]:
        """Those of `names` that the base model stands in for now."""
        if not names:
            return ()
        there = self._book.personas.of(self._book.identity(model), self._book.prior(model))
        return tuple(name for name in names if name not in there)

    def attributes(self, model: str) -> Sequence[str]:
        """Which attributes a model has directions for."""
        return self._book.attributes(model)

    async def close(self) -> None:
        """Stop what is being trained."""
        tasks = list(self._training.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _here(self, name: str) -> Persona:
        persona = self._book.personas.get(self._book.checked_name(name))
        if persona is None:
            there = ", ".join(self._book.personas) or "none yet"
            raise RequestError(f"there is no persona {name[:40]!r} in this session; there are: {there}")
        return persona

    def _find(self, name: str) -> Persona:
        """A persona from disk, or one that is on its way there."""
        return self._saving.get(self._book.checked_name(name)) or self._book.find(name)

    def _save(self, persona: Persona, later: Later) -> Reply:
        def kept(_: None) -> Reply:
            self._looked = -LOOK_AGAIN
            return Reply(pairs=(("persona", persona.name),))

        def over(reply: Reply) -> None:
            if self._saving.get(persona.name) is persona:
                del self._saving[persona.name]
            later(reply)

        reply = self._disk.do(partial(self._book.keep, persona), kept, over)
        if reply.pending:
            self._saving[persona.name] = persona
        return reply

    def _put(self, name: str, persona: Persona | None) -> None:
        self._undo.append((name, self._book.personas.put(name, persona)))
        del self._undo[:-MOST_UNDOS]

    def _list(self) -> Reply:
        here = self._book.personas
        pairs = [(name, f"here, {_windows(one)} windows") for name, one in here.items()]
        there = dict.fromkeys((*self._book.names(), *self._saving))
        pairs += [(name, "on disk") for name in there if name not in here]
        pairs += [(name, "in training") for name in self._training if name not in here]
        return Reply(pairs=(("personas", len(pairs)), *pairs))

    def _remove(self, name: str) -> Reply:
        self._put(name, None)
        return Reply(pairs=(("persona", name), *self._fallen(name)))

    def _fallen(self, name: str) -> tuple[tuple[str, str], ...]:
        """Say which voices lost a persona."""
        users = self._users(name)
        if not users:
            return ()
        logger.warning("persona %s is gone: the base model stands in for it in %s", name, ", ".join(users))
        return (("fell_back", " ".join(users)),)

    def _take_back(self) -> Reply:
        if not self._undo:
            raise RequestError("there is nothing to take back: no persona was trained, loaded or removed")
        name, before = self._undo.pop()
        self._book.personas.put(name, before)
        if before is None:
            return Reply(pairs=(("persona", name), ("now", "gone"), *self._fallen(name)))
        return Reply(pairs=(("persona", name), ("now", "as before")))

    def _train(self, request: ask.PersonaTrain, later: Later) -> Reply:
        name = self._book.checked_name(request.name)
        if self._training:
            raise RequestError(f"{next(iter(self._training))} is still being trained; wait for it")
        self._book.identity(request.model)
        takes = self._takes()
        if not takes:
            raise RequestError("nothing was recorded to train on: /livevae/persona/record first")
        task = asyncio.get_running_loop().create_task(
            self._trained(replace(request, name=name), takes, later), name=f"train {name}"
        )
        self._training[name] = task
        task.add_done_callback(lambda _: self._training.pop(name, None))
        self._hub.log("persona", f"{name} is trained on {_some(len(takes), 'take')}")
        return Reply(pairs=(("persona", name), ("takes", len(takes)), ("state", "training")))

    async def _trained(self, wish: ask.PersonaTrain, takes: tuple[Riff, ...], say: Later) -> None:
        """The whole of a training: the process, then the swap on a bar line; every end of it is told."""

        def on_progress(epoch: int, epochs: int, loss: float) -> None:
            self._done[wish.name] = epoch / epochs
            pairs = (("persona", wish.name), ("epoch", epoch), ("epochs", epochs), ("loss", round(loss, 4)))
            say(Reply(pairs=(*pairs, ("state", "training"))))
            self._hub.tell(Training(wish.name, "training", epoch, epochs, loss))

        self._done[wish.name] = 0.0
        try:
            persona = await self._book.train(wish.name, wish.model, takes, wish.epochs, on_progress)
        except LivevaeError as error:
            logger.warning("persona %s was not trained: %s", wish.name, error)
            say(Reply(ok=False, text=f"{wish.name} was not trained: {error}"))
            self._hub.tell(Training(wish.name, "failed", text=str(error)))
            return
        early = self._timing.lead + SWAP_AHEAD
        soonest = self._clock.timeline.tick_at(self._clock.now() + early)
        bar = next_grid(soonest, self._clock.meter.bar)
        await self._clock.until(bar, before=early)
        self._put(wish.name, persona)
        done = (("persona", wish.name), ("windows", _windows(persona)), ("state", "ready"))
        say(Reply(pairs=done, beat=bar / TICKS_PER_BEAT))
        self._hub.tell(Training(wish.name, "ready", beat=bar / TICKS_PER_BEAT))
        self._hub.log(
            "persona",
            f"{wish.name} is trained: {_windows(persona)} windows, from beat {bar / TICKS_PER_BEAT:g} on",
        )


def _windows(persona: Persona) -> int:
    return windows(persona.about)


def _some(count: int, what: str) -> str:
    """`1 take`, `2 takes`."""
    return f"{count} {what}{'' if count == 1 else 's'}"

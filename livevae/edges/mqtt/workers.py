"""Decoding elsewhere: a server asks its ensemble's workers, and decodes by itself whatever does not come in time.

Jobs go to one topic that all workers share (`$share/workers/...`), so the broker is the queue and deals them out. A
worker answers only for the very model and the very personas that the job names. Laws:

    the same recipe gives the same riff, wherever it is decoded
    while workers answer, a recipe that they leave is decoded here after `patience`, which the lead has room for
    after `MISSES` jobs in a row that nobody answered, and before the first answer, nobody is waited for: recipes are
    decoded here at once, and one is sent now and then all the same, to see whether somebody is there
"""

import asyncio
import hashlib
import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from livevae.edges.mqtt import payloads
from livevae.edges.mqtt.messages import Arrived, Sender
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import Decoded, Job
from livevae.errors import LivevaeError
from livevae.latent.personas import Persona
from livevae.latent.recipe import BASE, Recipe
from livevae.music.notes import Riff
from livevae.perform.engine import Engine
from livevae.perform.protocols import Decoder

logger = logging.getLogger(__name__)

MISSES = 3
"""Jobs in a row that nobody answered, after which there are no workers, as far as we know."""

PROBE = 5.0
"""Seconds between two jobs that ask whether there are workers again."""

REFUSED = 30.0
"""Seconds for which a model that a worker refused is decoded here."""

MOST_JOBS = 512
"""Jobs that a worker takes at once; the askers decode the rest themselves."""

SHARE = "$share/workers"

Names = Callable[[Recipe], tuple[str, tuple[tuple[str, str], ...]] | None]
"""The identity of a recipe's model, and the hash of each of its personas; None where they are not to be had."""


def hash_of(persona: Persona) -> str:
    """16 hexadecimal digits of a persona's numbers: the same for every copy of it."""
    digest = hashlib.sha256(persona.model.encode())
    for name in sorted(persona.weights):
        digest.update(name.encode() + b"\0")
        digest.update(persona.weights[name].tobytes())
    return digest.hexdigest()[:16]


def naming(identity: Callable[[str], str], personas: Mapping[str, Persona]) -> Names:
    """`Names` from a way to a model's identity, and the personas that are here."""
    known: dict[str, tuple[Persona, str]] = {}

    def names(recipe: Recipe) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        try:
            model = identity(recipe.model)
        except LivevaeError:
            return None
        pairs = []
        for name, _ in recipe.blend:
            if name == BASE:
                continue
            persona = personas.get(name)
            if persona is None:
                return None
            if name not in known or known[name][0] is not persona:
                known[name] = persona, hash_of(persona)
            pairs.append((name, known[name][1]))
        return (model, tuple(pairs)) if model else None

    return names


@dataclass(frozen=True, slots=True)
class _Waiting:
    recipe: Recipe
    future: "asyncio.Future[Riff]"
    timer: asyncio.TimerHandle
    what: object


class SharedEngine(Engine):
    """An engine that asks workers first.

    Attributes:
        patience: seconds that it waits for an answer; 0 asks nobody.
        asked: jobs that were sent.
        answered: jobs that a worker decoded in time.
    """

    def __init__(self, load: Callable[[str], Decoder], *, inline: bool = False) -> None:
        super().__init__(load, inline=inline)
        self.patience = 0.0
        self.asked = 0
        self.answered = 0
        self._place: Place | None = None
        self._sender: Sender | None = None
        self._names: Names = lambda _: None
        self._say: Callable[[str], None] = logger.info
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._misses = 0
        self._probe_at = 0.0
        self._refused: dict[object, float] = {}
        self._there = False

    def join(self, place: Place, sender: Sender, names: Names, say: Callable[[str], None]) -> None:
        """Ask the workers of this ensemble from now on."""
        self._place, self._sender, self._names, self._say = place, sender, names, say

    @property
    def expected(self) -> float:
        """Seconds within which a decode can be counted on."""
        return super().expected + (self.patience if self._there else 0.0)

    def submit(self, recipe: Recipe) -> "asyncio.Future[Riff]":
        """A future riff, from a worker or from here."""
        loop = asyncio.get_running_loop()
        what = self._names(recipe) if self.patience and self._sender is not None else None
        if what is None or not self._worth_asking(what, loop.time()):
            return super().submit(recipe)
        waits = self._there
        assert self._place is not None  # noqa: S101  (for the type checker)
        assert self._sender is not None  # noqa: S101  (for the type checker)
        number = next(self._numbers)
        try:
            payload = Job(number, self._place.room, recipe, *what).payload()
        except PayloadError:
            return super().submit(recipe)
        future: asyncio.Future[Riff] = loop.create_future()
        timer = loop.call_later(self.patience, self._missed, number)
        self._waiting[number] = _Waiting(recipe, future, timer, what)
        future.add_done_callback(lambda _: self._over(number))
        self.asked += 1
        self._sender.send(self._place.topic("jobs"), payload, 0, False)
        if not waits:
            self._here(number)
        return future

    def arrived(self, table: Mapping[str, Any]) -> None:
        """A worker's answer.

        Raises:
            PayloadError: it is none.
        """
        answer = Decoded.read(table)
        waiting = self._waiting.get(answer.number)
        if not self._there:
            self._there = True
            self._say("mqtt    workers decode for this room")
        self._misses = 0
        if waiting is None or waiting.future.done():
            return
        if answer.riff is None or answer.riff.length != waiting.recipe.bars * answer.riff.bar:
            logger.debug("mqtt: a worker refused: %s", answer.why)
            self._refused[waiting.what] = asyncio.get_running_loop().time() + REFUSED
            waiting.timer.cancel()
            self._here(answer.number)
            return
        self.answered += 1
        waiting.future.set_result(answer.riff)

    def _worth_asking(self, what: object, now: float) -> bool:
        if self._refused.get(what, 0.0) > now:
            return False
        if self._there:
            return True
        if now < self._probe_at:
            return False
        self._probe_at = now + PROBE
        return True

    def _missed(self, number: int) -> None:
        if not self._there:
            return
        self._misses += 1
        if self._misses >= MISSES:
            self._there = False
            self._say("mqtt    no worker answers: riffs are decoded here")
        self._here(number)

    def _here(self, number: int) -> None:
        """Decode it ourselves; a worker's answer that comes first still counts."""
        waiting = self._waiting.get(number)
        if waiting is None or waiting.future.done():
            return
        ours = super().submit(waiting.recipe)
        ours.add_done_callback(lambda done: _hand_on(done, waiting.future))
        waiting.future.add_done_callback(lambda _: ours.cancel())

    def _over(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.timer.cancel()


def _hand_on(done: "asyncio.Future[Riff]", future: "asyncio.Future[Riff]") -> None:
    if future.done() or done.cancelled():
        return
    if (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())


class Worker:
    """A client that decodes for others. Lives on one loop.

    Args:
        place: the ensemble.
        engine: decodes.
        sender: the connection.
        find: the name of our model with an identity; "" where there is none.
        names: the hashes of our personas, by the recipe that blends them.

    Attributes:
        decoded: jobs that were done.
        refused: jobs that were not, for want of a model or persona.
    """

    def __init__(
        self, place: Place, engine: Engine, sender: Sender, find: Callable[[str], str | None], names: Names
    ) -> None:
        self.decoded = 0
        self.refused = 0
        self._place, self._engine, self._sender = place, engine, sender
        self._find, self._names = find, names
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """The jobs, shared with the other workers."""
        return ((f"{SHARE}/{self._place.topic('jobs')}", 0),)

    def will(self) -> None:
        """Nobody is told of a worker that is gone: it is missed by the first job that it does not answer."""

    def farewell(self) -> None:
        """Nor of one that leaves."""

    def connected(self) -> None:
        """The broker is here."""

    def disconnected(self) -> None:
        """The broker is gone; answers would come too late."""
        for task in self._tasks:
            task.cancel()

    def arrived(self, message: Arrived) -> None:
        """A job came; what is none is passed over."""
        if message.retained or len(self._tasks) >= MOST_JOBS:
            return
        try:
            job = Job.read(payloads.read(message.payload, LONGEST_DOCUMENT))
        except PayloadError as error:
            logger.debug("mqtt: a job that is none: %s", error)
            return
        task = asyncio.get_running_loop().create_task(self._do(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, job: Job) -> None:
        began = asyncio.get_running_loop().time()
        try:
            riff, why = await self._decode(job)
        except LivevaeError as error:
            riff, why = None, str(error)[:500]
        if riff is None:
            self.refused += 1
        else:
            self.decoded += 1
        took = asyncio.get_running_loop().time() - began
        try:
            payload = Decoded(job.number, riff, why, took).payload()
        except PayloadError as error:
            payload = Decoded(job.number, None, str(error)).payload()
        self._sender.send(self._place.topic(job.room, "decoded"), payload, 0, False)

    async def _decode(self, job: Job) -> tuple[Riff | None, str]:
        name = self._find(job.model)
        if name is None:
            return None, f"no model of identity {job.model[:40]} is here"
        recipe = replace(job.recipe, model=name)
        ours = self._names(recipe)
        if ours is None or ours != (job.model, job.personas):
            return None, "a persona of that recipe is not here, or is another one"
        return await self._engine.submit(recipe), ""

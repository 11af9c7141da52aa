"""Decoding elsewhere: a server asks its ensemble's workers, and decodes by itself whatever does not come in time.

Jobs go to one topic that all workers share (`$share/workers/...`), so the broker is the queue and deals them out. Those
that are due together travel together, in as many messages as there are workers, and are one batch there. A worker
answers only for the very model and the very personas that the job names. Laws:

    the same recipe gives the same riff, wherever it is decoded
    what would be ready sooner here than with the workers, who all have something to do, is decoded here (`shares`)
    while workers answer, a recipe that they leave is decoded here after `patience`, which the lead has room for
    after `MISSES` jobs in a row that nobody answered, and before the first answer, nobody is waited for: recipes are
    decoded here at once, and one is sent now and then all the same, to see whether somebody is there
"""

import asyncio
import hashlib
import itertools
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from livevae.edges.mqtt import payloads
from livevae.edges.mqtt.clients import Visitor
from livevae.edges.mqtt.messages import Arrived, Sender
from livevae.edges.mqtt.payloads import LONGEST_DOCUMENT, PayloadError
from livevae.edges.mqtt.shares import Shares
from livevae.edges.mqtt.topics import Place
from livevae.edges.mqtt.values import MOST_TOGETHER, Answer, Decoded, Job, Jobs
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
"""Messages that a worker takes at once; the askers decode the rest themselves."""

SHARE = "$share/workers"

Names = Callable[[Recipe], tuple[str, tuple[tuple[str, str], ...]] | None]
"""The digest of a recipe's model, and the hash of each of its personas; None where they are not to be had."""


def hash_of(persona: Persona) -> str:
    """16 hexadecimal digits of a persona's numbers: the same for every copy of it."""
    digest = hashlib.sha256(persona.model.encode())
    for name in sorted(persona.weights):
        digest.update(name.encode() + b"\0")
        digest.update(persona.weights[name].tobytes())
    return digest.hexdigest()[:16]


def naming(digest: Callable[[str], str], personas: Mapping[str, Persona]) -> Names:
    """`Names` from a model's digest by its name ("" where it is not known), and the personas that are here."""
    known: dict[str, tuple[Persona, str]] = {}

    def names(recipe: Recipe) -> tuple[str, tuple[tuple[str, str], ...]] | None:
        try:
            model = digest(recipe.model)
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


@dataclass(slots=True)
class _Waiting:
    """A job that is not done yet.

    Attributes:
        recipe: what to decode.
        future: its riff.
        what: the model and the personas that it needs.
        timer: the end of its patience with a worker; None where none was asked.
        here: whether it is decoded in this process.
    """

    recipe: Recipe
    future: "asyncio.Future[Riff]"
    what: tuple[str, tuple[tuple[str, str], ...]]
    timer: asyncio.TimerHandle | None = None
    here: bool = False


class SharedEngine(Engine):
    """An engine that shares its work with workers.

    Attributes:
        patience: seconds that it waits for an answer; 0 asks nobody.
        asked: jobs that were sent.
        answered: jobs that a worker decoded in time.
        shares: where riffs are decoded soonest.
    """

    def __init__(self, load: Callable[[str], Decoder], *, inline: bool = False) -> None:
        super().__init__(load, inline=inline)
        self.patience = 0.0
        self.asked = 0
        self.answered = 0
        self.shares = Shares()
        self._place: Place | None = None
        self._sender: Sender | None = None
        self._names: Names = lambda _: None
        self._say: Callable[[str], None] = logger.info
        self._numbers = itertools.count(1)
        self._due: list[int] = []
        self._waiting: dict[int, _Waiting] = {}
        self._here_now = 0
        self._misses = 0
        self._probe_at = 0.0
        self._refused: dict[object, float] = {}
        self._there = self._helped = False

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
        number = next(self._numbers)
        future: asyncio.Future[Riff] = loop.create_future()
        self._waiting[number] = _Waiting(recipe, future, what)
        future.add_done_callback(lambda _: self._over(number))
        if not self._due:
            loop.call_soon(self._share)
        self._due.append(number)
        return future

    def arrived(self, table: Mapping[str, Any]) -> None:
        """A worker's answer.

        Raises:
            PayloadError: it is none.
        """
        answer = Answer.read(table)
        self._there, self._misses = True, 0
        done = sum(one.riff is not None for one in answer.decoded)
        if done:
            if not self._helped:
                self._helped = True
                self._say("mqtt    workers decode for this room")
            now = asyncio.get_running_loop().time()
            self.shares.decoded_there(answer.worker, len(answer.decoded), answer.seconds, now)
        for decoded in answer.decoded:
            self._take(decoded)

    def _take(self, decoded: Decoded) -> None:
        waiting = self._waiting.get(decoded.number)
        if waiting is None or waiting.future.done():
            return
        if decoded.riff is None or decoded.riff.length != waiting.recipe.bars * decoded.riff.bar:
            logger.debug("mqtt: a worker refused: %s", decoded.why)
            if waiting.what not in self._refused:
                model = waiting.recipe.model or "the model"
                self._say(
                    f"mqtt    a worker refuses riffs of {model}: it has another one, or other personas;"
                    " they are decoded here"
                )
            self._refused[waiting.what] = asyncio.get_running_loop().time() + REFUSED
            if waiting.timer is not None:
                waiting.timer.cancel()
            self._here(decoded.number)
            return
        self.answered += 1
        waiting.future.set_result(decoded.riff)

    def _share(self) -> None:
        """Send what is due together, or decode it here."""
        loop = asyncio.get_running_loop()
        due = [number for number in self._due if number in self._waiting]
        self._due.clear()
        if not due:
            return
        now = loop.time()
        if not self._there:  # one of them asks whether somebody is there
            self._ask(due[:1])
            for number in due:
                self._here(number)
            return
        there = sum(one.timer is not None for one in self._waiting.values())
        sent = self.shares.split(len(due), self._here_now, there, now)
        for number in due[sent:]:
            self._here(number)
        workers = self.shares.workers(now)
        for first in range(workers):
            self._ask(due[:sent][first::workers])

    def _ask(self, numbers: Sequence[int]) -> None:
        """Send jobs to one worker; each has its time to be answered."""
        if not numbers:
            return
        assert self._place is not None  # noqa: S101  (for the type checker)
        assert self._sender is not None  # noqa: S101  (for the type checker)
        loop = asyncio.get_running_loop()
        jobs = tuple(
            Job(number, self._waiting[number].recipe, *self._waiting[number].what) for number in numbers
        )
        payload = None
        if len(jobs) <= MOST_TOGETHER:
            with suppress(PayloadError):  # it is too long
                payload = Jobs(self._place.room, jobs).payload()
        if payload is None and len(numbers) > 1:
            half = len(numbers) // 2
            self._ask(numbers[:half])
            self._ask(numbers[half:])
            return
        if payload is None:
            self._here(numbers[0])
            return
        for number in numbers:
            self._waiting[number].timer = loop.call_later(self.patience, self._missed, number)
        self.asked += len(numbers)
        self._sender.send(self._place.topic("jobs"), payload, 0, False)

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
        if self._there:
            self._misses += 1
            if self._misses >= MISSES:
                self._there = self._helped = False
                self._say("mqtt    no worker answers: riffs are decoded here")
        self._here(number)

    def _here(self, number: int) -> None:
        """Decode it ourselves; a worker's answer that comes first still counts."""
        waiting = self._waiting.get(number)
        if waiting is None or waiting.here or waiting.future.done():
            return
        waiting.here = True
        ours = super().submit(waiting.recipe)
        self._here_now += 1
        ours.add_done_callback(lambda done: self._was_here(done, waiting.future))
        waiting.future.add_done_callback(lambda _: ours.cancel())

    def _was_here(self, done: "asyncio.Future[Riff]", future: "asyncio.Future[Riff]") -> None:
        self._here_now -= 1
        _hand_on(done, future)

    def _over(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and waiting.timer is not None:
            waiting.timer.cancel()

    async def _call(self, model: str, recipes: list[Recipe]) -> list[Riff]:
        began = perf_counter()
        riffs = await super()._call(model, recipes)
        self.shares.decoded_here(len(recipes), perf_counter() - began)
        return riffs


def _hand_on(done: "asyncio.Future[Riff]", future: "asyncio.Future[Riff]") -> None:
    if future.done() or done.cancelled():
        return
    if (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())


class Worker(Visitor):
    """A client that decodes for others. Lives on one loop.

    Args:
        place: the ensemble.
        engine: decodes.
        sender: the connection.
        find: the name of our model with a digest; None where there is none.
        names: the hashes of our personas, by the recipe that blends them.

    Attributes:
        name: another one for every worker.
        decoded: jobs that were done.
        refused: jobs that were not, for want of a model or persona.
    """

    def __init__(
        self, place: Place, engine: Engine, sender: Sender, find: Callable[[str], str | None], names: Names
    ) -> None:
        super().__init__()
        self.name = secrets.token_hex(6)
        self.decoded = 0
        self.refused = 0
        self._place, self._engine, self._sender = place, engine, sender
        self._find, self._names = find, names
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """The jobs, shared with the other workers."""
        return ((f"{SHARE}/{self._place.topic('jobs')}", 0),)

    def disconnected(self) -> None:
        """The broker is gone; answers would come too late."""
        super().disconnected()
        for task in self._tasks:
            task.cancel()

    def arrived(self, message: Arrived) -> None:
        """Jobs came; what is none is passed over."""
        if message.retained or len(self._tasks) >= MOST_JOBS:
            return
        try:
            asked = Jobs.read(payloads.read(message.payload, LONGEST_DOCUMENT))
        except PayloadError as error:
            logger.debug("mqtt: jobs that are none: %s", error)
            return
        task = asyncio.get_running_loop().create_task(self._do(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, asked: Jobs) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        decoded = await asyncio.gather(*map(self._decode, asked.jobs))
        self.refused += sum(one.riff is None for one in decoded)
        self.decoded += sum(one.riff is not None for one in decoded)
        self._answer(asked.room, loop.time() - began, decoded)

    def _answer(self, room: str, seconds: float, decoded: Sequence[Decoded]) -> None:
        try:
            payload = Answer(self.name, seconds, tuple(decoded)).payload()
        except PayloadError as error:
            if len(decoded) == 1:
                self._answer(room, seconds, [Decoded(decoded[0].number, None, str(error))])
                return
            half = len(decoded) // 2
            self._answer(room, seconds / 2, decoded[:half])
            self._answer(room, seconds / 2, decoded[half:])
            return
        self._sender.send(self._place.topic(room, "decoded"), payload, 0, False)

    async def _decode(self, job: Job) -> Decoded:
        name = self._find(job.model)
        if name is None:
            return Decoded(job.number, None, f"no model with the digest {job.model[:40]} is here")
        recipe = replace(job.recipe, model=name)
        ours = self._names(recipe)
        if ours is None or ours != (job.model, job.personas):
            return Decoded(job.number, None, "a persona of that recipe is not here, or is another one")
        try:
            return Decoded(job.number, await self._engine.submit(recipe))
        except LivevaeError as error:
            return Decoded(job.number, None, str(error)[:500])
        except Exception as fault:  # answered, too: silence would mean that there is no worker
            logger.exception("a fault while decoding for %s", job.recipe)
            return Decoded(
                job.number, None, f"livevae stumbled over this: {type(fault).__name__}: {fault}"[:500]
            )

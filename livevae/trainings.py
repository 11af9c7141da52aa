"""Trainings of personas in the log of a night, and in its replay: ready at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

from livevae.inputs import Log
from livevae.latent.personas import Persona
from livevae.log_writer import LogWriter
from livevae.music.notes import Riff
from livevae.perform.personas import Book, OnProgress

Train: TypeAlias = Callable[[str, str, Sequence[Riff], int, OnProgress], Awaitable[Persona]]


class OtherTraining:
    """A book of personas that trains them in another way.

    Args:
        book: does all the rest.
        train: takes what `Book.train` takes.
    """

    def __init__(self, book: Book, train: Train) -> None:
        self.personas = book.personas
        self._train = train
        self.identity, self.checked_name, self.names = book.identity, book.checked_name, book.names
        self.find, self.keep, self.attributes = book.find, book.keep, book.attributes
        self.describe, self.prior = book.describe, book.prior

    async def train(
        self, name: str, model: str, takes: Sequence[Riff], epochs: int, on_progress: OnProgress
    ) -> Persona:
        """Train a persona."""
        return await self._train(name, model, takes, epochs, on_progress)


def logged(book: Book, log: LogWriter) -> OtherTraining:
    """A book whose trainings are in the log when they end."""

    async def train(
        name: str, model: str, takes: Sequence[Riff], epochs: int, on_progress: OnProgress
    ) -> Persona:
        persona = await book.train(name, model, takes, epochs, on_progress)
        log.came("trained", name.encode())
        return persona

    return OtherTraining(book, train)


class Overlay(OtherTraining):
    """A book whose saved personas are forgotten: for nights that are played again.

    Args:
        book: does all the rest.
        train: takes what `Book.train` takes.
    """

    def __init__(self, book: Book, train: Train) -> None:
        super().__init__(book, train)
        saved: dict[str, Persona] = {}

        def keep(persona: Persona) -> None:
            saved[persona.name] = persona

        def find(name: str) -> Persona:
            return saved.get(book.checked_name(name)) or book.find(name)

        def describe(name: str) -> Mapping[str, Any]:
            there = saved.get(book.checked_name(name))
            return book.describe(name) if there is None else there.about

        self.keep, self.find, self.describe = keep, find, describe
        self.names = lambda: tuple(sorted({*book.names(), *saved}))


class TrainedAgain:
    """The trainings of a night that is replayed: done again, and ready when they were; nothing is written.

    A training takes real time, and virtual time stands still for it; then the persona waits for its moment in the log.

    Args:
        log: the night. One without a word of trainings is of an earlier livevae: there, each is ready at once.
    """

    def __init__(self, log: Log) -> None:
        self._known = any(item.kind == "trained" for item in log.inputs)
        self._ready: dict[str, asyncio.Event] = {}

    def book(self, book: Book) -> OtherTraining:
        """A book that trains so."""

        async def train(
            name: str, model: str, takes: Sequence[Riff], epochs: int, on_progress: OnProgress
        ) -> Persona:
            event = self._ready[name] = asyncio.Event()

            async def work() -> Persona:
                return await book.train(name, model, takes, epochs, on_progress)

            with ThreadPoolExecutor(1) as thread:
                persona = thread.submit(partial(asyncio.run, work())).result()
            if self._known:
                await event.wait()
            return persona

        return Overlay(book, train)

    def ready(self, name: str) -> None:
        """The log says that the persona was trained at this moment."""
        if (event := self._ready.pop(name, None)) is not None:
            event.set()

"""The disk, beside the music: a thread reads and writes one file after the other, as they were asked for.

Law: who asked for a file is answered when the disk has it, or with the reason why not; the session's loop never waits.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from livevae.errors import LivevaeError
from livevae.perform.requests import PENDING, Later, Reply

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a server which ends waits for its disk."""

logger = logging.getLogger(__name__)


class Writer:
    """A thread that does one thing after the other; it begins with the first.

    It does not keep a process that ends, as a `ThreadPoolExecutor` does, for a disk that hangs.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Do something soon; gives what will come of it."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        future: Future[T] = Future()

        def do() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001  (it belongs to who waits for the future)
                future.set_exception(error)

        self._work.put(do)
        return future

    def close(self, patience: float = PATIENCE) -> bool:
        """End when all is done; gives whether it was within so many seconds."""
        if self._thread is None:
            return True
        self._work.put(None)
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class Disk:
    """What a session writes, and looks at again and again. Lives on the session's loop; not thread-safe.

    Args:
        writer: writes beside the loop; None writes at once, where nobody waits: in tests and under virtual time.

    Attributes:
        refused: how much could not be written.
    """

    def __init__(self, writer: Writer | None = None) -> None:
        self._writer = writer
        self._waiting = 0
        self.refused = 0

    @property
    def waiting(self) -> int:
        """How much is not written yet."""
        return self._waiting

    def do(self, work: Callable[[], T], done: Callable[[T], Reply], later: Later) -> Reply:
        """Do work with the disk after all that was asked for before.

        Args:
            work: runs beside the loop.
            done: takes what came of it, on the loop, and gives the answer.
            later: gets that answer.

        Returns:
            `PENDING`; the answer itself, where nothing is done beside the loop.

        Raises:
            LivevaeError: work that is done at once failed.
        """
        if self._writer is None:
            return done(work())
        self._waiting += 1

        def over(future: "asyncio.Future[T]") -> None:
            self._waiting -= 1
            if future.cancelled():
                return
            reply = _answer(future, done)
            self.refused += not reply.ok
            later(reply)

        asyncio.wrap_future(self._writer.submit(work)).add_done_callback(over)
        return PENDING

    def look(self, read: Callable[[], T], found: Callable[[T], None]) -> None:
        """Read something from the disk, and tell what was found; a fault is logged, and `found` is not called."""
        if self._writer is None:
            found(read())
            return

        def over(future: "asyncio.Future[T]") -> None:
            if future.cancelled():
                return
            if (fault := future.exception()) is not None:
                logger.warning("the disk cannot be read: %s", fault)
                return
            found(future.result())

        asyncio.wrap_future(self._writer.submit(read)).add_done_callback(over)

    async def close(self, patience: float = PATIENCE) -> int:
        """Wait until all is written, but not for ever; gives how much is not."""
        if self._writer is not None and await asyncio.to_thread(self._writer.close, patience):
            return 0
        return self._waiting


def _answer(future: "asyncio.Future[T]", done: Callable[[T], Reply]) -> Reply:
    try:
        return done(future.result())
    except LivevaeError as error:
        return Reply(ok=False, text=str(error))
    except Exception as fault:
        logger.exception("a fault while a file was written")
        return Reply(ok=False, text=f"livevae stumbled over this: {type(fault).__name__}: {fault}")

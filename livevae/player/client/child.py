"""One player process as the server has it: bytes to it, reports from it, and its last words."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from livevae.children import environment
from livevae.player.realtime import ORDINARY
from livevae.player.wire.codec import LineSplitter, WireError, decode_report
from livevae.player.wire.reports import Report

PATIENCE = 30.0
"""Seconds that a player is given to start, or to end when asked; JACK's clients take 20 to 50 ms each."""


class Child:
    """One life of the player: its process, our end of its pipe, and what it wrote to standard error.

    Args:
        tape: the writing end of a pipe for the lines of tape.py, or None.
        realtime: whether it asks for real-time priority.

    Raises:
        OSError: the system has no process, memory or file to give.
    """

    def __init__(self, tape: int | None, *, realtime: bool) -> None:
        with ExitStack() as opened:
            ours, its = socket.socketpair()
            opened.callback(ours.close)
            with its:
                ours.setblocking(False)
                # no file where the disk for temporary ones is full or not to be written: the last words are lost then
                try:
                    self._errors: IO[bytes] = opened.enter_context(tempfile.TemporaryFile())
                except OSError:
                    self._errors = opened.enter_context(Path(os.devnull).open("r+b"))
                handed = [its.fileno()] if tape is None else [its.fileno(), tape]
                self.process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "livevae.player"),
                        *([] if realtime else [ORDINARY]),
                        *map(str, handed),
                    ],
                    pass_fds=handed,
                    stdin=subprocess.DEVNULL,
                    stdout=self._errors,
                    stderr=self._errors,
                    env=environment(),
                )
            opened.pop_all()
        self._socket = ours
        self._loop = asyncio.get_running_loop()
        self._unsent = b""

    def write(self, data: bytes) -> None:
        """Hand bytes over; what the pipe does not take now follows when it does."""
        if self._unsent:
            self._unsent += data
            return
        self._unsent = data
        self._flush()

    def _flush(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
        if self._socket.fileno() < 0:
            return
        if self._unsent:
            self._loop.add_writer(self._socket, self._flush)
        else:
            self._loop.remove_writer(self._socket)

    async def listen(self, hear: Callable[[Report], None]) -> str:
        """Pass on every report until the player ends; why it did."""
        splitter = LineSplitter()
        try:
            while data := await self._loop.sock_recv(self._socket, 1 << 16):
                for line in splitter.feed(data):
                    hear(decode_report(line))
        except (OSError, WireError) as error:
            self.process.kill()
            why = str(error)
        else:
            why = ""
        await self.ended(PATIENCE)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        why = f"{why} {self.last_words()}".strip()
        self._errors.close()
        return why

    async def ended(self, patience: float) -> None:
        """Wait for the process's end; past `patience` seconds it is killed."""
        try:
            await asyncio.to_thread(self.process.wait, patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)

    def last_words(self) -> str:
        """How it ended, and the last line it wrote to standard error."""
        code = self.process.poll()
        with suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            return f"exit status {code}" + (f": {lines[-1]}" if lines else "")
        return f"exit status {code}"

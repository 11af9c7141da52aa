"""The server's side of the watch: which MIDI ports the system has, and a call each time that changes."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from livevae.children import environment

PAUSE = 5.0
"""Seconds before a watch that ended is followed by another."""


class PortsSeen:
    """What the watch, a process of its own, last saw. Used from the server's loop.

    Args:
        changed: called each time there is something else to see.

    Attributes:
        outputs: what `livevae ports` calls the outputs that can be opened by name.
        inputs: the same of inputs; None until they were looked for.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.outputs: list[str] = []
        self.inputs: list[str] | None = None
        self._changed = changed
        self._also_inputs = False
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, *, inputs: bool = False) -> None:
        """Watch outputs from now on, and inputs where they are asked for; a second time is no error."""
        if inputs and not self._also_inputs:
            self._also_inputs = True
            self._ask_for_inputs()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="port watcher")

    async def close(self) -> None:
        """Watch no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _ask_for_inputs(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(b"+")

    async def _watch(self) -> None:
        while True:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "livevae.player.watch",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )
            if self._also_inputs:
                self._ask_for_inputs()
            try:
                while process.stdout is not None and (line := await process.stdout.readline()):
                    seen = json.loads(line)
                    self.outputs = [f"{name} ({system})" for system, name in seen["outputs"]]
                    if "inputs" in seen:
                        self.inputs = [f"{name} ({system})" for system, name in seen["inputs"]]
                    self._changed()
            finally:
                self._process = None
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            await asyncio.sleep(PAUSE)

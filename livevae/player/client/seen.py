"""The server's side of the watch: which MIDI ports the system has, who is connected to ours, and news of that."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from livevae.children import environment

PAUSE = 5.0
"""Seconds before a watch that ended is followed by another."""

LONGEST_LINE = 1 << 20

MOST_TRIES = 10
"""How often two ports are connected again that a watch did not connect, or died over."""

HEARTBEAT = 2.0
"""Seconds between two questions to the watch, whatever happens."""

PATIENCE = 8.0
"""Seconds without an answer after which the watch is taken to hang, as JACK's library can when its server crashes.

The next one is given twice as long, for a machine may be that busy.
"""


class PortsSeen:
    """What the watch, a process of its own, last saw. Used from the server's loop.

    Args:
        changed: called each time there is something else to see, or what was asked for was seen.
        gone: called with the MIDI system whose server went away.

    Attributes:
        outputs: what `livevae ports` calls the outputs that can be opened by name.
        inputs: the same of inputs; None until they were looked for.
        systems: the MIDI systems that are there; None until they were looked for.
        links: by MIDI system, where it can be seen: our outputs, each with the inputs that it is connected to.
        heard: JACK's inputs of our own that others connect to, each with the outputs that are connected to it.
        sources: the names of all outputs on JACK.
        fresh: whether all this was seen after the last `ask`.
    """

    def __init__(self, changed: Callable[[], None], gone: Callable[[str], None]) -> None:
        self.outputs: list[str] = []
        self.inputs: list[str] | None = None
        self.systems: list[str] | None = None
        self.links: dict[str, dict[str, list[str]]] = {}
        self.heard: dict[str, list[str]] = {}
        self.sources: list[str] = []
        self.fresh = False
        self._changed = changed
        self._gone = gone
        self._also_inputs = False
        self._asked = 0
        self._patience = PATIENCE
        self._wanted: dict[tuple[str, str], int] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, *, inputs: bool = False) -> None:
        """Watch outputs from now on, and inputs where they are asked for; a second time is no error."""
        if inputs and not self._also_inputs:
            self._also_inputs = True
            self.ask()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="port watcher")

    def ask(self, connect: Sequence[tuple[str, str]] = ()) -> None:
        """Look now, after connecting these ports; until then nothing is fresh."""
        self._asked += 1
        self.fresh = False
        for pair in connect:
            self._wanted[pair] = self._wanted.get(pair, 0) + 1
        if self._process is not None and self._process.stdin is not None:
            wish = {"asked": self._asked, "inputs": self._also_inputs, "connect": list(connect)}
            self._process.stdin.write(json.dumps(wish).encode() + b"\n")

    async def close(self) -> None:
        """Watch no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

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
                limit=LONGEST_LINE,
            )
            self.ask(list(self._wanted))
            system = ""
            pulse = asyncio.get_running_loop().create_task(self._pulse(process), name="watch's pulse")
            try:
                while process.stdout is not None and (line := await process.stdout.readline()):
                    system = self._hear(line)
            finally:
                self._process = None
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
                hung = not pulse.cancel()
            if not system and not hung:
                await asyncio.sleep(PAUSE)

    async def _pulse(self, process: asyncio.subprocess.Process) -> None:
        """Ask again and again, and end a watch that does not answer."""
        silent = 0.0
        while silent < self._patience:
            await asyncio.sleep(HEARTBEAT)
            silent = 0.0 if self.fresh else silent + HEARTBEAT
            if self.fresh:
                self._patience = PATIENCE
                self._wanted = {pair: count for pair, count in self._wanted.items() if count < MOST_TRIES}
                self.ask(list(self._wanted))
        self._patience *= 2
        with suppress(ProcessLookupError):
            process.kill()

    def _hear(self, line: bytes) -> str:
        """Take a line of the watch's; the MIDI system that it says is gone."""
        try:
            seen = json.loads(line)
        except ValueError:  # half a line of a watch that was killed
            return ""
        if system := seen.get("gone", ""):
            self.fresh = False
            self._gone(system)
            return str(system)
        self.outputs = [f"{name} ({system})" for system, name in seen["outputs"]]
        if "inputs" in seen:
            self.inputs = [f"{name} ({system})" for system, name in seen["inputs"]]
        self.systems, self.links = seen["systems"], seen["links"]
        self.heard, self.sources = seen["heard"], seen["sources"]
        for source, targets in [link for links in self.links.values() for link in links.items()]:
            for target in targets:
                self._wanted.pop((source, target), None)
        for target, sources in self.heard.items():
            for source in sources:
                self._wanted.pop((source, target), None)
        self.fresh = seen["asked"] >= self._asked
        self._changed()
        return ""

"""Strangers' music files, cut to windows in a process of its own with limits of memory and computing time.

Parsers bound what they take; what they still miss, this bounds: the process is killed by its limits, the file is
refused, and another process goes on with the next. Process and parent exchange JSON and the bytes of arrays.
"""

import importlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from livevae.budget import size
from livevae.children import environment
from livevae.errors import MusicError

MAX_SECONDS = 60
"""Of computing for one file; the largest tune book at hand takes 3."""

MAX_MEMORY = 2 << 30
"""Bytes of address space, numpy's own included."""

SECONDS_A_MEGABYTE = 10
"""More for large files."""

_HEAD = struct.Struct(">II")


@dataclass(slots=True)
class Cut:
    """What became of a file.

    Attributes:
        windows: [N, ...]; None for no window.
        songs: (canonical name, how many of the windows), in the windows' order.
        refused: what was left out, and how often.
        sources: what windows were cut from, in words.
        found: what was found out about the file, in words.
        error: why nothing more of it could be read; "" if all was.
    """

    windows: NDArray[Any] | None = None
    songs: list[tuple[str, int]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    sources: list[str] = field(default_factory=list)
    found: str = ""
    error: str = ""


Work = Callable[[Path, Mapping[str, Any]], Cut]
"""Cuts a file; the options are plain JSON values. It raises nothing."""


def cut_all(
    work: Work, paths: Sequence[Path], options: Mapping[str, Any], *, isolated: bool
) -> Iterator[tuple[Path, Cut]]:
    """Every file and what became of it, in order.

    Args:
        work: a function of a module.
        paths: the files.
        options: for `work`.
        isolated: whether in a process with limits.
    """
    if not isolated:
        for path in paths:
            yield path, work(path, options)
        return
    with Reader(work, options) as reader:
        yield from reader.read(paths)


class Reader:
    """A process that cuts files, one after the other; a context manager.

    Args:
        work: a function of a module.
        options: for `work`.
        seconds: of computing for one file.
        memory: bytes of address space.
    """

    def __init__(
        self, work: Work, options: Mapping[str, Any], seconds: int = MAX_SECONDS, memory: int = MAX_MEMORY
    ) -> None:
        self._options = dict(options)
        self._command = [
            *(sys.executable, "-m", "livevae.corpus.reading"),
            *(f"{work.__module__}:{work.__qualname__}", str(memory)),
        ]
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def read(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Cut]]:
        """Every file and what became of it; the process works on the next while the caller works on the last."""
        asked = 0
        for index, path in enumerate(paths):
            while asked < min(index + 2, len(paths)):
                self._ask(paths[asked])
                asked += 1
            cut = self._answer()
            if cut is None:
                cut = Cut(error=f"{path.name} cannot be read: {self._fate(path)}")
                self._start()
                asked = index + 1
            yield path, cut

    def _start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )

    def _stop(self) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes
        process.kill()
        return process.wait()

    def _ask(self, path: Path) -> None:
        request = {"options": self._options, "seconds": self._allowed(path), "path": os.fsencode(path).hex()}
        line = json.dumps(request).encode() + b"\n"
        with suppress(OSError):  # it is gone: the answer that does not come says so
            assert self._process is not None  # noqa: S101
            assert self._process.stdin is not None  # noqa: S101
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _answer(self) -> Cut | None:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        try:
            return _received(self._process.stdout)
        except EOFError:
            return None

    def _allowed(self, path: Path) -> int:
        """Seconds of computing for a file; a file of many songs gets more by its size."""
        try:
            return self._seconds + SECONDS_A_MEGABYTE * (path.stat().st_size >> 20)
        except OSError:
            return self._seconds

    def _fate(self, path: Path) -> str:
        assert self._process is not None  # noqa: S101
        code = self._process.wait()
        self._stop()
        if code == -signal.SIGXCPU:
            return f"it takes more than {self._allowed(path)} seconds of computing"
        return f"its reading ended with {signal.Signals(-code).name if code < 0 else f'exit status {code}'}"


# what goes through the pipe: two lengths, a head of JSON, the array's bytes


def _sent(cut: Cut) -> bytes:
    windows = cut.windows
    head = {
        "dtype": windows.dtype.str if windows is not None else "",
        "shape": windows.shape if windows is not None else [],
        "songs": cut.songs,
        "refused": dict(cut.refused),
        "sources": cut.sources,
        "found": cut.found,
        "error": cut.error,
    }
    text = json.dumps(head).encode()
    body = windows.tobytes() if windows is not None else b""
    return _HEAD.pack(len(text), len(body)) + text + body


def _received(pipe: IO[bytes]) -> Cut:
    def exactly(count: int) -> bytes:
        data = pipe.read(count)
        if len(data) < count:
            raise EOFError
        return data

    lengths = _HEAD.unpack(exactly(_HEAD.size))
    head = json.loads(exactly(lengths[0]))
    body = exactly(lengths[1])
    windows = np.frombuffer(body, head["dtype"]).reshape(head["shape"]) if head["dtype"] else None
    songs = [(str(song), int(count)) for song, count in head["songs"]]
    return Cut(windows, songs, Counter(head["refused"]), head["sources"], head["found"], head["error"])


def main(work: str, memory: int) -> None:
    """The process: files by lines of JSON in, what became of them out, until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which closes the pipe
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not print into the pipe
    module, _, name = work.partition(":")
    function: Work = getattr(importlib.import_module(module), name)
    with suppress(ValueError, OSError):  # macOS has no limit of address space
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(usage.ru_utime + usage.ru_stime) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (spent + request["seconds"], hard))
        path = Path(os.fsdecode(bytes.fromhex(request["path"])))
        try:
            cut = function(path, request["options"])
        except MemoryError:
            cut = Cut(error=f"{path.name} cannot be read: it needs more than {size(memory)} of memory")
        out.write(_sent(cut))
        out.flush()


def guarded(cut: Cut, windows: Iterator[tuple[str, NDArray[Any]]]) -> None:
    """Put (song, window)s into a cut; a MusicError on the way becomes its `error`, and what came before is kept."""
    kept: list[NDArray[Any]] = []
    songs: list[tuple[str, int]] = []
    try:
        for song, window in windows:
            kept.append(window)
            if songs and songs[-1][0] == song:
                songs[-1] = song, songs[-1][1] + 1
            else:
                songs.append((song, 1))
    except MusicError as error:
        cut.error = str(error)
    cut.songs = songs
    cut.windows = np.stack(kept) if kept else None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""The crib on disk: a folder of MIDI files, each with its recipe as JSON beside it; each file is written whole."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from livevae.errors import LivevaeError, RequestError
from livevae.home import home
from livevae.music.midi_file import riff_bytes
from livevae.perform import crib
from livevae.perform.crib import KeptRiff
from livevae.perform.disk import PATIENCE, Writer
from livevae.whole_files import sweep, write_whole

logger = logging.getLogger(__name__)


def folder() -> Path:
    """Where a performer's kept riffs are: `riffs` in livevae's home."""
    return home() / "riffs"


class FileCrib:
    """Riffs in a folder. Names are read at the start; used on one thread, and writes on another.

    Args:
        where: the folder; made when the first riff is kept.
        on_error: told what could not be written.
    """

    def __init__(self, where: Path, on_error: Callable[[str], None] = logger.error) -> None:
        self._where, self._on_error = where, on_error
        self._riffs: dict[str, KeptRiff | None] = {}
        self._writer = Writer("crib")
        sweep(where)
        if where.is_dir():
            found = [
                path for path in where.glob("*.json") if crib.NAME.fullmatch(path.stem) and path.is_file()
            ]
            self._riffs = dict.fromkeys(path.stem for path in sorted(found, key=_when))

    def keep(self, kept: KeptRiff) -> KeptRiff:
        """Keep a riff, under another name where another riff has its own; it is written a moment later."""
        for name in crib.names_for(kept.name):
            named = replace(kept, name=name)
            if name in self._riffs:
                try:
                    there = self.find(name)
                except LivevaeError:
                    continue
                if not crib.same(there, named):
                    continue
            self._riffs[name] = named
            self._writer.submit(partial(self._write, named))
            return named
        raise AssertionError("names do not end")

    def names(self) -> tuple[str, ...]:
        """Of all riffs, the oldest first."""
        return tuple(self._riffs)

    def find(self, name: str) -> KeptRiff:
        """A riff by name.

        Raises:
            RequestError: there is none, or it cannot be read.
        """
        if name not in self._riffs:
            raise crib.no_such_riff(name, self.names())
        kept = self._riffs[name]
        if kept is None:
            kept = replace(_read(self._where / f"{name}.json"), name=name)
            self._riffs[name] = kept
        return kept

    def close(self, patience: float = PATIENCE) -> None:
        """Wait until all is written, but not for ever."""
        if not self._writer.close(patience):
            self._on_error(f"{self._where} does not answer: riffs that were kept last may not be there")

    def _write(self, kept: KeptRiff) -> None:
        channel = next((value for name, value in kept.settings if name == "channel"), 1)
        early = min([0, *(note.start for note in kept.riff.notes)])
        try:
            self._where.mkdir(parents=True, exist_ok=True)
            midi = riff_bytes(kept.riff.moved(-early), kept.bpm, int(channel))
            write_whole(self._where / f"{kept.name}.mid", midi)
            write_whole(self._where / f"{kept.name}.json", crib.text(kept).encode())
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            self._on_error(
                f"{kept.name} is kept until livevae ends, and cannot be written to {self._where}: {why}"
            )


def _when(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.name


def _read(path: Path) -> KeptRiff:
    try:
        with path.open(encoding="utf-8") as file:
            return crib.parse(file.read(crib.LONGEST + 1))
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path.name} cannot be read: {error}") from None
    except RequestError as error:
        raise RequestError(f"{path.name}: {error}") from None

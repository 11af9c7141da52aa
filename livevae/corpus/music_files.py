"""Music files of any kind: which there are, and what each is read as."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from livevae.corpus import abc_tunes, midi, musicxml, note_sequences
from livevae.corpus.lines import Line
from livevae.corpus.score import Score
from livevae.errors import MusicError

MIDI = frozenset({".mid", ".midi"})
SUFFIXES = frozenset({".mxl", ".musicxml", ".xml", ".abc", *MIDI, *note_sequences.SUFFIXES})


@dataclass(frozen=True, slots=True)
class Songbook:
    """The melody lines of a file that is written in notes.

    Attributes:
        lines: of its songs.
        faults: a sentence for each song that cannot be read.
    """

    lines: tuple[Line, ...]
    faults: tuple[str, ...] = ()


def read(path: Path) -> Score | Songbook:
    """A MIDI file as a score, MusicXML and ABC as lines.

    Raises:
        MusicError: nothing of the file can be read.
    """
    suffix = path.suffix.lower()
    if suffix in MIDI:
        return midi.read(path)
    if suffix == ".abc":
        lines, faults = abc_tunes.read(path)
        return Songbook(tuple(lines), tuple(faults))
    return Songbook(tuple(musicxml.read(path)))


def read_all(path: Path) -> Iterator[Score | Songbook]:
    """What a file holds: of a TFRecord file of NoteSequences each as a score, of others the one that `read` gives.

    Raises:
        MusicError: nothing of the file can be read, or no more of it.
    """
    if path.suffix.lower() in note_sequences.SUFFIXES:
        yield from note_sequences.read(path)
    else:
        yield read(path)


def inside(folder: Path) -> list[Path]:
    """The music files of a folder and those below it, in the order of their names."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())


def find(paths: Iterable[Path], most: int) -> list[Path]:
    """The music files of files and folders, each once; those that were named come in the order given.

    Raises:
        MusicError: a path is not there, a named file is no music, or there are more than `most`.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(inside(path)))
        elif path.is_file():
            if path.suffix.lower() not in SUFFIXES:
                kinds = " ".join(sorted(SUFFIXES))
                raise MusicError(f"{path.name} is no music that can be read: expected one of {kinds}")
            found[path] = None
        else:
            raise MusicError(f"there is no {str(path)[:200]!r}")
    if len(found) > most:
        raise MusicError(f"{len(found)} files are more than one performer's; {most} are the most")
    return list(found)

"""MusicXML to lines: the vocal lines of a song, or the melody of a lead sheet.

Reads score-partwise files, compressed (.mxl) or not, with the standard library alone: what a melody needs of
a score is durations, pitches, ties and bar lines (W3C MusicXML 4.0).
"""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

from livevae.budget import file_bytes, reading, shown, stream_bytes
from livevae.corpus.lines import MAX_BAR, MAX_BARS, Bar, BarNote, Line
from livevae.corpus.names import song_name
from livevae.errors import LimitError, MusicError
from livevae.music import chords

MAX_BYTES = 16 * 2**20
"""Of a score, unpacked; the largest at hand has 2.4 MB. A tree of it takes some 25 times as much memory."""

MAX_CONTAINER = 1 << 16
"""Bytes of an archive's META-INF/container.xml, unpacked."""

MAX_MEMBERS = 1_000
"""Files of an archive."""

TRIADS = (
    (re.compile(r"minor|major-minor"), 1),
    (re.compile(r"diminished|half-diminished"), 3),
    (re.compile(r"augmented"), 2),
    (re.compile(r"major|dominant|suspended|power"), 0),
)
"""MusicXML's kinds of chords by the quality of their triad, an index into `chords.QUALITIES`; others have none."""

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def read(path: Path) -> list[Line]:
    """The melody lines of a score: every part that is sung, else the only part.

    Raises:
        MusicError: the file is no MusicXML score, or has several parts and none is sung.
    """
    with reading(path.name, "a MusicXML score", MusicError):
        return _lines(ET.fromstring(_text(path)), path)  # noqa: S314  expat refuses entity bombs since 2.4.1


def _lines(root: ET.Element, path: Path) -> list[Line]:
    if root.tag != "score-partwise":
        raise MusicError(f"{path.name} is not a part-wise MusicXML score (its root is <{shown(root.tag)}>)")
    parts = root.findall("part")
    sung = [part for part in parts if part.find(".//lyric") is not None]
    if not sung and len(parts) == 1:
        sung = parts
    if not sung:
        raise MusicError("no part is sung and there is more than one: which is the melody is not known")
    song = _song(root, path)
    return [Line(song, tuple(_bars(part))) for part in sung]


def _text(path: Path) -> bytes:
    data = file_bytes(path, MAX_BYTES)
    if path.suffix.lower() != ".mxl":
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if len(names) > MAX_MEMBERS:
            raise LimitError(f"it holds more than {MAX_MEMBERS} files")
        root = None
        if "META-INF/container.xml" in names:
            root = _root_file(_unpacked(archive, "META-INF/container.xml", MAX_CONTAINER))
        if root not in names:
            scores = [n for n in names if n.endswith((".xml", ".musicxml")) and not n.startswith("META-INF")]
            if not scores:
                raise MusicError(f"{path.name} holds no score")
            root = scores[0]
        return _unpacked(archive, str(root), MAX_BYTES)


def _unpacked(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """A file of an archive; what the archive says of its size is not believed."""
    with archive.open(name) as member:
        return stream_bytes(member, limit, name)


def _root_file(container: bytes) -> str | None:
    """The score's name in the archive; some writers leave an unescaped & in it, then it is searched for."""
    try:
        found = ET.fromstring(container).find(".//{*}rootfile")  # noqa: S314  as above
    except ET.ParseError:
        return None
    return found.get("full-path") if found is not None else None


def _song(root: ET.Element, path: Path) -> str:
    titles = [root.findtext("work/work-title") or "", root.findtext("movement-title") or ""]
    creators = root.findall("identification/creator")
    composer = next((c.text or "" for c in creators if c.get("type") == "composer"), "")
    return song_name(*dict.fromkeys(titles), composer) or song_name(path.stem)


@dataclass(slots=True)
class _State:
    """What a part's measures inherit from the ones before."""

    divisions: int = 1
    meter: tuple[int, int] | None = None
    transpose: int = 0


def _bars(part: ET.Element) -> Iterator[Bar]:
    state = _State()
    for count, measure in enumerate(part.findall("measure")):
        if count >= MAX_BARS:
            raise LimitError(f"a part of it has more than {MAX_BARS} measures")
        yield _bar(measure, state)


def _bar(measure: ET.Element, state: _State) -> Bar:
    position = longest = Fraction(0)
    start = Fraction(0)
    voices: dict[str, list[BarNote]] = {}
    jump = False
    above: list[tuple[Fraction, int]] = []
    for element in measure:
        if element.tag == "attributes":
            _attributes(element, state)
        elif element.tag in {"backup", "forward"}:
            length = Fraction(int(element.findtext("duration", "0")), state.divisions)
            position += length if element.tag == "forward" else -length
        elif element.tag == "harmony":
            with suppress(KeyError, ValueError):  # a broken chord costs the melody nothing
                if (chord := _triad(element, state.transpose)) is not None:
                    offset = Fraction(element.findtext("offset", "0")) / state.divisions
                    above.append((max(Fraction(0), position + offset), chord))
        elif element.tag == "barline":
            ending = element.find("ending")
            if ending is not None and ending.get("type") == "start" and ending.get("number", "1")[:1] != "1":
                jump = True
        elif element.tag == "note" and element.find("grace") is None and element.find("cue") is None:
            length = Fraction(int(element.findtext("duration", "0")), state.divisions)
            if element.find("chord") is None:
                start = position
                position += length
            pitch = _pitch(element, state.transpose)
            voice = voices.setdefault(element.findtext("voice", "1"), [])
            if pitch is not None and length > 0:
                tied = any(tie.get("type") == "stop" for tie in element.findall("tie"))
                voice.append(BarNote(start, length, pitch, tied))
        longest = max(longest, position)
        if abs(position) > MAX_BAR:
            raise LimitError(f"a measure of it is longer than {MAX_BAR} quarters")
    return Bar(state.meter, longest, _top(voices), jump, tuple(above))


def _triad(harmony: ET.Element, transpose: int) -> int | None:
    """A chord symbol's class as it sounds; None where it is none that has a triad."""
    kind, root = harmony.findtext("kind", "").strip(), harmony.find("root")
    if kind == "none":
        return 0
    quality = next((quality for pattern, quality in TRIADS if pattern.match(kind)), None)
    if root is None or quality is None:
        return None
    alter = round(float(root.findtext("root-alter", "0")))
    return chords.triad(SEMITONES[root.findtext("root-step", "")] + alter + transpose, quality)


def _attributes(element: ET.Element, state: _State) -> None:
    state.divisions = int(element.findtext("divisions", str(state.divisions)))
    time = element.find("time")
    if time is not None:
        try:
            state.meter = (int(time.findtext("beats", "")), int(time.findtext("beat-type", "")))
        except ValueError:  # senza misura, or 3+2/8
            state.meter = None
    transpose = element.find("transpose")
    if transpose is not None:
        octaves = int(transpose.findtext("octave-change", "0"))
        state.transpose = int(transpose.findtext("chromatic", "0")) + 12 * octaves


def _pitch(note: ET.Element, transpose: int) -> int | None:
    pitch = note.find("pitch")
    if pitch is None:
        return None
    alter = round(float(pitch.findtext("alter", "0")))
    return (
        12 * (int(pitch.findtext("octave", "")) + 1)
        + SEMITONES[pitch.findtext("step", "")]
        + alter
        + transpose
    )


def _top(voices: dict[str, list[BarNote]]) -> tuple[BarNote, ...]:
    """The bar's first voice that has notes, and of its chords the highest note."""
    for name in sorted(voices):
        if voices[name]:
            top: dict[Fraction, BarNote] = {}
            for note in voices[name]:
                if note.start not in top or note.pitch > top[note.start].pitch:
                    top[note.start] = note
            return tuple(top[start] for start in sorted(top))
    return ()

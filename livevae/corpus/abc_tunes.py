"""ABC tune books to lines: the single-voice part of ABC 2.1, and how older collections really write it.

note-seq's own ABC parser keeps no bar lines, so a tune that begins with a pickup would lie beside the grid of
beats; hence this one.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from livevae.budget import file_bytes, reading
from livevae.corpus.lines import MAX_BAR, MAX_BARS, Bar, BarNote, Line
from livevae.corpus.names import song_name
from livevae.errors import LimitError, MusicError
from livevae.music import chords

MAX_BYTES = 16 * 2**20
"""Of a book; the largest at hand has 76 kB."""

MAX_TUNE = 1 << 18
"""Characters of a tune."""

MAX_DIGITS = 4
"""Of a number in a note's length."""

SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = "FCGDAEB"
TONICS = "Cb Gb Db Ab Eb Bb F C G D A E B F# C# G# D# A#"
MAJOR = {tonic: sharps for sharps, tonic in enumerate(TONICS.split(), -7)}
"""Sharps (flats negative) of the major key on each tonic."""

MODES = {
    "maj": 0,
    "ion": 0,
    "lyd": 1,
    "mix": -1,
    "dor": -2,
    "m": -3,
    "min": -3,
    "aeo": -3,
    "phr": -4,
    "loc": -5,
}
ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}
"""p notes in the time of q, where q is not written (simple meters)."""

NOTE = re.compile(r"(\^\^|__|[\^_=])?([A-Ga-g])([,']*)(\d*(?:/+\d*)?)")
REST = re.compile(r"[zx](\d*(?:/+\d*)?)")
BARLINE = re.compile(r"(?::*\|[\|\]:]*|\[\|:?|::+)\s*(\[?[1-9](?:[,-][1-9])*)?")
SYMBOL = re.compile(r'"([A-G](?:maj|min|dim|aug|sus|add|[mMo°ø+#b♯♭^Δ()0-9-])*(?:/[A-G][#b♯♭]?)?)"')
"""A chord; other words in quotation marks are for readers: "Coda" is no C diminished."""

ENDING = re.compile(r"\[[1-9]")
INLINE = re.compile(r"\[([A-Za-z]):([^\]]*)\]")
TUPLET = re.compile(r"\((\d)(?::(\d?))?(?::(\d?))?")
SKIPPED = re.compile(r'"[^"]*"|\{[^}]*\}|![^!\n]*!|\+[^+\n]*\+|[~.H-Wh-w`\s\\)\]\*$y;?!]|\((?!\d)')
FIELD = re.compile(r"^([A-Za-z]):\s*(.*)$")


def read(path: Path) -> tuple[list[Line], list[str]]:
    """Every tune of a book.

    Returns:
        the lines, one a tune, and for every tune that cannot be read the reason.

    Raises:
        MusicError: the file holds no tune at all.
    """
    with reading(path.name, "a tune book", MusicError):
        text = file_bytes(path, MAX_BYTES).decode("utf-8", "replace")
    tunes = re.split(r"(?m)^(?=X:)", text)[1:]
    if not tunes:
        raise MusicError(f"{path.name} holds no ABC tune (no line begins with X:)")
    lines: list[Line] = []
    faults: list[str] = []
    for tune in tunes:
        try:
            lines.append(_read(tune, path.stem))
        except MusicError as error:
            faults.append(str(error))
    return lines, faults


def _read(tune: str, book: str) -> Line:
    """One tune of a book; whatever is wrong with it is a MusicError."""
    with reading("a tune", "ABC", MusicError):
        if len(tune) > MAX_TUNE:
            raise LimitError(f"it has more than {MAX_TUNE} characters")
        return _Tune().read(tune, book)


def key_accidentals(key: str) -> dict[str, int]:
    """What a K: field does to the letters: {"F": 1, "C": 1} for "D", "Bm", "A mix" and so on.

    Raises:
        MusicError: it is no key.
    """
    if not key.strip() or key.strip().lower() == "none":
        return {}
    if key.startswith(("HP", "Hp")):
        return {"F": 1, "C": 1}
    match = re.match(r"([A-G][#b]?)\s*([A-Za-z]*)", key)
    if not match:
        raise MusicError(f"K:{key[:20]} is no key")
    tonic, mode = match.groups()
    mode = mode.lower()[:3]
    shift = MODES.get(mode, 0) if mode not in {"", "m"} else (MODES["m"] if mode else 0)
    sharps = MAJOR[tonic] + shift if tonic in MAJOR else 0
    if sharps >= 0:
        return dict.fromkeys(SHARPS[: min(sharps, 7)], 1)
    return dict.fromkeys(SHARPS[::-1][: min(-sharps, 7)], -1)


def meter_of(text: str) -> tuple[int, int] | None:
    """What an M: field says; None for free time and sums."""
    text = text.split("%", maxsplit=1)[0].strip()
    if text in {"C", "C|"}:
        return (4, 4) if text == "C" else (2, 2)
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    return (int(match[1]), int(match[2])) if match and int(match[2]) else None


def length_of(text: str) -> Fraction:
    """A note's length as written after it: "" 1, "3" 3, "/" 1/2, "3/2" 3/2, "//" 1/4."""
    if not text:
        return Fraction(1)
    over, _, under = text.partition("/")
    if len(over) > MAX_DIGITS or len(under) > MAX_DIGITS:
        raise MusicError(f"a note's length of more than {MAX_DIGITS} digits or strokes")
    value = Fraction(int(over) if over else 1)
    if "/" in text:
        slashes = text.count("/")
        digits = under.lstrip("/")
        value /= int(digits) if digits and int(digits) else 2**slashes
    return value


@dataclass(slots=True)
class _Tune:
    """The state of reading one tune."""

    meter: tuple[int, int] | None = None
    unit: Fraction = Fraction(0)
    key: dict[str, int] = field(default_factory=dict)
    accidentals: dict[tuple[str, int], int] = field(default_factory=dict)
    above: list[tuple[Fraction, int]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[BarNote] = field(default_factory=list)
    position: Fraction = Fraction(0)
    jump: bool = False
    tie: bool = False
    broken: Fraction = Fraction(1)
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)

    def read(self, text: str, book: str) -> Line:
        titles: list[str] = []
        in_body = False
        for raw in text.splitlines():
            line = re.sub(r"(?<!\\)%.*$", "", raw).rstrip()
            match = FIELD.match(line)
            if match and not (in_body and line[1] == "|"):
                name, value = match.groups()
                if name == "T" and not in_body:
                    titles.append(value)
                if name == "V" and in_body:
                    raise MusicError("a tune with several voices")
                self._field(name, value.strip())
                in_body |= name == "K"
            elif in_body and line:
                self._music(line)
        self._close(False)
        if not self.bars:
            raise MusicError("a tune without notes")
        return Line(song_name(titles[0] if titles else book), tuple(self.bars))

    def _field(self, name: str, value: str) -> None:
        if name == "M":
            if self.notes:
                self._close(False)
            self.meter = meter_of(value)
        elif name == "L":
            match = re.match(r"(\d{1,4})/(\d{1,4})(?!\d)", value)
            if match and int(match[2]):
                self.unit = Fraction(4 * int(match[1]), int(match[2]))
        elif name == "K":
            self.key = key_accidentals(value)

    def _music(self, line: str) -> None:
        if not self.unit:
            small = self.meter is not None and Fraction(*self.meter) < Fraction(3, 4)
            self.unit = Fraction(1, 4) if small else Fraction(1, 2)
        at = 0
        while at < len(line):
            if match := INLINE.match(line, at):
                self._field(match[1], match[2].strip())
            elif match := BARLINE.match(line, at):
                self._close(bool(match[1]) and not match[1].lstrip("[").startswith("1"))
            elif match := ENDING.match(line, at):
                self._close(match[0] != "[1")
            elif match := TUPLET.match(line, at):
                count = int(match[1])
                if count < 2:
                    raise MusicError("a tuplet of one")
                time = int(match[2]) if match[2] else TUPLETS[count]
                self.tuplet = (Fraction(time, count), int(match[3]) if match[3] else count)
            elif match := NOTE.match(line, at):
                self._note(match)
            elif match := SYMBOL.match(line, at):
                with suppress(MusicError):  # none that has a triad
                    self.above.append((self.position, chords.encode(match[1])))
            elif match := REST.match(line, at):
                self._advance(length_of(match[1]))
            elif line[at] == "[":
                at = self._chord(line, at)
                continue
            elif line[at] == "-":
                self.tie = True
            elif line[at] in "<>":
                run = re.match(r"<+|>+", line[at:])
                assert run is not None  # noqa: S101  line[at] is one of them
                self._break(run[0])
                at += len(run[0])
                continue
            elif line[at] == "Z":
                raise MusicError("a rest of whole bars")
            elif match := SKIPPED.match(line, at):
                pass
            elif line[at] == "&":
                raise MusicError("a tune with several voices")
            else:
                raise MusicError(f"a sign that is no ABC here: {line[at]!r}")
            at = match.end() if match else at + 1

    def _note(self, match: re.Match[str]) -> int:
        pitch = self._pitch(match)
        start = self.position
        length = self._advance(length_of(match[4]))
        if length > 0:
            self.notes.append(BarNote(start, length, pitch, self.tie))
        self.tie = False
        return pitch

    def _pitch(self, match: re.Match[str]) -> int:
        sign, letter, marks, _ = match.groups()
        octave = (5 if letter.islower() else 4) + marks.count("'") - marks.count(",")
        name = letter.upper()
        if sign:
            self.accidentals[name, octave] = ACCIDENTALS[sign]
        alter = self.accidentals.get((name, octave), self.key.get(name, 0))
        return 12 * (octave + 1) + SEMITONES[name] + alter

    def _chord(self, line: str, at: int) -> int:
        """The highest note of a chord, for as long as its first note."""
        end = line.find("]", at)
        inside = list(NOTE.finditer(line, at, end)) if end > 0 else []
        if not inside:
            raise MusicError("a chord that does not close")
        length = re.compile(r"\d*(?:/+\d*)?").match(line, end + 1)
        factor = length_of(length[0]) if length and length[0] else Fraction(1)
        start = self.position
        highest = max(self._pitch(note) for note in inside)
        lasts = self._advance(length_of(inside[0][4]) * factor)
        self.notes.append(BarNote(start, lasts, highest, self.tie))
        self.tie = False
        return length.end() if length else end + 1

    def _advance(self, written: Fraction) -> Fraction:
        length = written * self.unit * self.broken
        self.broken = Fraction(1)
        factor, left = self.tuplet
        if left:
            length *= factor
            self.tuplet = (factor, left - 1)
        self.position += length
        if self.position > MAX_BAR:
            raise LimitError(f"a bar of it is longer than {MAX_BAR} quarters")
        return length

    def _break(self, run: str) -> None:
        """a>b: the note before by 3/2, the next by 1/2; a<b the other way; >> and << are double dotted."""
        if not self.notes:
            return
        short = Fraction(1, 2 ** len(run))
        first, self.broken = (2 - short, short) if run[0] == ">" else (short, 2 - short)
        last = self.notes[-1]
        if last.start + last.length != self.position:
            return  # a rest came between: nothing to dot
        self.notes[-1] = BarNote(last.start, last.length * first, last.pitch, last.tied)
        self.position = last.start + last.length * first

    def _close(self, jump: bool) -> None:
        """A bar line: the bar so far is whole, accidentals end."""
        if self.position > 0:
            if len(self.bars) >= MAX_BARS:
                raise LimitError(f"it has more than {MAX_BARS} bars")
            self.bars.append(Bar(self.meter, self.position, tuple(self.notes), self.jump, tuple(self.above)))
            self.jump = False
        self.jump |= jump
        self.notes, self.above, self.position = [], [], Fraction(0)
        self.accidentals = {}
        self.tuplet = (Fraction(1), 0)

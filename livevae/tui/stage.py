"""The Stage screen: a lane for each voice with the riff that sounds and the one that comes. Pure.

A lane is a ruler row, in which alone the playhead moves, and rows that change only with the riff or the settings.
"""

from dataclasses import dataclass

from livevae.tui.roll import bar_columns, roll, ruler
from livevae.tui.rows import Row, Span, clean, fit, fit_row, width
from livevae.tui.state import LOST, WAITING, Riff, UiState, Voice

MOST_LINES = 8
"""Rows of a lane, at most."""


@dataclass(frozen=True, slots=True)
class Columns:
    """How the width of a lane is divided: names and settings, the riff that sounds, the riff that comes."""

    head: int
    now: int
    next: int


def columns(cells: int) -> Columns:
    """The division for a screen of so many cells."""
    head = 20 if cells < 100 else 26 if cells < 160 else 34
    head = min(head, max(6, cells // 2))
    rest = max(0, cells - head - 1)
    coming = 0 if rest < 30 else rest // 4
    return Columns(head, rest - coming - (1 if coming else 0), coming)


def layout(voices: int, selected: int, lines: int) -> tuple[int, int, int]:
    """The first voice that is shown, how many are, and rows of a lane: the selected one is always among them."""
    if voices == 0 or lines <= 0:
        return 0, 0, 0
    shown = min(voices, max(1, lines // 2))
    first = min(max(0, selected - shown + 1), voices - shown) if selected >= shown else 0
    return first, shown, min(MOST_LINES, lines // shown)


class Stage:
    """Draws the Stage, and keeps what it drew of each lane until that changes."""

    def __init__(self) -> None:
        self._lanes: dict[int, tuple[object, list[Row]]] = {}
        self._rulers: dict[int, tuple[object, Row]] = {}

    def rows(self, state: UiState, now: float, cells: int, lines: int) -> list[Row]:
        """The whole screen."""
        if not state.voices:
            return empty(state, cells, lines)
        first, shown, tall = layout(len(state.voices), state.selected, lines)
        beat = state.beat(now)
        out: list[Row] = []
        for i in range(first, first + shown):
            voice = state.voices[i]
            here = None if beat is None else state.sounding(voice.name, beat)
            coming = None if beat is None else state.coming(voice.name, beat)
            out += self._lane(i, voice, here, coming, beat, state, cells, tall)
        if shown < len(state.voices):
            more = len(state.voices) - shown
            out.append(
                fit_row((Span(f" and {more} more voices: select them with their digit", "dim"),), cells)
            )
        return out[:lines] + [(Span(" " * cells),)] * (lines - len(out))

    def _lane(
        self,
        i: int,
        voice: Voice,
        here: Riff | None,
        coming: Riff | None,
        beat: float | None,
        state: UiState,
        cells: int,
        tall: int,
    ) -> list[Row]:
        column = columns(cells)
        head = playhead(here, beat, column.now)
        wait = "" if beat is None or not voice.playing else waiting(here, coming, beat)
        chosen = i == state.selected
        key = (voice, here, head, wait, coming is not None, chosen, state.bar, column)
        cached = self._rulers.get(i)
        if cached is None or cached[0] != key:
            cached = self._rulers[i] = (key, ruler_row(i, voice, here, head, wait, chosen, state.bar, column))
        body = (voice, here, coming, state.bar, column, tall)
        kept = self._lanes.get(i)
        if kept is None or kept[0] != body:
            kept = self._lanes[i] = (body, body_rows(i, voice, here, coming, state.bar, column, tall - 1))
        return [cached[1], *kept[1]]


def playhead(riff: Riff | None, beat: float | None, cells: int) -> int:
    """The column of the playhead, on sixteenths: so often, and no more often, is a ruler drawn anew."""
    if riff is None or beat is None or riff.beats <= 0:
        return -1
    sixteenth = int((beat - riff.start) * 4) / 4
    return min(cells - 1, int(sixteenth / riff.beats * cells))


def waiting(here: Riff | None, coming: Riff | None, beat: float) -> str:
    """What stands over the riff that comes: in how many beats, and its seed where it is known."""
    start = coming.start if coming is not None else here.end if here is not None else None
    if start is None:
        return "next"
    beats = max(1, int(start - beat) + 1)
    return f"next in {beats}"


def flags(voice: Voice) -> list[Span]:
    """Signs of a voice: each a letter or a mark, so that colour is not needed."""
    out = []
    if voice.muted:
        out.append(Span("M", "warn bold"))
    if voice.solo:
        out.append(Span("S", "accent bold"))
    if not voice.audible and not voice.muted:
        out.append(Span("m", "dim"))
    if voice.pinned:
        out.append(Span("K", "ok bold"))
    if voice.lately:
        out.append(Span("~", "warn bold"))
    if voice.fault:
        out.append(Span("!", "alarm"))
    return out


def head_row(i: int, voice: Voice, chosen: bool, cells: int) -> Row:
    """The number, the name and the signs of a voice."""
    number = str(i + 1) if i < 9 else "·"
    signs = flags(voice)
    state = "▶" if voice.playing else "■"
    act = f"voice({i})"
    name = fit(clean(voice.name), max(1, cells - 7 - width(signs)))
    return fit_row(
        (
            Span("▌" if chosen else " ", f"voice{i} bold"),
            Span(f" {number} ", f"fill{i}", act),
            Span(f" {state}", "ok" if voice.playing else "dim", f"start({i})"),
            Span(f" {name}", "bold reverse" if chosen else "bold", act),
            *signs,
        ),
        cells,
    )


def ruler_row(
    i: int,
    voice: Voice,
    here: Riff | None,
    head: int,
    wait: str,
    chosen: bool,
    bar: float,
    column: Columns,
) -> Row:
    """The row in which the playhead moves."""
    beats = here.beats if here is not None else float(voice.settings.get("bars", 2)) * bar
    played, mark, rest = ruler(beats, bar, column.now, head)
    act = f"voice({i})"
    parts = [*head_row(i, voice, chosen, column.head), Span(" ")]
    parts += [
        Span(played, f"voice{i}", act),
        Span(mark, "bold", act),
        Span(rest, "faint" if here is None else "dim", act),
    ]
    if column.next:
        parts += [Span("│", "faint"), Span(fit(wait, column.next), "dim")]
    return tuple(parts)


def body_rows(
    i: int, voice: Voice, here: Riff | None, coming: Riff | None, bar: float, column: Columns, lines: int
) -> list[Row]:
    """The rows under a ruler: settings at the left, the roll, and the roll that comes."""
    sides = side_rows(i, voice, column.head, lines)
    now = roll(here.notes, here.beats, column.now, lines) if here is not None else [" " * column.now] * lines
    nxt = (
        roll(coming.notes, coming.beats, column.next, lines)
        if coming is not None
        else [" " * column.next] * lines
    )
    marks = bar_columns(here.beats, bar, column.now)[1:] if here is not None else []
    silent = not voice.audible
    out: list[Row] = []
    for y in range(lines):
        parts: list[Span] = [*sides[y], Span(" ")]
        if voice.fault and y == lines - 1:
            parts.append(Span(fit(f"! {clean(voice.fault)}", column.now), "bad bold"))
        elif here is not None and not here.notes and y == 0:
            parts.append(Span(fit(" rests: this riff has no notes", column.now), "faint", f"voice({i})"))
        else:
            parts += _with_bars(now[y], marks, f"soft{i}" if silent else f"voice{i}", f"voice({i})")
        if column.next:
            parts += [Span("│", "faint"), Span(nxt[y], f"soft{i}", f"voice({i})")]
        out.append(tuple(parts))
    return out


def _with_bars(text: str, marks: list[int], style: str, action: str) -> list[Span]:
    """A row of a roll with bar lines where it is empty."""
    if len(marks) > 16:
        return [Span(text, style, action)]
    out: list[Span] = []
    start = 0
    for mark in marks:
        if text[mark] == " ":
            out += [Span(text[start:mark], style, action), Span("┊", "faint", action)]
            start = mark + 1
    return [*out, Span(text[start:], style, action)]


def blend_text(voice: Voice) -> str:
    """A blend in words: each persona and its weight in per cent, the heaviest first."""
    ordered = sorted(voice.blend, key=lambda pair: -pair[1])
    words = [f"{clean(name)} {100 * weight:.0f}" for name, weight in ordered if weight >= 0.005]
    gliding = {name: round(w, 2) for name, w in voice.target} != {
        name: round(w, 2) for name, w in voice.blend
    }
    return " ".join(words) + (" →" if voice.target and gliding else "")


def blend_line(voice: Voice, cells: int) -> str:
    """A blend as a line: for two a point between them, for more their shares one after the other."""
    parts = sorted((name, weight) for name, weight in voice.blend if weight >= 0.005)
    if len(parts) < 2 or cells < 8:
        return ""
    total = sum(weight for _, weight in parts)
    if len(parts) == 2:
        at = round(parts[1][1] / total * (cells - 3))
        return "├" + "─" * at + "◆" + "─" * (cells - 3 - at) + "┤"
    out, done = "", 0.0
    for i, (_, weight) in enumerate(parts):
        done += weight / total
        out += "█▒▓░"[i % 4] * (round(done * cells) - len(out))
    return out


def side_rows(i: int, voice: Voice, cells: int, lines: int) -> list[Row]:
    """What a lane says at its left: the blend first, then the settings that keys turn, as many as there is room."""
    get = voice.settings.get
    indent = 4 if cells > 22 else 1
    texts: list[tuple[str, str]] = [(blend_text(voice), "text")]
    line = blend_line(voice, cells - indent - 2)
    if line and lines > 2:
        texts.append((line, "text"))
    texts.append((f"temp {_number(get('temp'))} drift {_number(get('drift'))}", "dim"))
    if voice.seed:
        texts.append((f"seed {voice.seed}", "dim"))
    texts.append(
        (
            " ".join(
                part
                for part in (f"ch {get('channel', 1)}", f"{get('bars', 2)} bars", str(get("key", "")))
                if part
            ),
            "dim",
        )
    )
    changed = [f"{name} {_number(get(name))}" for name in ("density", "height", "transpose") if get(name)]
    if changed:
        texts.append((" ".join(changed), "dim"))
    out: list[Row] = []
    for y in range(lines):
        text, style = texts[y] if y < len(texts) else ("", "")
        out.append(fit_row((Span(" " * indent), Span(text, style, f"voice({i})")), cells))
    return out


def _number(value: object) -> str:
    return (
        f"{value:.2f}".rstrip("0").rstrip(".")
        if isinstance(value, float)
        else str(value if value is not None else "-")
    )


def empty(state: UiState, cells: int, lines: int) -> list[Row]:
    """What the Stage says when there is no voice to show: what to do."""
    say: tuple[str, ...]
    if state.link == WAITING:
        say = (
            f"No server answers at {state.where} yet.",
            "",
            "Start one with   livevae serve   in another terminal;",
            "livevae rehearse   starts one and this screen together.",
            "This screen goes on by itself when it answers.",
        )
    elif state.link == LOST:
        say = (
            f"The server at {state.where} no longer answers.",
            "This screen goes on by itself when it does.",
        )
    else:
        say = (
            "No voice yet.",
            "",
            "Press  :  and type   /livevae/scene first-light   to load a scene,",
            "or   /livevae/set lead new 1   to make a voice of your own.",
        )
    top = max(0, (lines - len(say)) // 2)
    rows: list[Row] = [(Span(" " * cells),)] * top
    rows += [fit_row((Span(" " * max(0, (cells - 64) // 2)), Span(text, "text")), cells) for text in say]
    return rows[:lines] + [(Span(" " * cells),)] * (lines - len(rows))

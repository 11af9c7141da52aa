"""What stands around every screen: the transport above, health, log and keys below. Pure."""

from collections.abc import Sequence

from livevae.perform.standing import EnsembleState
from livevae.tui.rows import Row, Span, clean, fit, fit_row, width
from livevae.tui.state import LOST, UP, UiState

SCREENS = ("stage", "voice", "personas", "set", "health")
"""In the order of F2 to F6."""

LEAST_TRANSPORT = 34
"""Cells that position and tempo need; what is recorded and trained gives way to them."""

LATE_MS = 10.0
"""Notes that leave later than this are heard as late."""


def position(beat: float | None, bar: float, meter: str) -> str:
    """Bar and beat, counted from 1, as musicians do."""
    if beat is None:
        return "-.-"
    unit = 4.0 / float(meter.partition("/")[2] or 4)
    bars = int(beat // bar)
    return f"{bars + 1}.{int((beat - bars * bar) / unit) + 1}"


def phase(beat: float | None, bar: float, meter: str) -> str:
    """Where in the bar we are: a block for each beat that has begun."""
    unit = 4.0 / float(meter.partition("/")[2] or 4)
    count = min(16, max(1, round(bar / unit)))
    here = -1 if beat is None else int((beat % bar) / unit)
    return "".join("■" if i <= here else "□" for i in range(count))


def transport(state: UiState, now: float, cells: int) -> Row:
    """Bar and beat, tempo, meter, clock and its health, title, and what is recorded or trained."""
    beat = state.beat(now) if state.link == UP else None
    if state.link != UP:
        text = (
            f"the server at {state.where} no longer answers; trying again"
            if state.link == LOST
            else f"waiting for a server at {state.where}"
        )
        return fit_row((Span(" ! ", "alarm"), Span(f" {text} ", "panel bad bold")), cells)
    clock = state.clock + (f" {state.peers}" if state.peers else "")
    if state.clock == "mqtt" and state.ensemble.name:
        clock = conducted(state.ensemble)
    parts: list[Span] = [
        Span(
            " ▶ " if state.playing else " ■ ", "panel ok bold" if state.playing else "panel dim", "play_all"
        ),
        Span(fit(position(beat, state.bar, state.meter), 7), "panel bold"),
        Span(phase(beat, state.bar, state.meter), "panel accent"),
        Span(f"  {state.bpm:.1f} bpm", "panel bold", "request('/livevae/tempo ')"),
        Span(f"  {state.meter}", "panel"),
        Span("  clock ", "panel dim"),
        Span(clock, "panel", "request('/livevae/clock ')"),
        Span(f" ! {clean(state.why)}" if state.why else " ok", "panel bad bold" if state.why else "panel ok"),
    ]
    right: list[Span] = []
    if state.takes.state:
        right.append(Span(f" {recorded(state, beat)} ", "alarm", "record"))
    parts_training = [t for t in state.training if t.state == "training"]
    right.extend(
        Span(
            f" TRAIN {clean(t.persona)} {100 * t.epoch // max(1, t.epochs)} % ",
            "panel warn bold",
            "screen('personas')",
        )
        for t in parts_training[-1:]
    )
    if state.letter != "A":
        right.append(Span(f" {state.letter} ", "chosen", "swap"))
    while right and cells - width(right) < LEAST_TRANSPORT:
        right.pop(0)
    left = cells - width(parts) - width(right)
    title = clean(state.title)
    if left > 6 and title:
        parts += [Span("  ", "panel"), Span(fit(title, left - 2), "panel dim")]
    elif left > 0:
        parts.append(Span(" " * left, "panel"))
    return fit_row((*fit_row(parts, cells - width(right)), *right), cells)


def conducted(ensemble: EnsembleState) -> str:
    """Who conducts the ensemble, and how far we are from it."""
    if not ensemble.online:
        return "mqtt, no broker"
    if not ensemble.conductor:
        return "mqtt, nobody conducts"
    if ensemble.conductor == ensemble.room:
        return "we conduct"
    return f"{clean(ensemble.conductor)} {ensemble.apart_ms:+.1f} ms"


def recorded(state: UiState, beat: float | None) -> str:
    """What is recorded, in a few words."""
    takes = state.takes
    if takes.state == "armed":
        return "REC waits for the bar line"
    bars = 0.0 if beat is None else max(0.0, (beat - takes.start) / state.bar)
    return f"REC {int(bars) + 1}" + (f" of {takes.bars} bars" if takes.bars else ". bar")


def tabs(state: UiState, cells: int) -> Row:
    """The screens, and what selects each."""
    short = cells < 70
    parts: list[Span] = []
    for i, name in enumerate(SCREENS):
        chosen = name == state.screen
        label = f" {'' if short else f'F{i + 2} '}{name.capitalize()} "
        parts.append(Span(label, "chosen bold" if chosen else "dim", f"screen('{name}')"))
        parts.append(Span(" "))
    voice = state.voice
    if voice is not None:
        text = f"voice {state.selected + 1} {clean(voice.name)} "
        room = cells - width(parts)
        if room > 8:
            parts.append(Span(fit(text, room, right=True), f"voice{state.selected} bold"))
    return fit_row(parts, cells)


def health_strip(state: UiState, cells: int) -> Row:
    """Whether all is well, in one row: what is not has a `!`."""
    if state.link != UP:
        return _filled((Span(" no news from the server", "panel dim"),), cells)
    health = state.health
    parts: list[Span] = []

    def add(name: str, value: str, bad: bool) -> None:
        if not bad and width(parts) + len(name) + width((Span(value),)) + 3 > cells:
            return  # what is well gives way
        parts.append(Span(f" {name} ", "panel dim"))
        parts.append(Span(("! " if bad else "") + value + " ", "panel bad bold" if bad else "panel"))

    faults = [clean(voice.name) for voice in state.voices if voice.fault]
    if faults:
        add("fault", faults[0], True)
    lead = f" of {health.lead_ms:.0f}" if health.lead_ms else ""
    slow = health.decode_ms_p99 > health.lead_ms > 0
    add("decode", f"{health.decode_ms_p50:.0f}/{health.decode_ms_p99:.0f}{lead} ms", slow)
    add("sent late", f"{health.late_ms_p99:.1f} ms", health.late_ms_p99 > LATE_MS)
    late = sum(voice.late for voice in state.voices)
    add("late riffs", str(late), any(voice.lately for voice in state.voices))
    add("drops", str(health.dropped), health.dropped > 0)
    gone = [port.name for port in state.ports if not port.open]
    if state.ports:
        ours = next((port for port in state.ports if not port.input), state.ports[0])
        add("midi", f"{clean(gone[0])} is gone" if gone else clean(ours.name), bool(gone))
    add("refused", str(health.errors), False)
    return _filled(fit_row(parts, cells) if width(parts) > cells else parts, cells)


LEVELS = {"info": "text", "warning": "warn", "error": "bad bold", "you": "accent", "answer": "dim"}
SIGNS = {"info": "  ", "warning": "~ ", "error": "! ", "you": "> ", "answer": "< "}


def log_rows(state: UiState, cells: int, lines: int, back: int = 0) -> list[Row]:
    """The newest lines of the log, or those `back` lines earlier."""
    end = len(state.log) - back
    return [
        fit_row(
            (
                Span(
                    fit(SIGNS.get(line.level, "  ") + clean(line.text), cells), LEVELS.get(line.level, "text")
                ),
            ),
            cells,
        )
        for line in state.log[max(0, end - lines) : max(0, end)]
    ]


def key_rows(keys: Sequence[tuple[str, str, str]], panic: str, cells: int, lines: int) -> list[Row]:
    """The keys in so many rows: those that fit, in order; the panic key stands alone at the end of the last.

    Args:
        keys: (what to press, what it does, action).
        panic: the panic key.
        cells: how wide.
        lines: how many rows.
    """
    rows: list[list[Span]] = [[] for _ in range(lines)]
    alone = Span(f"  {panic}  PANIC ", "alarm", "panic")
    at = 0
    for key, what, action in keys:
        spans = (
            Span(f" {key}", "panel accent bold", action),
            Span(f" {what}" + (" " if cells >= 100 else ""), "panel", action),
        )
        need = width(spans)
        while at < lines:
            room = cells - width(rows[at]) - (width((alone,)) + 2 if at == lines - 1 else 0)
            if need <= room:
                rows[at].extend(spans)
                break
            at += 1
        else:
            break
    out = [_filled(row, cells) for row in rows[:-1]]
    return [*out, (*_filled(rows[-1], cells - width((alone,))), alone)] if lines else []


def _filled(row: Sequence[Span], cells: int) -> Row:
    return (*row, Span(" " * max(0, cells - width(row)), "panel"))

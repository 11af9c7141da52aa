"""The screens Personas, Set and Health. Pure."""

from livevae.tui.frame import LATE_MS, log_rows, recorded
from livevae.tui.pictures import curve
from livevae.tui.rows import Row, Span, bar, beside, clean, fit, fit_row, fit_rows
from livevae.tui.state import UiState


def personas(state: UiState, beat: float | None, cells: int, lines: int) -> list[Row]:
    """Takes, trainings with their loss, and which personas there are."""
    left_cells = max(20, cells // 2 - 1)
    left: list[Row] = [
        (Span(" takes", "bold"), Span("   R records from the MIDI input, from the next bar on", "dim"))
    ]
    takes = state.takes
    if takes.state:
        what = f"   {takes.notes} notes; R stops"
        left.append((Span("   "), Span(f" {recorded(state, beat)} ", "alarm", "record"), Span(what, "dim")))
    count = "no take yet" if not takes.takes else "1 take" if takes.takes == 1 else f"{takes.takes} takes"
    left.append((Span(f"   {count}", "text" if takes.takes else "dim"),))
    left += [(), (Span(" training", "bold"), Span("   T trains a persona on the takes", "dim"))]
    if not state.training:
        left.append((Span("   nothing was trained in this session", "dim"),))
    for training in reversed(state.training[-3:]):
        share = training.epoch / max(1, training.epochs)
        left.append(
            (
                Span(f"   {fit(clean(training.persona), 14)} ", "bold"),
                Span(bar(share, 0, 1, 12), "accent"),
                Span(f" {training.epoch}/{training.epochs} ", "dim"),
                Span(clean(training.state), "ok" if training.state == "ready" else "warn"),
            )
        )
        if training.loss:
            tall = max(2, min(12, lines // 3))
            size = max(8, min(60, left_cells - 14))
            drawn = curve(training.loss, size, tall)
            ends = [f"{max(training.loss):8.3f} ", *[" " * 9] * (tall - 2), f"{training.loss[-1]:8.3f} "]
            left += [
                (Span("   " + end, "dim"), Span(line, "accent"))
                for end, line in zip(ends, drawn, strict=False)
            ]
    right: list[Row] = [(Span("personas", "bold"), Span("   a click blends the selected voice to it", "dim"))]
    voice = state.voice
    weights = dict(voice.blend) if voice is not None else {}
    if not state.personas:
        right.append((Span("  none is known yet", "dim"),))
    for persona in state.personas:
        share = weights.get(persona.name, 0.0)
        sign = f"{100 * share:3.0f} %" if share else "     "
        what = persona.state + (f", {persona.windows} windows" if persona.windows else "")
        if persona.voices:
            what += "; in " + " ".join(persona.voices)
        right.append(
            (
                Span(
                    f"  {fit(clean(persona.name), 16)}",
                    "bold" if share else "text",
                    f"blend_to({persona.name!r})",
                ),
                Span(sign, "ok"),
                Span(f"  {clean(what)}", "dim"),
            )
        )
    return fit_rows(
        beside(left, [fit_row(r, cells - left_cells - 2) for r in right], left_cells), cells, lines
    )


def setlist(state: UiState, cells: int, lines: int) -> list[Row]:
    """Cues, scenes and the two states of the settings."""
    left_cells = max(20, cells // 2 - 1)
    left: list[Row] = [
        (Span(" cues", "bold"), Span(f"   of {clean(state.title) or 'this scene'}; n next, b back", "dim"))
    ]
    if not state.cues:
        left.append((Span("   this scene has no cues", "dim"),))
    else:
        left += [
            (Span("   now   ", "dim"), Span(clean(state.cue) or "the scene as it begins", "ok bold")),
            (
                Span("   next  ", "dim"),
                Span(clean(state.next_cue) or "none: this is the last", "bold", "cue('next')"),
            ),
            (Span(f"   {state.cues} cues in all", "dim"),),
        ]
    left += [
        (),
        (Span(" A/B", "bold"), Span("   a changes between two states of all settings", "dim")),
        (
            Span("   "),
            Span(" A ", "chosen" if state.letter == "A" else "dim", "swap"),
            Span(" "),
            Span(" B ", "chosen" if state.letter == "B" else "dim", "swap"),
        ),
    ]
    right: list[Row] = [
        (Span("scenes", "bold"), Span("   a click loads it; w writes what is set now", "dim"))
    ]
    if not state.scenes:
        right.append((Span("  : /livevae/scene NAME loads one", "dim"),))
    right += [(Span("  "), Span(clean(name), "text", f"load_scene({name!r})")) for name in state.scenes]
    return fit_rows(beside(left, right, left_cells), cells, lines)


def health(state: UiState, cells: int, lines: int, back: int = 0) -> list[Row]:
    """Decoding against the lead, lateness, drops, ports, clients, and the log."""
    h = state.health
    size = max(10, min(50, cells - 52))
    lead = h.lead_ms or max(h.decode_ms_p99, 1.0)
    slow = h.decode_ms_p99 > h.lead_ms > 0
    late = sum(voice.late for voice in state.voices)
    rows: list[Row] = [
        _measure(
            "decode, half below", f"{h.decode_ms_p50:.1f} ms", bar(h.decode_ms_p50, 0, lead, size), False
        ),
        _measure("decode, 99 in 100", f"{h.decode_ms_p99:.1f} ms", bar(h.decode_ms_p99, 0, lead, size), slow),
        _measure("lead", f"{lead:.0f} ms", "so early a riff is begun: a full bar", False),
        _measure(
            "late riffs",
            str(late),
            "the riff before was played again" if late else "",
            any(voice.lately for voice in state.voices),
        ),
        _measure(
            "sent late",
            f"{h.late_ms_p99:.2f} ms",
            f"99 in 100; at most {h.late_ms_max:.2f} ms",
            h.late_ms_p99 > LATE_MS,
        ),
        _measure(
            "drops",
            str(h.dropped),
            "notes that would have been far too late" if h.dropped else "",
            h.dropped > 0,
        ),
        _measure("sent", str(h.sent), f"{h.sounding} notes sound, {h.waiting} messages wait", False),
        _measure(
            "real-time priority",
            "yes" if h.realtime else "no",
            "" if h.realtime else "livevae doctor says how to get it",
            False,
        ),
        _measure("requests", str(h.requests), f"{h.errors} were refused", False),
        _measure(
            "clients", str(h.subscribers), f"{h.lost} values were not read in time" if h.lost else "", False
        ),
    ]
    rows += [
        _measure(
            f"midi {clean(p.name)}",
            "open" if p.open else "gone",
            clean(p.system if p.open else p.why),
            not p.open,
        )
        for p in state.ports[:8]
    ]
    rows = rows[: max(0, lines - 3)]
    rows.append((Span(fit("─" * 3 + " log " + "─" * max(0, cells - 8), cells), "dim"),))
    return fit_rows([*rows, *log_rows(state, cells, lines - len(rows), back)], cells, lines)


def _measure(name: str, value: str, more: str, bad: bool) -> Row:
    return (
        Span("! " if bad else "  ", "bad bold"),
        Span(fit(name, 22)),
        Span(fit(value, 12), "bad bold" if bad else "bold"),
        Span(more, "dim"),
    )

"""The screens Personas, Set and Health. Pure."""

import textwrap

from livevae.perform.events import PersonaState
from livevae.perform.standing import CueState
from livevae.tui.frame import LATE_MS, log_rows, recorded
from livevae.tui.pictures import curve
from livevae.tui.rows import Row, Span, bar, beside, clean, fit, fit_row, fit_rows
from livevae.tui.state import UiState

MOST_DETAILS = 3
"""Rows that say where a persona comes from."""

CUE_HEAD = 18
"""Cells of a cue's sign, number and name."""

MOST_SLOT_ROWS = 6
"""Rows that say what the other state has differently."""


def personas(state: UiState, beat: float | None, cells: int, lines: int) -> list[Row]:
    """Takes, trainings with their loss, and which personas there are."""
    left_cells = max(20, cells // 2 - 1)
    left: list[Row] = [(Span(" takes", "bold"), Span("   R records MIDI in, R ends it", "dim"))]
    takes = state.takes
    if takes.state:
        what = f"   {takes.notes} notes; R stops"
        left.append((Span("   "), Span(f" {recorded(state, beat)} ", "alarm", "record"), Span(what, "dim")))
    inputs = [port for port in state.ports if port.input]
    if inputs:
        heard = ", ".join(port.system if port.open else f"{port.name} is not there" for port in inputs)
        left.append((Span(f"   in: {clean(heard)}", "dim"),))
    else:
        left.append((Span("   no MIDI input: --midi-in gives one", "warn"),))
    count = "no take yet" if not takes.takes else "1 take" if takes.takes == 1 else f"{takes.takes} takes"
    left.append((Span(f"   {count}", "text" if takes.takes else "dim"),))
    left += [(), (Span(" training", "bold"), Span("   T trains on the takes", "dim"))]
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
    right = persona_rows(state, cells - left_cells - 2, lines)
    return fit_rows(beside(left, right, left_cells), cells, lines)


def persona_rows(state: UiState, cells: int, lines: int) -> list[Row]:
    """Every persona, and where it comes from: the chosen one first, then those that the voice blends, then the rest."""
    rows: list[Row] = [(Span("personas", "bold"), Span("  pgup pgdn, enter blends to it", "dim"))]
    if not state.personas:
        rows.append((Span("  none is known yet", "dim"),))
    weights = dict(state.voice.blend) if state.voice is not None else {}
    details = {
        one.name: textwrap.wrap(provenance(one), max(8, cells - 4), break_on_hyphens=False)[:MOST_DETAILS]
        for one in state.personas
    }
    room = lines - len(rows) - len(state.personas)
    open_names: set[str] = set()
    order = sorted(state.personas, key=lambda one: (one.name != state.chosen, -weights.get(one.name, 0.0)))
    for persona in order:
        if (need := len(details[persona.name])) <= room:
            open_names.add(persona.name)
            room -= need
    names = [one.name for one in state.personas]
    first = 0
    if len(names) + len(rows) > lines and state.chosen in names:
        first = max(0, min(names.index(state.chosen) - lines // 2, len(names) + len(rows) - lines))
    for persona in state.personas[first:]:
        share = weights.get(persona.name, 0.0)
        sign = f"{100 * share:3.0f} %" if share else "     "
        what = persona.state
        if persona.state == "in training":
            what += f", {100 * persona.progress:.0f} %"
        if persona.voices:
            what += "; in " + " ".join(persona.voices)
        chosen = persona.name == state.chosen
        name = Span(
            f"{'› ' if chosen else '  '}{fit(clean(persona.name), 16)}",
            "chosen bold" if chosen else "bold" if share else "text",
            f"blend_to({persona.name!r})",
        )
        rows.append((name, Span(sign, "ok"), Span(f"  {clean(what)}", "dim")))
        if persona.name in open_names:
            rows += [(Span(f"    {line}", "dim"),) for line in details[persona.name]]
    return [fit_row(row, cells) for row in rows]


def provenance(persona: PersonaState) -> str:
    """What a persona was trained on, over which model, when, with what loss, and what others may do with it."""
    parts = [] if persona.saved or persona.state != "here" else ["not on disk yet: S saves it"]
    parts.append(persona.source)
    if persona.windows:
        parts.append(f"{persona.windows} windows")
    if persona.loss:
        parts.append(f"loss {persona.loss:.1f}")
    if persona.licence:
        parts.append(persona.licence)
    if persona.base:
        parts.append(f"over {persona.base}")
    if persona.trained:
        parts.append(persona.trained[:16].replace("T", " "))
    return clean("; ".join(part for part in parts if part))


def setlist(state: UiState, cells: int, lines: int) -> list[Row]:
    """Cues, scenes and the two states of the settings."""
    left_cells = max(20, cells * 3 // 5)
    right_cells = cells - left_cells - 2
    right = [*slot_rows(state, right_cells), (), *scene_rows(state)]
    return fit_rows(beside(cue_rows(state, left_cells, lines), right, left_cells), cells, lines)


def cue_rows(state: UiState, cells: int, lines: int) -> list[Row]:
    """The cues in order, what each changes, which one is current and which is next."""
    rows: list[Row] = [
        (Span(" cues", "bold"), Span(f"   of {clean(state.title) or 'this scene'}; n next, b back", "dim"))
    ]
    if not state.setlist:
        return [*rows, (Span("   this scene has none: a scene file has them under [[cue]]", "dim"),)]
    cues = list(state.setlist)
    current = next((i for i, cue in enumerate(cues) if cue.name == state.cue), -1)
    if current < 0 and cues[0].number == 1:
        rows.append((Span(" ▶ ", "ok bold"), Span("the scene as it begins", "ok bold")))
    texts = [textwrap.wrap(cue_text(cue), max(8, cells - CUE_HEAD)) or [""] for cue in cues]
    if len(rows) + sum(map(len, texts)) > lines:
        texts = [text[:1] for text in texts]
    room = max(1, lines - len(rows))
    first = max(0, min(current - room // 3, len(cues) - room))
    for cue, text in list(zip(cues, texts, strict=True))[first:]:
        now, following = cue.name == state.cue, cue.name == state.next_cue
        style = "ok bold" if now else "bold" if following else "text"
        head = (
            Span(" ▶ " if now else " n " if following else "   ", "ok bold" if now else "accent bold"),
            Span(f"{cue.number:>2} {fit(clean(cue.name), CUE_HEAD - 7)} ", style, f"cue({cue.name!r})"),
        )
        rows.append((*head, Span(clean(text[0]), "text" if now or following else "dim")))
        rows += [(Span(" " * CUE_HEAD), Span(clean(line), "dim")) for line in text[1:]]
    more = state.cues - cues[-1].number
    if more > 0:
        rows.append((Span(f"   and {more} more", "dim"),))
    return rows


def cue_text(cue: CueState) -> str:
    """What a cue changes: tempo, meter, how long blends glide, then each voice."""
    parts = []
    if cue.bpm:
        parts.append(f"{cue.bpm:g} bpm" + (f" in {cue.ramp:g} beats" if cue.ramp else ""))
    if cue.meter:
        parts.append(cue.meter)
    if cue.over:
        parts.append(f"blends glide over {cue.over:g} bar{'' if cue.over == 1 else 's'}")
    return "; ".join([*parts, *([cue.changes] if cue.changes else [])]) or "changes nothing"


def slot_rows(state: UiState, cells: int) -> list[Row]:
    """Which of the two states is heard, and what the other one has differently."""
    other = "B" if state.letter == "A" else "A"
    rows: list[Row] = [
        (
            Span("A/B", "bold"),
            Span("  "),
            Span(" A ", "chosen" if state.letter == "A" else "dim", "swap"),
            Span(" "),
            Span(" B ", "chosen" if state.letter == "B" else "dim", "swap"),
            Span("   a: the other", "dim"),
        )
    ]
    if not state.other.heard:
        texts = [f"{other} is a copy of {state.letter} when you go there: change it then, and compare"]
    elif not state.other.count:
        texts = [f"{other} is as {state.letter}"]
    else:
        texts = [f"in {other}:  " + ",  ".join(f"{name} {value}" for name, value in state.other.values)]
        more = state.other.count - len(state.other.values)
        texts += [f"and {more} more"] if more else []
    lines = [line for text in texts for line in textwrap.wrap(clean(text), max(8, cells - 2))]
    return [*rows, *((Span(f"  {line}", "dim"),) for line in lines[:MOST_SLOT_ROWS])]


def scene_rows(state: UiState) -> list[Row]:
    """The scenes that can be loaded."""
    rows: list[Row] = [(Span("scenes", "bold"), Span("   click loads, w writes", "dim"))]
    if not state.scenes:
        rows.append((Span("  : /livevae/scene NAME loads one", "dim"),))
    return [
        *rows,
        *((Span("  "), Span(clean(name), "text", f"load_scene({name!r})")) for name in state.scenes),
    ]


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
        _measure(
            "sent", str(h.sent), f"notes that sound: {h.sounding}, messages that wait: {h.waiting}", False
        ),
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
    rows += ensemble_rows(state, 4 if lines < 30 else 16)
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


def ensemble_rows(state: UiState, most: int) -> list[Row]:
    """Who is here over MQTT, in time by how much, playing what; nothing where the server is in no ensemble."""
    ensemble = state.ensemble
    if not ensemble.name:
        return []
    who = f"{ensemble.conductor} conducts" if ensemble.conductor else "nobody conducts"
    text = f"this room is {ensemble.room}; {who}"
    rows = [
        _measure(
            f"ensemble {clean(ensemble.name)}",
            f"{ensemble.rooms} room{'' if ensemble.rooms == 1 else 's'}" if ensemble.online else "no broker",
            clean(text if ensemble.online else f"{text}; the music plays on"),
            not ensemble.online,
        )
    ]
    for room in state.rooms[:most]:
        words = [f"{room.bpm:.1f} bpm"] if room.bpm else []
        if room.time == "follows":
            words.append(f"{room.apart_ms:+.2f} ±{room.within_ms:.2f} ms")
        words.append(f"late {room.late_ms_p99:.1f} ms")
        if room.plays:
            words.append(f"plays {room.plays}")
        here = room.state == "ready"
        rows.append(
            _measure(
                f"  {clean(room.name)}",
                room.time if here else room.state,
                clean(", ".join(words)) if here else "",
                not here,
            )
        )
    if len(state.rooms) > most:
        rows.append((Span(f"    and {ensemble.rooms - most} more rooms", "dim"),))
    return rows


def _measure(name: str, value: str, more: str, bad: bool) -> Row:
    return (
        Span("! " if bad else "  ", "bad bold"),
        Span(fit(name, 22)),
        Span(fit(value, 12), "bad bold" if bad else "bold"),
        Span(more, "dim"),
    )

"""The OSC addresses: one table, so one long file. `livevae osc`, docs/osc.md and the patches follow it.

A message is an address and flat pairs of names and values, as Tidal and SuperCollider send them:

    /livevae/sample voice lead bars 4

An odd number of arguments begins with the address's own word, which hosts that send by position can use:

    /livevae/sample lead bars 4        /livevae/stop lead        /livevae/tempo 140

Names that an address does not know are ignored, because hosts add their own; the reply says which.
"""

from collections.abc import Mapping
from dataclasses import replace

from livevae.edges.osc.arguments import (
    BEATS,
    BPM,
    CC,
    CONDUCT,
    COORDINATES,
    DEVICE,
    LEAST,
    LISTEN_ON,
    MOST,
    MS,
    NEW,
    NUDGE_OVER,
    ON,
    OVER,
    PERSONA,
    RECIPE,
    RIFF,
    SCENE,
    SECONDS,
    SETTING,
    SOURCE,
    SUBJECTS,
    TAKE,
    TOKEN,
    TOPIC_FLAGS,
    VOICE,
    Address,
    NameOrNumber,
    Values,
)
from livevae.perform.requests import (
    LEASE,
    Blend,
    Call,
    Clock,
    GoCue,
    Keep,
    Latent,
    Learn,
    ListCrib,
    LoadScene,
    Map,
    Mute,
    Nudge,
    Panic,
    PersonaList,
    PersonaLoad,
    PersonaRecord,
    PersonaRemove,
    PersonaSave,
    PersonaTrain,
    PersonaUndo,
    Ping,
    Play,
    Recall,
    Redo,
    Request,
    Reroll,
    Sample,
    Set,
    ShowRiff,
    Solo,
    Status,
    Stop,
    Subscribe,
    Swap,
    TakeKept,
    Tap,
    Tempo,
    Trade,
    Undo,
    Unsubscribe,
    WriteScene,
)
from livevae.perform.settings import BY_NAME, SETTINGS, Setting


def _voice(values: Values) -> str:
    return str(values.get(VOICE.name, VOICE.default))


def _turn(values: Values) -> tuple[str, float | None, float | None]:
    least, most = (float(values[one.name]) if one.name in values else None for one in (LEAST, MOST))
    return str(values.get(SETTING.name, "")), least, most


def _map(values: Values, at: float | None) -> Request:
    controller = int(values[CC.name]) if CC.name in values else None
    return Map(controller, _voice(values), *_turn(values), int(values.get("channel", 0)), at=at)


def _persona(values: Values) -> str:
    return str(values.get(PERSONA.name, ""))


def _blend(values: Values, at: float | None) -> Request:
    weights = tuple((n, float(v)) for n, v in values.items() if n not in (VOICE.name, OVER.name))
    return Blend(_voice(values), weights, float(values.get(OVER.name, 0.0)), at=at)


def _latent(values: Values, at: float | None) -> Request:
    given = [setting.name for setting in COORDINATES if setting.name in values]
    last = COORDINATES.index(next(c for c in COORDINATES if c.name == given[-1])) + 1 if given else 0
    position = tuple(float(values.get(setting.name, 0.0)) for setting in COORDINATES[:last])
    return Latent(_voice(values), position, float(values.get(OVER.name, 0.0)), at=at)


def _on(values: Values) -> bool | None:
    return bool(values[ON.name]) if ON.name in values else None


def _topics(values: Values) -> tuple[str, ...]:
    return tuple(topic for topic in SUBJECTS if values.get(topic))


def _settings(values: Values) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in (VOICE.name, RECIPE.name, NEW.name)}


def _sample(values: Values, at: float | None) -> Request:
    return Sample(_voice(values), _settings(values), str(values.get(RECIPE.name, "")), at=at)


ADDRESSES: tuple[Address, ...] = (
    Address(
        "/livevae/ping",
        "Are you there?",
        ("version", "bpm"),
        lambda _, at: Ping(at=at),
        changes=False,
    ),
    Address(
        "/livevae/status",
        "How everything stands.",
        ("title", "bpm", "meter", "voices", "decode_ms_p99", "errors", "clock", "peers", "why"),
        lambda _, at: Status(at=at),
        changes=False,
    ),
    Address(
        "/livevae/subscribe",
        "Be told what happens, as messages from now on; see Subscriptions. Any packet from there keeps it alive.",
        ("topics", "seconds", "subscribers"),
        lambda values, at: Subscribe(
            _topics(values),
            int(values.get(LISTEN_ON.name, 0)),
            float(values.get(SECONDS.name, LEASE)),
            int(values.get(TOKEN.name, 0)),
            at=at,
        ),
        settings=(*TOPIC_FLAGS, LISTEN_ON, SECONDS, TOKEN),
        words=frozenset(SUBJECTS),
        changes=False,
        example=("beat", "bar", "riff", "for", 60),
    ),
    Address(
        "/livevae/unsubscribe",
        "Be told some of it no longer; without words, nothing.",
        ("topics", "subscribers"),
        lambda values, at: Unsubscribe(_topics(values), int(values.get(LISTEN_ON.name, 0)), at=at),
        settings=(*TOPIC_FLAGS, LISTEN_ON),
        words=frozenset(SUBJECTS),
        changes=False,
    ),
    Address(
        "/livevae/play",
        "Start a voice on its next quantum; without a voice, all of them.",
        ("playing",),
        lambda values, at: Play(_voice(values), at=at),
        word=VOICE,
        example=("lead",),
    ),
    Address(
        "/livevae/stop",
        "Stop a voice and release its notes; without a voice, all of them.",
        ("stopped",),
        lambda values, at: Stop(_voice(values), at=at),
        word=VOICE,
        example=("lead",),
    ),
    Address(
        "/livevae/sample",
        "Play one riff, once, on the first grid point at or after the bundle's timetag. Settings are laid"
        " over those of the voice (without one, over the defaults), for this riff only. With a recipe, that is"
        " decoded: the same notes again, feel aside.",
        ("voice", "seed"),
        _sample,
        word=VOICE,
        settings=(*SETTINGS, RECIPE),
        example=("lead", "bars", 4, "temp", 0.5),
    ),
    Address(
        "/livevae/set",
        "Change a voice's settings, from its next riff on. With `new 1` the voice is made where there is none of that"
        " name; it waits for play.",
        (VOICE.name, *(setting.name for setting in SETTINGS)),
        lambda values, at: Set(_voice(values), _settings(values), bool(values.get(NEW.name)), at=at),
        word=VOICE,
        needs_word=True,
        settings=(*SETTINGS, NEW),
        example=("lead", "temp", 1.25, "transpose", 12),
    ),
    Address(
        "/livevae/tempo",
        "Beats a minute, from now on, at once or in a ramp.",
        ("bpm",),
        lambda values, at: Tempo(float(values[BPM.name]), float(values.get(OVER.name, 0.0)), at=at),
        word=BPM,
        needs_word=True,
        settings=(OVER,),
        example=(140, "over", 16),
    ),
    Address(
        "/livevae/nudge",
        "Put the music further on, or back, as a hand on a record does: by bending the tempo for a moment.",
        ("beats",),
        lambda values, at: Nudge(
            *(float(values.get(one.name, one.default)) for one in (BEATS, MS, NUDGE_OVER)), at=at
        ),
        word=BEATS,
        settings=(MS, NUDGE_OVER),
        example=("ms", 20),
    ),
    Address(
        "/livevae/tap",
        "Tap on the beats: from the third tap on, the tempo is that of the taps.",
        ("bpm", "taps"),
        lambda _, at: Tap(at=at),
    ),
    Address(
        "/livevae/clock",
        "Go by another clock, without a jump: internal, midi, link, mqtt. Without a source, say whose it is, and why.",
        ("clock", "peers", "why"),
        lambda values, at: Clock(
            str(values.get(SOURCE.name, "")),
            float(values["quantum"]) if "quantum" in values else None,
            str(values.get(DEVICE.name, "")),
            bool(values.get(CONDUCT.name)),
            at=at,
        ),
        word=SOURCE,
        settings=(BY_NAME["quantum"], DEVICE, CONDUCT),
        example=("internal",),
    ),
    Address(
        "/livevae/map",
        "Let a MIDI controller turn a setting; without a setting, free it; without a controller, list what is mapped.",
        ("cc", "channel", "target", "least", "most"),
        _map,
        word=CC,
        settings=(VOICE, SETTING, LEAST, MOST, BY_NAME["channel"]),
        example=(74, "voice", "lead", "setting", "temp", "most", 1.2),
    ),
    Address(
        "/livevae/learn",
        "Let the next MIDI controller that moves turn a setting; a second answer, like that to map, says which it was.",
        ("learning",),
        lambda values, at: Learn(_voice(values), *_turn(values), at=at),
        word=VOICE,
        settings=(SETTING, LEAST, MOST),
        example=("lead", "setting", "temp"),
    ),
    Address(
        "/livevae/panic",
        "Stop everything and silence every channel of every port.",
        (),
        lambda _, at: Panic(at=at),
    ),
    Address(
        "/livevae/scene",
        "Replace the scene: all voices, their settings and the tempo.",
        ("scene",),
        lambda values, at: LoadScene(str(values[SCENE.name]), at=at),
        word=SCENE,
        needs_word=True,
        example=("first-light",),
    ),
    Address(
        "/livevae/scene/write",
        "Write what is set now as a scene of yours; with replace, also over one of that name.",
        ("scene", "file"),
        lambda values, at: WriteScene(str(values[SCENE.name]), bool(values.get("replace")), at=at),
        word=replace(SCENE, help="what to call it"),
        needs_word=True,
        settings=(Setting("replace", int, 0, 0, 1, "", "1 writes over a scene of that name"),),
        example=("my-set",),
    ),
    Address(
        "/livevae/cue",
        "Go to a cue of the scene on the next bar line that can be met: next, back, a name, or a number from 1.",
        ("cue", "number", "next"),
        lambda values, at: GoCue(str(values.get("cue", "next")), at=at),
        word=NameOrNumber(
            "cue", str, "next", None, None, "", "next, back, a cue's name, or its number from 1"
        ),
        example=("next",),
    ),
    Address(
        "/livevae/blend",
        "Move a voice to other weights over personas, at once or over some beats; `base` is the base model."
        " Names and weights go in pairs, as many as there are personas; weights are normalised.",
        ("voice", "each persona's weight"),
        _blend,
        word=VOICE,
        needs_word=True,
        settings=(OVER,),
        others=Setting("the weight of", float, 0.0, 0.0, 1e6, "", "how much of a persona"),
        example=("lead", "nora", 0.7, "petra", 0.3, "over", 16),
    ),
    Address(
        "/livevae/latent",
        "Hold a voice at a position inside its personas' own space, or glide there over some beats."
        " Without numbers it walks again.",
        ("voice", "u1", "u2", "u3", "u4"),
        _latent,
        word=VOICE,
        needs_word=True,
        settings=(OVER,),
        numbers=COORDINATES,
        example=("lead", 0.5, -1.0, 0.0, 0.25),
    ),
    Address(
        "/livevae/call",
        "Answer what was just played into the MIDI input, once, in the manner of a voice's personas.",
        ("voice", "seed", "notes"),
        lambda values, at: Call(
            _voice(values),
            float(values.get("distance", 0.5)),
            int(values.get("bars", 2)),
            str(values.get("riff", "")),
            at=at,
        ),
        word=VOICE,
        needs_word=True,
        settings=(
            Setting(
                "distance", float, 0.5, 0.0, 1.0, "", "0 is a copy, 0.5 in the personas' manner, 1 is free"
            ),
            Setting("bars", int, 2, 1, 32, "bars", "how much of what was played is the call"),
            Setting("riff", str, "", None, None, "", "a riff of the crib that is the call instead"),
        ),
        example=("lead", "distance", 0.4),
    ),
    Address(
        "/livevae/trade",
        "Trade bars with a voice: so many of yours, from the MIDI input, so many of its own, in turn; 0 ends it."
        " Without a voice, the first one answers.",
        ("voice", "bars"),
        lambda values, at: Trade(
            int(values.get("bars", 4)), _voice(values), float(values.get("distance", 0.75)), at=at
        ),
        word=Setting("bars", int, 4, 0, 32, "bars", "how long each turn is; 0 ends the trade"),
        settings=(
            VOICE,
            Setting(
                "distance",
                float,
                0.75,
                0.0,
                1.0,
                "",
                "how far answers go: 0 repeats the call, 1 only goes on",
            ),
        ),
        example=(4, "voice", "lead"),
    ),
    Address(
        "/livevae/mute",
        "Let a voice walk on without being heard, or hear it again where it is: at once.",
        ("voice", "muted"),
        lambda values, at: Mute(_voice(values), _on(values), at=at),
        word=VOICE,
        needs_word=True,
        settings=(ON,),
        example=("lead",),
    ),
    Address(
        "/livevae/solo",
        "Hear only this voice, and others that are soloed: at once.",
        ("voice", "solo"),
        lambda values, at: Solo(_voice(values), _on(values), at=at),
        word=VOICE,
        needs_word=True,
        settings=(ON,),
        example=("lead", "on", 1),
    ),
    Address(
        "/livevae/keep",
        "Loop the riff that sounds until it is released, and put it into the crib with its recipe; again: release it.",
        ("voice", "kept", "name", "seed", "recipe"),
        lambda values, at: Keep(_voice(values), _on(values), str(values.get(RIFF.name, "")), at=at),
        word=VOICE,
        needs_word=True,
        settings=(ON, replace(RIFF, help="what to call it in the crib")),
        example=("lead",),
    ),
    Address(
        "/livevae/recall",
        "Play a riff of the crib, note for note, until it is released with keep; or once, on the next grid point.",
        ("voice", "name", "seed"),
        lambda values, at: Recall(
            str(values.get(RIFF.name, "")), _voice(values), bool(values.get("once")), at=at
        ),
        word=RIFF,
        needs_word=True,
        settings=(
            replace(VOICE, help="who plays it; without one, the voice that it was kept from"),
            Setting("once", int, 0, 0, 1, "", "1 plays it once"),
        ),
        example=("hook", "voice", "lead"),
    ),
    Address(
        "/livevae/crib",
        "Which riffs are in the crib.",
        ("riffs", "names"),
        lambda _, at: ListCrib(at=at),
        changes=False,
    ),
    Address(
        "/livevae/recipe",
        "The seed and the recipe of the riff of a voice that sounds.",
        ("voice", "seed", "recipe", "late", "pinned", "muted"),
        lambda values, at: ShowRiff(_voice(values), at=at),
        word=VOICE,
        needs_word=True,
        example=("lead",),
        changes=False,
    ),
    Address(
        "/livevae/reroll",
        "Give a voice a new seed, from its next riff on; the reply says which.",
        ("voice", "seed"),
        lambda values, at: Reroll(_voice(values), at=at),
        word=VOICE,
        needs_word=True,
        example=("lead",),
    ),
    Address(
        "/livevae/undo",
        "Take back the last change of voices' settings.",
        ("voices", "undos", "redos"),
        lambda _, at: Undo(at=at),
    ),
    Address(
        "/livevae/redo",
        "Make the change again that was taken back last.",
        ("voices", "undos", "redos"),
        lambda _, at: Redo(at=at),
    ),
    Address(
        "/livevae/state",
        "Hear the other of two states, a and b, each with settings of its own; or the named one.",
        ("slot", "voices"),
        lambda values, at: Swap(str(values.get("slot", "")).lower(), at=at),
        word=Setting("slot", str, "", None, None, "", "a or b; without it, the other one"),
        example=("b",),
    ),
    Address(
        "/livevae/persona/take",
        "Add a riff of the crib to the takes that personas are trained on.",
        ("name", "takes"),
        lambda values, at: TakeKept(str(values.get(RIFF.name, "")), at=at),
        word=RIFF,
        needs_word=True,
        example=("hook",),
    ),
    Address(
        "/livevae/persona/list",
        "Which personas there are: here in memory, on disk, in training.",
        ("personas", "each persona's state"),
        lambda _, at: PersonaList(at=at),
        changes=False,
    ),
    Address(
        "/livevae/persona/record",
        "Punch in on the next bar, for so many bars (0: until stopped), from the MIDI input. `stop 1` punches"
        " out, `clear 1` forgets all takes.",
        ("bars", "takes"),
        lambda values, at: PersonaRecord(
            float(values.get(TAKE.name, 0.0)), bool(values.get("stop")), bool(values.get("clear")), at=at
        ),
        word=TAKE,
        settings=(
            Setting("stop", int, 0, 0, 1, "", "1 punches out on the nearest bar line"),
            Setting("clear", int, 0, 0, 1, "", "1 forgets all takes"),
        ),
        example=(16,),
    ),
    Address(
        "/livevae/persona/train",
        "Train a persona on the takes recorded so far, beside the music. Answered at once, then again as it goes"
        " on, and last with the beat from which it can be played.",
        ("persona", "takes", "state", "epoch", "epochs", "loss", "windows"),
        lambda values, at: PersonaTrain(
            _persona(values), str(values.get("model", "")), int(values.get("epochs", 0)), at=at
        ),
        word=PERSONA,
        needs_word=True,
        settings=(
            Setting("model", str, "", None, None, "", "whose z it speaks; empty is the default model"),
            Setting(
                "epochs", int, 0, 0, 100_000, "", "passes of a MidiMe over the takes; 0 is what is usual"
            ),
        ),
        example=("nora",),
    ),
    Address(
        "/livevae/persona/save",
        "Keep a persona of this session in the performer's folder.",
        ("persona",),
        lambda values, at: PersonaSave(_persona(values), at=at),
        word=PERSONA,
        needs_word=True,
        example=("nora",),
    ),
    Address(
        "/livevae/persona/load",
        "Take a persona from the performer's folder, anew where it is here already.",
        ("persona", "windows"),
        lambda values, at: PersonaLoad(_persona(values), at=at),
        word=PERSONA,
        needs_word=True,
        example=("nora",),
    ),
    Address(
        "/livevae/persona/remove",
        "Take a persona out of this session; its file stays. Voices that blend it fall back to the base model.",
        ("persona", "fell_back"),
        lambda values, at: PersonaRemove(_persona(values), at=at),
        word=PERSONA,
        needs_word=True,
        example=("nora",),
    ),
    Address(
        "/livevae/persona/undo",
        "Take back the last training, loading or removal of a persona.",
        ("persona", "now", "fell_back"),
        lambda _, at: PersonaUndo(at=at),
    ),
    Address(
        "/dirt/play",
        "The same as /livevae/sample, for Strudel's osc(); the voice tells it from SuperDirt's.",
        ("voice", "seed"),
        _sample,
        word=VOICE,
        needs_word=True,
        settings=SETTINGS,
        example=("voice", "lead", "bars", 4),
    ),
)
"""One row an address, in the order in which help shows them."""

BY_ADDRESS: Mapping[str, Address] = {row.address: row for row in ADDRESSES}

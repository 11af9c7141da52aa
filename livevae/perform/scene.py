"""A scene: the settings of all voices and the tempo, read from TOML and checked key by key."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from livevae.budget import check_nesting, reading, shown
from livevae.errors import LimitError, MusicError, RequestError, SceneError
from livevae.music.meter import COMMON, Meter, parse as parse_meter
from livevae.music.notes import TICKS_PER_BEAT
from livevae.perform import scene_blend
from livevae.perform.arc import STILL, Arc
from livevae.perform.blend import Tour
from livevae.perform.controls import Binding, MidiMap, binding
from livevae.perform.cue import Cue, CueVoice
from livevae.perform.scene_blend import LONGEST_LEG
from livevae.perform.settings import BY_NAME, SETTINGS, Setting, VoiceSettings, in_meter
from livevae.tempo.timeline import TempoError, checked_bpm

MOST_VOICES = 64
"""Of a scene, and of a session: more are a typing error or a flood."""

MOST_CUES = 200

RAMP = Setting("ramp", float, 0.0, 0.0, 1024.0, "beats", "how long a tempo takes to be reached")
OVER = Setting("over", float, 0.0, 0.0, 1024.0, "bars", "how long blends take")

MAX_BYTES = 1 << 20
"""Of a scene's file."""

DEEP_KEY = re.compile(r"""(?:\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*')\s*){32}""")
"""A dotted key of more parts than any scene has: tables within tables, without a bracket."""

VOICE_NAME = re.compile(r"[\w.-]{1,32}")

# fmt: off
NAMES_OF_ANSWERS = frozenset((
    "address", "id", "beat", "ignored", "held_back", "text", "title", "bpm", "meter", "voices", "decode_ms_p99",
    "errors", "clock", "peers", "why", "playing", "stopped", "tempo",
))
# fmt: on
"""Names that no voice may have, because answers tell something else under them."""

PARTS_OF_ANSWERS = (".riffs", ".late", ".base_model_for")
"""Ends of names under which answers tell more of a voice."""


@dataclass(frozen=True, slots=True)
class SceneVoice:
    """A voice as a scene has it: its settings, whether it plays from the start, and whether it is muted."""

    settings: VoiceSettings
    play: bool = True
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Tempo and voices.

    Attributes:
        title: what the performer calls it.
        tempo: beats a minute; a beat is a quarter in every meter.
        meter: how long a bar is.
        voices: by name, in the file's order.
        midi: knobs and program changes; None leaves those of the scene before.
        mqtt: the ensemble that a server which begins with this scene takes part in, as for `--mqtt`; "" is none.
        cues: what is changed on the way, in order.
    """

    title: str = ""
    tempo: float = 120.0
    voices: Mapping[str, SceneVoice] = field(default_factory=dict)
    midi: MidiMap | None = None
    meter: Meter = COMMON
    mqtt: str = ""
    cues: tuple[Cue, ...] = ()


def parse(text: str, source: str = "scene") -> Scene:
    """A scene from TOML.

    Args:
        text: the file's text.
        source: what to call it in errors, usually the file's name.

    Raises:
        SceneError: it is no TOML (with the line), or a key is unknown, missing or out of range (with the key).
    """
    with reading(source, "a scene", SceneError):
        check_nesting(text)
        if DEEP_KEY.search(text):
            raise LimitError("a key of it has more than 32 parts")
        return _scene(text, source)


def _scene(text: str, source: str) -> Scene:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SceneError(f"{source}: not TOML: {error}") from None
    _known(table, ("title", "tempo", "meter", "voice", "midi", "mqtt", "cue", "arc"), source, "")
    title = table.get("title", "")
    if not isinstance(title, str):
        raise SceneError(f"{source}: title must be text, not {shown(repr(title))}")
    if not isinstance(mqtt := table.get("mqtt", ""), str):
        raise SceneError(
            f"{source}: mqtt must be a URL such as mqtt://127.0.0.1/trio/rack, not {shown(repr(mqtt))}"
        )
    voices = table.get("voice", {})
    if not isinstance(voices, dict):
        raise SceneError(f"{source}: voice must be a table for each voice, such as [voice.lead]")
    if len(voices) > MOST_VOICES:
        raise SceneError(f"{source}: {MOST_VOICES} voices are the most, not {len(voices)}")
    meter = _meter(table.get("meter", str(COMMON)), source)
    shared = table.get("arc", {})
    _arc(shared, in_meter(meter), source, "arc")
    return Scene(
        title,
        _tempo(table.get("tempo", 120.0), source),
        {n: _voice(n, v, source, meter, shared) for n, v in voices.items()},
        _midi(table["midi"], voices, source) if "midi" in table else None,
        meter,
        mqtt,
        _cues(table.get("cue", []), voices, source),
    )


def _cues(given: object, voices: Collection[str], source: str) -> tuple[Cue, ...]:
    """`[[cue]]` after `[[cue]]`, each with `[cue.voice.NAME]` tables."""
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        raise SceneError(f"{source}: cues are tables, one after the other: [[cue]]")
    if len(given) > MOST_CUES:
        raise SceneError(f"{source}: {MOST_CUES} cues are the most, not {len(given)}")
    cues = tuple(_cue(table, number, voices, source) for number, table in enumerate(given, 1))
    for cue in cues:
        if [other.name for other in cues].count(cue.name) > 1:
            raise SceneError(f"{source}: two cues are called {shown(cue.name)}")
    return cues


def _cue(table: dict[str, Any], number: int, voices: Collection[str], source: str) -> Cue:
    where = f"cue {number}"
    _known(table, ("name", "tempo", "ramp", "meter", "over", "voice"), source, where)
    name = table.get("name", f"cue-{number}")
    if not isinstance(name, str) or not VOICE_NAME.fullmatch(name) or name in ("next", "back"):
        raise SceneError(
            f"{source}: {where}: a name is 1 to 32 letters, digits, dots, dashes or underscores, not {name!r:.40}"
        )
    changes = table.get("voice", {})
    if not isinstance(changes, dict):
        raise SceneError(f"{source}: {where}: voice must be a table for each voice, such as [cue.voice.lead]")
    for voice in changes:
        if voice not in voices:
            raise SceneError(f"{source}: {where}: there is no voice {shown(voice)} in this scene")
    try:
        ramp, over = RAMP.read(table.get("ramp", 0)), OVER.read(table.get("over", 0))
    except RequestError as error:
        raise SceneError(f"{source}: {where}: {error}") from None
    return Cue(
        name,
        _tempo(table["tempo"], f"{source}: {where}") if "tempo" in table else None,
        float(ramp),
        _meter(table["meter"], f"{source}: {where}") if "meter" in table else None,
        float(over),
        {voice: _cue_voice(change, f"{source}: {where}: voice.{voice}") for voice, change in changes.items()},
    )


def _cue_voice(table: object, where: str) -> CueVoice:
    if not isinstance(table, dict):
        raise SceneError(f"{where} must be a table, such as [cue.voice.lead]")
    _known(table, (*BY_NAME, "play", "muted", *scene_blend.KEYS), where, "")
    for key in ("play", "muted"):
        if key in table and not isinstance(table[key], bool):
            raise SceneError(f"{where}: {key} must be true or false, not {table[key]!r:.40}")
    try:
        settings = {key: BY_NAME[key].read(value) for key, value in table.items() if key in BY_NAME}
        VoiceSettings().changed({key: value for key, value in settings.items() if key not in ("low", "high")})
        blend, place = scene_blend.read_blend(table), scene_blend.read_place(table)
    except (RequestError, SceneError) as error:
        raise SceneError(f"{where}: {error}") from None
    return CueVoice(
        settings,
        (blend if isinstance(blend, Tour) else blend.after) if {"blend", "tour"} & set(table) else None,
        (place.after or ()) if "latent" in table else None,
        table.get("play"),
        table.get("muted"),
    )


def _midi(table: object, voices: Collection[str], source: str) -> MidiMap:
    """`[midi]`: `scenes = ["verse", "chorus"]`, and `[midi.map]`: `74 = "lead.temp"`."""
    if not isinstance(table, dict):
        raise SceneError(f"{source}: midi must be a table, such as [midi]")
    _known(table, ("map", "scenes"), source, "midi")
    knobs = table.get("map", {})
    if not isinstance(knobs, dict):
        raise SceneError(f'{source}: midi.map must be a table of controllers, such as 74 = "lead.temp"')
    try:
        scenes = _programs(table.get("scenes", []))
    except RequestError as error:
        raise SceneError(f"{source}: midi.scenes: {error}") from None
    each = [
        (key, value)
        for key, given in knobs.items()
        for value in (given if isinstance(given, list) else [given])
    ]
    bindings = [_knob(key, value, voices, source) for key, value in each]
    return MidiMap(tuple(sorted(bindings, key=lambda one: one.controller)), scenes)


def _programs(given: object) -> dict[int, str]:
    """A list of scenes, from program 0 on, or a table of programs and scenes."""
    if isinstance(given, list):
        given = {str(number): name for number, name in enumerate(given)}
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given.values()):
        raise RequestError('scenes are a list of names, or a table such as 5 = "chorus"')
    for key in given:
        if not (key.isascii() and key.isdecimal() and int(key) < 128):
            raise RequestError(f"a program is 0 to 127, not {key[:40]}")
    return {int(key): name for key, name in given.items()}


def _knob(key: str, value: object, voices: Collection[str], source: str) -> Binding:
    where = f"midi.map.{key}"
    table = {"to": value} if isinstance(value, str) else value
    if not isinstance(table, dict) or not isinstance(table.get("to"), str):
        raise SceneError(
            f'{source}: {where} must be a setting, such as "lead.temp" or {{ to = "lead.temp", most = 1.2 }}'
        )
    _known(table, ("to", "least", "most", "channel"), source, where)
    voice, _, setting = str(table["to"]).rpartition(".")
    if voice and voice not in voices:
        raise SceneError(f"{source}: {where}: there is no voice {voice} in this scene")
    channel = table.get("channel", 0)
    if not (key.isascii() and key.isdecimal()) or not isinstance(channel, int):
        raise SceneError(f"{source}: {where}: controllers and channels are whole numbers")
    try:
        return binding(
            int(key), voice, setting, least=table.get("least"), most=table.get("most"), channel=channel
        )
    except RequestError as error:
        raise SceneError(f"{source}: {where}: {error}") from None


def _tempo(value: object, source: str) -> float:
    try:
        return checked_bpm(value)  # type: ignore[arg-type]  # it checks the type
    except TempoError as error:
        raise SceneError(f"{source}: tempo: {error}") from None


def _meter(value: object, source: str) -> Meter:
    if not isinstance(value, str):
        raise SceneError(f'{source}: meter must be text such as "3/4", not {shown(repr(value))}')
    try:
        return parse_meter(value)
    except MusicError as error:
        raise SceneError(f"{source}: meter: {error}") from None


def _voice(name: str, table: object, source: str, meter: Meter, shared: Mapping[str, Any]) -> SceneVoice:
    where = f"voice.{name}"
    if wrong := bad_name(name):
        raise SceneError(f"{source}: {where}: {wrong}")
    if not isinstance(table, dict):
        raise SceneError(f"{source}: {where} must be a table, such as [{where}]")
    _known(table, (*(s.name for s in SETTINGS), "play", "muted", "arc", *scene_blend.KEYS), source, where)
    play, muted = table.get("play", True), table.get("muted", False)
    for key, value in (("play", play), ("muted", muted)):
        if not isinstance(value, bool):
            raise SceneError(f"{source}: {where}.{key} must be true or false, not {value!r:.40}")
    try:
        settings = in_meter(meter).changed({key: value for key, value in table.items() if key in BY_NAME})
    except RequestError as error:
        raise SceneError(f"{source}: {where}: {error}") from None
    try:
        blend, place = scene_blend.read_blend(table), scene_blend.read_place(table)
    except SceneError as error:
        raise SceneError(f"{source}: {where}.{error}") from None
    own = table.get("arc", {})
    if isinstance(own, dict):
        own = {key: value for key, value in shared.items() if key not in table} | own
    arc = _arc(own, settings, source, f"{where}.arc")
    settings = replace(settings, blend=blend, place=place, arc=arc)
    return SceneVoice(settings, play, muted)


def _arc(given: object, settings: VoiceSettings, source: str, where: str) -> Arc:
    """`[voice.drums.arc]`: `beats = 32`, and of each setting the values in turn: `velocity = [0, 80, 96]`.

    What `[arc]` says counts for every voice, but where the voice itself says otherwise.
    """
    if given == {}:
        return STILL
    if not isinstance(given, dict):
        raise SceneError(f"{source}: {where} must be a table of settings and their values, such as [{where}]")
    _known(given, ("beats", *ARCED), source, where)
    beats = given.get("beats", 32)
    if isinstance(beats, bool) or not isinstance(beats, int | float) or not 1 <= beats <= LONGEST_LEG:
        raise SceneError(f"{source}: {where}.beats must be a number from 1 to {LONGEST_LEG}, not {beats!r}")
    values = []
    for name, held in given.items():
        if name == "beats":
            continue
        if not isinstance(held, list) or not 1 <= len(held) <= MOST_LEGS:
            raise SceneError(
                f"{source}: {where}.{name} must be a list of up to {MOST_LEGS} values, such as [0, 80, 96]"
            )
        try:
            turns = tuple(getattr(settings.changed({name: value}), name) for value in held)
        except RequestError as error:
            raise SceneError(f"{source}: {where}: {error}") from None
        values.append((name, turns))
    return Arc(tuple(values), round(beats * TICKS_PER_BEAT))


ARCED = tuple(
    one.name
    for one in SETTINGS
    if (one.kind is not str and one.name not in ("bars", "channel", "quantum", "low", "high"))
    or one.name in ("key", "chords")
)
"""Settings that an arc may move: those whose change keeps a voice where it is."""

MOST_LEGS = 64


def bad_name(name: str) -> str:
    """Why no voice can have this name; "" where one can."""
    if name in NAMES_OF_ANSWERS or name.endswith(PARTS_OF_ANSWERS):
        return f"a voice cannot be called {name[:40]!r}: answers tell something else under that name"
    if VOICE_NAME.fullmatch(name):
        return ""
    shown = name if len(name) <= 40 else name[:40] + "..."
    return f"a voice's name is 1 to 32 letters, digits, dots, dashes or underscores, not {shown!r}"


def _known(table: Mapping[str, Any], known: Iterable[str], source: str, where: str) -> None:
    names = tuple(known)
    for key in table:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; expected one of {', '.join(names)}"
            raise SceneError(f"{source}: unknown key {where + '.' if where else ''}{shown(key)}{hint}")

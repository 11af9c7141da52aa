"""The keys: one table. Bindings, help, the rows of keys on every screen and the config file are made from it.

Only keys that arrive everywhere, in tmux too: letters, digits, marks, arrows, F-keys. None needs alt, and none is Esc.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from livevae.errors import LivevaeError
from livevae.home import home

FILE = "ui.toml"
THEMES = ("auto", "dark", "light")


@dataclass(frozen=True, slots=True)
class Key:
    """One row of the table.

    Attributes:
        id: what the config file calls it.
        keys: Textual's names of the keys, separated by commas.
        action: the action it runs.
        label: what it does, in a word or two.
        help: what it does, one sentence.
        group: under which heading help lists it.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    group: str


# fmt: off
KEYS: tuple[Key, ...] = (
    Key("panic", "0", "panic", "PANIC", "Stop everything and silence every port.", "Always"),
    Key("panic_anywhere", "f12", "panic", "PANIC", "The same, also while you type.", "Always"),
    Key("play_all", "space", "play_all", "play", "Play all voices, or stop all.", "Always"),
    *(
        Key(f"voice_{i}", str(i), f"voice({i - 1})", "voice", f"Select voice {i}; once more, mute it or let it sound.",
            "Voices")
        for i in range(1, 10)
    ),
    Key("start", "p", "start", "start", "Start the selected voice, or stop it.", "Voices"),
    Key("solo", "s", "solo", "solo", "Solo the selected voice, or no longer.", "Voices"),
    Key("reroll", "r", "reroll", "re-roll", "Give the selected voice a new seed, which the log shows.", "Voices"),
    Key("keep", "k", "keep", "keep", "Keep the riff that sounds, looping; again: release it.",
        "Voices"),
    Key("crib", "l", "crib", "crib", "Kept riffs: play one again.", "Voices"),
    Key("cooler", "left", "turn('temp', -0.05)", "temp -", "Less temperature.", "Voices"),
    Key("hotter", "right", "turn('temp', 0.05)", "temp +", "More temperature.", "Voices"),
    Key("much_cooler", "shift+left", "turn('temp', -0.5)", "temp --", "Much less temperature.", "Voices"),
    Key("much_hotter", "shift+right", "turn('temp', 0.5)", "temp ++", "Much more temperature.", "Voices"),
    Key("toward", "up", "blend(0.05)", "blend +", "Blend toward the next persona.", "Voices"),
    Key("away", "down", "blend(-0.05)", "blend -", "Blend back.", "Voices"),
    Key("far_toward", "shift+up", "blend(0.5)", "blend ++", "Ten times as far toward it.", "Voices"),
    Key("far_away", "shift+down", "blend(-0.5)", "blend --", "Ten times as far back.", "Voices"),
    Key("setting_up", "pageup", "setting(-1)", "setting", "The setting or persona above.", "Voices"),
    Key("setting_down", "pagedown", "setting(1)", "setting", "The setting or persona below.", "Voices"),
    Key("setting_less", "minus", "nudge_setting(-1)", "less", "Turn the chosen setting down.", "Voices"),
    Key("setting_more", "equals_sign,plus", "nudge_setting(1)", "more", "Turn it up.", "Voices"),
    Key("setting_type", "enter", "type_setting", "type", "Type its value; on Personas, blend to one.", "Voices"),
    Key("tap", "t", "tap", "tap", "Tap the tempo.", "Time"),
    Key("nudge_back", "left_square_bracket", "nudge(-10)", "nudge", "Nudge the music 10 ms back.", "Time"),
    Key("nudge_on", "right_square_bracket", "nudge(10)", "nudge", "Nudge it 10 ms on.", "Time"),
    Key("slower", "comma", "tempo(-1)", "tempo", "One beat a minute less.", "Time"),
    Key("faster", "full_stop", "tempo(1)", "tempo", "One beat a minute more.", "Time"),
    Key("undo", "u", "undo", "undo", "Take the last change of settings back.", "Settings"),
    Key("redo", "U", "redo", "redo", "Do it again.", "Settings"),
    Key("swap", "a", "swap", "A/B", "Change between two states of all settings.", "Settings"),
    Key("record", "R", "record", "record", "Record a take from the MIDI input, from the next bar on.",
        "Personas"),
    Key("train", "T", "train", "train", "Train a persona on the takes.", "Personas"),
    Key("save", "S", "save", "save", "Keep the persona that is chosen on Personas on disk.", "Personas"),
    Key("next_cue", "n", "cue('next')", "next", "The next cue, on a bar line.", "Set"),
    Key("back_cue", "b", "cue('back')", "back", "The cue before.", "Set"),
    Key("write", "w", "write", "write", "Write what is set now as a scene.", "Set"),
    Key("stage", "f2", "screen('stage')", "Stage", "What plays and what comes.", "Screens"),
    Key("voice", "f3,v", "screen('voice')", "Voice", "The selected voice.", "Screens"),
    Key("personas", "f4", "screen('personas')", "Personas", "Takes, trainings, personas.", "Screens"),
    Key("set", "f5", "screen('set')", "Set", "Scenes and cues.", "Screens"),
    Key("health", "f6", "screen('health')", "Health", "Whether all is well, and the log.", "Screens"),
    Key("next_screen", "tab", "cycle(1)", "screen", "The next screen.", "Screens"),
    Key("last_screen", "shift+tab", "cycle(-1)", "screen", "The screen before.", "Screens"),
    Key("request", "colon,ctrl+p", "request", "command", "Any request, with completion.", "Always"),
    Key("help", "question_mark,f1", "help", "help", "All keys.", "Always"),
    Key("theme", "f9", "theme", "theme", "Dark or light.", "Screens"),
    Key("leave", "ctrl+q", "leave", "leave", "Leave this screen; asks whether the music goes on.", "Always"),
)
# fmt: on

BY_ID: Mapping[str, Key] = {key.id: key for key in KEYS}

NAMES = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
    "colon": ":",
    "question_mark": "?",
    "minus": "-",
    "equals_sign": "=",
    "plus": "+",
    "space": "space",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "shift+left": "shift ←",
    "shift+right": "shift →",
    "shift+up": "shift ↑",
    "shift+down": "shift ↓",
    "pageup": "page up",
    "pagedown": "page down",
    "slash": "/",
    "semicolon": ";",
}


def shown(keys: str) -> str:
    """How the first of some keys is written on the screen."""
    first = keys.split(",", maxsplit=1)[0].strip()
    if first in NAMES:
        return NAMES[first]
    if first.startswith("ctrl+"):
        return "^" + first[5:]
    return first.upper() if first[:1] == "f" and first[1:].isdigit() else first


ROW: tuple[tuple[tuple[str, ...], str], ...] = (
    (("help",), "help"),
    (("request",), "request"),
    (("play_all",), "play"),
    (("voice_1", "voice_9"), "voice"),
    (("solo",), "solo"),
    (("reroll",), "re-roll"),
    (("keep",), "keep"),
    (("crib",), "crib"),
    (("leave",), "leave"),
    (("cooler", "hotter"), "temp"),
    (("toward", "away"), "blend"),
    (("undo",), "undo"),
    (("tap",), "tap"),
    (("record",), "record"),
    (("train",), "train"),
    (("save",), "save"),
    (("next_cue", "back_cue"), "cue"),
    (("swap",), "A/B"),
    (("write",), "write"),
    (("slower", "faster"), "tempo"),
    (("nudge_back", "nudge_on"), "nudge"),
    (("start",), "start, stop"),
    (("redo",), "redo"),
    (("next_screen",), "next screen"),
)
"""The rows of keys, those that matter most first: as many are shown as there is room."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the config file says.

    Attributes:
        theme: `auto` asks the terminal for its background.
        keys: keys by id, in place of the usual ones.
    """

    theme: str = "auto"
    keys: Mapping[str, str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.keys is None:
            object.__setattr__(self, "keys", {})

    def of(self, key: Key) -> str:
        """The keys that run a row of the table."""
        return self.keys.get(key.id, key.keys)


def place() -> Path:
    """Where the config file is: in the performer's own folder, beside models and personas."""
    return home() / FILE


def load(path: Path) -> Config:
    """The config file; the usual keys where there is none.

    Raises:
        LivevaeError: it is no TOML, or names what there is not; says what is expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise LivevaeError(f"{path} cannot be read: {error}") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LivevaeError(f"{path} is no TOML: {error}") from None
    unknown = sorted(set(data) - {"theme", "keys"})
    if unknown:
        raise LivevaeError(f"{path}: there is no {unknown[0]!r}; it may hold: theme, [keys]")
    theme = data.get("theme", "auto")
    if theme not in THEMES:
        raise LivevaeError(f"{path}: theme is one of {', '.join(THEMES)}, not {theme!r}")
    return Config(theme, _keys(path, data.get("keys", {})))


def _keys(path: Path, given: object) -> Mapping[str, str]:
    if not isinstance(given, dict):
        raise LivevaeError(f'{path}: [keys] is a table of names and keys, such as: tap = "t"')
    for name, value in given.items():
        if name not in BY_ID:
            raise LivevaeError(f"{path}: [keys] has no {name!r}; `livevae watch --keys` lists them")
        if not isinstance(value, str) or not value.strip():
            raise LivevaeError(
                f'{path}: {name} is a key or several, such as "t" or "t,ctrl+t", not {value!r}'
            )
    config = Config(keys=given)
    used: dict[str, str] = {}
    for key in KEYS:
        for press in (part.strip() for part in config.of(key).split(",")):
            if press in used:
                raise LivevaeError(
                    f"{path}: {press} is both {used[press]} and {key.id}: give one of them another key"
                )
            used[press] = key.id
    return given


def row(config: Config) -> list[tuple[str, str, str]]:
    """What the rows of keys show: what to press, what it does, and the action of a click (of pairs, none)."""
    out = []
    for ids, label in ROW:
        found = [BY_ID[id_] for id_ in ids]
        press = [shown(config.of(key)) for key in found]
        between = "-" if ids[0] == "voice_1" else "" if all(len(part) == 1 for part in press) else " "
        out.append((between.join(press), label, found[0].action if len(found) == 1 else ""))
    return out


def as_toml(config: Config) -> str:
    """The whole table as a config file."""
    lines = [
        "# livevae: the keys of `livevae watch`. Names of keys are Textual's.",
        f'theme = "{config.theme}"',
        "",
        "[keys]",
    ]
    lines += [f'{key.id} = "{config.of(key)}"' + f"  # {key.help}" for key in KEYS]
    return "\n".join(lines)

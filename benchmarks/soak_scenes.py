"""Scenes for a soak: made at random, good, half good and broken, asked for while it plays, by the thousand.

After each the set is the new one, or what it was: the server is asked to write it down, and what it wrote is read.
"""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from benchmarks.soak_files import damaged
from livevae.edges.osc.codec import OscError
from livevae.errors import RequestError
from livevae.perform.controls import MidiMap
from livevae.perform.scene import Scene, parse
from livevae.perform.scene_text import settled
from livevae.perform.settings import SETTINGS, Setting

if TYPE_CHECKING:
    from benchmarks.soak_night import Night

NAMES = ("lead", "bass", "drone", "pad", "bells", "voice.six", "a", "Z-9")
KEYS = ("", "C", "F#", "Bbm", "Am")
FORMS = ("", "A", "AABA", "ABAC")
METERS = ("4/4", "3/4", "7/8", "6/8", "5/4")
STEADY = ("model", "port", "from", "follow", "seed", "prior", "top")
"""Settings that a scene of ours leaves alone, or gives only what is there."""

ABSENT: tuple[tuple[str, Any], ...] = (
    ("model", "nosuch"),
    ("port", "nosuch"),
    ("from", "rack/lead"),
    ("follow", "midi"),
    ("top", 5),
)
"""What reads as a scene and cannot be played: the whole scene is refused."""

SCENES = 60
"""Of one fault."""

PATIENCE = 10.0
"""Seconds until what is set has to be what was asked for, on a busy machine."""

WRITTEN = "soak-now"
ASKED = "soak-next"


def good(dice: random.Random) -> dict[str, Any]:
    """A scene as its table, that can be played anywhere."""
    table: dict[str, Any] = {"title": f"soak {dice.randrange(1000)}", "tempo": dice.choice((90, 120, 151.5))}
    if dice.random() < 0.3:
        table["meter"] = dice.choice(METERS)
    names = dice.sample(NAMES, dice.randrange(len(NAMES)))
    table["voice"] = {name: _voice(dice) for name in names}
    if names and dice.random() < 0.3:
        table["midi"] = {
            "map": {str(dice.randrange(120)): f"{dice.choice(names)}.temp" for _ in range(dice.randrange(4))},
            "scenes": ["first-light"] * dice.randrange(3),
        }
    if names and dice.random() < 0.3:
        table["cue"] = [
            {
                "name": f"cue{number}",
                "tempo": 60 + number,
                "voice": {dice.choice(names): {"temp": dice.random(), "play": True}},
            }
            for number in range(dice.randrange(1, 4))
        ]
    return table


def _voice(dice: random.Random) -> dict[str, Any]:
    table: dict[str, Any] = {
        one.name: _value(dice, one)
        for one in SETTINGS
        if one.name not in (*STEADY, "low", "high") and dice.random() < 0.15
    }
    if dice.random() < 0.2:
        table["low"] = dice.randrange(90)
        table["high"] = table["low"] + dice.randrange(11, 37)
    for key in ("play", "muted"):
        if dice.random() < 0.2:
            table[key] = dice.random() < 0.5
    if dice.random() < 0.1:
        table["arc"] = {"beats": dice.randrange(1, 65), "velocity": [dice.randrange(128) for _ in range(3)]}
    return table


def _value(dice: random.Random, one: Setting) -> int | float | str:
    if one.kind is str:
        return dice.choice(FORMS if one.name == "form" else KEYS)
    if one.choices:
        return dice.choice(one.choices)
    low, high = one.low or 0, one.high or 0
    if one.name == "bars":
        high = 4
    return dice.randint(int(low), int(high)) if one.kind is int else round(dice.uniform(low, high), 3)


def scene(dice: random.Random) -> bytes:
    """The text of a scene: half of them good, the others wrong in one thing, or damaged at random."""
    table, kind = good(dice), dice.random()
    if kind < 0.5:
        return tomli_w.dumps(table).encode()
    if kind < 0.65:
        return damaged(dice, "scene")
    voice = table["voice"].setdefault("last", {})
    if kind < 0.8:
        voice.update((dice.choice(ABSENT),))
    elif kind < 0.9:
        numbers = [one for one in SETTINGS if one.high is not None]
        one = dice.choice(numbers)
        voice[one.name] = dice.choice((float("nan"), float("inf"), -1e300, 1 << 70, "much", [], {"a": 1}))
    else:
        table |= dice.choice(
            (
                {"tempo": dice.choice((0, -120, 1e9, "fast"))},
                {"voice": {f"v{number}": {} for number in range(dice.choice((64, 65, 500)))}},
                {"cue": [{"voice": {"nobody": {}}}]},
                {"midi": {"map": {"300": "lead.temp", "7": "nobody.temp"}}},
                {"unknown": True},
                {"meter": dice.choice(("0/4", "4/0", "33/64", "x"))},
            )
        )
    return tomli_w.dumps(table).encode()


def as_set(wanted: Scene, knobs: MidiMap | None) -> Scene:
    """What is set when a scene is: `knobs` are of the last scene that said which, as far as their voices are there."""
    midi = knobs or MidiMap((), {})
    bindings = sorted(
        (one for one in midi.bindings if not one.voice or one.voice in wanted.voices),
        key=lambda one: one.controller,
    )
    voices = {name: replace(one, settings=settled(one.settings)) for name, one in wanted.voices.items()}
    return replace(wanted, voices=voices, midi=replace(midi, bindings=tuple(bindings)))


@dataclass
class Visit:
    """Scenes that are asked for, one after the other, and what became of them.

    Attributes:
        ask: `Client.ask`.
        folder: where the server finds scenes, and writes them.
        wrong: is told what must not be.
        going: whether to go on.
        taken: how many were.
        refused: how many were, with everything left as it was.
    """

    ask: Callable[..., Any]
    folder: Path
    wrong: Callable[[str], None]
    going: Callable[[], bool] = lambda: True
    taken: int = 0
    refused: int = 0

    def go(self, dice: random.Random, count: int) -> None:
        """Ask for so many; after each the set is the new one, or what it was."""
        path, knobs = self.folder / f"{ASKED}.toml", None
        path.write_text("")
        if not self._ask("/livevae/scene", ASKED):  # so that it is known which knobs there are
            return
        path.write_text("[midi]")
        self._ask("/livevae/scene", ASKED)
        before = self._set()
        for _ in range(count):
            text = scene(dice)
            path.write_bytes(text)
            try:
                answered = self._ask("/livevae/scene", ASKED)
            except RequestError as error:
                self.refused += 1
                now = self._set()
                if now != before and self.going():
                    self.wrong(f"refused ({error}), and something was changed by {text!r}: {before} {now}")
            else:
                if not answered:
                    return
                self.taken += 1
                wanted = parse(text.decode(), ASKED)
                knobs = wanted.midi or knobs
                now = self._when(as_set(wanted, knobs))
                if now != as_set(wanted, knobs) and self.going():
                    self.wrong(f"taken, and it is not what is set: {text!r}: {now}")
            before = now
        for name in (ASKED, WRITTEN):
            (self.folder / f"{name}.toml").unlink(missing_ok=True)

    def _when(self, expected: Scene) -> Scene | None:
        """What is set once it is what is expected, or after some seconds: a tempo comes by way of the player."""
        until = time.monotonic() + PATIENCE
        while (now := self._set()) != expected and time.monotonic() < until and self.going():
            time.sleep(0.02)
        return now

    def _ask(self, *words: Any, **pairs: Any) -> bool:
        """Ask until there is an answer; False where nobody goes on.

        Raises:
            RequestError: it was refused.
        """
        while self.going():
            with suppress(OscError, OSError):
                self.ask(*words, **pairs)
                return True
        return False

    def _set(self) -> Scene | None:
        """What is set now."""
        if not self._ask("/livevae/scene/write", WRITTEN, replace=1):
            return None
        return parse((self.folder / f"{WRITTEN}.toml").read_text(encoding="utf-8"), WRITTEN)


def change(night: "Night", dice: random.Random) -> None:
    """Scenes are asked for, one after the other; then the one that it began with, which is heard."""
    ask_for(night, dice, SCENES)


def ask_for(night: "Night", dice: random.Random, count: int) -> None:
    """Ask for so many."""
    wrong = partial(night.soak.found, "half a scene")
    visit = Visit(night.client_ask, night.soak.home, wrong, lambda: night.runs)
    visit.go(dice, count)
    night.soak.counts["scenes taken"] += visit.taken
    night.soak.counts["scenes refused"] += visit.refused
    night.ask("/livevae/scene", "scene")
    night.plays_on("after scenes")

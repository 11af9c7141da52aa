"""Hands on knobs: what MIDI that comes in does to the session, and how knobs find their settings.

    notes                 to whoever listens, by tick (recording, call and response)
    a controller          the settings it is mapped to
    a program change      the scene of that number
    CC 120 and CC 123     panic

A knob makes requests like anyone else, so what it may do and what it may not is decided in one place.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from livevae.errors import RequestError
from livevae.perform import requests as ask
from livevae.perform.clock import TickClock
from livevae.perform.requests import Later, Reply, Request, nobody
from livevae.perform.settings import BY_NAME, Setting
from livevae.tempo.timeline import MAX_BPM, MIN_BPM

logger = logging.getLogger(__name__)

MOST_CONTROLLER = 119
"""The last controller that is one: 120 to 127 are channel mode messages."""

ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123

OWN_PANIC = 1.0
"""Seconds after a panic in which another from outside is our own, come back through a loop, or a DAW's sixteenth."""

MOST_BINDINGS = 512

TEMPO = Setting("tempo", float, 120.0, MIN_BPM, MAX_BPM, "beats a minute", "the tempo")
USUAL = MappingProxyType(
    {"tempo": (60.0, 180.0), "temp": (0.2, 1.6), "quantum": (0.0, 8.0), "bars": (1.0, 8.0)}
)
"""What a whole turn of a knob covers where nobody says, and the setting's own range would be no use."""

ACTIONS: Mapping[str, Callable[[str], Request]] = MappingProxyType(
    {
        "keep": ask.Keep,
        "mute": ask.Mute,
        "solo": ask.Solo,
        "reroll": ask.Reroll,
        "next": ask.GoCue,
        "back": ask.GoCue,
    }
)
"""What a controller does when it is pressed (passes the middle upwards): of a voice, or go to a cue."""

OF_CUES = ("next", "back")

PRESSED = 64

OnMessage = Callable[[float, bytes], object]
"""Takes a tick and a note-on or note-off as it came."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A controller and what it turns.

    Attributes:
        controller: 0 to 119.
        voice: whose setting it is; "" where the setting is `tempo`.
        setting: a voice's setting, or `tempo`.
        least: the setting's value at 0; more than `most` turns the knob around.
        most: the setting's value at 127.
        channel: 1 to 16; 0 is every channel.
    """

    controller: int
    voice: str
    setting: str
    least: float
    most: float
    channel: int = 0

    @property
    def target(self) -> str:
        """`lead.temp`, or `tempo`."""
        return f"{self.voice}.{self.setting}" if self.voice else self.setting

    def request(self, value: int) -> Request:
        """What turning it to `value` (0 to 127) asks for."""
        if self.setting in ACTIONS:
            return ACTIONS[self.setting](self.voice or self.setting)
        row = _row(self.setting)
        if row.choices:
            chosen: float = row.choices[value * len(row.choices) // 128]
        else:
            chosen = self.least + (self.most - self.least) * value / 127
        if row is TEMPO:
            return ask.Tempo(chosen)
        return ask.Set(self.voice, {row.name: round(chosen) if row.kind is int else chosen})


def binding(
    controller: int,
    voice: str,
    setting: str,
    *,
    least: float | None = None,
    most: float | None = None,
    channel: int = 0,
) -> Binding:
    """A binding that can be played; `least` and `most` are the setting's usual range where None.

    Raises:
        RequestError: no such controller or setting, a setting that is a name, or a range outside the setting's own.
    """
    if not 0 <= controller <= MOST_CONTROLLER:
        raise RequestError(f"a controller is 0 to {MOST_CONTROLLER}, not {controller}")
    if not 0 <= channel <= 16:
        raise RequestError(f"a MIDI channel is 1 to 16, or 0 for all, not {channel}")
    if setting in ACTIONS:
        if (setting in OF_CUES) == bool(voice):
            raise RequestError(f"{setting} is about no voice" if voice else f"whose {setting}? Name a voice")
        return Binding(controller, voice, setting, 0.0, 127.0, channel)
    row = _row(setting)
    if (row is TEMPO) == bool(voice):
        raise RequestError("the tempo is nobody's" if voice else f"whose {setting}? Name a voice")
    if row.kind is str:
        raise RequestError(f"{setting} is a name, which no knob turns")
    low, high = USUAL.get(setting, (row.low, row.high))
    return Binding(
        controller,
        voice,
        setting,
        float(low or 0 if least is None else row.read(least)),
        float(high or 0 if most is None else row.read(most)),
        channel,
    )


def _row(setting: str) -> Setting:
    if setting == TEMPO.name:
        return TEMPO
    if setting not in BY_NAME:
        there = ", ".join(row.name for row in BY_NAME.values() if row.kind is not str)
        raise RequestError(
            f"there is no setting {setting[:40]!r}; there are: {there}, tempo, {', '.join(ACTIONS)}"
        )
    return BY_NAME[setting]


@dataclass(frozen=True, slots=True)
class MidiMap:
    """What a scene says of MIDI that comes in.

    Attributes:
        bindings: controllers and settings.
        scenes: a scene's name by program number, 0 to 127.
    """

    bindings: tuple[Binding, ...] = ()
    scenes: Mapping[int, str] = field(default_factory=dict)


class Controls:
    """The knobs of one session. Lives on the session's loop; not thread-safe.

    Args:
        do: does a request.
        clock: the session's.
        voices: the names of the voices that there are.

    Attributes:
        listeners: called with each note that comes in, by tick.
        bindings: controllers and what they turn.
        scenes: a scene's name by program number.
    """

    def __init__(
        self, do: Callable[[Request, Later], Reply], clock: TickClock, voices: Callable[[], Collection[str]]
    ) -> None:
        self._do = do
        self._clock = clock
        self._voices = voices
        self._learning: ask.Learn | None = None
        self._learned: Later = nobody
        self._values: dict[tuple[int, int], int] = {}
        self._panicked = -OWN_PANIC
        self.listeners: list[OnMessage] = []
        self.bindings: tuple[Binding, ...] = ()
        self.scenes: Mapping[int, str] = {}

    # what is asked

    def use(self, planned: MidiMap) -> None:
        """Go by a scene's map; what was learned goes with the scene before."""
        self.bindings, self.scenes = planned.bindings, planned.scenes

    def panicked(self) -> None:
        """Ports were silenced now."""
        self._panicked = self._clock.now()

    def map(self, request: ask.Map) -> Reply:
        """Bind a controller, free it where no setting is named, or tell what is bound."""
        if request.controller is None:
            return Reply(pairs=tuple((_called(one), one.target) for one in self.bindings))
        if not request.setting:
            kept = tuple(one for one in self.bindings if not _same_knob(one, request))
            freed, self.bindings = len(self.bindings) - len(kept), kept
            return Reply(pairs=(("cc", request.controller), ("freed", freed)))
        return self._bind(
            binding(
                request.controller,
                self._known(request.voice, request.setting),
                request.setting,
                least=request.least,
                most=request.most,
                channel=request.channel,
            )
        )

    def learn(self, request: ask.Learn, later: Later = nobody) -> Reply:
        """Bind the next controller that moves, and tell `later` which; without a setting, no longer wait for one."""
        if not request.setting:
            self._learning = None
            return Reply(pairs=(("learning", ""),))
        voice = self._known(request.voice, request.setting)
        wanted = binding(0, voice, request.setting, least=request.least, most=request.most)
        self._learning, self._learned = request, later
        return Reply(pairs=(("learning", wanted.target),))

    # what comes in

    def receive(self, data: bytes, time: float) -> None:
        """One whole MIDI message that came in at `time`, in seconds of the session's clock."""
        kind, channel = data[0] & 0xF0, (data[0] & 0x0F) + 1
        if kind in (0x80, 0x90):
            tick = self._clock.timeline.tick_at(time)
            for listener in self.listeners:
                listener(tick, data)
        elif kind == 0xB0 and data[1] <= MOST_CONTROLLER:
            self._turned(channel, data[1], data[2])
        elif kind == 0xB0 and data[1] in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            if self._clock.now() - self._panicked >= OWN_PANIC:
                self._ask(ask.Panic())
        elif kind == 0xC0 and (name := self.scenes.get(data[1])) is not None:
            self._ask(ask.LoadScene(name))

    def _turned(self, channel: int, controller: int, value: int) -> None:
        before = self._values.get((channel, controller))
        moved, pressed = before != value, (before or 0) < PRESSED <= value
        self._values[channel, controller] = value
        if moved and self._learning is not None:
            self._learn(self._learning, channel, controller)
        there = self._voices()
        for binding in self.bindings:
            fits = binding.controller == controller and binding.channel in (0, channel)
            if (
                fits
                and (not binding.voice or binding.voice in there)
                and (pressed or binding.setting not in ACTIONS)
            ):
                self._ask(binding.request(value))

    def _learn(self, wanted: ask.Learn, channel: int, controller: int) -> None:
        self._learning = None
        new = binding(
            controller, wanted.voice, wanted.setting, least=wanted.least, most=wanted.most, channel=channel
        )
        reply = self._bind(new)
        logger.info("%s turns %s", _called(new), new.target)
        self._learned(reply)

    def _bind(self, new: Binding) -> Reply:
        kept = [
            binding
            for binding in self.bindings
            if (binding.controller, binding.channel, binding.target)
            != (new.controller, new.channel, new.target)
        ]
        if len(kept) >= MOST_BINDINGS:
            raise RequestError(f"{MOST_BINDINGS} knobs are bound already; free some with /livevae/map")
        self.bindings = (*kept, new)
        return Reply(
            pairs=(
                ("cc", new.controller),
                ("channel", new.channel),
                ("target", new.target),
                ("least", new.least),
                ("most", new.most),
            )
        )

    def _known(self, voice: str, setting: str) -> str:
        there = self._voices()
        if voice and setting != TEMPO.name and voice not in there:
            raise RequestError(
                f"there is no voice {voice[:40]!r}; there are: {', '.join(there) or 'none yet'}"
            )
        return voice

    def _ask(self, request: Request) -> None:
        self._said(self._do(request, self._said))

    def _said(self, reply: Reply) -> None:
        if not reply.ok:
            logger.warning("midi: %s", reply.text)


def _called(binding: Binding) -> str:
    return f"cc{binding.controller}.{binding.channel}" if binding.channel else f"cc{binding.controller}"


def _same_knob(binding: Binding, request: ask.Map) -> bool:
    return binding.controller == request.controller and request.channel in (0, binding.channel)

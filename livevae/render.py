"""Rendering: a scene played faster than real time, through the same voices and the same player as on stage."""

import asyncio
import itertools
from collections.abc import Callable, Container
from dataclasses import dataclass

from livevae.errors import LivevaeError
from livevae.latent.recipe import NORMAL
from livevae.music import midi_file
from livevae.perform.engine import Engine
from livevae.perform.personas import Book
from livevae.perform.protocols import Decoder
from livevae.perform.scene import Scene
from livevae.perform.session import Session
from livevae.perform.settings import LATENT
from livevae.player.client.local import LocalPlayer
from livevae.player.core import Sent
from livevae.tempo.timeline import TICKS_PER_BEAT
from livevae.virtual_time import virtual_time


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was sent in a rendering.

    Attributes:
        messages: (tick, MIDI message), in the order of sending.
        voices: whose each message is, of as many.
        tempos: (tick, beats a minute).
        meters: (tick, beats, unit) of time signatures; 4/4 before the first.
        end: the last tick.
        riffs: how many riffs were played.
    """

    messages: tuple[tuple[int, bytes], ...]
    tempos: tuple[tuple[float, float], ...]
    end: int
    riffs: int
    meters: tuple[tuple[int, int, int], ...] = ()
    voices: tuple[str, ...] = ()
    title: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The voices that sent something, in the order of their first message."""
        return tuple(dict.fromkeys(self.voices))

    def midi(self, voice: str | None = None) -> bytes:
        """As a MIDI file's bytes: a track of tempo and meter, then one a voice; or one voice alone."""
        names = self.names if voice is None else (voice,)
        sent = list(zip(self.messages, self.voices, strict=True))
        tracks = [(name, [message for message, whose in sent if whose == name]) for name in names]
        return midi_file.encode_tracks(tracks, self.tempos, self.end, self.meters, self.title)


class Attributing(LocalPlayer):
    """A player that knows whose each message is that it sends."""

    def __init__(self, bpm: float) -> None:
        super().__init__(bpm, on_sent=self._attribute)
        self.voices: list[str] = []
        self._sounding: dict[tuple[str, int, int], str] = {}

    def _attribute(self, sent: Sent) -> None:
        voice = sent.voice
        if sent.data[0] & 0xF0 in (NOTE_OFF, NOTE_ON):
            key = (sent.port, sent.data[0] & 0x0F, sent.data[1])
            if sent.data[0] & 0xF0 == NOTE_ON:
                self._sounding[key] = voice
            else:
                voice = self._sounding.pop(key, "")
        self.voices.append(voice)


NOTE_OFF, NOTE_ON = 0x80, 0x90


def render(
    scene: Scene,
    load: Callable[[str], Decoder],
    *,
    bars: int,
    seed: int = 0,
    has_model: Callable[[str], bool] = lambda name: name == "",
    takes: Callable[[str], Container[str]] = lambda _: LATENT,
    personas: Book | None = None,
    prior: str = NORMAL,
) -> Rendered:
    """Play `bars` bars of `scene`, in its meter, and stop.

    The same arguments give the same bytes: time is virtual, and every riff has its own random numbers.

    Raises:
        LivevaeError: what a voice could not do, the first of it.
    """
    with virtual_time() as loop:
        return loop.run_until_complete(_render(scene, load, bars, seed, has_model, takes, personas, prior))


async def _render(
    scene: Scene,
    load: Callable[[str], Decoder],
    bars: int,
    seed: int,
    has_model: Callable[[str], bool],
    takes: Callable[[str], Container[str]],
    personas: Book | None,
    prior: str,
) -> Rendered:
    player = Attributing(scene.tempo)
    session = Session(
        player,
        Engine(load, inline=True),
        seed=seed,
        has_model=has_model,
        takes=takes,
        ports=("main", *{voice.settings.port for voice in scene.voices.values()}),
        personas=personas,
        prior=prior,
        strict=True,
    )
    player.on_timeline = session.timeline_changed
    for name, planned in scene.voices.items():
        for persona in planned.settings.blend.names:
            try:
                session.desk.check(persona, planned.settings.model)
            except (
                LivevaeError
            ) as error:  # on stage the base model would stand in; here nobody would hear that
                raise LivevaeError(f"voice {name}: {error}") from None
    session.load(scene)
    end = bars * scene.meter.bar
    # half a tick before the end, so that the next bar's first notes are not in the file
    while (wait := player.timeline.time_at(end - 0.5) - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(wait)
        if session.cast.faults:
            break
    riffs = sum(voice.riffs for voice in session.snapshot().voices)
    await session.close()
    await player.close()
    messages = tuple((min(sent.tick, end), sent.data) for sent in player.sent)
    return Rendered(
        messages, tuple(player.tempos), end, riffs, tuple(player.meters), tuple(player.voices), scene.title
    )


def seconds(rendered: Rendered) -> float:
    """How long the rendering sounds, tempo changes included."""
    marks = [*rendered.tempos, (float(rendered.end), 0.0)]
    return sum(
        (later - tick) / TICKS_PER_BEAT * 60.0 / bpm for (tick, bpm), (later, _) in itertools.pairwise(marks)
    )

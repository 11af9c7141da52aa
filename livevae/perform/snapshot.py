"""A frozen picture of the session, for the terminal, MQTT and replies."""

from dataclasses import dataclass

from livevae.music.meter import COMMON, Meter
from livevae.perform.cast import VoiceView
from livevae.perform.conductor import OURSELVES, Followed
from livevae.perform.engine import DecodeTimes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything stood at one moment.

    Attributes:
        title: the scene's.
        bpm: the tempo.
        beat: where the music was.
        voices: in the scene's order.
        decode: how long decoding has taken lately.
        requests: how many came.
        errors: how many of them were refused.
        training: personas that are being trained, and how far they are, from 0 to 1.
        meter: the scene's.
        followed: whose clock we go by.
        missing: voices that blend personas which are gone, and those; the base model stands in for them.
    """

    title: str
    bpm: float
    beat: float
    voices: tuple[VoiceView, ...]
    decode: DecodeTimes
    requests: int
    errors: int
    training: tuple[tuple[str, float], ...] = ()
    meter: Meter = COMMON
    followed: Followed = OURSELVES
    missing: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def pairs(self) -> tuple[tuple[str, int | float | str], ...]:
        """For `/livevae/status`."""
        pairs: list[tuple[str, int | float | str]] = [
            ("title", self.title),
            ("bpm", self.bpm),
            ("meter", str(self.meter)),
            ("voices", len(self.voices)),
            ("decode_ms_p99", round(self.decode.p99 * 1000, 3)),
            ("errors", self.errors),
            *self.followed.pairs,
        ]
        missing = dict(self.missing)
        for one in self.voices:
            if one.name in missing:
                pairs.append((f"{one.name}.base_model_for", " ".join(missing[one.name])))
            state = f"fault: {one.fault}" if one.fault else "playing" if one.playing else "stopped"
            pairs += [(one.name, state), (f"{one.name}.riffs", one.riffs), (f"{one.name}.late", one.late)]
        return tuple(pairs)

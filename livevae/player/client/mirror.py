"""The mirror: what the server has handed to its player, so that another player can go on where one died.

Laws, for every history of commands and every moment `now` (seconds) of the player's death:

    a note that may sound then is released; a note that was cancelled is not sent again
    what is sent again lies in the future
"""

from dataclasses import dataclass

from livevae.player.wire.commands import Cancel, Command, Panic, Play, PlayNote, Release, Send, SetTempo
from livevae.tempo.timeline import Timeline

MARGIN = 0.25
"""Seconds around now in which the server cannot know what the player did: port offsets, its own stalls."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a new player is told, in order, after the timeline and the ports."""

    commands: tuple[Command, ...]
    released: int


class Mirror:
    """Notes and messages whose end has not clearly passed. Pure: time comes in. Not thread-safe."""

    def __init__(self) -> None:
        self._waiting: list[PlayNote] = []
        self._begun: list[PlayNote] = []
        self._others: list[Send] = []
        self._tempos: list[SetTempo] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._begun) + len(self._others) + len(self._tempos)

    def see(self, command: Command, timeline: Timeline, now: float) -> None:
        """A command goes to the player at `now`."""
        self._age(timeline, now)
        match command:
            case Play(notes):
                self._waiting.extend(notes)
            case Send():
                self._others.append(command)
            case Cancel(voice, tick):
                self._cancel(voice, tick, timeline.tick_at(now + MARGIN))
            case Panic():
                self._cancel("", None, timeline.tick_at(now + MARGIN))
            case SetTempo(_, tick, over):
                start = timeline.tick_at(now) if tick is None else tick
                self._tempos = [] if tick is None else [t for t in self._tempos if t.tick != tick]
                self._tempos.append(SetTempo(command.bpm, round(start), over))

    def resume(self, timeline: Timeline, now: float) -> Resumption:
        """What to tell another player at `now`."""
        self._age(timeline, now)
        tick, surely = timeline.tick_at(now), timeline.tick_at(now + MARGIN)
        begun = (*self._begun, *(note for note in self._waiting if note.tick <= surely))
        commands: list[Command] = [Release(begun)] if begun else []
        commands.extend(_rest_of(tempo, tick) for tempo in self._tempos)
        commands.extend(other for other in self._others if other.tick > tick)
        commands.extend(chunked(self._waiting))
        return Resumption(tuple(commands), len(begun))

    def _cancel(self, voice: str, tick: int | None, surely: float) -> None:
        """Drop the voice's notes; those that may have begun by `surely` are still to be released."""
        kept = []
        for note in self._waiting:
            if voice in ("", note.voice) and (tick is None or note.tick >= tick):
                if note.tick <= surely:
                    self._begun.append(note)
            else:
                kept.append(note)
        self._waiting = kept
        self._others = [
            other
            for other in self._others
            if voice not in ("", other.voice) or (tick is not None and other.tick < tick)
        ]

    def _age(self, timeline: Timeline, now: float) -> None:
        """Move on: waiting notes begin, begun ones end, the past is forgotten."""
        tick, past = timeline.tick_at(now), timeline.tick_at(now - MARGIN)
        if any(note.tick <= tick for note in self._waiting):
            self._begun.extend(note for note in self._waiting if note.tick <= tick)
            self._waiting = [note for note in self._waiting if note.tick > tick]
        self._begun = [note for note in self._begun if note.end >= past]
        self._others = [other for other in self._others if other.tick >= past]
        self._tempos = [tempo for tempo in self._tempos if (tempo.tick or 0) + tempo.over > past]


def _rest_of(tempo: SetTempo, tick: float) -> SetTempo:
    """What is left of a tempo change or ramp at `tick`."""
    start = tempo.tick or 0
    if start > tick:
        return tempo
    return SetTempo(tempo.bpm, None, max(0, round(start + tempo.over - tick)))


def chunked(notes: list[PlayNote], size: int = 8) -> list[Command]:
    """The notes as commands that are each quick to decode: about 10 us a note."""
    return [Play(tuple(notes[i : i + size])) for i in range(0, len(notes), size)]

"""The mirror: what the server has handed to its player, so that another player can go on where one died.

Laws, for every history of commands, reports, deaths and lost ports:

    a key that may sound at a receiver is released after each death and loss, until its off is known to have left
    a note that was cancelled is not sent again; what is sent again lies in the future
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from livevae.player.ledger import Key
from livevae.player.wire.commands import Cancel, Command, Panic, Play, Release, Send, SetTempo
from livevae.tempo.events import PlayNote
from livevae.tempo.timeline import Timeline

MARGIN = 0.25
"""Seconds around now in which the server cannot know what the player did: port offsets, its own stalls."""

LINGER = 2.0
"""Seconds after an off has left in which we may learn that its port was already lost."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a new player is told, in order, after the timeline and the ports.

    Attributes:
        commands: the offs that are owed, and what waits.
        released: how many notes the dead player may have left sounding.
    """

    commands: tuple[Command, ...]
    released: int


class Mirror:
    """Notes and messages whose end is not known to have left. Pure: time comes in. Not thread-safe."""

    def __init__(self) -> None:
        self._waiting: list[PlayNote] = []
        self._begun: dict[Key, PlayNote] = {}
        self._owed: dict[Key, PlayNote] = {}
        self._others: list[Send] = []
        self._tempos: list[SetTempo] = []

    def __len__(self) -> int:
        notes = len(self._waiting) + len(self._begun) + len(self._owed)
        return notes + len(self._others) + len(self._tempos)

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

    def left(self, through: int, timeline: Timeline) -> None:
        """The player says that all offs due by the tick `through` have left."""
        past = timeline.tick_at(timeline.time_at(through) - LINGER)
        if any(note.end <= past for note in self._begun.values()):
            self._begun = {key: note for key, note in self._begun.items() if note.end > past}

    def lost(self, port: str) -> None:
        """The port is gone: what may sound at its other end is owed its offs."""
        self._owe(note for key, note in self._begun.items() if key.port == port)

    def owed(self, ports: Container[str]) -> tuple[PlayNote, ...]:
        """Notes whose keys may hang at the other end of these ports."""
        return tuple(note for key, note in self._owed.items() if key.port in ports)

    def settle(self, port: str) -> None:
        """The offs that were owed at a port have left, and whoever was to have them was connected."""
        self._owed = {key: note for key, note in self._owed.items() if key.port != port}

    def resume(self, timeline: Timeline, now: float, number: int = 0) -> Resumption:
        """What to tell another player at `now`: the last one is dead. `number` is for its `Release`."""
        self._age(timeline, now)
        tick, surely = timeline.tick_at(now), timeline.tick_at(now + MARGIN)
        begun = [*self._begun.values(), *(note for note in self._waiting if note.tick <= surely)]
        self._begun = {}
        self._owe(begun)
        owed = tuple(self._owed.values())
        commands: list[Command] = [*releases(owed, number)]
        commands.extend(_rest_of(tempo, tick) for tempo in self._tempos)
        commands.extend(other for other in self._others if other.tick > tick)
        commands.extend(chunked(self._waiting))
        return Resumption(tuple(commands), sum(note.end > tick for note in begun))

    def _owe(self, notes: Iterable[PlayNote]) -> None:
        self._owed |= {_key(note): note for note in notes}

    def _begin(self, notes: Iterable[PlayNote]) -> None:
        """The notes may sound from now on; of one key, until the last of their ends."""
        for note in notes:
            key = _key(note)
            before = self._begun.get(key)
            if before is None or before.end < note.end:
                self._begun[key] = note

    def _cancel(self, voice: str, tick: int | None, surely: float) -> None:
        """Drop the voice's notes; those that may have begun by `surely` are still to be released."""
        dropped = [
            note
            for note in self._waiting
            if voice in ("", note.voice) and (tick is None or note.tick >= tick)
        ]
        self._begin(note for note in dropped if note.tick <= surely)
        gone = set(map(id, dropped))
        self._waiting = [note for note in self._waiting if id(note) not in gone]
        self._others = [
            other
            for other in self._others
            if voice not in ("", other.voice) or (tick is not None and other.tick < tick)
        ]

    def _age(self, timeline: Timeline, now: float) -> None:
        """Move on: waiting notes begin, and messages of the past are forgotten."""
        tick, past = timeline.tick_at(now), timeline.tick_at(now - MARGIN)
        if any(note.tick <= tick for note in self._waiting):
            self._begin(note for note in self._waiting if note.tick <= tick)
            self._waiting = [note for note in self._waiting if note.tick > tick]
        self._others = [other for other in self._others if other.tick >= past]
        self._tempos = [tempo for tempo in self._tempos if (tempo.tick or 0) + tempo.over > past]


def releases(notes: Sequence[PlayNote], number: int, size: int = 64) -> list[Command]:
    """The offs of notes as commands that are each quick to decode."""
    return [Release(tuple(notes[i : i + size]), number) for i in range(0, len(notes), size)]


def _key(note: PlayNote) -> Key:
    return Key(note.port, note.channel, note.pitch)


def _rest_of(tempo: SetTempo, tick: float) -> SetTempo:
    """What is left of a tempo change or ramp at `tick`."""
    start = tempo.tick or 0
    if start > tick:
        return tempo
    return SetTempo(tempo.bpm, None, max(0, round(start + tempo.over - tick)))


def chunked(notes: list[PlayNote], size: int = 8) -> list[Command]:
    """The notes as commands that are each quick to decode: about 10 us a note."""
    return [Play(tuple(notes[i : i + size])) for i in range(0, len(notes), size)]

"""What rooms say to each other, as frozen values with their payloads. Read top to bottom, this is the protocol.

Law, for every kind: `Kind.read(read(value.payload())) == value`, and `read` raises nothing but `PayloadError`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from livevae.edges.mqtt.payloads import (
    LONGEST_DOCUMENT,
    PayloadError,
    flag,
    number,
    rows,
    text,
    whole,
    write,
)
from livevae.edges.mqtt.topics import NAME
from livevae.errors import LivevaeError
from livevae.latent.recipe import Recipe
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_BEAT, TICKS_PER_STEP, Note, Riff
from livevae.perform import recipes
from livevae.tempo.timeline import MAX_BPM, MIN_BPM, Timeline

READY, GONE, LOST = "ready", "disconnected", "lost"
STATES = (READY, GONE, LOST)

MOST_NOTES = 4096
"""Notes of a riff that is sent: 32 bars of a trio have half of it."""

MOST_TOGETHER = 64
"""Jobs of one message, and riffs of one answer."""

MOST_BEATS = 1e9
"""Beats; a thousand years of music."""


@dataclass(frozen=True, slots=True)
class RoomState:
    """Whether a room is here (`$state`): its birth, its farewell, or its last will.

    Attributes:
        state: ready, disconnected or lost.
        boot: which life of the room it is; another after each start.
        session: which connection of that life, counted from 1: a will of an earlier one says nothing.
        version: livevae's.
        follows: whether it goes by the ensemble's time, and so may take the conductor's place.
    """

    state: str
    boot: str
    session: int = 1
    version: str = ""
    follows: bool = False

    def payload(self) -> bytes:
        """As it is sent."""
        return write(
            {
                "state": self.state,
                "boot": self.boot,
                "session": self.session,
                "v": self.version,
                "follows": self.follows,
            }
        )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "RoomState":
        """From a payload.

        Raises:
            PayloadError: it is none.
        """
        if (state := text(table, "state")) not in STATES:
            raise PayloadError(f"a state is one of {', '.join(STATES)}, not {state[:40]!r}")
        return cls(
            state,
            _boot(table),
            whole(table, "session", 1),
            text(table, "v", ""),
            flag(table, "follows"),
        )

    def after(self, known: "RoomState | None") -> bool:
        """Whether this says something new, `known` being the last that was believed.

        A birth is always news of its life; the end of another life than the known one, or of an earlier
        connection of it, is a will that came too late.
        """
        if known is None:
            return True
        if self.boot != known.boot:
            return self.state == READY or known.state != READY
        return self.session >= known.session


@dataclass(frozen=True, slots=True)
class Line:
    """The ensemble's time (`clock`): where the music is, on the conductor's clock.

    Attributes:
        conductor: the room that conducts.
        boot: which life of it.
        term: grows with each change of conductor.
        seq: grows with each line of a term.
        beat: the beat at `at`.
        at: seconds of the conductor's clock.
        bpm: beats a minute.
        meter: the bars, such as 4/4.
        playing: whether all play; rooms that follow start and stop with it.
    """

    conductor: str
    boot: str
    term: int
    seq: int
    beat: float
    at: float
    bpm: float
    meter: str = "4/4"
    playing: bool = True

    def payload(self) -> bytes:
        """As it is sent."""
        return write(
            {
                "conductor": self.conductor,
                "boot": self.boot,
                "term": self.term,
                "seq": self.seq,
                "beat": self.beat,
                "at": self.at,
                "bpm": self.bpm,
                "meter": self.meter,
                "playing": self.playing,
            }
        )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Line":
        """From a payload.

        Raises:
            PayloadError: it is none.
        """
        return cls(
            room_name(table, "conductor"),
            _boot(table),
            whole(table, "term"),
            whole(table, "seq"),
            number(table, "beat", -MOST_BEATS, MOST_BEATS),
            number(table, "at"),
            number(table, "bpm", MIN_BPM, MAX_BPM),
            text(table, "meter", "4/4")[:16],
            flag(table, "playing", default=True),
        )

    def after(self, known: "Line | None") -> bool:
        """Whether this line is believed, `known` being the last one that was.

        The higher term conducts; in one term the room that comes first in the alphabet; of one life, the later line.
        """
        if known is None or self.term != known.term:
            return known is None or self.term > known.term
        if self.conductor != known.conductor:
            return self.conductor < known.conductor
        return self.boot != known.boot or self.seq > known.seq

    def timeline(self, offset: float, base: int = 0) -> Timeline:
        """The line on our clock and in our ticks.

        Args:
            offset: the conductor's clock less ours, in seconds.
            base: our ticks less the ensemble's.
        """
        return Timeline(self.beat * TICKS_PER_BEAT + base, self.at - offset, self.bpm)


@dataclass(frozen=True, slots=True)
class RiffAhead:
    """A riff before it sounds (`riff/VOICE`), in the ensemble's ticks, as it will be played.

    Attributes:
        tick: where its first downbeat is.
        length: ticks until the next riff's.
        notes: (ticks from `tick`, length in ticks, pitch, velocity, channel), as they leave: feel included.
        recipe: what it was made from; None where that is not known.
        model: identity of the model; "" where that is not known.
    """

    tick: int
    length: int
    notes: tuple[tuple[int, int, int, int, int], ...]
    recipe: Recipe | None = None
    model: str = ""

    def payload(self) -> bytes:
        """As it is sent."""
        recipe = {} if self.recipe is None else {"recipe": plain_recipe(self.recipe)}
        return write(
            {
                "tick": self.tick,
                "beat": self.tick / TICKS_PER_BEAT,
                "beats": self.length / TICKS_PER_BEAT,
                "length": self.length,
                "notes": [list(note) for note in self.notes],
                **recipe,
                "model": self.model,
            },
            LONGEST_DOCUMENT,
        )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "RiffAhead":
        """From a payload.

        Raises:
            PayloadError: it is none.
        """
        given = rows(table, "notes")
        if len(given) > MOST_NOTES:
            raise PayloadError(f"a riff has at most {MOST_NOTES} notes, not {len(given)}")
        recipe = table.get("recipe")
        return cls(
            whole(table, "tick", -(2**40), 2**40),
            whole(table, "length", 1, 2**20),
            tuple(_note(row) for row in given),
            None if recipe is None else recipe_of(recipe),
            text(table, "model", "")[:64],
        )


@dataclass(frozen=True, slots=True)
class Job:
    """A recipe for whoever decodes.

    Attributes:
        number: of the asking room's jobs.
        recipe: what to decode.
        model: digest of the model, its decoder and what belongs to it, so that no other one answers.
        personas: (name, hash of its numbers) of each that the recipe blends.
    """

    number: int
    recipe: Recipe
    model: str
    personas: tuple[tuple[str, str], ...] = ()

    def table(self) -> dict[str, object]:
        """As a payload's object."""
        return {
            "n": self.number,
            "recipe": plain_recipe(self.recipe),
            "model": self.model,
            "personas": dict(self.personas),
        }

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Job":
        """From a payload's object.

        Raises:
            PayloadError: it is none.
        """
        personas = table.get("personas", {})
        if not isinstance(personas, dict) or not all(isinstance(value, str) for value in personas.values()):
            raise PayloadError("personas are names and hashes")
        return cls(
            whole(table, "n"),
            recipe_of(table.get("recipe")),
            text(table, "model"),
            tuple(personas.items()),
        )


@dataclass(frozen=True, slots=True)
class Jobs:
    """Recipes that are due together, for one worker (`jobs`): it decodes them as one batch.

    Attributes:
        room: who asks.
        jobs: 1 to `MOST_TOGETHER`.
    """

    room: str
    jobs: tuple[Job, ...]

    def payload(self) -> bytes:
        """As it is sent.

        Raises:
            PayloadError: it is too long.
        """
        return write({"room": self.room, "jobs": [job.table() for job in self.jobs]}, LONGEST_DOCUMENT)

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Jobs":
        """From a payload.

        Raises:
            PayloadError: it is none.
        """
        return cls(room_name(table, "room"), tuple(map(Job.read, _tables(table, "jobs", MOST_TOGETHER))))


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of one job.

    Attributes:
        number: of the job.
        riff: what was decoded; None where it could not be.
        why: a sentence, where it could not.
    """

    number: int
    riff: Riff | None
    why: str = ""

    def table(self) -> dict[str, object]:
        """As a payload's object."""
        table: dict[str, object] = {"n": self.number, "why": self.why}
        if self.riff is not None:
            table["length"] = self.riff.length
            if self.riff.bar != TICKS_PER_BAR:
                table["bar"] = self.riff.bar
            table["notes"] = [[n.start, n.length, n.pitch, n.velocity, n.part] for n in self.riff.notes]
        return table

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Decoded":
        """From a payload's object.

        Raises:
            PayloadError: it is none.
        """
        riff = None
        if "notes" in table:
            given = rows(table, "notes")
            if len(given) > MOST_NOTES:
                raise PayloadError(f"a riff has at most {MOST_NOTES} notes, not {len(given)}")
            try:
                notes = tuple(Note(*_integers(row, 5)) for row in given)
            except ValueError as error:
                raise PayloadError(str(error)) from None
            bar = whole(table, "bar", TICKS_PER_STEP, TICKS_PER_BAR) if "bar" in table else TICKS_PER_BAR
            riff = Riff(notes, whole(table, "length", 1, 2**20), bar - bar % TICKS_PER_STEP)
        return cls(whole(table, "n"), riff, text(table, "why", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answers (`ROOM/decoded`).

    Attributes:
        worker: which one; another name for every process.
        seconds: from the jobs' coming to the last of their riffs.
        decoded: what became of the jobs, 1 to `MOST_TOGETHER`.
    """

    worker: str
    seconds: float
    decoded: tuple[Decoded, ...]

    def payload(self) -> bytes:
        """As it is sent.

        Raises:
            PayloadError: it is too long.
        """
        riffs = [one.table() for one in self.decoded]
        return write({"worker": self.worker, "seconds": self.seconds, "riffs": riffs}, LONGEST_DOCUMENT)

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Answer":
        """From a payload.

        Raises:
            PayloadError: it is none.
        """
        riffs = tuple(map(Decoded.read, _tables(table, "riffs", MOST_TOGETHER)))
        return cls(text(table, "worker")[:64], number(table, "seconds", 0.0, 1e6), riffs)


def plain_recipe(recipe: Recipe) -> dict[str, object]:
    """A recipe as a payload's object, without what is as usual."""
    table: dict[str, object] = json.loads(recipes.text(recipe))
    return table


def recipe_of(table: Any) -> Recipe:
    """A recipe from a payload's object; exactly the one that was sent.

    Raises:
        PayloadError: it is none.
    """
    if not isinstance(table, dict):
        raise PayloadError("a recipe is an object")
    try:
        return recipes.parse(json.dumps(table))
    except LivevaeError as error:
        raise PayloadError(str(error)) from None


def moved(ahead: RiffAhead, ticks: int) -> RiffAhead:
    """The same riff, `ticks` later: from the ensemble's ticks to a room's, or back."""
    return replace(ahead, tick=ahead.tick + ticks)


def room_name(table: Mapping[str, Any], name: str) -> str:
    """A room's name of an object.

    Raises:
        PayloadError: no room is called that.
    """
    value = text(table, name)
    if not NAME.fullmatch(value):
        raise PayloadError(f"{name} is a room's name, not {value[:40]!r}")
    return value


def _boot(table: Mapping[str, Any]) -> str:
    boot = text(table, "boot")
    if not 1 <= len(boot) <= 64:
        raise PayloadError("boot is 1 to 64 characters")
    return boot


def _tables(table: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    value = table.get(name)
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= most
        or not all(isinstance(one, dict) for one in value)
    ):
        raise PayloadError(f"{name} is a list of 1 to {most} objects, not {str(value)[:40]!r}")
    return value


def _note(row: list[Any]) -> tuple[int, int, int, int, int]:
    start, length, pitch, velocity, channel = _integers(row, 5)
    if not (length >= 1 and 0 <= pitch <= 127 and 1 <= velocity <= 127 and 1 <= channel <= 16):
        raise PayloadError(f"a note is start, length, pitch, velocity and channel, not {str(row)[:40]}")
    return start, length, pitch, velocity, channel


def _integers(row: list[Any], count: int) -> list[int]:
    if len(row) != count or any(type(value) is not int or abs(value) > 2**40 for value in row):
        raise PayloadError(f"{count} whole numbers were expected, not {str(row)[:40]}")
    return row

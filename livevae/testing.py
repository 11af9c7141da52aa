"""Fakes for tests, public: a decoder without a network, an engine that takes its time."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from livevae.latent.recipe import Recipe
from livevae.music.notes import TICKS_PER_BAR, TICKS_PER_STEP, Note, Riff
from livevae.perform.events import (
    Bar,
    Beat,
    Event,
    Health,
    LogLine,
    PersonaState,
    PortState,
    RiffEvent,
    Snapshot,
    Takes,
    Training,
    Transport,
    VoiceState,
)
from livevae.perform.hub import Hub
from livevae.perform.settings import VoiceSettings
from livevae.perform.standing import CueState, EnsembleState, MemberState, OtherSlot


class FakeDecoder:
    """A decoder that makes a riff out of the recipe's numbers: one note on every fourth step.

    Attributes:
        batches: the recipes of each call, in order.
    """

    def __init__(self, bars: int = 2, fail: Callable[[Recipe], Exception | None] = lambda _: None) -> None:
        self.bars = bars
        self.batches: list[tuple[Recipe, ...]] = []
        self._fail = fail

    def decode(self, recipes: Sequence[Recipe]) -> list[Riff]:
        """One riff a recipe; the same recipe gives the same riff."""
        self.batches.append(tuple(recipes))
        for recipe in recipes:
            if (error := self._fail(recipe)) is not None:
                raise error
        return [fake_riff(recipe) for recipe in recipes]


def fake_riff(recipe: Recipe) -> Riff:
    """Four notes a bar whose pitches are a hash of the recipe: nothing to listen to, but always the same."""
    digest = hashlib.blake2b(repr(recipe).encode(), digest_size=4 * recipe.bars).digest()
    notes = (
        Note(i * 4 * TICKS_PER_STEP, 3 * TICKS_PER_STEP, 48 + byte % 25) for i, byte in enumerate(digest)
    )
    return Riff(tuple(notes), recipe.bars * TICKS_PER_BAR)


class SlowEngine:
    """An engine whose decodes take as long as `seconds` says, in the loop's own time (virtual or real)."""

    def __init__(
        self, decoder: FakeDecoder, seconds: Callable[[Recipe], float], expected: float = 0.0
    ) -> None:
        from livevae.perform.engine import DecodeTimes  # noqa: PLC0415  (perform is not needed by the other fakes)

        self.times: Any = DecodeTimes()
        self.expected = expected
        self._decoder = decoder
        self._seconds = seconds

    def submit(self, recipe: Recipe) -> "asyncio.Future[Riff]":
        """A riff that comes after a while."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def finish() -> None:
            if not future.done():
                future.set_result(self._decoder.decode([recipe])[0])

        loop.call_later(self._seconds(recipe), finish)
        return future

    async def close(self) -> None:
        """Nothing to close."""


def example_riff(
    voice: str = "lead", start: int = 3840, bars: int = 2, seed: int = 7, **more: Any
) -> RiffEvent:
    """A riff as the hub tells it: four notes a bar."""
    recipe = Recipe(seed, bars=bars, blend=(("nora", 0.75), ("petra", 0.25)))
    riff = fake_riff(recipe)
    return RiffEvent(voice, start, riff.length, riff.notes, recipe, at=start / 1920, port="livevae", **more)


def example_snapshot(voices: int = 3) -> Snapshot:
    """How everything may stand: the first voice plays and glides, the second is muted, the third has a fault."""
    usual = VoiceSettings()
    lead = VoiceState(
        "lead",
        playing=True,
        riffs=12,
        late=1,
        repeats=1,
        seed=7,
        pinned=True,
        settings=usual.pairs(),
        blend=(("nora", 0.75), ("petra", 0.25)),
        target=(("petra", 1.0),),
    )
    bass = VoiceState("bass", playing=True, muted=True, audible=False, seed=11, settings=usual.pairs())
    pads = VoiceState("pads", fault="the model does not load", missing=("ada",), settings=usual.pairs())
    more = (
        VoiceState(f"voice{i}", playing=True, seed=i, settings=usual.pairs()) for i in range(4, voices + 1)
    )
    return Snapshot(
        Transport(
            playing=True, beat=33.5, at=16.75, title="first light", cue="verse", next_cue="chorus", cues=3
        ),
        Health(
            lead_ms=250.0, decode_ms_p50=9.5, decode_ms_p99=14.25, late_ms_p99=0.25, late_ms_max=1.5, sent=480
        ),
        Takes(takes=2, state="recording", start=32.0, bars=4, notes=9),
        (lead, bass, pads, *more)[:voices],
        (
            PersonaState(
                "nora",
                "here",
                24,
                0.0,
                "2 takes",
                "cat-mel_2bar_small",
                "2026-05-01T20:00+00:00",
                "CC0",
                22.5,
                True,
                ("lead",),
            ),
            PersonaState("petra", "in training", progress=0.5),
        ),
        (PortState("livevae", "livevae:out"), PortState("drumbox", "", open=False, why="no such output")),
        (
            CueState("verse", 1, changes="lead temp 0.7; pads stops"),
            CueState("chorus", 2, 132.0, 16.0, "3/4", 4.0, "lead blend nora 1"),
            CueState("end", 3, changes="lead stops"),
        ),
        OtherSlot(True, 2, (("lead.temp", "1.2"), ("lead.blend", "petra 1"))),
        EnsembleState("trio", "desk", True, "rack", 0.25, 0.5, 2),
        (
            MemberState("rack", "ready", "conducts", 120.0, 33.0, late_ms_p99=0.125, plays="lead bass"),
            MemberState("desk", "ready", "follows", 120.0, 33.0, 0.25, 0.5, 0.25, "lead"),
        ),
    )


def example_events() -> tuple[Event, ...]:
    """One of every kind that the hub tells, for tests of whatever listens."""
    return (
        Beat(33.0, 9, 2, 120.0, 16.5),
        Bar(9, 32.0, 4, 4, 120.0, 16.0),
        example_riff(),
        example_snapshot(),
        Training("petra", "training", 40, 80, 1.25),
        LogLine("tempo", "140 bpm from now on", at=16.5),
    )


class FakeFeed:
    """A hub with a program: tells `example_events` and whatever it is given; for tests of what listens to a hub.

    Attributes:
        hub: what is under test listens here.
    """

    def __init__(self) -> None:
        self.hub = Hub()

    def tell(self, *events: Event) -> None:
        """Tell these events, or one of every kind."""
        for event in events or example_events():
            self.hub.tell(event)

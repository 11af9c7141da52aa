"""Whole lines under virtual time: request in, notes out."""

import asyncio
import math
from collections.abc import Callable
from typing import Self

import pytest

from livevae.latent.recipe import Recipe
from livevae.music.notes import Note, Riff
from livevae.perform import requests as ask
from livevae.perform.alarms import Alarms
from livevae.perform.engine import Engine
from livevae.perform.scene import parse
from livevae.perform.session import Session
from livevae.perform.timing import Timing
from livevae.player.client.local import LocalPlayer
from livevae.player.wire.reports import TimelineChanged
from livevae.testing import FakeDecoder, SlowEngine
from livevae.virtual_time import VirtualTimeLoop, virtual_time

BAR = 3840


class Stand:
    """A session on a local player, on a virtual loop."""

    def __init__(
        self, loop: VirtualTimeLoop, *, slow: Callable[[Recipe], float] | None = None, **options
    ) -> None:
        self.loop = loop
        self.decoder = options.pop("decoder", FakeDecoder())
        self.expected = options.pop("expected", 0.0)
        self.bpm = options.pop("bpm", 120.0)
        self.slow = slow
        self.options = options

    async def __aenter__(self) -> Self:
        self.player = LocalPlayer(self.bpm)
        engine = (
            SlowEngine(self.decoder, self.slow, self.expected)
            if self.slow
            else Engine(lambda _: self.decoder, inline=True)
        )
        self.session = Session(self.player, engine, strict=True, **self.options)
        self.player.on_report = lambda report: (
            self.session.timeline_changed(report.timeline) if isinstance(report, TimelineChanged) else None
        )
        self.do = self.session.do
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.player.close()

    def ons(self) -> list[tuple[int, int, int]]:
        return [(s.tick, s.data[0] & 15, s.data[1]) for s in self.player.sent if s.data[0] & 0xF0 == 0x90]

    def hanging(self) -> set[tuple[str, int, int]]:
        sounding: set[tuple[str, int, int]] = set()
        for s in self.player.sent:
            key = (s.port, s.data[0] & 15, s.data[1])
            if s.data[0] & 0xF0 == 0x90:
                assert key not in sounding, f"{key} sounds already at tick {s.tick}"
                sounding.add(key)
            elif s.data[0] & 0xF0 == 0x80:
                sounding.discard(key)
        return sounding


def perform(line: Callable[[Stand], object], **options) -> Stand:
    with virtual_time() as loop:

        async def main() -> Stand:
            async with Stand(loop, **options) as stand:
                await line(stand)
            return stand

        return loop.run_until_complete(main())


def test_a_sample_sounds_on_the_first_grid_point_after_its_timetag_on_the_beat_it_was_promised() -> None:
    async def line(stand: Stand) -> None:
        reply = stand.do(ask.Sample(settings={"quantum": 1}, at=0.7))
        assert reply.ok
        assert reply.beat == 2.0  # 0.7 s at 120 bpm is beat 1.4
        await asyncio.sleep(10)

    stand = perform(line)
    assert [tick for tick, _, _ in stand.ons()] == [1920 + 960 * i for i in range(8)]
    assert not stand.hanging()


def test_a_timetag_a_hair_past_a_grid_point_means_that_point() -> None:
    async def line(stand: Stand) -> None:
        assert stand.do(ask.Sample(settings={"quantum": 1}, at=1.0004)).beat == 2.0
        assert stand.do(ask.Sample(settings={"quantum": 1}, at=1.02)).beat == 3.0
        assert stand.do(ask.Sample(settings={"quantum": 0, "bars": 1}, at=1.0004)).beat == 1921 / 960

    perform(line)


def test_a_sample_that_is_refused_is_not_counted() -> None:
    """The samples after it were others, and there was a voice more."""

    async def line(stand: Stand) -> None:
        if stand.faulty:
            assert not stand.do(ask.Sample(recipe="{")).ok
            assert stand.session.cast.names == ()
        stand.seed = dict(stand.do(ask.Sample()).pairs)["seed"]

    async def faulty(stand: Stand) -> None:
        stand.faulty = True
        await line(stand)

    async def plain(stand: Stand) -> None:
        stand.faulty = False
        await line(stand)

    assert perform(faulty).seed == perform(plain).seed


def test_quantum_zero_plays_at_the_timetag_itself() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Sample(settings={"quantum": 0, "bars": 1}, at=0.7))
        await asyncio.sleep(5)

    assert [tick for tick, _, _ in perform(line).ons()] == [1344 + 960 * i for i in range(4)]


def test_a_sample_in_the_past_plays_on_the_next_grid_point() -> None:
    async def line(stand: Stand) -> None:
        await asyncio.sleep(3.1)
        assert stand.do(ask.Sample(settings={"quantum": 4}, at=1.0)).beat == 8.0
        await asyncio.sleep(5)

    assert perform(line).ons()[0][0] == 8 * 960


def test_voices_due_on_the_same_bar_share_one_batch() -> None:
    async def line(stand: Stand) -> None:
        for name in ("a", "b", "c"):
            stand.do(ask.Set(name, new=True))
        stand.do(ask.Play())
        await asyncio.sleep(20)

    stand = perform(line)
    assert {len(batch) for batch in stand.decoder.batches} == {3}


def test_the_same_seed_plays_the_same_night_and_another_seed_another() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Set("b", {"seed": 7}, new=True))
        stand.do(ask.Play())
        await asyncio.sleep(30)

    one, two, other = perform(line, seed=1), perform(line, seed=1), perform(line, seed=2)
    assert one.player.sent == two.player.sent
    assert one.ons() != other.ons()


def test_a_late_decode_repeats_the_last_riff_and_serves_the_next_turn() -> None:
    def seconds(recipe: Recipe) -> float:
        return 5.0 if recipe.index == 1 else 0.1  # a riff lasts four seconds

    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a", at=1.0))
        await asyncio.sleep(24)
        stand.view = stand.session.snapshot().voices[0]

    stand = perform(line, slow=seconds)
    riffs: dict[int, list[int]] = {}
    for tick, _, pitch in stand.ons():
        riffs.setdefault((tick - BAR) // (2 * BAR), []).append(pitch)
    assert riffs[0] == riffs[1] == riffs[2]  # five seconds: it misses two turns of four
    assert riffs[3] != riffs[2]
    assert stand.view.late == stand.view.repeats == 2


def test_before_its_first_riff_a_late_voice_waits_for_the_next_quantum() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a"))
        await asyncio.sleep(12)

    stand = perform(line, slow=lambda recipe: 3.0 if recipe.index == 0 else 0.1)
    assert stand.ons()[0][0] == 2 * BAR  # the first bar line after three seconds with lookahead to spare


def test_after_a_stall_of_the_whole_server_turns_that_are_past_are_left_out_and_the_beat_is_kept() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"bars": 1}, new=True))
        stand.do(ask.Play("a"))
        await asyncio.sleep(2.1)
        stand.loop._jumping.now += 9.0  # the laptop slept
        await asyncio.sleep(6)
        stand.late = stand.session.snapshot().voices[0].late

    stand = perform(line)
    ticks = [tick for tick, _, _ in stand.ons()]
    assert ticks[:5] == [960 * i for i in range(5)]  # the player slept too, and drops ons that are far behind
    assert ticks[5] == 6 * BAR  # 11.1 s is bar 5 and a half
    assert stand.late == 4


def test_stop_releases_at_once_and_drops_what_waits() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a"))
        await asyncio.sleep(1.1)
        assert stand.do(ask.Stop("a")).ok
        assert not stand.hanging()
        await asyncio.sleep(10)

    stand = perform(line)
    assert max(s.tick for s in stand.player.sent) <= 1.1 * 2 * 960 + 1


def test_stop_at_a_timetag_lets_what_sounds_ring_out() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a"))
        assert stand.do(ask.Stop("a", at=2.0)).beat == 4.0
        await asyncio.sleep(10)

    stand = perform(line)
    assert [tick for tick, _, _ in stand.ons()] == [0, 960, 1920, 2880]
    assert [s.tick for s in stand.player.sent if s.data[0] >> 4 == 8] == [720, 1680, 2640, 3600]


def test_a_tempo_change_inside_a_bar_moves_pending_offs_and_the_next_riff() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a"))
        await asyncio.sleep(0.25)  # inside the first note, which ends on tick 720
        stand.do(ask.Tempo(60.0))
        await asyncio.sleep(12)

    times: dict[int, float] = {}
    with virtual_time() as loop:

        async def main() -> Stand:
            async with Stand(loop) as stand:
                stand.player._on_sent = lambda s: times.setdefault(s.tick, loop.time())
                await line(stand)
            return stand

        stand = loop.run_until_complete(main())
    assert times[0] == 0.0
    assert times[720] == pytest.approx(0.25 + 240 / 960)  # 480 ticks at 120, 240 ticks at 60
    assert times[2 * BAR] == pytest.approx(0.25 + (2 * BAR - 480) / 960)
    assert stand.ons()[8][0] == 2 * BAR


def test_a_tempo_ramp_keeps_every_note_on_its_tick_and_arrives() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a"))
        await asyncio.sleep(0.1)
        stand.do(ask.Tempo(60.0, over=8.0))
        await asyncio.sleep(20)
        assert stand.player.timeline.bpm == 60.0

    stand = perform(line)
    ticks = [tick for tick, _, _ in stand.ons()]
    assert ticks == list(range(0, ticks[-1] + 1, 960))
    assert not stand.hanging()


def test_settings_are_read_when_the_next_riff_is_due_and_not_before() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"channel": 1}, new=True))
        stand.do(ask.Play("a"))
        await asyncio.sleep(0.1)
        stand.do(ask.Set("a", {"channel": 5}))
        await asyncio.sleep(7)

    stand = perform(line)
    assert [channel for _, channel, _ in stand.ons()] == [0] * 8 + [4] * 7


def test_voices_of_one_key_share_its_scale() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"key": "Am"}, new=True))
        stand.do(ask.Set("b", {"key": "C", "channel": 2}, new=True))
        stand.do(ask.Play())
        await asyncio.sleep(20)

    assert {pitch % 12 for _, _, pitch in perform(line).ons()} <= {0, 2, 4, 5, 7, 9, 11}


def test_a_fault_stays_in_its_voice() -> None:
    decoder = FakeDecoder(
        fail=lambda recipe: ValueError("no such chord") if recipe.temperature == 3 else None
    )

    async def line(stand: Stand) -> None:
        stand.do(ask.Set("good", new=True))
        stand.do(ask.Set("bad", {"temp": 3}, new=True))
        stand.do(ask.Play())
        await asyncio.sleep(9)
        good, bad = stand.session.snapshot().voices
        assert (good.fault, good.playing) == ("", True)
        assert (bad.fault, bad.playing) == ("no such chord", False)
        stand.session.cast.faults.clear()

    assert len(perform(line, decoder=decoder).ons()) == 19


def test_a_fault_comes_out_of_a_strict_session() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("bad", new=True))
        stand.do(ask.Play())
        await asyncio.sleep(1)

    with pytest.raises(ValueError, match="no such chord"):
        perform(line, decoder=FakeDecoder(fail=lambda _: ValueError("no such chord")))


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (ask.Play("nobody"), "there is no voice 'nobody'; there are: a, bass"),
        (ask.Stop("nobody"), "there is no voice 'nobody'; there are: a, bass"),
        (ask.Set("basss"), "there is no voice 'basss'; did you mean bass? (new 1 makes one)"),
        (ask.Set("x", {"temp": 1}), "there is no voice 'x'; there are: a, bass (new 1 makes one)"),
        (ask.Blend("bas", (("base", 1.0),)), "there is no voice 'bas'; did you mean bass?"),
        (ask.Sample("bas"), "there is no voice 'bas'; did you mean bass?"),
        (ask.Sample(recipe="{"), "this is no recipe"),
        (ask.Set("a", {"bars": 0}), "bars must be a whole number from 1 to 32, not 0"),
        (ask.Set("a", {"temp": "hot"}), "temp must be a number from 0 to 4, not 'hot'"),
        (ask.Set("a", {"temp": float("nan")}), "temp must be a number from 0 to 4, not nan"),
        (ask.Set("a", {"low": 60, "high": 64}), "the register from low 60 to high 64 must hold an octave"),
        (ask.Set("a", {"key": "H"}), "key: a key is a letter from A to G"),
        (ask.Set("../x", new=True), "a voice's name is 1 to 32 letters"),
        (ask.Set("a", {"model": "gpt"}), "there is no model 'gpt' here"),
        (ask.Set("a", {"port": "moog"}), "there is no MIDI port 'moog'; there are: main"),
        (ask.Tempo(5000.0), "a tempo is 20 to 999 beats a minute"),
        (ask.Tempo(float("nan")), "a tempo is 20 to 999 beats a minute"),
        (ask.LoadScene("x"), "no scenes"),
    ],
)
def test_what_cannot_be_done_is_answered_with_a_sentence_and_changes_nothing(request_, sentence) -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"temp": 1}, new=True))
        stand.do(ask.Set("bass", new=True))
        before = stand.session.snapshot().voices
        reply = stand.do(request_)
        assert not reply.ok
        assert sentence in reply.text
        assert stand.session.snapshot().voices == before

    perform(line)


def test_what_is_asked_for_one_moment_is_done_in_the_order_of_asking() -> None:
    """asyncio's timers of one time come in any order: of four changes in a bundle the last was not the last."""

    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        later, temps = stand.loop.time() + 1, [0.1 * number for number in range(1, 12)]
        for temp in temps:
            assert stand.do(ask.Set("a", {"temp": temp}, at=later)).ok
        change, done = stand.session.cast.change, []
        stand.session.cast.change = lambda name, settings: (
            done.append(settings.temp),
            change(name, settings),
        )
        await asyncio.sleep(1.1)
        assert done == pytest.approx(temps)

    perform(line)


def test_what_is_asked_for_just_before_its_moment_is_done_before_what_comes_just_after_it() -> None:
    """Of a bundle whose time comes while it is read, the last message was done first."""

    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        await asyncio.sleep(0.1)
        for moment in (0.3, 0.2):
            assert stand.do(ask.Set("a", {"temp": moment}, at=stand.loop.time() + moment / 1000)).ok
        assert dict(stand.do(ask.Undo(at=stand.loop.time() + 0.0004)).pairs) == {"waits": 1}
        change, done = stand.session.cast.change, []
        stand.session.cast.change = lambda name, settings: (
            done.append(settings.temp),
            change(name, settings),
        )
        stand.loop._jumping.now += 0.001  # the loop was busy meanwhile, and has no alarm rung yet
        stand.do(ask.Set("a", {"temp": 0.5}))
        assert done == [0.2, 0.3, 0.8, 0.5]
        await asyncio.sleep(1)
        assert done == [0.2, 0.3, 0.8, 0.5]

    perform(line)


def test_a_fault_at_a_moment_keeps_nothing_else_from_it(caplog: pytest.LogCaptureFixture) -> None:
    async def line(stand: Stand) -> None:
        alarms, done = Alarms(stand.session.clock), []
        alarms.when(1.0, done.append, 1)
        alarms.when(1.0, int, "no number")
        alarms.when(1.0, done.append, 2)
        alarms.when(2.0, done.append, 3)
        alarms.when(2.0, alarms.clear)
        alarms.when(2.0, done.append, 4)
        alarms.when(3.0, done.append, 5)
        await asyncio.sleep(4)
        assert done == [1, 2, 3]

    perform(line)
    assert "a fault at a timetag" in caplog.text


def test_new_makes_a_voice_at_once_and_changes_one_that_is_there_when_it_is_due() -> None:
    async def line(stand: Stand) -> None:
        later = stand.loop.time() + 2
        assert stand.do(ask.Set("a", {"temp": 0.3}, new=True, at=later)).ok
        assert stand.do(ask.Play("a", at=later)).beat == 4  # what follows in its bundle finds it
        assert stand.do(ask.Set("a", {"temp": 1.5}, new=True, at=later)).ok
        assert stand.session.cast["a"].settings.temp == 0.3
        await asyncio.sleep(2.1)
        assert stand.session.cast["a"].settings.temp == 1.5
        assert stand.session.cast.names == ("a",)

    perform(line)


def test_a_flood_of_names_makes_no_more_voices_than_a_stage_holds() -> None:
    async def line(stand: Stand) -> None:
        answers = [stand.do(ask.Set(f"v{i}", new=True)) for i in range(70)]
        assert [reply.ok for reply in answers] == [True] * 64 + [False] * 6
        assert "64 voices are the most" in answers[-1].text
        assert stand.do(ask.Set("v3", {"temp": 1}, new=True)).ok

    perform(line)


def test_unknown_settings_are_ignored_since_tidal_adds_its_own() -> None:
    async def line(stand: Stand) -> None:
        assert stand.do(ask.Set("a", {"cps": 0.5, "_id_": "1", "temp": 1.5}, new=True)).ok
        assert stand.session.cast["a"].settings.temp == 1.5

    perform(line)


def test_a_chosen_seed_plays_the_same_again_and_without_one_the_walk_goes_on() -> None:
    def played(seed: int) -> tuple[list[int], list[int], list[int]]:
        async def line(stand: Stand) -> None:
            stand.do(ask.Set("a", {"seed": seed}, new=True))
            for _ in range(2):
                stand.do(ask.Play("a"))
                await asyncio.sleep(9)
                stand.do(ask.Stop("a"))
                await asyncio.sleep(1)
            stand.do(ask.Play("a"))
            await asyncio.sleep(0.1)
            stand.do(ask.Set("a", {"seed": 5}))
            await asyncio.sleep(9)

        pitches: dict[int, list[int]] = {}
        for tick, _, pitch in perform(line).ons():
            pitches.setdefault(tick // 20 // 960, []).append(pitch)
        return tuple(pitches[i][:8] for i in range(3))

    first, again, _ = played(5)
    assert first == again
    first, again, _ = played(0)
    assert first != again


def test_bars_that_grow_while_a_riff_is_late_play_it_again() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"bars": 1}, new=True))
        stand.do(ask.Play("a", at=1.0))
        await asyncio.sleep(2.2)
        stand.do(ask.Set("a", {"bars": 4}))
        await asyncio.sleep(7)

    stand = perform(line, slow=lambda recipe: 9.0 if recipe.index == 1 else 0.1)
    ticks = [tick for tick, _, _ in stand.ons()]
    assert ticks == list(range(BAR, ticks[-1] + 1, 960))


def test_panic_stops_everything() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", new=True))
        stand.do(ask.Play("a"))
        stand.do(ask.Sample(at=3.0))
        stand.do(ask.Stop("a", at=30.0))
        await asyncio.sleep(1.1)
        stand.do(ask.Panic())
        assert not stand.hanging()
        count = len(stand.ons())
        await asyncio.sleep(10)
        assert len(stand.ons()) == count

    perform(line)


def test_a_scene_change_keeps_voices_that_are_in_both_and_ends_the_others() -> None:
    first = parse("tempo = 120\n[voice.a]\n[voice.b]\nchannel = 2")
    second = parse("tempo = 120\n[voice.a]\nchannel = 3\n[voice.c]\nchannel = 4\nplay = false")

    async def line(stand: Stand) -> None:
        stand.session.load(first)
        await asyncio.sleep(4.1)
        assert stand.do(ask.LoadScene("second")).ok
        await asyncio.sleep(8)
        assert [v.name for v in stand.session.snapshot().voices] == ["a", "c"]

    stand = perform(line, scenes=lambda _: second)
    assert not stand.hanging()
    assert {channel for tick, channel, _ in stand.ons() if tick < 2 * BAR} == {0, 1}
    assert {channel for tick, channel, _ in stand.ons() if tick >= 4 * BAR} == {2}


def test_an_hour_of_music() -> None:
    async def line(stand: Stand) -> None:
        for index, name in enumerate("abcd"):
            stand.do(ask.Set(name, {"channel": index + 1}, new=True))
        stand.do(ask.Play())
        for minute in range(60):
            await asyncio.sleep(60 - 0.01)
            stand.do(ask.Tempo(90.0 + minute))
            await asyncio.sleep(0.01)
            if minute % 7 == 3:
                stand.do(ask.Stop("b"))
                stand.do(ask.Play("b"))
        stand.views = stand.session.snapshot().voices
        stand.end = stand.player.timeline.tick_at(stand.loop.time())

    stand = perform(line, slow=lambda r: 6.0 if r.index % 50 == 49 else 0.05, expected=0.06)
    assert not stand.hanging()
    for channel, view in enumerate(stand.views):
        ticks = [tick for tick, on_channel, _ in stand.ons() if on_channel == channel]
        assert ticks == sorted(ticks)
        assert all(tick % 960 == 0 for tick in ticks)
        if view.name != "b":  # not one beat is missing, whatever was late
            assert ticks == list(range(ticks[0], ticks[-1] + 1, 960))
            assert stand.end - ticks[-1] <= 960
            assert view.late == view.repeats  # b also starts anew, with nothing to repeat yet
        assert view.repeats > 0


def test_lookahead_longer_than_lead_is_refused() -> None:
    with pytest.raises(ValueError, match="at least lookahead"):
        Timing(lead=0.1, lookahead=0.2)
    for lead in (61.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="60 at most"):
            Timing(lead=lead)


class EveryStep(FakeDecoder):
    """A riff of sixteenths, each as long as a step."""

    def decode(self, recipes):
        super().decode(recipes)
        return [
            Riff(tuple(Note(240 * i, 240, 60) for i in range(16 * r.bars)), BAR * r.bars) for r in recipes
        ]


def test_a_voice_swings_with_the_sessions_beats_and_off_the_grid_with_its_own() -> None:
    async def line(stand: Stand) -> None:
        settings = {"swing": 0.75, "swing_at": 8, "bars": 1}
        stand.do(ask.Sample(settings=settings | {"channel": 1, "quantum": 0.5}, at=0.6))  # beat 1.5
        stand.do(ask.Sample(settings=settings | {"channel": 2, "quantum": 0}, at=0.75))
        await asyncio.sleep(10)

    stand = perform(line, decoder=EveryStep())
    assert [tick for tick, channel, _ in stand.ons() if channel == 0][:5] == [1680, 1800, 1920, 2280, 2640]
    assert [tick for tick, channel, _ in stand.ons() if channel == 1][:5] == [1440, 1800, 2160, 2280, 2400]
    assert not stand.hanging()


def test_humanise_is_the_same_night_for_the_same_seed_and_another_for_each_turn() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"humanise": 20, "touch": 30, "bars": 1, "drift": 0}, new=True))
        stand.do(ask.Play("a", at=1.0))
        await asyncio.sleep(9.5)

    one, two, other = (perform(line, seed=seed, decoder=EveryStep()) for seed in (1, 1, 2))
    assert one.player.sent == two.player.sent
    assert one.player.sent != other.player.sent
    ticks = [tick for tick, _, _ in one.ons()]
    first, second = (
        [tick - BAR * bar for tick in ticks if 0 <= tick - BAR * bar + 60 < BAR] for bar in (1, 2)
    )
    assert len(first) == len(second) == 16
    assert first != second
    assert all(abs(tick - 240 * i) <= 20 * 1.92 for turn in (first, second) for i, tick in enumerate(turn))


def test_a_voice_ahead_of_the_beat_is_on_time_from_its_first_note() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"shift": -50, "humanise": 30, "bars": 1}, new=True))
        stand.do(ask.Play("a", at=1.0))
        stand.do(ask.Sample(settings={"shift": -50, "quantum": 1, "channel": 2}))
        await asyncio.sleep(9.5)

    stand = perform(line, decoder=EveryStep(), timing=Timing(0.06, 0.06))
    assert min(tick for tick, channel, _ in stand.ons() if channel == 0) < BAR - 50
    assert min(tick for tick, channel, _ in stand.ons() if channel == 1) == 960 - 96
    assert stand.player.counters.dropped_ons == 0
    assert all(stand.player.timeline.time_at(s.tick) == pytest.approx(s.due) for s in stand.player.sent[:40])


def test_a_nudge_puts_the_music_on_by_what_was_asked_without_losing_a_note() -> None:
    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"bars": 1}, new=True))
        stand.do(ask.Play("a", at=1.0))
        await asyncio.sleep(3)
        assert dict(stand.do(ask.Nudge(ms=20)).pairs) == {"beats": pytest.approx(0.04)}
        assert stand.do(ask.Nudge(beats=0.46, at=4.0)).beat == pytest.approx(8, abs=0.1)
        assert stand.session.clock.timeline.bpm == pytest.approx(120 * 1.04, abs=0.01)
        await asyncio.sleep(7)
        assert stand.session.beat == pytest.approx(20.5)
        assert stand.session.clock.timeline.bpm == 120
        stand.do(ask.Nudge(beats=-0.5, over=0))
        assert stand.session.beat == pytest.approx(20)

    stand = perform(line)
    assert [tick for tick, _, _ in stand.ons()] == list(range(BAR, 21 * 960, 960))  # each once, none twice
    assert stand.player.counters.dropped_ons == 0
    assert not stand.hanging()


@pytest.mark.parametrize("nudge", [ask.Nudge(), ask.Nudge(beats=2.1), ask.Nudge(beats=-1.9, ms=-200)])
def test_a_nudge_of_nothing_or_of_too_much_is_refused(nudge: ask.Nudge) -> None:
    async def line(stand: Stand) -> None:
        reply = stand.do(nudge)
        assert not reply.ok
        assert "a nudge is" in reply.text

    perform(line)


def test_three_taps_are_a_tempo_by_arrival_or_by_timetag() -> None:
    async def line(stand: Stand) -> None:
        for _ in range(3):
            reply = stand.do(ask.Tap())
            await asyncio.sleep(0.4)
        assert reply.pairs == (("bpm", 150.0), ("taps", 3))
        assert stand.session.clock.timeline.bpm == 150
        for i in range(4):
            stand.do(ask.Tap(at=20 + i * 0.8))
        assert stand.session.clock.timeline.bpm == 75

    perform(line)


class Ensemble(LocalPlayer):
    """A local player that remembers what it was told of clocks."""

    def __init__(self, bpm: float) -> None:
        super().__init__(bpm)
        self.told: list[tuple[object, ...]] = []

    def set_clock(self, source: str, quantum: int = 3840, target: str = "virtual") -> None:
        self.told.append(("clock", source, quantum, target))

    def set_playing(self, playing: bool) -> None:
        self.told.append(("playing", playing))


CLOCKS = {"internal": "", "link": "", "midi": "no MIDI input is open"}


def test_a_clock_is_followed_where_it_can_be_and_why_not_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "LocalPlayer", Ensemble)

    async def line(stand: Stand) -> None:
        assert stand.do(ask.Clock()).pairs == (("clock", "internal"), ("peers", 0), ("why", ""))
        assert stand.do(ask.Clock("link", quantum=8)).pairs == (("clock", "link"), ("peers", 0), ("why", ""))
        stand.session.conductor.changed("link", 2)
        assert stand.do(ask.Clock()).pairs == (("clock", "link"), ("peers", 2), ("why", ""))
        assert dict(stand.do(ask.Status()).pairs)["clock"] == "link"
        assert stand.do(ask.Clock("midi")).text == "no MIDI input is open"
        assert (
            "there is no clock 'sundial'; there are: internal, link, midi"
            in stand.do(ask.Clock("sundial")).text
        )
        stand.do(ask.Clock("internal", at=1.0))
        assert stand.player.told == [("clock", "link", 7680, "virtual")]
        await asyncio.sleep(1.5)
        assert stand.player.told[1:] == [("clock", "internal", 3840, "virtual")]

    perform(line, clocks=CLOCKS)


def test_a_midi_clock_can_come_from_a_device_and_why_it_does_not_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "LocalPlayer", Ensemble)

    async def line(stand: Stand) -> None:
        later: list[ask.Reply] = []
        assert (
            "another answer" in dict(stand.do(ask.Clock("midi", device="drumbox"), later.append).pairs)["why"]
        )
        assert stand.player.told == [("clock", "midi", 3840, "drumbox")]
        why = "no MIDI clock: no MIDI input has 'drumbox' in its name. There are: Keystation"
        stand.session.conductor.changed("internal", 0, why)
        assert dict(stand.do(ask.Clock()).pairs) == {"clock": "internal", "peers": 0, "why": why}
        assert [(reply.ok, reply.text) for reply in later] == [(False, why)]
        stand.session.conductor.changed("internal", 0, why)
        assert len(later) == 1
        assert "has none" in stand.do(ask.Clock("link", device="drumbox")).text

    perform(line, clocks={"internal": "", "link": "", "midi": ""})


def test_all_voices_start_and_stop_with_the_others_and_the_others_with_all_voices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(globals(), "LocalPlayer", Ensemble)

    async def line(stand: Stand) -> None:
        stand.do(ask.Set("a", {"bars": 1}, new=True))
        stand.session.transport(True, 900.0)
        await asyncio.sleep(6.9)
        stand.session.transport(False, 13000.0)
        await asyncio.sleep(5)
        stand.do(ask.Play("a"))
        stand.do(ask.Stop("a"))
        assert stand.player.told == []  # one voice of many is nobody's business
        stand.do(ask.Play())
        stand.do(ask.Stop(at=20.0))
        assert stand.player.told == [("playing", True)]
        await asyncio.sleep(9)
        assert stand.player.told == [("playing", True), ("playing", False)]

    stand = perform(line)
    ticks = [tick for tick, _, _ in stand.ons()]
    assert [tick for tick in ticks if tick < 5 * BAR] == list(range(BAR, 13249, 960))
    assert not stand.hanging()


def test_without_an_input_nothing_can_be_recorded_and_that_is_said() -> None:
    async def line(stand: Stand) -> None:
        reply = stand.do(ask.PersonaRecord(4))
        assert (reply.ok, reply.text) == (
            False,
            "there is no MIDI input to record: start with --midi-in NAME, or --midi-in virtual",
        )
        assert stand.do(ask.PersonaRecord(stop=True)).ok

    perform(line, inputs=False)

"""The local player under virtual time: an hour in a second, by the same core as the real one."""

import asyncio
import random

import pytest

from livevae.player.client.local import LocalPlayer
from livevae.player.wire.reports import TimelineChanged
from livevae.tempo.events import PlayNote
from livevae.virtual_time import virtual_time

BAR = 3840


def test_notes_are_sent_on_their_ticks_at_their_times():
    async def music():
        loop = asyncio.get_running_loop()
        heard = []
        player = LocalPlayer(120, on_sent=lambda m: heard.append((loop.time(), m.tick, m.data.hex())))
        player.play(
            [PlayNote(960, 480, "synth", 1, 60, 96, "lead"), PlayNote(1440, 480, "synth", 1, 62, 96, "lead")]
        )
        await asyncio.sleep(1.2)
        await player.close()
        return heard

    with virtual_time() as loop:
        assert loop.run_until_complete(music()) == [
            (0.5, 960, "903c60"),
            (0.75, 1440, "803c00"),
            (0.75, 1440, "903e60"),
            (1.0, 1920, "803e00"),
        ]


def test_a_tempo_change_inside_a_bar_moves_the_offs_that_wait():
    async def music():
        loop = asyncio.get_running_loop()
        heard, reports = [], []
        player = LocalPlayer(120, on_sent=lambda m: heard.append((loop.time(), m.tick)))
        player.on_report = reports.append
        player.play([PlayNote(0, 1920, "synth", 1, 60, 96, "lead")])
        await asyncio.sleep(0.5)
        player.set_tempo(60)
        await asyncio.sleep(2)
        await player.close()
        return heard, reports, player.tempos

    with virtual_time() as loop:
        heard, reports, tempos = loop.run_until_complete(music())
    assert heard == [(0.0, 0), (1.5, 1920)]
    assert [r.timeline.bpm for r in reports if isinstance(r, TimelineChanged)] == [60]
    assert tempos == [(0, 120), (960, 60)]


def test_closing_releases_what_sounds():
    async def music():
        player = LocalPlayer(120)
        player.play([PlayNote(0, 9600, "synth", 1, 60, 96, "lead")])
        await asyncio.sleep(1)
        await player.close()
        await player.close()
        player.play([PlayNote(0, 9600, "synth", 1, 61, 96, "lead")])
        return player

    with virtual_time() as loop:
        player = loop.run_until_complete(music())
    assert [m.data.hex() for m in player.sent] == ["903c60", "803c00"]
    assert player.counters.sounding == 0


@pytest.mark.parametrize("seed", [1])
def test_an_hour_of_twelve_voices_on_four_ports_does_not_drift_and_hangs_nothing(seed):
    """Riffs of two bars handed over a bar ahead, with tempo changes and ramps every few minutes."""
    rng = random.Random(seed)
    late = []

    async def voice(player, name, port, channel):
        loop = asyncio.get_running_loop()
        start = BAR
        while player.timeline.time_at(start) < 3600:
            await asyncio.sleep(max(0.0, player.timeline.time_at(start - BAR) - loop.time()))
            if player.timeline.tick_at(loop.time()) < start - BAR - 1:
                continue
            player.play(
                [
                    PlayNote(
                        start + step * 960,
                        rng.randrange(100, 2000),
                        port,
                        channel,
                        rng.randrange(48, 60),
                        96,
                        name,
                    )
                    for step in range(8)
                ]
            )
            start += 2 * BAR

    async def tempos(player):
        for _ in range(11):
            await asyncio.sleep(300)
            player.set_tempo(rng.uniform(90, 150), over=rng.choice((0, 3840)))

    async def music():
        loop = asyncio.get_running_loop()
        player = LocalPlayer(120, on_sent=lambda m: late.append(loop.time() - m.due))
        await asyncio.gather(
            tempos(player), *(voice(player, f"v{i}", f"port{i % 4}", 1 + i // 4) for i in range(12))
        )
        await asyncio.sleep(30)
        counters = player.counters
        await player.close()
        return player, counters

    with virtual_time() as loop:
        player, counters = loop.run_until_complete(music())
    assert counters.sounding == counters.waiting == counters.dropped_ons == 0
    assert counters.sent > 90_000
    assert max(late) < 1e-6
    downbeats = [m.tick for m in player.sent if m.data[0] & 0xF0 == 0x90 and m.tick % (2 * BAR) == BAR]
    assert downbeats == sorted(downbeats)
    assert (downbeats[-1] - BAR) % (2 * BAR) == 0

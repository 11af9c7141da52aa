"""What a session tells its hub, under virtual time."""

import asyncio

from livevae.perform import requests as ask
from livevae.perform.events import Bar, Beat, LogLine, RiffEvent, Snapshot
from livevae.perform.reporter import AHEAD, INTERVAL
from tests.perform.stand import BAR, played


def test_beats_and_bars_are_told_ahead_with_the_moment_they_sound():
    heard = []

    async def line(stand):
        listener = stand.hub.listen(Beat, Bar)
        loop = asyncio.get_running_loop()
        while loop.time() < 4.0:
            event = await listener.get()
            heard.append((type(event).__name__, event.bar, event.beat, round(event.at - loop.time(), 6)))

    played(line)
    assert heard[:7] == [
        ("Beat", 1, 1.0, AHEAD),
        ("Beat", 1, 2.0, AHEAD),
        ("Beat", 1, 3.0, AHEAD),
        ("Bar", 2, 4.0, AHEAD),
        ("Beat", 2, 4.0, AHEAD),
        ("Beat", 2, 5.0, AHEAD),
        ("Beat", 2, 6.0, AHEAD),
    ]


def test_beats_of_seven_eighths_begin_anew_with_each_bar_and_follow_the_tempo():
    heard = []

    async def line(stand):
        listener = stand.hub.listen(Beat)
        await stand.until(4 * 960)
        stand.do(ask.Tempo(60.0))
        await stand.until(8 * 960)
        heard.extend((event.bar, event.in_bar, event.beat, event.bpm) for event in listener.drain())

    played(line, 'meter = "7/8"\n[voice.lead]\n')
    assert heard[:6] == [
        *((1, 2, 1.0, 120.0), (1, 3, 2.0, 120.0), (1, 4, 3.0, 120.0), (2, 1, 3.5, 120.0)),
        *((2, 2, 4.5, 60.0), (2, 3, 5.5, 60.0)),
    ]


def test_riffs_are_told_before_they_sound_with_the_notes_that_sound():
    events = []

    async def line(stand):
        listener = stand.hub.listen(RiffEvent)
        loop = asyncio.get_running_loop()
        while loop.time() < 9.0:
            event = await listener.get()
            assert loop.time() <= event.at
            events.append(event)

    stand = played(line)
    leads = [event for event in events if event.voice == "lead"]
    assert [event.start for event in leads] == [0, 2 * BAR, 4 * BAR]
    for event in leads[:-1]:
        assert [(note.start, note.pitch) for note in event.notes] == stand.notes(event.start, event.end)


def test_snapshots_come_five_times_a_second_and_only_when_somebody_listens():
    async def line(stand):
        await stand.until(BAR)
        assert not stand.session.reporter._tasks
        listener = stand.hub.listen(Snapshot)
        await asyncio.sleep(2.0)
        pictures = listener.drain()
        assert len(pictures) in (round(2.0 / INTERVAL), round(2.0 / INTERVAL) + 1)
        last = pictures[-1]
        assert last.transport.playing
        assert [voice.name for voice in last.voices] == ["lead", "bass"]
        assert dict(last.voices[1].settings)["channel"] == 2
        assert last.voices[0].seed > 0
        listener.close()
        await asyncio.sleep(1.0)
        assert not stand.session.reporter._tasks

    played(line)


def test_what_happens_is_said_in_a_line_each():
    async def line(stand):
        listener = stand.hub.listen(LogLine)
        stand.do(ask.Tempo(140.0))
        stand.do(ask.PersonaRecord(4))
        stand.do(ask.Panic())
        assert [event.about for event in listener.drain()] == ["tempo", "take", "panic"]

    played(line)

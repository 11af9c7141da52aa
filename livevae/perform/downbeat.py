"""The first downbeat: it waits for the first riffs of all voices, as long as the clock is our own."""

import asyncio
from collections.abc import Callable

from livevae.perform.conductor import OURSELVES
from livevae.perform.session import Session
from livevae.perform.timing import ahead
from livevae.tempo.timeline import TICKS_PER_BEAT, Timeline

LONGEST = 2.0
"""Seconds by which the downbeat is put off at most: a voice that takes longer begins later, and is late."""

STEP, LOOK = 0.05, 0.005
"""Seconds by which it is put off at a time, and after which we look again whether all riffs are there."""

SPARE = 0.03
"""Seconds before the downbeat by which its notes should be with the player, beside those by which they come early."""


async def settled(session: Session, first: float, begin: Callable[[float], bool]) -> Timeline:
    """Wait until each voice that plays has its first riff, and put the downbeat off for as long as that takes.

    A clock that others lead is left as it is, and so is a timeline that somebody has changed meanwhile.

    Args:
        session: which has loaded its scene, and plays nothing yet.
        first: the beat on which its first voice begins.
        begin: puts tick 0 at a time, in seconds of the loop's clock, and tells the session; gives whether it could.

    Returns:
        The timeline on which it begins.
    """
    loop, clock = asyncio.get_running_loop(), session.clock
    line = clock.timeline
    known, end = [line], loop.time() + LONGEST
    while (
        _waiting(session)
        and session.conductor.followed.source == OURSELVES.source
        and clock.timeline in known
    ):
        now, zero, tick = loop.time(), line.time_at(0), first * TICKS_PER_BEAT
        if line.time_at(tick) - now - LOOK < _needed(session):
            if zero + STEP > end or now >= line.time_at(tick) or not begin(zero + STEP):
                break
            line = Timeline(0, zero + STEP, line.bpm)
            known.append(line)
        await asyncio.sleep(LOOK)
    return line


def _waiting(session: Session) -> bool:
    """Whether a voice that plays riffs of our own has none yet."""
    return any(
        voice.playing and not voice.counters.riffs and not voice.settings.at(0).source
        for voice in session.cast.players
    )


def _needed(session: Session) -> float:
    """Seconds before the downbeat at which its notes should be with the player."""
    early = max((ahead(voice.settings) for voice in session.cast.players), default=0.0)
    return SPARE + early

"""Commands that came over MQTT: done once, at once or on the beat that they name, and answered."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from livevae.edges.mqtt import commands
from livevae.edges.mqtt.intake import Allowance
from livevae.edges.mqtt.repeats import Repeats
from livevae.edges.mqtt.shared_time import SharedTime
from livevae.edges.osc.asking import ask
from livevae.edges.osc.codec import Message
from livevae.errors import LivevaeError
from livevae.perform.requests import Reply
from livevae.perform.session import Session
from livevae.tempo.timeline import TICKS_PER_BEAT

logger = logging.getLogger(__name__)

HELD = 256
"""Commands that wait for their beat; more are refused."""

EARLY = 0.05
"""Seconds before a voice's lead at which a command for a beat is done."""

HAIR = 1e-7
"""Seconds by which a beat's moment is put earlier, so that rounding never makes it the next tick."""

LINES, MOST_LINES = 1.0, 20.0
"""Refused commands that the performer is told of: so many a second, and so many at once."""


class Dispatcher:
    """Hands commands to the session. Lives on the server's loop.

    Attributes:
        repeated: commands that came again and were not done again.
    """

    def __init__(
        self,
        session: Session,
        time: SharedTime,
        reply: Callable[[str, Mapping[str, object]], None],
        say: Callable[[str], None],
        log: Callable[[Message, float | None], None],
    ) -> None:
        """Commands from nobody yet.

        Args:
            session: does them.
            time: the ensemble's time here.
            reply: sends an answer to who wants it, by the name given in the command.
            say: shows the performer a line.
            log: keeps a command that was done, with its session time, for replay.
        """
        self.repeated = 0
        self._session, self._time = session, time
        self._reply, self._say, self._log = reply, say, log
        self._loop = asyncio.get_running_loop()
        self._repeats: Repeats[Mapping[str, object]] = Repeats()
        self._lines = Allowance(LINES, MOST_LINES, self._loop.time())
        self._unsaid = 0
        self._held: set[asyncio.Task[None]] = set()

    def do(self, command: commands.Command) -> None:
        """Do a command: now, or so early that it sounds on its beat whatever the tempo does until then."""
        if command.key is not None:
            if command.key in self._repeats:
                self.repeated += 1
                if known := self._repeats.get(command.key):
                    self._answer(command, known)
                return
            self._repeats.keep(command.key, {})
        try:
            asked = ask(command.message)
            asked.request(None)
        except LivevaeError as error:
            self._came_of(command, Reply(ok=False, text=str(error)))
            return
        if command.at_beat is None:
            self._now(command)
        elif len(self._held) >= HELD:
            refusal = f"{HELD} commands already wait for their beat; send fewer, or later"
            self._came_of(command, Reply(ok=False, text=refusal))
        else:
            task = self._loop.create_task(self._later(command, command.at_beat))
            self._held.add(task)
            task.add_done_callback(self._held.discard)

    async def _later(self, command: commands.Command, beat: float) -> None:
        early = self._session.cast.timing.lead + EARLY
        # the base may change while we wait, where we join the ensemble or its meter changes
        while True:
            base = self._time.base
            await self._session.clock.until(beat * TICKS_PER_BEAT + base, before=early)
            if base == self._time.base:
                break
        self._now(command)

    def _now(self, command: commands.Command) -> None:
        at = None
        if command.at_beat is not None:
            tick = command.at_beat * TICKS_PER_BEAT + self._time.base
            at = self._session.clock.timeline.time_at(tick) - HAIR
        ignored: tuple[str, ...] = ()
        try:
            asked = ask(command.message)
            ignored = asked.ignored
            self._log(command.message, at)
            reply = self._session.do(asked.request(at), lambda later: self._came_of(command, later, ignored))
        except LivevaeError as error:
            reply = Reply(ok=False, text=str(error))
        except Exception as fault:
            logger.exception("mqtt: a fault while doing %s", command.message.address)
            reply = Reply(ok=False, text=f"livevae stumbled over this: {type(fault).__name__}: {fault}")
        if not reply.pending:
            self._came_of(command, reply, ignored)

    def _came_of(self, command: commands.Command, reply: Reply, ignored: tuple[str, ...] = ()) -> None:
        table = self._table(command, reply, ignored)
        if command.key is not None:
            self._repeats.keep(command.key, table)
        if not reply.ok:
            self._say_refused(f"mqtt    {command.message.address[:100]}: {reply.text}")
        self._answer(command, table)

    def _say_refused(self, line: str) -> None:
        now = self._loop.time()
        if self._lines.left(now) < 1:
            self._unsaid += 1
            return
        self._lines.use(1, now)
        if self._unsaid:
            self._say(f"mqtt    {self._unsaid} more commands were refused")
            self._unsaid = 0
        self._say(line)

    def _table(self, command: commands.Command, reply: Reply, ignored: tuple[str, ...]) -> dict[str, object]:
        return commands.answer(command, reply, self._time.base / TICKS_PER_BEAT, ignored)

    def _answer(self, command: commands.Command, table: Mapping[str, object]) -> None:
        if command.reply:
            self._reply(command.reply, table)

    def close(self) -> None:
        """Drop what waits for its beat."""
        for task in self._held:
            task.cancel()

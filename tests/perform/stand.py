"""A session on a local player, under virtual time, for tests of whole lines."""

import asyncio

from livevae.perform.engine import Engine
from livevae.perform.scene import parse
from livevae.perform.session import Session
from livevae.player.client.local import LocalPlayer
from livevae.testing import FakeDecoder
from livevae.virtual_time import virtual_time

BAR = 3840
SCENE = """
tempo = 120
[voice.lead]
bars = 2
[voice.bass]
channel = 2
"""


class Stand:
    """A session that plays a scene.

    Attributes:
        sent: notes that began so far, as (tick, channel, pitch).
    """

    def __init__(self, scene=SCENE, **options):
        self.player = LocalPlayer(120.0)
        self.session = Session(
            self.player, Engine(lambda _: FakeDecoder(), inline=True), strict=True, **options
        )
        self.player.on_timeline = self.session.timeline_changed
        self.hub, self.do = self.session.hub, self.session.do
        self.session.load(parse(scene))

    @property
    def sent(self):
        return [
            (m.tick, (m.data[0] & 15) + 1, m.data[1]) for m in self.player.sent if m.data[0] & 0xF0 == 0x90
        ]

    def notes(self, start, end, channel=1):
        """(tick from `start`, pitch) of what began there."""
        return [
            (tick - start, pitch) for tick, own, pitch in self.sent if start <= tick < end and own == channel
        ]

    async def until(self, tick):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self.player.timeline.time_at(tick) - loop.time()))

    def asked(self, request):
        """The pairs of the answer to a request that must succeed."""
        reply = self.do(request)
        assert reply.ok, reply.text
        return dict(reply.pairs)

    async def close(self):
        await self.session.close()
        await self.player.close()


def played(line, scene=SCENE, **options):
    """Run `line(stand)` to its end; gives the stand."""

    async def run():
        stand = Stand(scene, **options)
        try:
            await line(stand)
        finally:
            await stand.close()
        return stand

    with virtual_time() as loop:
        return loop.run_until_complete(run())

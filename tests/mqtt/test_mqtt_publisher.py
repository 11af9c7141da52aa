"""What a room says of itself where something of it does not fit into a message."""

import asyncio
import json
from dataclasses import replace

from ensemble import stage
from fake_broker import FakeBroker

from livevae.perform.scene import parse
from livevae.virtual_time import virtual_time


def test_a_voice_whose_picture_is_too_long_keeps_no_other_from_being_told() -> None:
    """The room said nothing more of itself."""

    async def play() -> None:
        broker = FakeBroker()
        bass = stage(broker, "bass", scene=parse("tempo = 120\n[voice.a]\n[voice.b]"))
        really = bass.session.snapshot

        def snapshot():
            seen = really()
            long = replace(seen.voices[0], settings=(("chords", "C " * 40_000),))
            return replace(seen, voices=(long, *seen.voices[1:]))

        bass.session.reporter._ours = snapshot
        await asyncio.sleep(5)
        sent = [(topic, data) for topic, data in bass.connection.sent if "/bass/" in topic]
        assert not any(topic.endswith("/voice/a") for topic, _ in sent)
        assert any(topic.endswith("/voice/b") and json.loads(data)["playing"] for topic, data in sent)
        assert sum(topic.endswith("/health") for topic, _ in sent) >= 4

    with virtual_time() as loop:
        loop.run_until_complete(play())

"""A real mosquitto on a loopback port."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ensemble import Mosquitto, need_mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A mosquitto that lets everybody in."""
    need_mosquitto()
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()

"""Fixtures of the player's tests: receivers on a JACK server."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from jack import Receiver


@pytest.fixture
def receiver(jack):
    """A JACK input that notes when what arrived."""
    receiver = Receiver("rx")
    yield receiver
    receiver.close()

"""Fixtures of the player's tests: a JACK server, receivers on it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from jack import Receiver, jack_server


@pytest.fixture(scope="session")
def jack(tmp_path_factory):
    """A running JACK server with the dummy driver."""
    with jack_server(tmp_path_factory.mktemp("jack") / "jackd.log") as server:
        yield server


@pytest.fixture
def receiver(jack):
    """A JACK input that notes when what arrived."""
    receiver = Receiver("rx")
    yield receiver
    receiver.close()

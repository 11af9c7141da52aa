"""Fixtures of the player's tests: receivers on a JACK server."""

import pytest
from ears import Receiver


@pytest.fixture
def receiver(jack):
    """A JACK input that notes when what arrived."""
    receiver = Receiver("rx")
    yield receiver
    receiver.close()

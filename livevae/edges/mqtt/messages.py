"""What passes between a room and its connection to the broker."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came.

    Attributes:
        topic: where.
        payload: its bytes.
        retained: whether the broker had kept it, from before we subscribed.
        at: when it came, in seconds of the loop's clock.
    """

    topic: str
    payload: bytes
    retained: bool
    at: float


class Sender(Protocol):
    """What a room needs of its connection."""

    def send(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Send it, or drop it where the broker is gone or does not keep up; returns at once."""

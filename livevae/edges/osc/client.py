"""A client: what a small program needs to talk to a running livevae over OSC.

    with Client() as livevae:
        print(livevae.ask("/livevae/sample", voice="lead", bars=4)["beat"])

It blocks, so it is for scripts, examples and tests; a program with an event loop speaks OSC itself.
"""

import contextlib
import itertools
import math
import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from livevae.edges.osc.answers import ERROR, REPLY
from livevae.edges.osc.arguments import ID, Scalar
from livevae.edges.osc.codec import Message, OscError, Value, decode, encode, encode_bundle
from livevae.edges.osc.timetags import Timetags
from livevae.edges.osc.udp import HOST, PORT
from livevae.errors import RequestError

PATIENCE = 2.0
"""Seconds that `ask` waits for an answer; livevae answers within a few milliseconds."""


class Client:
    """A socket to one livevae. Use it from one thread, and close it.

    Args:
        host: where livevae listens.
        port: its OSC port, as a number or as it was typed.
        patience: seconds to wait for an answer.
        wall: the wall clock there, where it is another than ours; timetags are of it.
    """

    def __init__(
        self,
        host: str = HOST,
        port: int | str = PORT,
        patience: float = PATIENCE,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._where = f"{host}:{port}"
        self._patience = patience
        self._ids = itertools.count(1)
        self._timetags = Timetags(wall=wall)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.connect((host, int(port)))
        except (OSError, OverflowError, ValueError) as wrong:
            self._socket.close()
            raise OscError(f"{self._where} cannot be reached: {wrong}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, address: str, *word: Value, ahead: float | None = None, **pairs: Value) -> None:
        """Send a message and wait for nothing.

        Args:
            address: the OSC address.
            word: the address's own word, or none.
            ahead: seconds from now at which it should sound, as a bundle's timetag; None is a plain message.
            pairs: the named arguments.
        """
        packet = encode(Message(address, (*word, *(part for pair in pairs.items() for part in pair))))
        if ahead is not None:
            packet = encode_bundle([packet], self._timetags.timetag(time.monotonic() + ahead))
        with contextlib.suppress(
            ConnectionRefusedError
        ):  # of the packet before; `ask` says it by its silence
            self._socket.send(packet)

    def ask(
        self, address: str, *word: Value, ahead: float | None = None, **pairs: Value
    ) -> dict[str, Scalar]:
        """Send a message and wait for its answer; arguments as for `send`.

        Returns:
            The pairs of the reply.

        Raises:
            RequestError: livevae could not do it; the message is its own sentence.
            OscError: no answer came.
        """
        number = next(self._ids)
        self.send(address, *word, ahead=ahead, **pairs, **{ID: number})
        until = time.monotonic() + self._patience
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet = self._socket.recv(65_536)
            except (TimeoutError, ConnectionRefusedError):
                break
            for answer in decode(packet):
                pairs_back = _pairs(answer.message)
                if pairs_back.get(ID) != number:
                    continue
                if answer.message.address == ERROR:
                    raise RequestError(str(pairs_back.get("text", "")))
                if answer.message.address == REPLY:
                    return pairs_back
        raise OscError(f"no livevae answers on {self._where}; `livevae serve` starts one")

    def later(self, seconds: float = math.inf) -> Iterator[Message]:
        """What comes within so many seconds besides: more answers to what was asked, and what was subscribed to."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(min(left, 3600.0))
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                yield from (timed.message for timed in decode(self._socket.recv(65_536)))


def _pairs(message: Message) -> dict[str, Scalar]:
    return {
        str(name): value
        for name, value in zip(message.args[::2], message.args[1::2], strict=False)
        if isinstance(value, int | float | str)
    }

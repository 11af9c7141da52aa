"""One message to a running server, and its answer: what `livevae send` does, and a host in the fewest lines."""

import socket

from livevae.edges.osc import Message, OscError, decode, encode

PATIENCE = 2.0
"""Seconds to wait for the answer."""


def typed(word: str) -> int | float | str:
    """A word of the command line as OSC's i, f or s."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def ask(endpoint: tuple[str, int], address: str, words: list[str]) -> Message:
    """Send `address` with `words` and wait for the answer.

    Raises:
        OscError: nobody answers there, or the message cannot be written as OSC.
    """
    packet = encode(Message(address, tuple(typed(word) for word in words)))
    where = "{}:{}".format(*endpoint)
    try:
        info = socket.getaddrinfo(*endpoint, type=socket.SOCK_DGRAM)[0]
        with socket.socket(info[0], socket.SOCK_DGRAM) as wire:
            wire.settimeout(PATIENCE)
            wire.connect(info[4])
            wire.send(packet)
            return decode(wire.recv(65536))[0].message
    except TimeoutError:
        raise OscError(f"no answer from {where} within {PATIENCE:g} s") from None
    except OSError as error:
        raise OscError(f"nobody listens at {where} ({error.strerror}); start `livevae serve`, or name it with --osc") from None

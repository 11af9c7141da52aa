"""Who is connected to our own ports, who was when a port went, and who is to be again. Pure."""

from collections.abc import Collection, Mapping

Pair = tuple[str, str]
"""(output, input), one of them ours, as the MIDI system calls them."""


class Connections:
    """Connections of our own ports, outputs or inputs, by a name of the port. Not thread-safe."""

    def __init__(self) -> None:
        self._now: dict[str, frozenset[Pair]] = {}
        self._former: dict[str, frozenset[Pair]] = {}
        self._tried: set[Pair] = set()

    def lost(self, port: str) -> None:
        """The port is gone, and with it its connections."""
        gone = self._now.pop(port, frozenset())
        self._former[port] = self._former.get(port, frozenset()) | gone
        self._tried -= self._former[port]

    def seen(self, port: str, pairs: Collection[Pair]) -> bool:
        """The port is there with these connections; whether there is a new one among them."""
        before, self._now[port] = self._now.get(port, frozenset()), frozenset(pairs)
        self._former[port] = self._former.get(port, frozenset()) - self._now[port]
        return bool(self._now[port] - before)

    def to_make(self, outputs: Collection[str], inputs: Collection[str]) -> list[Pair]:
        """Former connections that can be made again, as both ends are there; each is given once, until an end goes."""

        def there(pair: Pair) -> bool:
            return pair[0] in outputs and pair[1] in inputs

        self._tried = set(filter(there, self._tried))
        pairs = [
            pair
            for former in self._former.values()
            for pair in sorted(former)
            if there(pair) and pair not in self._tried
        ]
        self._tried |= set(pairs)
        return pairs


def of_port(label: str, client: str, links: Mapping[str, Collection[str]]) -> list[Pair] | None:
    """The connections of our port `label`, None where it is not there; its client is `client`, or has a number too."""
    found: list[Pair] | None = None
    for source, receivers in links.items():
        name, _, port = source.rpartition(":")
        if port == label and name.rstrip("-0123456789") == client:
            found = [*(found or ()), *((source, receiver) for receiver in receivers)]
    return found

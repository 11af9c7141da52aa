"""Which models play: each is loaded by the decoder's thread, and its fingerprint is known a moment later."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from livevae.errors import LivevaeError
from livevae.models.fingerprint import Fingerprint
from livevae.perform.disk import Writer
from livevae.perform.protocols import Decoder

logger = logging.getLogger(__name__)

Told = Callable[[str, Fingerprint], None]
"""Hears of a model: as voices call it, and what it is."""


class PlayedModels:
    """The models of a server. Lives on its loop, but for `load`.

    Fingerprints are made in a thread of their own, so that no riff waits for them.

    Args:
        load: the decoder of a model by name; slow.
        fingerprint: what it is; slow.

    Attributes:
        known: fingerprints of models that were loaded, by the names that voices call them.
    """

    def __init__(
        self, load: Callable[[str], Decoder], fingerprint: Callable[[str], Fingerprint] | None
    ) -> None:
        self.known: dict[str, Fingerprint] = {}
        self._load, self._fingerprint = load, fingerprint
        self._loop = asyncio.get_running_loop()
        self._thread = Writer("fingerprints")
        self._told: list[Told] = []

    def load(self, name: str) -> Decoder:
        """The decoder of a model by name; called in the decoder's thread."""
        decoder = self._load(name)
        if self._fingerprint is not None:
            self._loop.call_soon_threadsafe(self._loaded, name, self._fingerprint)
        return decoder

    def tell(self, told: Told) -> None:
        """Tell of all models, of those that are known and of those that come."""
        for name, found in self.known.items():
            told(name, found)
        self._told.append(told)

    def _loaded(self, name: str, fingerprint: Callable[[str], Fingerprint]) -> None:
        coming = asyncio.wrap_future(self._thread.submit(partial(fingerprint, name)))
        coming.add_done_callback(partial(self._found, name))

    def _found(self, name: str, coming: "asyncio.Future[Fingerprint]") -> None:
        if coming.cancelled():
            return
        try:
            found = coming.result()
        except LivevaeError as error:  # such as a Magenta bundle, which is no file of ours
            logger.debug("no fingerprint of %s: %s", name, error)
            return
        self.known[name] = found
        for told in self._told:
            told(name, found)

"""Personas on their way to another room: a manifest, and the file's bytes in pieces, all retained by the broker.

    persona/NAME     {"name", "hash", "size", "pieces", "model", "licence"}
    persona/NAME/I   bytes of piece I, at most `PIECE`

Nothing here believes what it gets: bytes that are not exactly those of the manifest's hash are no persona, and whether
they are one is for whoever reads persona files. Law: an `Assembler` that was given a parcel's messages in any order,
some of them twice, has the parcel's bytes.
"""

import asyncio
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livevae.edges.mqtt import payloads
from livevae.edges.mqtt.clients import Visitor
from livevae.edges.mqtt.messages import Arrived
from livevae.edges.mqtt.payloads import PayloadError, text, whole, write
from livevae.edges.mqtt.topics import Place

PIECE = 48 << 10
"""Bytes of a piece; brokers are set up for messages of 64 KiB."""

MOST_BYTES = 64 << 20
"""Bytes of a persona's file; those of 512 dimensions have 7 MB."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a parcel is.

    Attributes:
        name: the persona's.
        hash: SHA-256 of the file, hexadecimal.
        size: its bytes.
        model: identity of the model whose z it speaks.
        licence: what its maker allows, in the maker's words.
    """

    name: str
    hash: str
    size: int
    model: str
    licence: str = ""

    @property
    def pieces(self) -> int:
        """How many pieces it comes in."""
        return math.ceil(self.size / PIECE)

    def payload(self) -> bytes:
        """As it is sent."""
        return write(
            {
                "name": self.name,
                "hash": self.hash,
                "size": self.size,
                "pieces": self.pieces,
                "model": self.model,
                "licence": self.licence,
            }
        )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> "Manifest":
        """From a payload.

        Raises:
            PayloadError: it is none.
        """
        manifest = cls(
            text(table, "name")[:64],
            text(table, "hash"),
            whole(table, "size", 1, MOST_BYTES),
            text(table, "model")[:64],
            text(table, "licence", "")[:500],
        )
        if len(manifest.hash) != 64 or whole(table, "pieces") != manifest.pieces:
            raise PayloadError("a manifest whose hash or pieces are none")
        return manifest


def parcel(name: str, data: bytes, model: str, licence: str) -> tuple[Manifest, list[bytes]]:
    """A persona's file as a manifest and pieces.

    Raises:
        PayloadError: it is too large.
    """
    if not 0 < len(data) <= MOST_BYTES:
        raise PayloadError(f"a persona's file has at most {MOST_BYTES >> 20} MiB")
    manifest = Manifest(name, hashlib.sha256(data).hexdigest(), len(data), model, licence)
    return manifest, [data[i : i + PIECE] for i in range(0, len(data), PIECE)]


class Assembler(Visitor):
    """A client that collects one parcel.

    Attributes:
        manifest: what is awaited; None before it came.
        whole: set when all bytes are here and are the manifest's.
    """

    def __init__(self, place: Place, name: str) -> None:
        self.manifest: Manifest | None = None
        self.whole = asyncio.Event()
        super().__init__()
        self.data = b""
        self._pieces: dict[int, bytes] = {}
        self._held = 0
        self._place, self._name = place, name

    @property
    def filters(self) -> tuple[tuple[str, int], ...]:
        """What to subscribe to."""
        topic = self._place.topic
        return ((topic("persona", self._name), 1), (topic("persona", self._name, "+"), 1))

    def arrived(self, message: Arrived) -> None:
        """A manifest or a piece came; what is none is passed over."""
        try:
            self._arrived(self._place.parts(message.topic), message.payload)
        except PayloadError:
            return

    def has(self, manifest: Manifest) -> bool:
        """Whether all bytes of this one are here."""
        return self.manifest == manifest and hashlib.sha256(self.data).hexdigest() == manifest.hash

    def _arrived(self, parts: tuple[str, ...], payload: bytes) -> None:
        match parts:
            case ("persona", name) if name == self._name and payload:
                manifest = Manifest.read(payloads.read(payload))
                if manifest != self.manifest:
                    self.manifest = manifest
            case ("persona", name, number) if name == self._name and payload:
                self._piece(number, payload)
        self._look()

    def _piece(self, number: str, payload: bytes) -> None:
        most = math.ceil(MOST_BYTES / PIECE)
        if not (number.isascii() and number.isdecimal() and len(number) < 6 and int(number) < most):
            raise PayloadError("a piece of no number")
        if len(payload) > PIECE:
            raise PayloadError("a piece that is too large")
        self._held += len(payload) - len(self._pieces.get(int(number), b""))
        self._pieces[int(number)] = payload
        if self._held > MOST_BYTES:
            self._pieces.clear()
            self._held = 0

    def _look(self) -> None:
        if self.manifest is None or len(self._pieces) < self.manifest.pieces:
            return
        data = b"".join(self._pieces.get(i, b"") for i in range(self.manifest.pieces))
        if len(data) == self.manifest.size and hashlib.sha256(data).hexdigest() == self.manifest.hash:
            self.data = data
            self.whole.set()

"""Personas on their way: bytes arrive whole or not at all."""

import json

import pytest
from hypothesis import given, strategies as st

from livevae.edges.mqtt.messages import Arrived
from livevae.edges.mqtt.parcels import MOST_BYTES, PIECE, Assembler, Manifest, parcel
from livevae.edges.mqtt.payloads import PayloadError, read
from livevae.edges.mqtt.topics import Place

PLACE = Place("trio")


def messages(data: bytes, name: str = "nora") -> list[Arrived]:
    manifest, pieces = parcel(name, data, "m", "CC0")
    parts = [((name, str(i)), piece) for i, piece in enumerate(pieces)]
    return [
        Arrived(PLACE.topic("persona", *way), payload, True, 0.0)
        for way, payload in [((name,), manifest.payload()), *parts]
    ]


@given(st.integers(1, 4 * PIECE), st.randoms(use_true_random=False))
def test_in_whatever_order_and_however_often_the_pieces_come_the_bytes_are_whole(
    size: int, chance: object
) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    came = messages(data) * 2
    chance.shuffle(came)
    assembler = Assembler(PLACE, "nora")
    for message in came:
        assembler.arrived(message)
    assert assembler.whole.is_set()
    assert assembler.data == data
    offered = parcel("nora", data, "m", "CC0")[0]
    assert assembler.has(assembler.manifest)
    assert not assembler.has(Manifest("nora", "0" * 64, offered.size, offered.model, offered.licence))


@given(st.integers(0, 2), st.integers(0, PIECE - 1))
def test_one_other_byte_and_nothing_is_believed(piece: int, at: int) -> None:
    came = messages(bytes(3 * PIECE))
    spoilt = bytearray(came[1 + piece].payload)
    spoilt[at] ^= 1
    came[1 + piece] = Arrived(came[1 + piece].topic, bytes(spoilt), True, 0.0)
    assembler = Assembler(PLACE, "nora")
    for message in came:
        assembler.arrived(message)
    assert not assembler.whole.is_set()


@pytest.mark.parametrize("change", [{"size": MOST_BYTES + 1}, {"pieces": 9}, {"hash": "x"}, {"size": 0}])
def test_a_manifest_that_is_none_is_refused(change: dict[str, object]) -> None:
    table = json.loads(parcel("nora", b"abc", "m", "CC0")[0].payload())
    with pytest.raises(PayloadError):
        Manifest.read(table | change)
    assert Manifest.read(table) == parcel("nora", b"abc", "m", "CC0")[0]


def test_pieces_beyond_all_bounds_are_not_kept() -> None:
    assembler = Assembler(PLACE, "nora")
    for topic, payload in (("9999999", b"x"), ("-1", b"x"), ("0", bytes(PIECE + 1)), ("٣", b"x")):
        assembler.arrived(Arrived(PLACE.topic("persona", "nora", topic), payload, True, 0.0))
    assert not assembler._pieces
    assert read(parcel("nora", b"abc", "m", "CC0")[0].payload())["pieces"] == 1

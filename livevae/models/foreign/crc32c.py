"""CRC-32C (Castagnoli) of large arrays of bytes, with numpy alone.

A CRC is linear over GF(2), so the bytes are cut into many lanes that are worked on side by side, and the lanes'
results are joined in pairs: crc(a + b) is crc(a), moved on by b's length, xor crc(b) (RFC 3720 gives the
polynomial and the test vectors; the joining is zlib's `crc32_combine`).
"""

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = np.uint32(0x82F63B78)
"""Bit-reversed."""

LANES = 1 << 15
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | bytearray | memoryview | NDArray[np.uint8]) -> int:
    """The CRC-32C of some bytes; of b"123456789" it is 0xE3069283."""
    whole = np.frombuffer(data, np.uint8) if not isinstance(data, np.ndarray) else data
    length = len(whole) // LANES
    table = _table()
    state = 0xFFFFFFFF
    if length:
        lanes = np.ascontiguousarray(whole[: length * LANES].reshape(LANES, length).T)
        crcs = np.zeros(LANES, np.uint32)
        crcs[0] = state
        for column in lanes:
            crcs = table[(crcs ^ column) & np.uint32(0xFF)] ^ (crcs >> np.uint32(8))
        move = _zeros(length)
        while len(crcs) > 1:
            crcs = _apply(move, crcs[0::2]) ^ crcs[1::2]
            move = _apply(move, move)
        state = int(crcs[0])
    for byte in whole[length * LANES :].tolist():
        state = int(table[(state ^ byte) & 0xFF]) ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """A CRC as LevelDB tables and TensorFlow bundles store it (rotated and moved, since they checksum CRCs)."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ POLYNOMIAL, table >> np.uint32(1)).astype(
            np.uint32
        )
    return table


def _zeros(count: int) -> NDArray[np.uint32]:
    """The operator that moves a CRC on by `count` zero bytes: what it makes of each of the 32 bits."""
    one = _apply_byte(np.uint32(1) << np.arange(32, dtype=np.uint32))
    whole = np.uint32(1) << np.arange(32, dtype=np.uint32)
    while count:
        if count & 1:
            whole = _apply(one, whole)
        one = _apply(one, one)
        count >>= 1
    return whole


def _apply_byte(crcs: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return np.asarray(_table()[crcs & np.uint32(0xFF)] ^ (crcs >> np.uint32(8)), np.uint32)


def _apply(operator: NDArray[np.uint32], crcs: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The xor of the operator's columns where a CRC has ones."""
    out = np.zeros_like(crcs)
    for bit in range(32):
        out ^= np.where(crcs >> np.uint32(bit) & np.uint32(1), operator[bit], np.uint32(0)).astype(np.uint32)
    return out

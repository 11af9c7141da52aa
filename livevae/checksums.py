"""CRC-32C (Castagnoli, RFC 3720), and as TensorFlow stores it in bundles and records."""

import google_crc32c
import numpy as np
from numpy.typing import NDArray

PIECE = 1 << 20
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | NDArray[np.uint8]) -> int:
    """The CRC-32C of some bytes; of b"123456789" it is 0xE3069283. An array may be a file mapped to memory."""
    crc = 0
    for first in range(0, len(data), PIECE):
        crc = google_crc32c.extend(crc, bytes(data[first : first + PIECE]))
    return crc


def masked(crc: int) -> int:
    """A CRC rotated and moved, since what is stored beside data may be checksummed again (leveldb/util/crc32c.h)."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF

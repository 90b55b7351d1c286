"""The header of a segment (segment.py). Borrowed when one begins, and when a start looks at what there is."""

import struct
from binascii import crc32

from ..chip.compat import const
from .segment import SIZE

_MAGIC = const(b"VGS1")
_HEADER = const("<4s4sI4sI8x")  # magic, stream, boot, model, first seq


def made(stream, boot, model, first):
    """The SIZE bytes of a header. `stream`, `model`: 4 bytes each."""
    body = struct.pack(_HEADER, _MAGIC, stream, boot, model, first)
    return body + struct.pack("<I", crc32(body))


def parsed(data):
    """(stream, boot, model, first), or None when `data` is no sound header."""
    if len(data) != SIZE or struct.unpack_from("<I", data, 28)[0] != crc32(memoryview(data)[:28]):
        return None
    magic, stream, boot, model, first = struct.unpack_from(_HEADER, data)
    return (stream, boot, model, first) if magic == _MAGIC else None

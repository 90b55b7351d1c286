"""One file of the outbox: a header and up to 510 records of 32 bytes, each with its own checksum.

Record i of a segment has seq = first + i. A file is only ever appended to, by the boot that made it.
"""

import struct
from binascii import crc32

from ..chip.compat import const

SIZE = const(32)  # bytes of a header, and of a record
RECORDS = const(510)  # a segment fills four 4 KB blocks of LittleFS, which keeps 4 to 8 bytes of each
BLOCK = const(4096)  # flash is taken in blocks
_RECORD = const("<I8hHBBi")  # each begins at byte:
UP = const(0)  # uptime s
X = const(4)  # features
FLAGS = const(20)
WHY = const(22)
KIND = const(23)
SCORE = const(24)
_SUM = const(28)  # the checksum, after all this
READING = const(0)  # kinds
FAILED = const(1)
# What is known of a segment without its file is (first, count, boot, model).
FIRST = const(0)
COUNT = const(1)
BOOT = const(2)
MODEL = const(3)


def name(first, boot):
    """The file's name says what must not be lost with a broken header."""
    return "%010d-%d.seg" % (first, boot)


def pack(buffer, at, up, x, flags, why, score):  # noqa: PLR0917 - keyword arguments would allocate
    """Write a record, save its checksum, at byte `at`; `x` None: failed read. Allocates nothing."""
    if x is None:
        struct.pack_into(_RECORD, buffer, at, up, 0, 0, 0, 0, 0, 0, 0, 0, flags, why, FAILED, score)
    else:
        struct.pack_into(
            _RECORD,
            buffer,
            at,
            up,
            x[0],
            x[1],
            x[2],
            x[3],
            x[4],
            x[5],
            x[6],
            x[7],
            flags,
            why,
            READING,
            score,
        )


def seal(view, at):
    """Add the checksum to the record at byte `at` of the memoryview `view`."""
    struct.pack_into("<I", view, at + _SUM, crc32(view[at : at + _SUM]))


def sound(view, at):
    """True when the record at byte `at` of the memoryview `view` is as it was written."""
    return struct.unpack_from("<I", view, at + _SUM)[0] == crc32(view[at : at + _SUM])

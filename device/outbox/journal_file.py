"""The journal's file, written and replayed. Functions of a Journal."""

import os
import struct
from binascii import crc32

from ..chip.compat import const
from .journal import ANCHOR, SEEN, DROPPED, SETTLED, OPENED, DAMAGED

_SIZE = const(20)  # kind, three numbers, checksum
_LONGEST = const(4096)
_ENOENT = const(2)
_MOST_ANCHORS = const(48)
_MOST_RUNS = const(24)


def begin(journal, path):
    journal._path = path
    journal.anchors = []
    journal.dropped = []
    journal.why = 0  # bits: what these were dropped for
    journal.stream = None
    journal.opened = -1
    journal.seen = 0  # the last known date, seconds since 2000
    journal.failures = 0
    journal._length = 0
    if not _replay(journal):
        _rewrite(journal)


def anchor(journal, boot, up, sec):
    """Remember that second `up` of `boot` was the date `sec`.

    The date of a record comes from the last anchor at or before it, or from its boot's first. So a later
    anchor, which corrects the crystal's drift, never changes the date of a record that may have left.
    """
    _take(journal, ANCHOR, boot, up, sec)
    _append(journal, ANCHOR, boot, up, sec)


def forget_before(journal, boot):
    """No reading of an older boot is left: their anchors go with the next rewriting."""
    journal.anchors = [anchor for anchor in journal.anchors if anchor[0] >= boot]


def opens(journal, stream, first):
    """A segment of `stream` (4 bytes) that begins with `first` is on flash, and is now the newest."""
    stream = int.from_bytes(stream, "big")
    _take(journal, OPENED, stream, first, 0)
    _append(journal, OPENED, stream, first, 0)


def drop(journal, first, last, why=DAMAGED):
    """These readings will never be sent; `state` says so, and why, until the cloud acknowledges that."""
    _take(journal, DROPPED, first, last, why)
    _append(journal, DROPPED, first, last, why)


def settle(journal, first, last):
    """The cloud knows that first..last were dropped: report them no longer."""
    for a, b in journal.dropped:
        if a <= last and first <= b:
            a, b = max(a, first), min(b, last)
            _take(journal, SETTLED, a, b, 0)
            _append(journal, SETTLED, a, b, 0)


def catch_up(journal):
    """Write down what flash refused before: there may be room now."""
    if not journal._length:
        _rewrite(journal)


def clear(journal):
    """Forget what belonged to another stream."""
    journal.dropped = []
    journal.why = 0
    journal.stream = None
    journal.opened = -1
    _rewrite(journal)


def _take(journal, kind, a, b, c):
    if kind == ANCHOR:
        journal.anchors.append((a, b, c))
        journal.seen = c
        if len(journal.anchors) > _MOST_ANCHORS:
            journal.anchors.pop(0)
    elif kind == SEEN:
        journal.seen = a
    elif kind == DROPPED:
        journal.dropped = _joined(journal.dropped + [[a, b]])
        journal.why |= c
    elif kind == SETTLED:
        journal.dropped = _without(journal.dropped, a, b)
        if not journal.dropped:
            journal.why = 0
    elif kind == OPENED:
        journal.stream = a.to_bytes(4, "big")
        journal.opened = b


def _replay(journal):
    """Take in what the file says; False when it must be written anew."""
    entry = bytearray(_SIZE)
    try:
        with open(journal._path, "rb") as file:
            while True:
                count = file.readinto(entry)
                if not count:
                    return True
                if count < _SIZE or not _sound(entry):
                    return False  # what follows a torn entry was never written
                journal._length += _SIZE
                _take(journal, *struct.unpack_from("<4I", entry))
    except OSError as error:
        if error.args[0] == _ENOENT:
            return True
        journal.failures += 1
        return False


def _append(journal, *entry):
    if not journal._length or journal._length + _SIZE > _LONGEST:
        _rewrite(journal)
        return
    try:
        with open(journal._path, "ab") as file:
            file.write(_packed(*entry))
        journal._length += _SIZE
    except OSError:
        journal.failures += 1
        journal._length = 0  # there may be half an entry: the next one writes everything


def _rewrite(journal):
    journal._length = 0
    length = 0
    try:
        with open(journal._path + ".new", "wb") as file:
            for anchor in journal.anchors:
                length += file.write(_packed(ANCHOR, *anchor))
            for first, last in journal.dropped:
                length += file.write(_packed(DROPPED, first, last, journal.why))
            if journal.stream:
                opened = int.from_bytes(journal.stream, "big"), journal.opened
                length += file.write(_packed(OPENED, *opened, 0))
            length += file.write(_packed(SEEN, journal.seen, 0, 0))
        os.rename(journal._path + ".new", journal._path)
        journal._length = length
    except OSError:
        journal.failures += 1


def _packed(kind, a, b, c):
    entry = struct.pack("<4I", kind, a, b, c)
    return entry + struct.pack("<I", crc32(entry))


def _sound(entry):
    return struct.unpack_from("<I", entry, 16)[0] == crc32(memoryview(entry)[:16])


def _joined(runs):
    """`runs` sorted, with neighbours joined; when there are too many, those with the smallest gap are too.

    What lies in such a gap was acknowledged: calling it dropped as well changes nothing for the cloud.
    """
    runs = sorted(runs)
    joined = [list(runs[0])]  # the cloud may hold the old runs
    for first, last in runs[1:]:
        if first <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    while len(joined) > _MOST_RUNS:
        i = min((joined[i + 1][0] - joined[i][1], i) for i in range(len(joined) - 1))[1]
        joined[i][1] = joined.pop(i + 1)[1]
    return joined


def _without(runs, first, last):
    left = []
    for a, b in runs:
        if a < first:
            left.append([a, min(b, first - 1)])
        if b > last:
            left.append([max(a, last + 1), b])
    return left

"""What the board must remember beside its readings: when boots happened, and which readings it had to drop.

An append-only file of 20-byte entries with a checksum; when it has grown, its tail is torn or flash cannot
read it, it is written anew beside itself and renamed over. A write that flash refuses is counted, and made up
for by the next one or by catch_up().
"""

import os
import struct
from binascii import crc32

from ..chip.lazy import seldom
from ..chip.compat import const

_SIZE = const(20)  # kind, three numbers, checksum
_LONGEST = const(4096)
_ANCHOR, _SEEN, _DROPPED, _SETTLED, _OPENED = 1, 2, 3, 4, 5
_ENOENT = const(2)
FULL, DAMAGED, REFUSED = 1, 2, 4  # why readings are dropped
CAUSES = ("flash was full", "damaged on flash", "refused by the cloud")
_MOST_ANCHORS = const(48)
_MOST_RUNS = const(24)
_SEEN_EVERY_S = const(3600)


class Journal:
    """`anchors`: (boot, uptime, sec2000), oldest first; `dropped`: [first, last] not yet acknowledged.

    `stream`, `opened`: whose readings they are (None: not known), and the first seq of the newest segment.
    """

    @seldom
    def __init__(self, path):
        self._path = path
        self.anchors = []
        self.dropped = []
        self.why = 0  # bits: what these were dropped for
        self.stream = None
        self.opened = -1
        self.seen = 0  # the last known date, seconds since 2000
        self.failures = 0
        self._length = 0
        if not self._replay():
            self._rewrite()

    # Dates

    @seldom
    def anchor(self, boot, up, sec):
        """Remember that second `up` of `boot` was the date `sec`.

        The date of a record comes from the last anchor at or before it, or from its boot's first. So a later
        anchor, which corrects the crystal's drift, never changes the date of a record that may have left.
        """
        self._take(_ANCHOR, boot, up, sec)
        self._append(_ANCHOR, boot, up, sec)

    def date(self, boot, up):
        """The date of second `up` of `boot` (seconds since 2000), or None when that boot never knew one."""
        found = None
        for anchor in self.anchors:
            if anchor[0] == boot and (found is None or anchor[1] <= up):
                found = anchor
        return None if found is None else found[2] + up - found[1]

    def see(self, sec):
        """Keep `sec` as the last known date; reaches flash once an hour."""
        if sec < self.seen or sec - self.seen >= _SEEN_EVERY_S:
            self.seen = sec
            self._append(_SEEN, sec, 0, 0)

    @seldom
    def forget_before(self, boot):
        """No reading of an older boot is left: their anchors go with the next rewriting."""
        self.anchors = [anchor for anchor in self.anchors if anchor[0] >= boot]

    # Segments

    @seldom
    def open(self, stream, first):
        """A segment of `stream` (4 bytes) that begins with `first` is on flash, and is now the newest."""
        stream = int.from_bytes(stream, "big")
        self._take(_OPENED, stream, first, 0)
        self._append(_OPENED, stream, first, 0)

    # Dropped runs

    @seldom
    def drop(self, first, last, why=DAMAGED):
        """These readings will never be sent; `state` says so, and why, until the cloud acknowledges that."""
        self._take(_DROPPED, first, last, why)
        self._append(_DROPPED, first, last, why)

    def settle(self, first, last):
        """The cloud knows that first..last were dropped: report them no longer."""
        for a, b in self.dropped:
            if a <= last and first <= b:
                a, b = max(a, first), min(b, last)
                self._take(_SETTLED, a, b, 0)
                self._append(_SETTLED, a, b, 0)

    @seldom
    def catch_up(self):
        """Write down what flash refused before: there may be room now."""
        if not self._length:
            self._rewrite()

    @seldom
    def clear(self):
        """Forget what belonged to another stream."""
        self.dropped = []
        self.why = 0
        self.stream = None
        self.opened = -1
        self._rewrite()

    @seldom
    def _take(self, kind, a, b, c):
        if kind == _ANCHOR:
            self.anchors.append((a, b, c))
            self.seen = c
            if len(self.anchors) > _MOST_ANCHORS:
                self.anchors.pop(0)
        elif kind == _SEEN:
            self.seen = a
        elif kind == _DROPPED:
            self.dropped = _joined(self.dropped + [[a, b]])
            self.why |= c
        elif kind == _SETTLED:
            self.dropped = _without(self.dropped, a, b)
            if not self.dropped:
                self.why = 0
        elif kind == _OPENED:
            self.stream = a.to_bytes(4, "big")
            self.opened = b

    # The file

    @seldom
    def _replay(self):
        """Take in what the file says; False when it must be written anew."""
        entry = bytearray(_SIZE)
        try:
            with open(self._path, "rb") as file:
                while True:
                    count = file.readinto(entry)
                    if not count:
                        return True
                    if count < _SIZE or not _sound(entry):
                        return False  # what follows a torn entry was never written
                    self._length += _SIZE
                    self._take(*struct.unpack_from("<4I", entry))
        except OSError as error:
            if error.args[0] == _ENOENT:
                return True
            self.failures += 1
            return False

    @seldom
    def _append(self, *entry):
        if not self._length or self._length + _SIZE > _LONGEST:
            self._rewrite()
            return
        try:
            with open(self._path, "ab") as file:
                file.write(_packed(*entry))
            self._length += _SIZE
        except OSError:
            self.failures += 1
            self._length = 0  # there may be half an entry: the next one writes everything

    @seldom
    def _rewrite(self):
        self._length = 0
        length = 0
        try:
            with open(self._path + ".new", "wb") as file:
                for anchor in self.anchors:
                    length += file.write(_packed(_ANCHOR, *anchor))
                for first, last in self.dropped:
                    length += file.write(_packed(_DROPPED, first, last, self.why))
                if self.stream:
                    opened = int.from_bytes(self.stream, "big"), self.opened
                    length += file.write(_packed(_OPENED, *opened, 0))
                length += file.write(_packed(_SEEN, self.seen, 0, 0))
            os.rename(self._path + ".new", self._path)
            self._length = length
        except OSError:
            self.failures += 1


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
    joined = [list(runs[0])]  # those who were told the old runs still hold them
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

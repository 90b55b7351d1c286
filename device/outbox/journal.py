"""What the board must remember beside its readings: when boots happened, and which readings it had to drop.

An append-only file of 20-byte entries with a checksum; when it has grown, its tail is torn or flash cannot
read it, it is written anew beside itself and renamed over. A write that flash refuses is counted, and made up
for by the next one or by catch_up().
"""

from ..chip.lazy import begun, lent
from ..chip.compat import const

# Kinds of entries
ANCHOR = const(1)
SEEN = const(2)
DROPPED = const(3)
SETTLED = const(4)
OPENED = const(5)
# Why readings are dropped: bits, in the order of send/state.py
FULL = const(1)
DAMAGED = const(2)
REFUSED = const(4)
_SEEN_EVERY_S = const(3600)


class Journal:
    """`anchors`: (boot, uptime, sec2000), oldest first; `dropped`: [first, last] not yet acknowledged.

    `stream`, `opened`: whose readings they are (None: not known), and the first seq of the newest segment.
    """

    lender = "outbox.journal_file"  # anchor, forget_before, opens, drop, settle, catch_up, clear, _append
    __init__ = begun  # (path)
    __getattr__ = lent

    # Dates

    def date(self, boot, up):
        """The date of second `up` of `boot` (seconds since 2000), or None when that boot never knew one."""
        nearest = None
        for anchor in self.anchors:
            if anchor[0] == boot and (nearest is None or anchor[1] <= up):
                nearest = anchor
        return None if nearest is None else nearest[2] + up - nearest[1]

    def see(self, sec):
        """Keep `sec` as the last known date; reaches flash once an hour."""
        if sec < self.seen or sec - self.seen >= _SEEN_EVERY_S:
            self.seen = sec
            self._append(SEEN, sec, 0, 0)

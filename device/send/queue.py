"""What to send next: live readings first, then what is due again, then the backlog, oldest first.

Pure decisions about seqs; times are seconds of uptime. Messages on their way are kept in a small table, not
records; when it is full, the oldest goes back to the backlog.
"""

from ..chip.lazy import begun, lent
from ..chip.compat import const
from ..outbox.segment import COUNT, FIRST

MOST = const(16)  # readings in a message; the contract allows 40, which would take more RAM
ROOM = const(1984)  # bytes for a message and its records: MOST ordinary readings; rarely fewer fit
_BACKLOG = const(4)  # messages of the backlog on their way: what leaves room for live ones
RETRY_S = const(30)
_SENDS = const(5)  # a message sent so often in vain, to a cloud that acknowledges others, is halved
HOUR_S = const(3600)


class Flight:
    """first..last are on their way and due again at `due`."""

    def __init__(self, first, last, live, now, acks):
        self.first = first
        self.last = last
        self.live = live
        self.wait = RETRY_S
        self.due = now + RETRY_S
        self.sends = 1
        self.reads = 0  # vain reads of flash
        self.acks = acks  # how many acks had come when it was last sent


class Sender:
    """Decides over the records of `outbox`; a quiet one waits up to `share_s` to share a message."""

    lender = "send.flights"  # sent, acked, sweep, unread, _halve
    __init__ = begun  # (outbox, share_s)
    __getattr__ = lent

    def urgent(self, seq):
        """Reading `seq` must go at once."""
        self._urgent = seq

    def is_urgent(self):
        """Whether a reading waits that must go at once."""
        return self._urgent >= self._live

    def take(self, now, hold=False):
        """(first, last) to send now, within one segment, or None. `hold` keeps this boot's readings back."""
        if not hold:
            run = self._take_live(now)
            if run:
                return run
        return self._take_due(now) or self._take_backlog()

    def _take_live(self, now):
        newest = self._outbox.newest()
        if newest - self._live >= MOST:
            self._live = newest - MOST + 1  # the older ones are backlog now
        waiting = self._outbox.next_waiting(self._live)
        if waiting < 0:
            return None
        self._live = waiting  # some may have had to make room
        count = newest - self._live + 1
        if not self.is_urgent() and count < MOST and now - self._shared_at < self._share_s:
            return None
        return self._cut(self._live, newest)

    def _take_due(self, now):
        for flight in self._flights:
            if flight.due > now:
                continue
            if flight.sends >= _SENDS and flight.acks != self._acks:
                self._halve(flight, now)
                return None
            return flight.first, flight.last
        for seq, due in self.refused.items():
            if due <= now:
                return seq, seq
        return None

    def _take_backlog(self):
        if sum(1 for flight in self._flights if not flight.live) >= _BACKLOG:
            return None
        while True:
            seq = self._outbox.next_waiting(self._back)
            if not 0 <= seq < self._live:
                return None
            self._back = seq
            last = self._live - 1
            for flight in self._flights:
                if flight.first <= seq <= flight.last:
                    self._back = flight.last + 1
                elif seq < flight.first:
                    last = min(last, flight.first - 1)
            for poison in self.refused:
                if poison == seq:
                    self._back = seq + 1
                elif seq < poison:
                    last = min(last, poison - 1)
            if self._back == seq:
                return self._cut(seq, last)

    def _cut(self, first, last):
        part = self._outbox.find(first)
        return first, min(last, first + MOST - 1, part[FIRST] + part[COUNT] - 1)

    def skip(self, first, last):
        """Nothing of first..last waits any more, or it is on its way."""
        if first >= self._live:
            self._live = last + 1
        elif first == self._back:
            self._back = last + 1

    def again(self, now):
        """The link or the cloud is back: what is on its way may be lost, so all of it is due."""
        for flight in self._flights:
            flight.wait = RETRY_S // 2
            flight.due = now

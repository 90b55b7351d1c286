"""What follows a failure of the link: the board rests, switches its radio off and on, or resets."""

from ..chip.lazy import borrow
from ..chip.compat import const

_TELL_AGAIN_S = const(600)
_NO_ROOM_MS = const(60000)


class Backoff:
    """Rests longer with each failure; `patience_s` seconds of complete silence lead to board.reset(reason).

    `failures`: in a row. `silent`: of them, those in which nothing was heard, since `heard_s`.
    """

    def __init__(self, board, clock, log, patience_s):
        self.board = board
        self.clock = clock
        self.patience_s = patience_s
        self.silent = 0
        self.heard_s = clock.uptime()
        self.failures = 0
        self.last_error = None
        self.counts = {}
        self._log = log
        self._told_s = 0

    def heard(self):
        """Somebody out there spoke: the radio works."""
        self.silent = 0
        self.heard_s = self.clock.uptime()

    def failed(self, stage, error, broker, detail):
        """(milliseconds to rest, whether the radio was switched off), as failure.py says."""
        self.failures += 1
        try:
            return borrow("link.failure").answer(self, stage, error, broker, detail)
        except MemoryError:
            self.count("out of memory")
            self.tell("out of memory")
            if self.clock.uptime() - self.heard_s >= self.patience_s:
                self.heard()
                self.board.reset("link: out of memory")
            return _NO_ROOM_MS, False

    def count(self, name):
        """Count one more of what is called `name`, for `state`."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def tell(self, text):
        """One line when the trouble changes, and every ten minutes."""
        uptime = self.clock.uptime()
        if text != self.last_error or uptime - self._told_s >= _TELL_AGAIN_S:
            self._told_s = uptime
            self._log.warn("link", text)
        self.last_error = text

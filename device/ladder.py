"""What follows a failure of the link: it is counted, told, and answered by a rest, the radio or a reset."""

import os
import sys

from . import trouble
from .backoff import RADIO, RESET, delay_ms, rung
from .compat import const

_TELL_AGAIN_S = const(600)


class Ladder:
    """Climbs while failures go on; `patience_s` seconds of complete silence lead to board.reset(reason)."""

    def __init__(self, board, clock, log, patience_s):
        self._board = board
        self._clock = clock
        self._log = log
        self._patience_s = patience_s
        self._silent = 0  # failures in a row in which nothing was heard
        self._heard_s = clock.uptime()
        self._told_s = 0
        self.failures = 0  # in a row
        self.last_error = None
        self.counts = {}

    def heard(self):
        """Somebody out there spoke: the radio works."""
        self._silent = 0
        self._heard_s = self._clock.uptime()

    def failed(self, stage, error, broker, detail):
        """(milliseconds to rest, whether the radio was switched off)."""
        self.failures += 1
        self.count(trouble.name(stage, error))
        self.tell(_explained(stage, error, broker, detail))
        if trouble.silent(stage, error):
            self._silent += 1
        else:
            self.heard()
        cure = rung(self._silent, self._clock.uptime() - self._heard_s, self._patience_s)
        if cure == RADIO:
            self.count("radio off")
            self._board.wifi_off()
        elif cure == RESET:
            self.heard()
            self._board.reset("link: " + self.last_error)
        return delay_ms(self.failures, int.from_bytes(os.urandom(3), "big")), cure == RADIO

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1

    def tell(self, text):
        """One line when the trouble changes, and every ten minutes."""
        uptime = self._clock.uptime()
        if text != self.last_error or uptime - self._told_s >= _TELL_AGAIN_S:
            self._told_s = uptime
            self._log.warn("link", text)
        self.last_error = text


def _explained(stage, error, broker, detail):
    """The words take 4 KB of heap: they are imported for this call alone."""
    try:
        from . import words

        text = words.explain(stage, error, broker, detail)
    except MemoryError:
        return "out of memory"
    package, _, own = words.__name__.rpartition(".")
    del sys.modules[words.__name__]
    delattr(sys.modules[package], own)
    return text

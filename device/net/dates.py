"""Asks for the date now and then; who asks (ntp.py) stays in RAM only as long as that takes."""

from ..chip.lazy import borrow
from ..chip.compat import const

_FRESH_MS = const(3600000)  # an answer serves for so long: a crystal that is 100 ppm off loses 0.4 s
_DOUBT_MS = const(20000)


class Dates:
    """`servers`: as for ntp.Ntp. `board` has wifi_up() and wifi_dns(): without Wi-Fi nobody is asked."""

    def __init__(self, servers, clock, board):
        self._servers = servers
        self._clock = clock
        self._board = board
        self._ntp = None
        self._ask_at = clock.ms()

    def soon(self, ms=_DOUBT_MS):
        """Ask again in `ms`, as when the clock doubts the last answer."""
        self._ask_at = self._clock.after(self._clock.ms(), ms)

    def step(self):
        """Seconds since 2000, in the step in which a good answer came; else None. Never raises OSError."""
        if self._ntp is None:
            if self._clock.until(self._ask_at) > 0 or not self._board.wifi_up():
                return None
            self.soon()  # where there is no room for it now
            self._ntp = borrow("net.ntp").Ntp(self._servers, self._clock, self._board.wifi_dns)
        sec = self._ntp.step()
        if sec is not None:
            self._ntp = None
            self.soon(_FRESH_MS)
        return sec

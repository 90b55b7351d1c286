"""The date from the network: SNTP (RFC 4330) over UDP, several servers in turn, nothing waits, no floats."""

import os

from ..chip.compat import const
from ..chip.lazy import borrow

dns = borrow("net.dns")

_ANSWER_MS = const(2000)
_AGAIN_MS = const(1000)  # before the same server
_PAUSE_S = const(5)  # before the next server
_LONGEST_S = const(600)  # between rounds, when nobody answers
_AGREE_S = const(2)  # two servers mean the same date
_MASK = const(0xFFFFFFFF)
_TO_2000 = const(3155673600)  # NTP counts from 1900


class Ntp:
    """Asks each of `servers` ("host" or "host:port") in turn. `dns()`: the name server's address or None.

    Two answers in a row must agree: one that is wrong would date a whole boot wrongly. Where no other server
    answers, one must agree with itself.
    """

    def __init__(self, servers, clock, dns):
        self._servers = servers
        self._clock = clock
        self._name_server = dns
        self._next = 0  # index of the server
        self._lookup = None
        self._question = None
        self._first = None  # (date, ticks) that waits for a second server to say the same
        self.unanswered = 0  # attempts in a row without a good answer
        self.last_error = None
        self._in(0)

    def _in(self, ms):
        """Go on in `ms`."""
        self._deadline = self._clock.after(self._clock.ms(), ms)

    def step(self):
        """Seconds since 2000, in the step in which a good answer came; else None. Never raises OSError."""
        if not (self._question or self._lookup) and self._clock.until(self._deadline) > 0:
            return None
        try:
            return self._advance()
        except Exception as error:  # Ctrl-C may have left a step half done
            return self._failed(error)

    def _advance(self):
        clock = self._clock
        if self._question is None:
            host, port = dns.split(self._servers[self._next], 123)
            if self._lookup is None:
                self._lookup = dns.Lookup(host, port, self._name_server(), clock)
            address = self._lookup.step()
            if address is None:
                return None
            self._lookup = None
            self._nonce = os.urandom(8)  # stands where our own time would: the server returns it
            self._sent = clock.ms()
            self._question = dns.Question(address, b"\x23" + bytes(39) + self._nonce)  # version 4, client
            self._in(_ANSWER_MS)
            return None
        answer = self._question.answer()
        while answer is not None:
            sec = seconds(answer, self._nonce, -clock.until(self._sent))
            if sec is not None:
                self._end()
                self.unanswered = 0
                return self._compare(sec)
            answer = self._question.answer()
        if clock.until(self._deadline) <= 0:
            return self._failed("no good answer")
        return None

    def _compare(self, sec):
        """`sec` when it is to be believed; else the next server is asked."""
        before = self._before()
        if before is not None and abs(before - sec) <= _AGREE_S:
            return sec
        self._first = (sec, self._clock.ms())
        self._next = (self._next + 1) % len(self._servers)
        if before is not None:
            self._in(_PAUSE_S * 1000)
        else:
            self._in(0 if self._next else _AGAIN_MS)
        return None

    def _before(self):
        """The date that the first server's answer has become by now, or None."""
        if self._first is None:
            return None
        sec, at = self._first
        return sec + (500 - self._clock.until(at)) // 1000

    def _failed(self, error):
        """Go on to the next server."""
        self.last_error = "%s: %s" % (self._servers[self._next], error)
        self._end()
        self.unanswered += 1
        self._next = (self._next + 1) % len(self._servers)
        rounds = self.unanswered // len(self._servers)
        if self._first and self.unanswered <= len(self._servers):
            self._in(_AGAIN_MS)
        else:
            self._in(min(_PAUSE_S << min(rounds, 8), _LONGEST_S) * 1000)

    def _end(self):
        for part in (self._question, self._lookup):
            if part:
                part.close()
        self._question = self._lookup = None


def seconds(answer, nonce, trip_ms):
    """Whole seconds since 2000 by a server's answer, `trip_ms` after the question; None when it is not good.

    Good: a server's (mode 4), synchronized (stratum 1-15, no alarm), and to this very question. The years
    2000 to 2136 are told apart, so the end of NTP's era in 2036 does no harm.
    """
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[0] >= 192 or not 0 < answer[1] < 16:
        return None
    if answer[24:32] != nonce or answer[40:48] == bytes(8):
        return None
    sec = int.from_bytes(answer[40:44], "big")
    ms = (int.from_bytes(answer[44:46], "big") * 1000 >> 16) + trip_ms // 2
    return ((sec - _TO_2000) & _MASK) + (ms + 500) // 1000

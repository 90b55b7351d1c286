"""When a sleeping board connects: pure decisions, in seconds of uptime. All of it outlives the sleep."""

from ..chip.compat import const

_SHARED = const(40)  # quiet readings share a connection: a handshake costs more than they do,
_LONGEST_S = const(3600)  # but none waits for more than an hour
_LEAD_MS = const(5000)


class Duty:
    """`period_ms`: of the readings. `connect_at`: the uptime from which the next reading makes it connect."""

    def __init__(self, period_ms):
        self.period_ms = period_ms
        self.connect_at = 0
        self.failures = 0  # in a row
        self.lead_ms = 0  # how long it takes from waking to the sample: it wakes so much earlier

    def gather_ms(self):
        """How long quiet readings wait: a multiple of the period."""
        most = max(1, min(_SHARED, _LONGEST_S * 1000 // self.period_ms))
        return most * self.period_ms

    def wants(self, up, urgent):
        """Whether to connect now: at once for an abnormal reading, unless the last attempt failed."""
        return up >= self.connect_at or (urgent and not self.failures)

    def connected(self, tick, success):
        """The attempt made after the sample at uptime `tick` is over; tells when it connects next.

        After a failure it tries again with the next reading, then after 2, 4, … periods: a network that is
        gone for a night must not empty the battery.
        """
        wait_ms = self.gather_ms()
        if success:
            self.failures = 0
        else:
            wait_ms = min(wait_ms, self.period_ms << min(self.failures, 16))
            self.failures += 1
        self.connect_at = tick + wait_ms // 1000 - 1  # whole seconds: rather one early than a period late
        return self.connect_at

    def late(self, ms):
        """It was ready `ms` after its sample was due (negative: before): wake earlier by half of that."""
        most = min(_LEAD_MS, self.period_ms // 4)
        if ms < self.period_ms:  # else it slept through a sample, which says nothing about waking
            self.lead_ms = max(0, min(most, self.lead_ms + (ms + 50) // 2))

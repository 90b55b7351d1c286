"""A board without room to look into a failure still rests, tells, and in the end resets."""

import sys

from device import link
from device.link.backoff import Backoff


class NoRoom:
    """Stands where failure.py would be loaded."""

    @staticmethod
    def answer(*args):
        raise MemoryError


class Parts:
    """Clock, board and log in one."""

    def __init__(self):
        self.now = 0
        self.resets = []
        self.lines = []

    def uptime(self):
        return self.now

    def reset(self, reason):
        self.resets.append(reason)

    def warn(self, area, text):
        self.lines.append(text)


def fail(backoff):
    sys.modules["device.link.failure"] = link.failure = NoRoom
    return backoff.failed(3, OSError(110), "broker", None)


def test_no_room_is_counted_told_once_and_leads_to_a_reset_after_patience():
    parts = Parts()
    backoff = Backoff(parts, parts, parts, 3600)
    assert fail(backoff) == (60000, False)
    parts.now = 3599
    fail(backoff)
    assert parts.resets == []
    parts.now = 3600
    fail(backoff)
    assert parts.resets == ["link: out of memory"]
    assert backoff.counts == {"out of memory": 3}
    assert backoff.last_error == "out of memory"
    del sys.modules["device.link.failure"]

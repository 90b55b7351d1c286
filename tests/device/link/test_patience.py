"""A board without room to look into a failure still rests, tells, and in the end resets."""

import sys

from device import link
from device.link.ladder import Ladder


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


def fail(ladder):
    sys.modules["device.link.failure"] = link.failure = NoRoom
    return ladder.failed(3, OSError(110), "broker", None)


def test_no_room_is_counted_told_once_and_leads_to_a_reset_after_patience():
    parts = Parts()
    ladder = Ladder(parts, parts, parts, 3600)
    assert fail(ladder) == (60000, False)
    parts.now = 3599
    fail(ladder)
    assert parts.resets == []
    parts.now = 3600
    fail(ladder)
    assert parts.resets == ["link: out of memory"]
    assert ladder.counts == {"out of memory": 3}
    assert ladder.last_error == "out of memory"
    del sys.modules["device.link.failure"]

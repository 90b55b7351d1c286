"""Runs under MicroPython: asks the servers in argv[2:] until it has a date; prints it and that of the host.

argv[1]: how much faster than the world its clock runs.
"""

import sys
import time

sys.path.insert(0, sys.argv[0].rsplit("/", 1)[0] + "/../..")

from device.chip.clock import Clock  # noqa: E402
from device.net.ntp import Ntp  # noqa: E402

speed = int(sys.argv[1])


class Ticks:
    ticks_diff = staticmethod(time.ticks_diff)
    ticks_add = staticmethod(time.ticks_add)

    def ticks_ms(self):
        return time.ticks_ms() * speed & 0x3FFFFFFF


ntp = Ntp(sys.argv[2:], Clock(Ticks()), lambda: None)
longest = 0
while True:
    start = time.ticks_ms()
    sec = ntp.step()
    longest = max(longest, time.ticks_diff(time.ticks_ms(), start))
    if sec is not None:
        break
    time.sleep_ms(2)
print(sec, "%.3f" % time.time(), longest, ntp.last_error)

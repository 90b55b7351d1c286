"""The first thing a virtual board on a serial line runs: as harness.py, but its prompt is there afterwards.

    micropython -i at_prompt.py TOOLS FLASH FIRMWARE RTC EVENTS CAUSE NAME RUN

TOOLS is the folder of failing_flash.py. FLASH becomes `/`, FIRMWARE becomes `/lib`; boot.py runs and, with
RUN "all", main.py: after a soft reset in the raw REPL a chip runs boot.py alone.
"""

import sys

sys.path.insert(0, sys.argv[1])
from failing_flash import Flash, power_on, run

_flash, _firmware, _rtc, _events, _cause, _name, _what = sys.argv[2:9]

_pipe = open(_events, "w")
_rtc = open(_rtc, "r+b")
_flash = Flash(_flash)
_flash.kept = lambda count: None  # nobody counts here
power_on(_flash, _firmware)

import chip  # noqa: E402  it lies in FIRMWARE

chip.begin(_pipe, _cause, _name, _rtc)


def _run(path):
    try:
        run(path, globals())
    except KeyboardInterrupt:
        print("KeyboardInterrupt")


_run("/boot.py")
if _what == "all":
    _run("/main.py")
print("MicroPython on a virtual board")

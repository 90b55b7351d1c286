"""`python -m cloud …` on a machine whose clock is wrong.

    python -m tools.run.chaos.skewed FILE run

FILE says by how many seconds `time.time()` is off, and may change at any time. The monotonic clock stays
right, as it does on such a machine.
"""

import os
import runpy
import sys
import time

LOOK_EVERY = 0.2  # s

_right = time.time
_file = sys.argv[1]
_offset, _looked = 0.0, -LOOK_EVERY


def _time() -> float:
    global _offset, _looked
    now = time.monotonic()
    if now - _looked >= LOOK_EVERY:
        _looked = now
        with open(_file, encoding="ascii") as file:
            _offset = float(file.read() or 0)
    return _right() + _offset


if __name__ == "__main__":
    time.time = _time
    sys.argv = [os.path.join("cloud", "__main__.py"), *sys.argv[2:]]
    runpy.run_module("cloud", run_name="__main__", alter_sys=True)

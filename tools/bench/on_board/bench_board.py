"""What a board at work costs: run at its prompt, once Ctrl-C has stopped Vigie; its last line is JSON.

tools/bench/board.py asks for the free heap (FREE) before, because this text itself takes some of it.
"""

import gc
import json
import sys
import time

READINGS = 20
SIZE = 1900  # bytes of the longest message, nearly
app = sys.modules["device.app"]
node = app.stopped
auth = app.borrow("auth")


def micros(work, *what):
    """Microseconds that one call takes."""
    began = time.ticks_us()
    work(*what)
    return time.ticks_diff(time.ticks_us(), began)


def reading():
    """Take one reading from the sensor to flash, as the loop does."""
    node.since_good = 1
    node.sample()
    node.outbox.flush()


def authenticate():
    auth.mac(node.key, b"up:", b"vigie/1/site/device/up", b":", message)


def median(work, pause_ms=0):
    taken = []
    for _ in range(READINGS):
        time.sleep_ms(pause_ms)
        taken.append(micros(work))
    return sorted(taken)[READINGS // 2]


figures = {"reading_us": median(reading, min(node.period_ms, 2000))}
message = memoryview(bytearray(SIZE))
figures["mac_us"] = median(authenticate)
gc.collect()
gc.disable()
before = gc.mem_alloc()
authenticate()
figures["mac_bytes"] = gc.mem_alloc() - before
gc.enable()
print(json.dumps(figures))

"""`selftest()`: what a person would check with a multimeter and a laptop, a line each. Imported on demand."""

import gc
import os
from array import array

from ..chip.lazy import borrow
from ..codes import WHY

_PATH = "/selftest.tmp"


def run(node):
    """Print a line for each part; True when all are well."""
    good = True
    checks = (("sensor", _sensor), ("flash", _flash), ("model", _model), ("forest", _forest),
              ("clock", _clock), ("Wi-Fi", _wifi), ("broker", _broker), ("heap", _heap))  # fmt: skip
    for name, check in checks:
        detail = None
        try:
            problem = check(node)
            if isinstance(problem, tuple):
                problem, detail = problem
        except Exception as error:
            problem = "%s: %s" % (type(error).__name__, error)
        print("%s %-7s %s" % ("ok  " if not problem else "FAIL", name, problem or detail or ""))
        good = good and not problem
    return good


def _sensor(node):
    out = array("h", (0, 0))
    for _ in range(3):  # some sensors need a read to wake up
        why = node.sensor.read(out)
        if not why:
            return None
        node.clock.sleep(2100)
    return WHY[why]


def _flash(node):
    data = os.urandom(64)
    with open(_PATH, "wb") as file:
        file.write(data)
    with open(_PATH, "rb") as file:
        same = file.read() == data
    os.remove(_PATH)
    return None if same else "reads something else than was written"


def _model(node):
    if node.judge.model is None:
        return None
    return borrow("model.bundle").load_active(node.key)[1]


def _forest(node):
    """One real score of the last reading: (problem, what was found)."""
    model = node.judge.model
    if model is None or not model.forest:
        return None, "none: rules and Z-score alone"
    began = node.clock.ms()
    score = model.forest.score(node.judge.x)
    took = -node.clock.until(began)
    if score < 0:
        return "flash does not give its trees", None
    return None, "%d in %d ms, abnormal below %d" % (score, took, model.threshold)


def _clock(node):
    return None if node.clock.is_set() else "not set: does NTP (UDP 123) get through?"


def _wifi(node):
    return None if node.board.wifi_up() else node.board.wifi_problem()


def _broker(node):
    from .console import trouble

    return trouble(node)


def _heap(node):
    gc.collect()
    free = gc.mem_free()
    return None if free > 20000 else "only %d bytes free" % free

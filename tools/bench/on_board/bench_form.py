"""Runs under MicroPython: `bench_form.py FOLDER KIND FILE READINGS`, prints one line of JSON.

FOLDER holds the compiled device package and modules. KIND `module`: FILE is a module with `score(x)`.
KIND `table`: FILE is a FRST section, read by device/model/forest.py. KIND `loop`: FILE is a bundle; sensor to
verdict, READINGS times. Heap is what stays taken once all is loaded, code and data; allocation is what one
call takes; time is the best of several rounds.
"""

import gc
import json
import os
import sys
import time
from array import array

ROUNDS = 7
folder, kind, file, count = sys.argv[1:5]
sys.path.insert(0, folder)


def alone(n, call):
    """Bytes a call, over n calls, with the collector off."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    call(n)
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken / n


def best(n, call):
    """Microseconds a call."""
    fastest = None
    for _ in range(ROUNDS):
        gc.collect()
        start = time.ticks_us()
        call(n)
        took = time.ticks_diff(time.ticks_us(), start)
        fastest = took if fastest is None else min(fastest, took)
    return fastest / n


def forms():
    with open(count, "rb") as readings:
        raw = readings.read()
    xs = [array("h", raw[i : i + 16]) for i in range(0, len(raw), 16)]
    del raw
    from device.chip.lazy import borrow

    __import__("device.chip.compat")  # a board has these also without a forest
    __import__("device.model")

    gc.collect()
    before = gc.mem_alloc()
    if kind == "module":
        score = __import__(file).score
    else:
        score = borrow("model.load").read(open(file, "rb"), os.stat(file)[6]).score
    gc.collect()
    heap = gc.mem_alloc() - before

    def call(n):
        for x in xs:
            score(x)

    call(0)
    alloc = alone(len(xs), call)
    us = best(len(xs), call)
    total = sum(score(x) for x in xs)
    return {"heap": heap, "alloc": alloc, "us": us, "total": total}


def loop():
    from device.model import bundle
    from device.sensors.simulated import Simulated
    from device.judge.judge import Judge

    class Clock:
        now = 0

        def uptime(self):
            return self.now

    loaded, why = bundle.load(file, bytes(range(32)))
    if loaded is None:
        raise SystemExit(why)
    clock = Clock()
    sensor = Simulated(clock)
    judge = Judge(loaded)
    out = array("h", [0, 0])

    def call(n):
        for _ in range(n):
            clock.now += 10
            sensor.read(out)
            judge.reading(out[0], out[1])

    call(200)  # past the warm-up
    alloc = alone(int(count), call)
    return {"alloc": alloc, "us": best(int(count), call)}


print(json.dumps(loop() if kind == "loop" else forms()))

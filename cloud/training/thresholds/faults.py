"""Faults put into a real trace: six kinds of sensor failure in three sizes, to judge detectors by."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KINDS = ("spike", "stuck", "drift", "noise", "offset", "dropout")
SIZES = ("low", "medium", "high")
DEGREES = (0.5, 1.5, 4.0)  # degC of a low, medium, high fault
PERCENT = (1.5, 5.0, 12.0)  # %RH
QUIET = 120  # readings after a fault, which count as neither normal nor faulty
BROKEN = ((-45.0, 0.0), (130.0, 100.0), (0.0, 0.0), (None, 0.0), (-999.0, -999.0))  # what dropouts read

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fault:
    """Rows start..stop-1 are faulty. `channel`: "t", "h" or "th"; dropouts have none."""

    kind: str
    size: str
    start: int
    stop: int
    channel: str


@dataclass(frozen=True)
class Injected:
    """`t`, `h`: the trace with its faults. `normal`: rows that no fault touched, nor its after-effects."""

    t: Floats
    h: Floats
    normal: NDArray[np.bool_]
    faults: list[Fault]


def inject(t: Floats, h: Floats, start: int, seed: int) -> Injected:
    """Faults of every kind and size in turn, in random order and places, in rows `start` and later.

    `t` degC, `h` %RH, two decimals kept. A spike lasts 1-3 readings, noise 60, drift and offset 240, stuck
    60-240 and a dropout 1-20. The same arguments give the same faults.
    """
    random = np.random.default_rng(seed)
    t, h = t.astype(np.float64).copy(), h.astype(np.float64).copy()
    normal = np.arange(len(t)) >= start
    faults: list[Fault] = []
    waiting: list[tuple[str, int]] = []
    at = start + int(random.integers(50, 200))
    while True:
        if not waiting:
            every = [(kind, size) for kind in KINDS for size in range(len(SIZES))]
            waiting = [every[i] for i in random.permutation(len(every))]
        kind, size = waiting.pop()
        spike = int(random.integers(1, 4))
        lengths = {"spike": spike, "stuck": (60, 120, 240)[size], "noise": 60, "dropout": (1, 5, 20)[size]}
        stop = at + lengths.get(kind, 240)
        if stop + QUIET >= len(t):
            break
        channel = ("t", "h", "th")[int(random.integers(3))]
        if kind == "stuck" and random.random() < 0.6:
            channel = "th"
        _apply(kind, size, channel, t, h, slice(at, stop), random)
        faults.append(Fault(kind, SIZES[size], at, stop, channel))
        normal[at : stop + QUIET] = False
        at = stop + QUIET + int(random.integers(60, 260))
    t, h = np.round(t, 2), np.round(h, 2)
    broken = (h <= 0) | (h == 100)  # only dropouts say so; others stay on the scale
    return Injected(t, np.where(broken & ~normal, h, np.clip(h, 0.01, 99.99)), normal, faults)


def alone(clean_t: Floats, clean_h: Floats, injected: Injected, kind: str) -> Injected:
    """The faults of one kind, alone in the clean trace, so that no earlier fault causes their alarm."""
    t, h, normal = clean_t.copy(), clean_h.copy(), np.ones(len(clean_t), bool)
    faults = [fault for fault in injected.faults if fault.kind == kind]
    for fault in faults:
        rows = slice(fault.start, fault.stop)
        t[rows], h[rows] = injected.t[rows], injected.h[rows]
        normal[fault.start : fault.stop + QUIET] = False
    return Injected(t, h, normal, faults)


def _apply(  # noqa: PLR0917
    kind: str, size: int, channel: str, t: Floats, h: Floats, rows: slice, random: np.random.Generator
) -> None:
    length = rows.stop - rows.start
    if kind == "dropout":
        broken_t, broken_h = BROKEN[int(random.integers(len(BROKEN)))]
        if broken_t is not None:
            t[rows] = broken_t
        h[rows] = broken_h
        return
    for name, values, sizes in (("t", t, DEGREES), ("h", h, PERCENT)):
        sign = random.choice([-1, 1])
        if name not in channel:
            continue
        if kind in {"spike", "offset"}:
            values[rows] += sign * sizes[size]
        elif kind == "drift":
            values[rows] += sign * sizes[size] * np.arange(1, length + 1) / length
        elif kind == "noise":
            values[rows] += random.normal(0, sizes[size] / 2, length)
        else:
            values[rows] = values[rows.start - 1]

"""What is ordinary for a sensor: the numbers that its detectors measure against, from its history."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cloud.training import calibrate
from cloud.training.history import SENSOR_H, SENSOR_T, History, Ints
from cloud.training.params import DEFAULT
from device.drift import BLOCK, BLOCKS
from device.jitter import SIZE as STEPS
from device.jump import FARTHEST, per_period
from device.moisture import moisture
from device.stuck import LONGEST
from device.verdict import LONG_GAP

MARGIN = (600, 1500)  # hundredths beyond the trained span that weather may bring: 6 degC, 15 %RH
LAG = 100  # readings over which humidity has followed temperature
COUPLING_UNIT = float(1 << 22)  # of moisture's k per hundredth of a degree
COUPLING = (0.02, 0.065)  # per degC: what air can do; the upper end is closed air at room temperature
LEAST_STEP = (4.0, 8.0)  # eighths of a hundredth: mean |step| of a sensor whose resolution hides its noise
JITTER_QUANTILE = 0.995
RUNS_PER_DAY = 0.01  # of equal readings, longer than the limit, in each of t, h and both
LEAST_RUNS = (16, 16, 8)
# A sensor that seldom repeats itself longer than this is held to it, so that a frozen channel shows within 20
# readings; a natural run once in a while is the price. Coarse sensors, which often do, keep their own limit.
FROZEN_RUN = 18
SELDOM_PER_DAY = 0.75


def levels(history: History) -> dict[str, int]:
    """The entries of device.params.FIELDS that are measured, and not thresholds."""
    t, h = history.t, history.h
    coupling = _coupling(history)
    t_ref = int(np.median(t))
    m = moistures(t, h, coupling, t_ref)
    step_t, step_m = _steps(t, history.periods), _steps(m, history.periods)
    t_low, t_high = _span(t, MARGIN[0], SENSOR_T)
    h_low, h_high = _span(h, MARGIN[1], SENSOR_H)
    run_t, run_h, run_both = _runs(history)
    return {
        "period_ms": round(history.period * 1000),
        "t_low": t_low,
        "t_high": t_high,
        "h_low": h_low,
        "h_high": h_high,
        "run_t": run_t,
        "run_h": run_h,
        "run_both": run_both,
        "coupling": coupling,
        "t_ref": t_ref,
        "step_t": round(STEPS * max(float(step_t.mean()), LEAST_STEP[0])),
        "step_m": round(STEPS * max(float(step_m.mean()), LEAST_STEP[1])),
        "drift_spread": _spread(m, history.periods),
    }


def moistures(t: Ints, h: Ints, coupling: int, t_ref: int) -> Ints:
    """device.moisture.moisture for arrays."""
    return np.array(
        [moisture(a, b, coupling, t_ref) for a, b in zip(t.tolist(), h.tolist(), strict=True)], np.int64
    )


def _coupling(history: History) -> int:
    """Least squares of the change of humidity on -humidity x change of temperature, over LAG readings."""
    t, h = history.t.astype(float), history.h.astype(float)
    near = np.convolve(history.periods >= FARTHEST, np.ones(LAG), "full")[LAG : len(t)] == 0
    dt, dh, mean_h = (t[LAG:] - t[:-LAG])[near], (h[LAG:] - h[:-LAG])[near], (h[LAG:] + h[:-LAG])[near] / 2
    force = mean_h * dt
    power = float((force * force).sum())
    if power == 0:
        return DEFAULT["coupling"]
    return round(
        float(np.clip(-(dh * force).sum() / power, COUPLING[0] / 100, COUPLING[1] / 100)) * COUPLING_UNIT
    )


def _steps(values: Ints, periods: Ints) -> NDArray[np.float64]:
    """|steps| as device/jump.py has them."""
    pairs = zip(np.abs(np.diff(values)).tolist(), periods[1:].tolist(), strict=True)
    return np.array([per_period(step, gap) for step, gap in pairs if gap < FARTHEST], np.float64)


def _span(values: Ints, margin: int, sensor: tuple[int, int]) -> tuple[int, int]:
    """The trained span and a margin, never wider than the sensor unless the history is."""
    low, high = int(values.min()), int(values.max())
    return min(low, max(sensor[0], low - margin)), max(high, min(sensor[1], high + margin))


def _runs(history: History) -> tuple[int, int, int]:
    """Limits of the runs of equal readings of t, h and both, from the tail of their lengths."""
    same_t, same_h = np.diff(history.t) == 0, np.diff(history.h) == 0
    limits = []
    for same, least in zip((same_t, same_h, same_t & same_h), LEAST_RUNS, strict=True):
        ends = np.flatnonzero(np.concatenate(([True], ~same, [True])))
        lengths = np.sort(np.diff(ends) - 1)[::-1].astype(np.float64)
        limit = calibrate.tail(lengths, history.days, RUNS_PER_DAY, peaks_per_day=6)
        run = max(least, math.ceil(limit))
        if (lengths > FROZEN_RUN).sum() <= SELDOM_PER_DAY * history.days:
            run = min(run, FROZEN_RUN)
        limits.append(min(run, LONGEST))
    return limits[0], limits[1], limits[2]


def _spread(m: Ints, periods: Ints) -> int:
    """Half of what 20 ordinary increments of block sums add up to: it keeps still air from looking steady.

    Twice and four times as much find fewer drifts on motes 01 and 19 at the same number of alarms.
    """
    starts = np.flatnonzero(np.concatenate(([True], periods[1:] >= LONG_GAP)))
    increments = [
        np.abs(np.diff(part[: len(part) // BLOCK * BLOCK].reshape(-1, BLOCK).sum(axis=1)))
        for part in np.split(m, starts[1:])
    ]
    steps = np.concatenate(increments)
    return (
        max(BLOCK * BLOCKS, round(BLOCKS / 2 * float(steps.mean())))
        if len(steps)
        else DEFAULT["drift_spread"]
    )

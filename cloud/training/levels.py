"""What is ordinary for a sensor: the numbers that its detectors measure against, from its history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import SENSOR_H, SENSOR_T, History, Ints
from cloud.training.params import DEFAULT
from device.drift import BLOCK, BLOCKS
from device.moisture import moisture
from device.verdict import GAP, LONG_GAP

MARGIN = (600, 1500)  # hundredths beyond the trained span that weather may bring: 6 degC, 15 %RH
LAG = 10  # readings over which humidity has followed temperature
COUPLING_UNIT = float(1 << 22)  # of moisture's k per hundredth of a degree
COUPLING = (0.02, 0.065)  # per degC: what air can do; the upper end is closed air at room temperature
LEAST_STEP = (0.5, 1.0)  # hundredths: mean |step| of a sensor whose resolution hides its noise
JITTER_QUANTILE = 0.995
RUN_FACTORS = (1.25, 1.25, 1.5)  # t, h, both: beyond the longest run of the history
LEAST_RUNS = (16, 16, 8)


def levels(history: History) -> dict[str, int]:
    """The entries of device.params.FIELDS that are measured, and not thresholds."""
    t, h = history.t, history.h
    coupling = _coupling(history)
    t_ref = int(np.median(t))
    m = moistures(t, h, coupling, t_ref)
    near = history.periods < GAP
    step_t, step_m = _steps(t, near), _steps(m, near)
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
        "step_t": round(BLOCK * max(float(step_t.mean()), LEAST_STEP[0])),
        "step_m": round(BLOCK * max(float(step_m.mean()), LEAST_STEP[1])),
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
    near = np.convolve(history.periods >= GAP, np.ones(LAG), "full")[LAG : len(t)] == 0
    dt, dh, mean_h = (t[LAG:] - t[:-LAG])[near], (h[LAG:] - h[:-LAG])[near], (h[LAG:] + h[:-LAG])[near] / 2
    force = mean_h * dt
    power = float((force * force).sum())
    if power == 0:
        return DEFAULT["coupling"]
    return round(
        float(np.clip(-(dh * force).sum() / power, COUPLING[0] / 100, COUPLING[1] / 100)) * COUPLING_UNIT
    )


def _steps(values: Ints, near: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.abs(np.diff(values))[near[1:]].astype(np.float64)


def _span(values: Ints, margin: int, sensor: tuple[int, int]) -> tuple[int, int]:
    """The trained span and a margin, never wider than the sensor unless the history is."""
    low, high = int(values.min()), int(values.max())
    return min(low, max(sensor[0], low - margin)), max(high, min(sensor[1], high + margin))


def _runs(history: History) -> tuple[int, int, int]:
    """Limits of the runs of equal readings, a factor above the longest of the history."""
    same_t, same_h = np.diff(history.t) == 0, np.diff(history.h) == 0
    limits = []
    for same, factor, least in zip((same_t, same_h, same_t & same_h), RUN_FACTORS, LEAST_RUNS, strict=True):
        ends = np.flatnonzero(np.concatenate(([True], ~same, [True])))
        longest = int(np.diff(ends).max()) - 1
        limits.append(max(least, int(factor * longest)))
    return limits[0], limits[1], limits[2]


def _spread(m: Ints, periods: Ints) -> int:
    """Twice the mean |increment| of block sums, for 12 of them: it keeps still air from looking steady."""
    starts = np.flatnonzero(np.concatenate(([True], periods[1:] >= LONG_GAP)))
    increments = [
        np.abs(np.diff(part[: len(part) // BLOCK * BLOCK].reshape(-1, BLOCK).sum(axis=1)))
        for part in np.split(m, starts[1:])
    ]
    steps = np.concatenate(increments)
    return (
        max(BLOCK * BLOCKS, round(2 * BLOCKS * float(steps.mean())))
        if len(steps)
        else DEFAULT["drift_spread"]
    )

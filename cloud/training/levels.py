"""What is ordinary for a sensor: the numbers that its detectors measure against, from its history."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cloud.training import calibrate
from cloud.training.history import DAY, HOUR, NOT_SATURATED, SENSOR_H, SENSOR_T, Floats, History, Ints
from cloud.training.params import DEFAULT
from device.judge.drift import BLOCK, BLOCKS
from device.judge.jitter import SIZE as STEPS
from device.judge.judge import LONG_GAP
from device.judge.jump import FARTHEST, per_period
from device.judge.moisture import moisture
from device.judge.stuck import LONGEST

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
SELDOM_PER_DAY = 0.75  # alarms that such a limit may give in the history, of a budget of one
LONGER = 1.5  # a channel that rests may rest this much longer than it ever did
LEAST_STEPS = 100  # fewer say nothing about a typical one


def levels(history: History, given_up: list[str] | None = None, budget: float = 1.0) -> dict[str, int]:
    """The entries of device.judge.params.FIELDS that are measured, and not thresholds.

    `given_up` gets a line for each that this history does not show, and what is used instead. `budget`: false
    alarms a day.
    """
    t, h = history.t, history.h
    given_up = [] if given_up is None else given_up
    coupling = _coupling(history, given_up)
    t_ref = int(np.median(t))
    m = moistures(t, h, coupling, t_ref)
    step_t, step_m = _steps(t, history.periods), _steps(m, history.periods)
    t_low, t_high = _span(t, MARGIN[0], SENSOR_T)
    h_low, h_high = _span(h, MARGIN[1], SENSOR_H)
    if h.max() <= NOT_SATURATED:
        h_high = min(h_high, NOT_SATURATED)
    run_t, run_h, run_both = _runs(history, given_up, min(1.0, budget))
    if min(len(step_t), len(step_m)) < LEAST_STEPS:
        given_up.append(
            f"jump, jitter: {len(step_t)} steps without a pause are too few to know a typical one; "
            "that of a board without a model is used"
        )
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
        "step_t": _typical(step_t, "step_t", LEAST_STEP[0]),
        "step_m": _typical(step_m, "step_m", LEAST_STEP[1]),
        "drift_spread": _spread(m, history.periods),
    }


def moistures(t: Ints, h: Ints, coupling: int, t_ref: int) -> Ints:
    """device.judge.moisture.moisture for arrays."""
    return np.array(
        [moisture(a, b, coupling, t_ref) for a, b in zip(t.tolist(), h.tolist(), strict=True)], np.int64
    )


def _typical(steps: Floats, name: str, least: float) -> int:
    """The sum of 16 typical steps."""
    if len(steps) < LEAST_STEPS:
        return DEFAULT[name]
    total: int = round(STEPS * max(float(np.mean(steps)), least))
    return total


def _coupling(history: History, given_up: list[str]) -> int:
    """Least squares of the change of humidity on -humidity x change of temperature, over LAG readings."""
    t, h = history.t.astype(float), history.h.astype(float)
    near = np.convolve(history.periods >= FARTHEST, np.ones(LAG), "full")[LAG : len(t)] == 0
    dt, dh, mean_h = (t[LAG:] - t[:-LAG])[near], (h[LAG:] - h[:-LAG])[near], (h[LAG:] + h[:-LAG])[near] / 2
    force = mean_h * dt
    power = float((force * force).sum())
    if power == 0:
        given_up.append(
            "moisture: this history does not show how humidity follows temperature; 4.5 % a degree is used"
        )
        return DEFAULT["coupling"]
    return round(
        float(np.clip(-(dh * force).sum() / power, COUPLING[0] / 100, COUPLING[1] / 100)) * COUPLING_UNIT
    )


def _steps(values: Ints, periods: Ints) -> NDArray[np.float64]:
    """|steps| as device/judge/jump.py has them."""
    pairs = zip(np.abs(np.diff(values)).tolist(), periods[1:].tolist(), strict=True)
    return np.array([per_period(step, gap) for step, gap in pairs if gap < FARTHEST], np.float64)


def _span(values: Ints, margin: int, sensor: tuple[int, int]) -> tuple[int, int]:
    """The trained span and a margin, never wider than the sensor unless the history is."""
    low, high = int(values.min()), int(values.max())
    return min(low, max(sensor[0], low - margin)), max(high, min(sensor[1], high + margin))


def _runs(history: History, given_up: list[str], budget: float) -> tuple[int, int, int]:
    """Limits of the runs of equal readings of t, h and both, from the tail of their lengths.

    A channel that rests for a day and more has none: nobody can tell its rest from a frozen sensor.
    """
    same_t, same_h = np.diff(history.t) == 0, np.diff(history.h) == 0
    limits = []
    for name, same, least in zip(
        ("t", "h", "t and h together"), (same_t, same_h, same_t & same_h), LEAST_RUNS, strict=True
    ):
        ends = np.flatnonzero(np.concatenate(([True], ~same, [True])))
        lengths = np.sort(np.diff(ends) - 1)[::-1].astype(np.float64)
        limit = calibrate.tail(lengths, history.days, RUNS_PER_DAY, peaks_per_day=6)
        run = max(least, math.ceil(limit))
        if _alarms(lengths, FROZEN_RUN) <= SELDOM_PER_DAY * budget * history.days:
            run = min(run, FROZEN_RUN)
        else:
            run = max(run, math.ceil(LONGER * lengths[0]))
        if lengths[0] * history.period >= DAY:
            run = LONGEST
            hours = lengths[0] * history.period / HOUR
            given_up.append(f"stuck: the same {name} for {hours:.0f} hours is ordinary: not watched")
        limits.append(min(run, LONGEST))
    return limits[0], limits[1], limits[2]


def _alarms(lengths: NDArray[np.float64], limit: int) -> float:
    """How many alarms runs of these lengths are: a long rest alarms again and again."""
    return float(np.ceil(np.clip(lengths - limit, 0, None) / calibrate.REARM).sum())


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

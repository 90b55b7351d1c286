"""What is ordinary for a sensor: the numbers that its detectors measure against, from its history."""

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import DAY, HOUR, NOT_SATURATED, SENSOR_H, SENSOR_T, Floats, History, Ints
from cloud.training.params import DEFAULT
from device.judge.drift import BLOCK, BLOCKS
from device.judge.jitter import SIZE as STEPS
from device.judge.jump import FARTHEST, per_period
from device.judge.reading import LONG_GAP, moisture
from device.judge.stuck import ALWAYS, SATURATED

MARGIN = (600, 1500)  # hundredths beyond the trained span that weather may bring: 6 degC, 15 %RH
LAG = 100  # readings over which humidity has followed temperature
COUPLING_UNIT = float(1 << 22)  # of moisture's k per hundredth of a degree
COUPLING = (0.02, 0.065)  # per degC: what air can do; the upper end is closed air at room temperature
LEAST_STEP = (4.0, 8.0)  # eighths of a hundredth: mean |step| of a sensor whose resolution hides its noise
LEAST_STEPS = 100  # steps; fewer do not show a typical one


def levels(history: History, given_up: list[str] | None = None) -> dict[str, int]:
    """The entries of device.judge.params.FIELDS that are measured, and not thresholds.

    `given_up` gets a line for each that this history does not show, and what is used instead.
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
    rate_t, rate_h, rate_both = _repeats(history, given_up)
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
        "rate_t": rate_t,
        "rate_h": rate_h,
        "rate_both": rate_both,
        "coupling": coupling,
        "t_ref": t_ref,
        "step_t": _typical(step_t, "step_t", LEAST_STEP[0]),
        "step_m": _typical(step_m, "step_m", LEAST_STEP[1]),
        "drift_spread": _spread(m, history.periods),
    }


def moistures(t: Ints, h: Ints, coupling: int, t_ref: int) -> Ints:
    """device.judge.reading.moisture for arrays."""
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


def _repeats(history: History, given_up: list[str]) -> tuple[int, int, int]:
    """How often t, h and both repeat the reading before, as device/judge/stuck.py has it.

    A channel that rests for a day and more is not watched: nobody can tell its rest from a frozen sensor.
    """
    same_t = np.diff(history.t) == 0
    same_h = (np.diff(history.h) == 0) & (history.h[1:] < SATURATED)
    rates = []
    for name, same in (("t", same_t), ("h", same_h), ("t and h together", same_t & same_h)):
        ends = np.flatnonzero(np.concatenate(([True], ~same, [True])))
        longest = float(np.diff(ends).max() - 1) * history.period
        rate = min(ALWAYS - 1, round(ALWAYS * float(same.mean())))
        if longest >= DAY:
            rate = ALWAYS
            given_up.append(f"stuck: the same {name} for {longest / HOUR:.0f} hours is ordinary: not watched")
        rates.append(rate)
    return rates[0], rates[1], rates[2]


def _spread(m: Ints, periods: Ints) -> int:
    """Half the sum of 20 ordinary increments of block sums, so that still air does not look like a drift.

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

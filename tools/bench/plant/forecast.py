"""`python -m tools.bench.plant.forecast SEED=1 ROOMS=2`: how true "8 degC at about 04:40" is.

Every five minutes of every failure in rooms with a limit above: how long before the breach the first estimate
comes, and how many estimates are within 25 %. A breach begins when the air stays past the limit for a quarter
of an hour. In healthy weeks every stretch of estimates is a false one, though the product asks only while an
episode is open: the true number is smaller.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cloud.watch.forecast import DAY, forecast
from tools.bench.asked import whole
from tools.bench.plant import traces
from tools.bench.plant.failures import FAILURES
from tools.bench.plant.rooms import LIMITS, Floats, draw
from tools.bench.plant.traces import Hundredths, degrees
from tools.process.exit_code import exit_code

KINDS = ("fridge", "walk-in", "freezer", "pharmacy fridge")
FAILING = ("dead compressor", "fan dead", "door ajar", "slow leak")
PERIOD = 60
BEGINS = (int(1.37 * DAY), int(2.79 * DAY), int(4.06 * DAY))
HEALTHY = int(8 * DAY)
EVERY = 5  # readings between two estimates
EPISODE = 45  # readings after a failure at which its episode is taken to begin
STAYS = 15  # readings past the limit that are a breach
LEAD = 20.0  # minutes before it in which an estimate is of use
WITHIN = 0.25
APART = 120  # readings without an estimate that end a stretch of false ones


@dataclass
class ForecastTally:
    """`ratio` of each estimate to the truth; minutes of `lead` of each breach, 0 = nothing announced it."""

    ratio: list[float] = field(default_factory=list)
    lead: list[float] = field(default_factory=list)
    never: list[bool] = field(default_factory=list)  # for each failure without a breach: was one announced
    false: int = 0
    months: float = 0.0


def bench(seed: int, each: int, kinds: Sequence[str] = KINDS) -> ForecastTally:
    rooms = draw(seed, each, kinds)
    failures = [failure for failure in FAILURES if failure.name in FAILING]
    healthy, cases = traces.live(rooms, PERIOD, BEGINS, HEALTHY, failures)
    tally = ForecastTally()
    for case in cases:
        begin = (case.begin - healthy.start + PERIOD) // PERIOD
        for own, room in enumerate(case.which):
            before = healthy.t[max(0, begin - int(DAY) // PERIOD) : begin, room]
            _failure(tally, LIMITS[rooms.names[room][0]].t_max or 0.0, before, case.trace.t[:, own])
    for room, (kind, _) in enumerate(rooms.names):
        _healthy(tally, LIMITS[kind].t_max or 0.0, degrees(healthy.t[:, room]))
    return tally


def _failure(tally: ForecastTally, limit: float, before: Hundredths, after: Hundredths) -> None:
    t = degrees(np.concatenate([before, after]))
    ts = PERIOD * np.arange(len(t), dtype=np.float64)
    begin = len(before)
    breach = _breach(t[begin:], limit)
    lead, warned = 0.0, False
    stop = len(t) if breach is None else begin + breach
    for row in range(begin + EPISODE, stop, EVERY):
        at = _asked(ts, t, row, limit, opened=ts[begin + EPISODE])
        if at is None:
            continue
        warned = True
        left = (stop - row) * PERIOD / 60
        if breach is not None and left >= LEAD:
            tally.ratio.append((at - ts[row]) / 60 / left)
            lead = lead or left
    if breach is None:
        tally.never.append(warned)
    elif breach > EPISODE + LEAD:
        tally.lead.append(lead)


def _healthy(tally: ForecastTally, limit: float, t: Floats) -> None:
    ts = PERIOD * np.arange(len(t), dtype=np.float64)
    tally.months += len(t) * PERIOD / (30 * DAY)
    last = -APART
    for row in range(int(DAY) // PERIOD, len(t), EVERY):
        if _asked(ts, t, row, limit, opened=ts[row] - EPISODE * PERIOD) is not None:
            tally.false += row - last >= APART
            last = row


def _asked(ts: Floats, t: Floats, row: int, limit: float, opened: float) -> float | None:
    rows = slice(int(np.searchsorted(ts, opened - DAY)), row + 1)
    good = ~np.isnan(t[rows])
    return forecast(ts[rows][good], t[rows][good], limit, 1, opened)


def _breach(t: Floats, limit: float) -> int | None:
    past = np.convolve(t > limit, np.ones(STAYS), "valid") >= STAYS - 1
    rows = np.flatnonzero(past)
    return int(rows[0]) if len(rows) else None


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    asked = {**environment, **dict(argument.split("=", 1) for argument in argv if "=" in argument)}
    seed, each = whole(asked, "SEED", 1), whole(asked, "ROOMS", 2)
    tally = bench(seed, each)
    ratio, lead = np.array(tally.ratio), np.array(tally.lead)
    near = np.mean(np.abs(ratio - 1) <= WITHIN)
    print(
        f"SEED={seed} ROOMS={each}: {len(lead)} breaches, {np.mean(lead > 0):.0%} announced before, "
        f"a median of {np.median(lead):.0f} min\n"
        f"{len(ratio)} estimates: {near:.2f} within 25 %, median {np.median(ratio):.2f}\n"
        f"{sum(tally.never)} of {len(tally.never)} failures without a breach were announced as one\n"
        f"healthy: {tally.false} false in {tally.months:.1f} board-months, asked without an episode"
    )
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("bench-plant", lambda: main(sys.argv[1:])))

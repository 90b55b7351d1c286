"""The readings of boards in rooms: an SHT3x in its housing, in hundredths, on the board's grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.bench.plant.failures import FAILURES, Failure
from tools.bench.plant.life import STEP
from tools.bench.plant.moist_air import over_water
from tools.bench.plant.physics import Felt, RoomState, begin, run
from tools.bench.plant.rooms import Floats, Rooms
from tools.process.child import WrongUse

NOISE_T, NOISE_H = 0.02, 0.06  # degC and %RH, one deviation: repeatability of an SHT3x, and its housing
MISSED = -32768  # a read that failed
DAY = 86400
SETTLE = 1  # days before the first reading, in which rooms find their rhythm
DEAD = 0.97  # sag of a battery with which no read succeeds

Hundredths = NDArray[np.int16]


@dataclass(frozen=True)
class Trace:
    """Consecutive readings. `t`, `h` int16[n, rooms]: hundredths of degC and %RH, MISSED = a failed read."""

    start: int  # s of the first, on the rooms' own clock
    period: int  # s
    t: Hundredths
    h: Hundredths

    @property
    def ts(self) -> NDArray[np.int64]:
        return self.start + self.period * np.arange(len(self.t), dtype=np.int64)


@dataclass(frozen=True)
class Case:
    """A failure in the rooms `which`. `trace` begins at `begin` (s on the rooms' clock) for each of them."""

    failure: Failure
    which: tuple[int, ...]
    begin: int
    trace: Trace


def read(felt: Felt, start: int, period: int) -> Trace:
    """What the sensor says each `period` s. A sagging battery warms and blinds it, then it falls silent."""
    every = period // STEP
    sag = felt.sag[every - 1 :: every, None]
    t, water, noise_t, noise_h = (
        each[every - 1 :: every] for each in (felt.t, felt.water, felt.noise_t, felt.noise_h)
    )
    h = 100 * water / over_water(t)
    lost = sag**3
    t = t + NOISE_T * (1 + 25 * lost) * noise_t + 9 * lost
    h = np.clip(h + NOISE_H * (1 + 25 * lost) * noise_h - 14 * lost, 0.5, 100)
    dead = np.broadcast_to(sag > DEAD, t.shape)
    whole = [np.where(dead, MISSED, np.rint(100 * each)).astype(np.int16) for each in (t, h)]
    return Trace(start, period, whole[0], whole[1])


def healthy(rooms: Rooms, state: RoomState, seconds: int, period: int) -> tuple[RoomState, Trace]:
    """The next `seconds` of rooms in which nothing fails."""
    after, felt = run(rooms, state, seconds // STEP)
    return after, read(felt, (state.step * STEP) + period, period)


def failed(rooms: Rooms, state: RoomState, failure: Failure, period: int) -> Trace:
    """The hours after `failure` begins in these rooms, whose `state` is theirs alone."""
    _, felt = run(rooms, state, round(failure.hours * 3600) // STEP, failure)
    return read(felt, state.step * STEP + period, period)


def settled(rooms: Rooms) -> RoomState:
    """Rooms that have found their rhythm."""
    return run(rooms, begin(rooms), SETTLE * DAY // STEP)[0]


def degrees(values: Hundredths) -> Floats:
    """degC or %RH; NaN for a failed read."""
    return np.where(values == MISSED, np.nan, values / 100)


def live(
    rooms: Rooms, period: int, begins: Sequence[int], end: int, failures: Sequence[Failure] = FAILURES
) -> tuple[Trace, list[Case]]:
    """The healthy rooms up to `end`, and at each of `begins` every failure that a room can have, alone.
    Moments are s after the first reading.

    `period`: s, a multiple of STEP. Raises WrongUse for another one.
    """
    if period <= 0 or period % STEP:
        raise WrongUse(f"period {period}: a multiple of {STEP} s is needed")
    state = settled(rooms)
    origin = state.step
    parts: list[Trace] = []
    cases: list[Case] = []
    for moment in (*sorted(begins), end):
        seconds = (origin - state.step) * STEP + moment // period * period
        state, trace = healthy(rooms, state, seconds, period)
        parts.append(trace)
        for failure in failures if moment != end else ():
            which = tuple(i for i, (kind, _) in enumerate(rooms.names) if kind in failure.kinds)
            if which:
                case = failed(rooms.take(which), state.take(which), failure, period)
                cases.append(Case(failure, which, state.step * STEP, case))
    t, h = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "h"))
    return Trace(parts[0].start, period, t, h), cases

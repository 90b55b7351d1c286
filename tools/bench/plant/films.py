"""A film: all that one room's board measured: a healthy part to train and judge on, then the failures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.alerts.hindsight import START
from cloud.recording import Recording
from tools.bench.plant import traces
from tools.bench.plant.failures import FAILURES, Failure
from tools.bench.plant.rooms import KINDS, Rooms, draw
from tools.bench.plant.traces import DAY, Hundredths, Trace

TRAIN = 7 * DAY  # s to learn from
JUDGED = 14 * DAY  # s after that in which every mail is a false one
WARM = DAY // 2  # s of the healthy room before a failure: every window is full when it begins
BEGINS = (int(8.37 * DAY), int(10.79 * DAY))  # s after the first reading when things fail, each by itself
GAP = 7 * DAY  # s between two parts at least: longer than any detector remembers


@dataclass(frozen=True)
class Scene:
    """Rows `start` to `stop` of a film: WARM of the healthy room, and from row `fails` on a failure."""

    failure: str
    start: int
    fails: int
    stop: int
    begin: int  # the row of the healthy part at which it failed


@dataclass(frozen=True)
class Film:
    """One room. Rows before `train` are learned from; up to `judged` nothing fails."""

    kind: str
    number: int
    period: int
    ts: NDArray[np.int64]  # Unix s
    t: Hundredths
    h: Hundredths
    train: int
    judged: int
    scenes: list[Scene]

    @property
    def weeks(self) -> float:
        """Board-weeks in which every mail is a false one."""
        return (self.judged - self.train) * self.period / (7 * DAY)

    @property
    def parts(self) -> list[slice]:
        """The stretches of rows that are independent of each other."""
        return [slice(0, self.judged), *(slice(each.start, each.stop) for each in self.scenes)]

    def recording(self) -> Recording:
        return Recording(self.ts.astype(np.float64), traces.degrees(self.t), traces.degrees(self.h), [])


def shoot(
    seed: int,
    each: int,
    period: int,
    progress: Callable[[str], None] = lambda text: None,
    *,
    failures: Sequence[Failure] = FAILURES,
    kinds: Sequence[str] = KINDS,
) -> list[Film]:
    """The films of `each` rooms of these kinds."""
    rooms = draw(seed, each, kinds)
    progress(f"{len(rooms)} rooms live through {(TRAIN + JUDGED) // DAY} days and their failures")
    healthy, cases = traces.live(rooms, period, BEGINS, TRAIN + JUDGED, failures)
    return [_film(rooms, room, healthy, cases) for room in range(len(rooms))]


def _film(rooms: Rooms, room: int, healthy: Trace, cases: list[traces.Case]) -> Film:
    period, warm = healthy.period, WARM // healthy.period
    own = np.stack([healthy.t[:, room], healthy.h[:, room]])
    parts, firsts, scenes = [own], [0], []  # firsts: the row of the healthy part that has the time of day
    start = own.shape[1]
    for case in cases:
        if room not in case.which:
            continue
        column = case.which.index(room)
        begin = (case.begin - healthy.start + period) // period
        failing = np.stack([case.trace.t[:, column], case.trace.h[:, column]])
        parts.append(np.concatenate([own[:, begin - warm : begin], failing], axis=1))
        firsts.append(begin - warm)
        stop = start + parts[-1].shape[1]
        scenes.append(Scene(case.failure.name, start, start + warm, stop, begin))
        start = stop
    ts, clock = [], START
    for part, first in zip(parts, firsts, strict=True):
        clock += (START + first * period - clock) % DAY
        ts.append(clock + period * np.arange(part.shape[1], dtype=np.int64))
        clock += period * part.shape[1] + GAP
    t, h = np.concatenate(parts, axis=1)
    kind, number = rooms.names[room]
    return Film(kind, number, period, np.concatenate(ts), t, h, TRAIN // period, own.shape[1], scenes)

"""SENSOR=coldroom: three walk-in cold rooms in fast time, and the compressor of C002's dies.

The rooms are those of make bench-plant. A reading each 30 s is played each half second, sixty times as fast,
as a recording that the board's replay sensor plays with today's time. A model counts in readings, so it is
true of both. Only half hours of the day mean nothing then: in the history, each day begins five hours later.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench.plant import traces
from tools.bench.plant.failures import FAILURES
from tools.bench.plant.rooms import draw
from tools.bench.plant.traces import Hundredths
from tools.local.sensor.sensor_choice import ON_FLASH, Floats, SensorChoice

SEED, KIND = 1, "walk-in"
PERIOD = 30  # s of the room between two readings
HOUR, DAY = 3600 // PERIOD, 86400 // PERIOD  # readings
LEARNED = 5 * DAY
BEFORE, AFTER = 3 * HOUR, 24 * HOUR  # readings played before and after the failure
CALM = HOUR // 2  # before it
SHIFT = 5 * 3600.0  # s
BEGIN = 1.75e9  # Unix s of the history's first reading


@dataclass(frozen=True)
class Played:
    """One room: the history that its model learns from, and what its board plays, in hundredths."""

    learned: tuple[Hundredths, Hundredths]
    played: tuple[Hundredths, Hundredths]


@dataclass(frozen=True)
class ColdRooms(SensorChoice):
    """Board number 1, C002, is the one whose compressor dies."""

    patient: int = 1

    @property
    def fails_at(self) -> int | None:
        return BEFORE

    def options(self, number: int) -> dict[str, Any]:
        return {"kind": "replay", "file": ON_FLASH}

    def put_on(self, flash: Path, number: int, boards: int) -> None:
        t, h = rooms(boards, self.patient)[number].played
        rows = (
            f"{k * PERIOD},{a / 100:.2f},{b / 100:.2f}" for k, (a, b) in enumerate(zip(t, h, strict=True))
        )
        target = flash / ON_FLASH.strip("/")
        target.write_text("\n".join(["ts,t,h", *rows]) + "\n", encoding="utf-8")

    def history(self, number: int, period_s: float, seconds: float) -> tuple[Floats, Floats, Floats]:
        t, h = rooms(max(3, number + 1), self.patient)[number].learned
        row = np.arange(len(t), dtype=np.float64)
        return BEGIN + PERIOD * row + SHIFT * (row // DAY), t / 100, h / 100


@cache
def rooms(count: int, patient: int) -> tuple[Played, ...]:
    """Play the same rooms each time. The failure comes after a defrost and a calm half hour."""
    drawn = draw(SEED, count, (KIND,))
    state = traces.settled(drawn)
    states, parts = [state], []
    for _ in range(LEARNED // HOUR + 24):
        state, part = traces.healthy(drawn, state, 3600, PERIOD)
        states.append(state)
        parts.append(part)
    t, h = np.concatenate([part.t for part in parts]), np.concatenate([part.h for part in parts])
    fails = _moment(t[:, patient])
    for _ in range(fails // HOUR + AFTER // HOUR - len(parts)):
        state, part = traces.healthy(drawn, state, 3600, PERIOD)
        t, h = np.concatenate([t, part.t]), np.concatenate([h, part.h])
    dead = replace(next(each for each in FAILURES if each.name == "dead compressor"), hours=AFTER / HOUR)
    dies = traces.failed(drawn.take([patient]), states[fails // HOUR].take([patient]), dead, PERIOD)
    played = []
    for room in range(count):
        shown = [each[fails - BEFORE : fails + AFTER, room] for each in (t, h)]
        if room == patient:
            shown = [
                np.concatenate([each[fails - BEFORE : fails, room], after[:, 0]])
                for each, after in ((t, dies.t), (h, dies.h))
            ]
        played.append(Played((t[:LEARNED, room], h[:LEARNED, room]), (shown[0], shown[1])))
    return tuple(played)


def _moment(t: Hundredths) -> int:
    """The first whole hour after the history with a defrost in the hours before it, and calm at the end."""
    warm, usual = np.quantile(t[:LEARNED], [0.98, 0.9])
    for hour in range(LEARNED // HOUR + BEFORE // HOUR, len(t) // HOUR):
        end = hour * HOUR
        if t[end - BEFORE : end - CALM].max() > warm and t[end - CALM : end].max() <= usual:
            return end
    raise AssertionError("a walk-in defrosts every few hours")

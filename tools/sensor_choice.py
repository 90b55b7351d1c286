"""Which sensor the virtual boards have: simulated rooms, or a recording played as if it were measured now."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from device.sensors import replay
from device.sensors.simulated import Simulated
from tools.child import Failed

Floats = npt.NDArray[np.float64]
ON_FLASH = "/readings.csv"
OTHER_NOISE = 997  # reads: the history must not hold the very noise that the board will meet


@dataclass(frozen=True)
class SensorChoice:
    """`recording` is None for simulated rooms, one for each board."""

    recording: Path | None = None

    @classmethod
    def parse(cls, text: str) -> SensorChoice:
        """From SENSOR=…: "simulated" or "replay:FILE". Raises Failed with what is wrong, and the line."""
        kind, _, name = text.partition(":")
        if kind == "simulated" and not name:
            return cls()
        if kind != "replay" or not name:
            raise Failed(f'SENSOR={text}: use "simulated" or "replay:FILE.csv"')
        if not Path(name).is_file():
            raise Failed(f"SENSOR: there is no file {name}")
        try:
            count = replay.check(name)
        except (ValueError, UnicodeDecodeError) as error:
            raise Failed(f"SENSOR: {error}") from error
        if count < 2000:
            raise Failed(
                f"SENSOR: {name} has {count} readings: 2000 are needed, the first half to learn from"
            )
        return cls(Path(name))

    @property
    def fault(self) -> str:
        """What the demo lets happen to C002: a recording cannot be bent, but its sensor can be unplugged."""
        return "inject offset" if self.recording is None else "unplug"

    def options(self, number: int) -> dict[str, Any]:
        """The "sensor" of the configuration of board `number` (0, 1, …)."""
        if self.recording is None:
            return {"kind": "simulated", "seed": number + 1}
        return {"kind": "replay", "file": ON_FLASH}

    def put_on(self, flash: Path, number: int, boards: int) -> None:
        """Give board `number` of `boards` its recording: the second half, each beginning elsewhere."""
        if self.recording is None:
            return
        header, rows = _lines(self.recording)
        second = rows[len(rows) // 2 :]
        begin = len(second) * number // boards
        target = flash / ON_FLASH.strip("/")
        target.write_text("\n".join([header, *second[begin:], *second[:begin]]) + "\n", encoding="utf-8")

    def history(self, number: int, period_s: float, seconds: float) -> tuple[Floats, Floats, Floats]:
        """What the sensor of board `number` gave before the board starts: ts (Unix s), t (degC), h (%RH).

        `seconds` of a simulated room at the board's period; the first half of a recording, as dated.
        """
        if self.recording is None:
            return _simulated(number + 1, period_s, seconds)
        header, rows = _lines(self.recording)
        names = [cell.strip().strip('"') for cell in header.split(",")]
        places = [names.index(name) for name in ("ts", "t", "h")]
        table = [_numbers(row.split(","), places) for row in rows[: len(rows) // 2]]
        columns = np.array(table, np.float64)
        return columns[:, 0], columns[:, 1], columns[:, 2]


class _Uptime:
    """As much of a board's clock as a simulated sensor looks at."""

    def __init__(self) -> None:
        self.seconds = 0

    def uptime(self) -> int:
        return self.seconds


def _simulated(seed: int, period_s: float, seconds: float) -> tuple[Floats, Floats, Floats]:
    count = int(seconds / period_s)
    clock = _Uptime()
    sensor = Simulated(clock, seed)
    out = array("h", (0, 0))
    for _ in range(OTHER_NOISE):
        sensor.read(out)
    values = np.empty((count, 2), np.float64)
    for i in range(count):
        clock.seconds = int(i * period_s)
        sensor.read(out)
        values[i] = out[0], out[1]
    ts = time.time() + (np.arange(count) - count).astype(np.float64) * period_s
    return ts, values[:, 0] / 100, values[:, 1] / 100


def _lines(path: Path) -> tuple[str, list[str]]:
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    return header, [row for row in rows if row.strip()]


def _numbers(cells: Sequence[str], places: Sequence[int]) -> list[float]:
    """NaN for what is missing or no number: a failed read."""
    return [_number(cells[place]) if place < len(cells) else float("nan") for place in places]


def _number(text: str) -> float:
    try:
        return float(text.strip().strip('"'))
    except ValueError:
        return float("nan")

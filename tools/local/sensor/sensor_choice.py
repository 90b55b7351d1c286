"""Which sensor the virtual boards have: simulated rooms, or a recording played as if it were measured now."""

from __future__ import annotations

import shlex
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cloud.training.history import HistoryError, history
from device.sensors.simulated import Simulated
from tools.process.child import ToolFailed

if TYPE_CHECKING:
    from cloud.recording import Recording

Floats = npt.NDArray[np.float64]
LEAST = 2000  # readings of a recording
ON_FLASH = "/readings.csv"
OTHER_NOISE = 997  # reads: the history must not hold the very noise that the board will meet


@dataclass(frozen=True)
class SensorChoice:
    """`recording` is None for simulated rooms, one for each board."""

    recording: Recording | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> SensorChoice:
        """From "simulated", "replay:FILE" or "replay:FILE --unit F". Raises ToolFailed with the cure."""
        kind, _, rest = text.partition(":")
        if kind == "simulated" and not rest:
            return cls()
        if kind == "coldroom" and not rest:
            from tools.local.sensor.coldroom import ColdRooms  # noqa: PLC0415  it builds on this class

            return ColdRooms()
        if kind != "replay" or not rest:
            raise ToolFailed(f'SENSOR={text}: use "simulated", "coldroom" or "replay:FILE.csv"')
        from cloud import recording as recordings  # noqa: PLC0415  pandas takes its time to load
        from cloud.recording import description  # noqa: PLC0415

        name, option, more = (rest, "", "") if Path(rest).is_file() else rest.partition(" --")
        if not Path(name).is_file():
            raise ToolFailed(f"SENSOR: there is no file {name}")
        try:
            recording = recordings.read(Path(name), description.parse(shlex.split(option + more)))
        except (ValueError, OSError) as error:
            behind = f'. Options go behind the file: SENSOR="replay:{name} --…"' if "--" in str(error) else ""
            raise ToolFailed(f"SENSOR: {error}{behind}") from error
        count = len(recording.ts)
        if count < LEAST:
            raise ToolFailed(
                f"SENSOR: {name} has {count} readings: {LEAST} are needed, the first half to learn from"
            )
        half = count // 2
        try:
            history(recording.ts[:half], recording.t[:half], recording.h[:half])
        except HistoryError as error:
            raise ToolFailed(f"SENSOR: {name}, the first half: {error}") from error
        return cls(recording)

    @property
    def notes(self) -> list[str]:
        """The reader's assumptions about the recording, one line each."""
        return self.recording.notes if self.recording else []

    @property
    def fails_at(self) -> int | None:
        """The reading at which what C002 plays fails by itself; None: the demo lets it fail."""
        return None

    @property
    def fault(self) -> str:
        """The fault that the demo gives C002: it cannot bend a recording, but it can unplug its sensor."""
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
        header, *rows = self.recording.plain()
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
        half = len(self.recording.ts) // 2
        return self.recording.ts[:half], self.recording.t[:half], self.recording.h[:half]


class _Uptime:
    """The part of a board's clock that a simulated sensor uses."""

    def __init__(self) -> None:
        self.seconds = 0

    def uptime(self) -> int:
        return self.seconds


def _simulated(seed: int, period_s: float, seconds: float) -> tuple[Floats, Floats, Floats]:
    count = int(seconds / period_s)
    values = room(seed, period_s, count, OTHER_NOISE)
    ts = time.time() + (np.arange(count) - count).astype(np.float64) * period_s
    return ts, values[:, 0] / 100, values[:, 1] / 100


def room(seed: int, period_s: float, count: int, other_noise: int = 0) -> npt.NDArray[np.int16]:
    """int16[count, 2]: t and h of a simulated room, hundredths, after so many reads of `other_noise`."""
    clock, out = _Uptime(), array("h", (0, 0))
    sensor = Simulated(clock, seed)
    for _ in range(other_noise):
        sensor.read(out)
    values = np.empty((count, 2), np.int16)
    for i in range(count):
        clock.seconds = int(i * period_s)
        sensor.read(out)
        values[i] = out
    return values

"""What a harmless episode changes: the thresholds of what alarmed in it are raised a step past it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.alerts import hindsight
from cloud.alerts.episodes import RULES
from cloud.learning.known import PLANT, THRESHOLDS, Known
from cloud.training.history import SENSOR_H, SENSOR_T, History
from cloud.training.judged import Judged
from cloud.training.thresholds.excursion import watch
from device import codes
from device.judge.excursion import LEVELS, NUMBERS, SIDE, WORDS, Stays
from device.judge.excursion import LONGEST as LONGEST_STAY
from device.judge.params import NEVER
from device.judge.rhythm import LONGEST as LONGEST_OUTSIDE

STEP = 1.2  # times the score of the harmless reading
SMALL_STEPS = {"drift": 1.05, "forest": 1.02}  # larger steps would halve what they find
DETECTORS = ("range", *THRESHOLDS, *PLANT.values(), "forest")


@dataclass(frozen=True)
class Span:
    """An episode that a person has answered about: Unix s of its first and its last abnormal reading."""

    id: str
    first: float
    last: float

    def rows(self, past: History) -> slice:
        start, stop = np.searchsorted(past.ts, [self.first, self.last + 1])
        return slice(int(start), int(stop))


def opens(flags: NDArray[np.uint16]) -> bool:
    """Whether enough of these consecutive readings are abnormal to begin an episode."""
    abnormal = ((flags & codes.ABNORMAL) > 0).astype(np.int64)
    return bool(np.convolve(abnormal, np.ones(RULES.among, np.int64)).max(initial=0) >= RULES.abnormal)


def mails(flags: NDArray[np.uint16], past: History) -> int:
    """How many mails these verdicts on `past` cause, by the product's own episodes and policy."""
    return len(hindsight.mails(flags, past.t, past.h, past.period))


def alarmed(known: Known, judged: Judged, rows: slice) -> list[str]:
    """The detectors that called a reading of `rows` abnormal."""
    scores = {name: judged.column(name)[rows] for name in DETECTORS}
    values, sums = known.values, scores["forest"]
    spoke = [name for name in THRESHOLDS if (scores[name] > values[name]).any()]
    spoke += [name for name in PLANT.values() if (scores[name] > 64).any()]
    if (scores["range"] > 0).any():
        spoke.append("range")
    if ((sums > 0) & (sums < known.threshold)).any():
        spoke.append("forest")
    return [name for name in DETECTORS if name in spoke]


def raised(  # noqa: PLR0917
    known: Known,
    past: History,
    judged: Judged,
    spans: Iterable[Span],
    names: Sequence[str] = DETECTORS,
    part: float = 1.0,
) -> Known:
    """The model in which no detector of `names` alarms in `spans`: each threshold goes a step past its score.

    `part`: share of that way that a threshold goes. Range, rhythm and excursion move only for a whole one.
    """
    values, threshold, plant = known.values, known.threshold, known.plant
    for span in spans:
        rows = span.rows(past)
        for name in alarmed(known, judged, rows):
            step = SMALL_STEPS.get(name, STEP)
            if name not in names:
                continue
            if name in THRESHOLDS:
                target = min(step * int(judged.column(name)[rows].max()), NEVER - 1)
                values[name] += max(0, math.ceil(part * (target - values[name])))
            elif name == "forest":
                sums = judged.column("forest")[rows]
                threshold -= max(0, math.ceil(part * (threshold - int(sums[sums > 0].min()) / step)))
            elif part < 1:
                continue
            elif name == "range":
                values |= _wider(values, past, rows)
            elif name == "rhythm":
                numbers = np.frombuffer(plant[b"RHYT"], "<i2").copy()
                outside = int(judged.column("rhythm")[rows].max()) * int(numbers[0]) / 64
                numbers[0] = min(math.ceil(step * outside), LONGEST_OUTSIDE)
                plant[b"RHYT"] = numbers.tobytes()
            else:
                plant[b"EXCR"] = _longer_stays(plant[b"EXCR"], past, rows)
    return known.having(values, threshold, plant)


def _wider(values: dict[str, int], past: History, rows: slice) -> dict[str, int]:
    """Range limits, moved out by STEP times the distance by which the readings exceeded them."""
    wider = {}
    for channel, sensor in (("t", SENSOR_T), ("h", SENSOR_H)):
        numbers = getattr(past, channel)[rows]
        low, high = values[f"{channel}_low"], values[f"{channel}_high"]
        below, above = low - int(numbers.min()), int(numbers.max()) - high
        if below > 0:
            wider[f"{channel}_low"] = max(min(sensor[0], low), low - math.ceil(STEP * below))
        if above > 0:
            wider[f"{channel}_high"] = min(max(sensor[1], high), high + math.ceil(STEP * above))
    return wider


def _longer_stays(excr: bytes, past: History, rows: slice) -> bytes:
    """The section EXCR with longer allowed stays at each level where these readings stayed too long."""
    stays = Stays(excr)
    numbers = np.frombuffer(excr, "<i2").astype(np.int64)
    longest_of = 1 + WORDS + LEVELS  # where the limits begin
    still_of = longest_of + LEVELS
    knows_slow = len(numbers) == NUMBERS
    quiet_of = still_of + (SIDE if knows_slow else LEVELS)
    seen = watch(past, stays.step)
    for level in range(LEVELS):
        sign, places = -1, [[longest_of + level]]
        if level < SIDE:
            sign, places = 1, [*places, [still_of + level, quiet_of + level]]
            if knows_slow:
                places.append([quiet_of + SIDE + level])
        for counted, limits in zip(seen.counted(stays.rush), places, strict=False):
            longest = int(seen.stays(stays.levels[level], sign, counted)[rows].max())
            for at in limits:
                if longest > numbers[at]:
                    numbers[at] = min(math.ceil(STEP * longest), LONGEST_STAY)
    return numbers.astype("<i2").tobytes()

"""One plain sentence on what was unusual, for the owner of a fridge, not for a builder of detectors. Pure."""

import numpy as np
import numpy.typing as npt

from cloud.dashboard.parts.markdown import plain
from cloud.read.rows import Readings
from cloud.words import Words
from device import codes

Rows = npt.NDArray[np.int64]

LOOK_BACK = 600.0  # s before it that it is compared with ...
LEAST = 5  # ... or so many readings, where the period is long
WINDOW = 60  # readings; what lies further back was another state of the room
NOTABLE = {"t": 0.1, "h": 1.0}  # a smaller difference is no news: degC, %RH
RESTLESS = 2.0  # times the steps of before are a signal that jumps about


def sentence(say: Words, readings: Readings, row: int) -> str:
    """What stands out at reading `row`, or near after it, against the readings before."""
    flags = int(readings.edge_flags[row] | readings.cloud_flags[row])
    if np.isnan(readings.t[row]):
        return say("why failed", why=plain(say.reason(readings.why[row])))
    if flags & codes.STUCK:
        return say("why frozen", length=say.duration(_still(readings, row)))
    if flags & codes.EXCURSION:
        return say("why long", value=say.value(float(readings.t[row]), "°C"))
    before = _before(readings, row)
    if len(before) < LEAST:
        return say("why no past", saw=say.seen(flags))
    ago = float(readings.ts[row] - readings.ts[before[0]])
    if np.isnan(ago):
        past = say("why readings before", count=say.count(len(before)))
    else:
        past = say("why time before", length=say.duration(round(ago, -1 if ago >= 60 else 0)))
    steps = _restless(readings, row, before) if flags & codes.JITTER else 0.0
    if steps >= RESTLESS:
        return say("why restless", times=say.number(steps, 0), past=past)
    here = _farthest(readings, row, before)
    apart = []
    for name, values, unit in (("t", readings.t, "°C"), ("h", readings.h, "%RH")):
        difference = float(values[here] - values[before].mean())
        if abs(difference) >= NOTABLE[name]:
            way = "more" if difference > 0 else "less"
            apart.append(say(f"why {way} {name}", value=say.value(abs(difference), unit)))
    if not apart:
        return say("why together", saw=say.seen(flags), past=past)
    text = say("why than", what=say("why and").join(apart), past=past)
    return text[0].upper() + text[1:]


def _before(readings: Readings, row: int) -> Rows:
    """Rows of the good readings of the ten minutes before, calm ones if there are any."""
    same = (readings.boot[:row] == readings.boot[row]) & (readings.stream[:row] == readings.stream[row])
    good = np.flatnonzero(same & ~np.isnan(readings.t[:row]))
    calm = good[~readings.edge_abnormal[good]]
    chosen = calm if len(calm) >= LEAST else good
    near = chosen[readings.ts[chosen] >= readings.ts[row] - LOOK_BACK]
    return near if len(near) >= LEAST else chosen[-WINDOW:]


def _farthest(readings: Readings, row: int, before: Rows) -> int:
    """The reading that differs most among the first abnormal ones from `row` on, because a fault may grow."""
    after = np.arange(row, min(len(readings), row + LEAST))
    after = after[(readings.edge_abnormal | readings.cloud_abnormal)[after] & ~np.isnan(readings.t[after])]
    apart = sum(
        np.abs(getattr(readings, name)[after] - getattr(readings, name)[before].mean()) / NOTABLE[name]
        for name in ("t", "h")
    )
    return int(after[int(np.argmax(apart))])


def _restless(readings: Readings, row: int, before: Rows) -> float:
    """How many times larger than before the steps around `row` are."""
    around = np.arange(max(0, row - LEAST), min(len(readings), row + LEAST))
    return max(
        float(np.nanmean(np.abs(np.diff(values[around]))) / max(np.abs(np.diff(values[before])).mean(), 0.01))
        for values in (readings.t, readings.h)
    )


def _still(readings: Readings, row: int) -> float:
    """For how long (s) one of its values has stood still, as far as is known here."""
    longest = 0.0
    for values in (readings.t, readings.h):
        other = np.flatnonzero((values[:row] != values[row]) & ~np.isnan(values[:row]))
        first = int(other[-1]) + 1 if len(other) else 0
        longest = max(longest, float(readings.ts[row] - readings.ts[first]))
    return 0.0 if np.isnan(longest) else longest

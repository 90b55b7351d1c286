"""Readings judged twice: by a judge that stays awake, and by one that sleeps after each of them.

micropython tests/device/sleep/sleeping.py FILE.csv ROWS prints how many were judged, a checksum of verdicts
"""

import sys
from array import array
from binascii import crc32

from device.judge.excursion import LEVELS, SIDE, WORDS, Stays
from device.judge.judge import Judge
from device.judge.params import DEFAULTS, FIELDS, MEANS, WEIGHTS
from device.judge.rhythm import HALF_HOURS, Bands
from device.sleep import snapshot

STAMP = b"settings"
FACTS = (1 << 41, 7, 10000, 3, 500, 17)


class Forest:
    """As sure of nothing as a real one, but it depends on every feature."""

    constant = True

    def score(self, x):
        total = 5000
        for i in range(8):
            total += (i + 1) * x[i] % 97
        return total


class Model:
    """What a judge needs of a model, with thresholds so low that every detector speaks."""

    constant = True

    def __init__(self):
        values = list(DEFAULTS)
        for name, value in (("drift", 200), ("drift_spread", 2000), ("envelope", 40000), ("jitter", 90)):
            values[FIELDS.index(name)] = value
        weights = []
        for row in range(8):
            weights += [0] * row + [1500 + 100 * row]
        self.params = bytes(array("i", values + [2100, 4000] + [0] * (MEANS - 2) + weights))
        assert len(weights) == WEIGHTS
        self.forest = Forest()
        self.threshold = 5150
        levels = [1900 + 60 * i for i in range(SIDE)] + [2300 - 60 * i for i in range(LEVELS - SIDE)]
        limits = [40] * LEVELS + [25] * SIDE + [12] * SIDE + [9] * SIDE
        edges = [2100] * HALF_HOURS + [2250] * HALF_HOURS + [3500] * HALF_HOURS + [4500] * HALF_HOURS
        self.bands = Bands(bytes(array("h", [20] + edges)))
        self.stays = Stays(bytes(array("h", [2] + [0x5A5A] * WORDS + levels + limits + [60])))


def asleep(judge, model, longest):
    """A new judge that knows what `judge` knew."""
    data = snapshot.pack(STAMP, FACTS, judge, (), b"{}")
    longest[0] = max(longest[0], len(data))
    woken = Judge(model)
    assert snapshot.peek(data) == FACTS
    assert snapshot.fits(data, STAMP, woken, ())
    assert snapshot.unpack(data, woken, ()) == b"{}"
    return woken


def verdict(judge, reading, periods):
    flags = (
        judge.failed()
        if reading is None
        else judge.reading(reading[0], reading[1], periods, judge.good // 180 % 49 - 1)
    )
    return flags, judge.score, list(judge.scores), list(judge.x), judge.good


def compare(readings, model):
    """(how many, checksum of all verdicts, bytes of the largest snapshot); `readings`: (t, h) or None."""
    awake = Judge(model)
    sleeper = Judge(model)
    longest = [0]
    count = checksum = 0
    for reading in readings:
        periods = 70 if count % 400 == 350 else 0  # a long gap now and then
        sleeper = asleep(sleeper, model, longest)
        expected = verdict(awake, reading, periods)
        assert verdict(sleeper, reading, periods) == expected, (count, reading, expected)
        checksum = crc32(repr(expected).encode(), checksum)
        count += 1
    return count, checksum, longest[0]


def recording(path, rows):
    """The readings of a CSV with the columns ts, t, h first; None for what is missing."""
    from device.sensors.replay import centi

    with open(path) as file:
        file.readline()
        for _ in range(rows):
            cells = file.readline().strip().split(",")
            t, h = (centi(cells[1]), centi(cells[2])) if len(cells) > 2 else (None, None)
            yield None if t is None or h is None else (t, h)


if __name__ == "__main__":
    print(*compare(recording(sys.argv[1], int(sys.argv[2])), Model()))

"""Excursion: temperature stays beyond a level for longer than this place ever lets it. The plant has failed.

Of sixteen levels eight count while the air is above them, eight while it is below. A cold room crosses the
near ones with every cycle of its compressor and the far ones with every defrost, and soon returns; with a
dead compressor, an open door or a leak it does not. What counts twice is a stay in which the air does not
recover: it is no nearer to the level than five minutes before. Where the history has half hours of the day in
which neither doors nor defrosts disturb, such a stay is given less time there; and at any time where it is
slow: the air moves away no faster than between two runs of the compressor, so no door and no defrost pushes
it.
"""

from array import array

from ..chip.compat import const
from .detector import Detector
from .reading import LONG_GAP

SIDE = const(8)
LEVELS = const(16)
LONGEST = const(30000)  # periods
STILL = const(5)  # hundredths that the air must have come back by in PAST steps, or it does not recover
PAST = const(5)
HALF_HOURS = const(48)
WORDS = const(3)  # of 16 half hours each
NUMBERS = const(61)  # int16 of a section: see Stays
COUNTS = const(32)  # stays beyond each level, then above without recovering, then slow ones
BEFORE = const(68)  # ... of one that knew no slow stays


class Stays:
    """What training found (cloud.training.thresholds): the EXCR section of a model, little-endian int16."""

    constant = True  # a snapshot leaves it out

    def __init__(self, body):
        """`body`: the section's bytes. Raises ValueError when they are not one that this firmware reads."""
        if len(body) not in (2 * NUMBERS, 2 * BEFORE):
            raise ValueError("EXCR has %d bytes: train the model again for this firmware" % len(body))
        numbers = array("h", body)
        if len(numbers) == BEFORE:
            numbers = numbers[:44] + numbers[52:60] + array("h", [LONGEST] * SIDE + [0])
        self.step = numbers[0]  # periods between two remembered temperatures, about a minute
        self.busy = numbers[1 : 1 + WORDS]  # a bit for each half hour of the day (UTC)
        rest = numbers[1 + WORDS :]
        self.levels = rest[:LEVELS]  # hundredths: SIDE to be above, then SIDE to be below
        self.longest = rest[LEVELS : 2 * LEVELS]  # periods that a stay may last
        rest = rest[2 * LEVELS :]
        self.still = rest[:SIDE]  # ... above, without recovering, and that in a quiet half hour:
        self.quiet = rest[SIDE : 2 * SIDE]
        self.slow = rest[2 * SIDE : 3 * SIDE]  # ... or slowly:
        self.rush = rest[3 * SIDE]  # hundredths in PAST steps: what rises faster is pushed
        if self.step < 1 or min(self.longest) < 1 or min(rest[: 3 * SIDE]) < 1:
            raise ValueError("EXCR has a limit below 1: train the model again")


class Excursion(Detector):
    """The score is the worst stay in 1/64 of what it may last: 64 or less is normal."""

    threshold = 64

    def __init__(self, stays):
        """`stays`: a Stays."""
        self._stays = stays
        self._counts = array("h", bytes(2 * COUNTS))
        self._past = array("h", bytes(2 * PAST))
        self.restart()

    def restart(self):
        """Forget everything: nobody knows how warm the air was in a long gap."""
        for i in range(COUNTS):
            self._counts[i] = 0
        self._next = self._since = 0
        self._empty = True

    def score(self, reading):
        """Count the reading's stays. Where the clock is not set, each half hour is a busy one."""
        t = reading.x[0]
        half = reading.half
        periods = reading.periods
        if periods >= LONG_GAP:
            self.restart()
            periods = 1
        stays = self._stays
        counts = self._counts
        moved = t - self._remember(t, periods)
        busy = half < 0 or stays.busy[half >> 4] >> (half & 15) & 1
        limits = stays.still if busy else stays.quiet
        levels = stays.levels
        worst = 0
        for i in range(LEVELS):
            if i < SIDE:
                still = i + LEVELS
                slow = still + SIDE
                if t <= levels[i]:
                    counts[still] = counts[slow] = 0
                elif moved >= -STILL:
                    counts[still] = min(counts[still] + periods, LONGEST)
                    if moved <= stays.rush:
                        counts[slow] = min(counts[slow] + periods, LONGEST)
                worst = max(worst, 64 * counts[still] // limits[i], 64 * counts[slow] // stays.slow[i])
            beyond = t > levels[i] if i < SIDE else t < levels[i]
            counts[i] = min(counts[i] + periods, LONGEST) if beyond else 0
            worst = max(worst, 64 * counts[i] // stays.longest[i])
        return worst

    def _remember(self, t, periods):
        """The temperature of about PAST steps ago."""
        past = self._past
        if self._empty:
            self._empty = False
            for i in range(PAST):
                past[i] = t
        before = past[self._next]
        self._since += periods
        if self._since >= self._stays.step:
            self._since = 0
            past[self._next] = t
            self._next = 0 if self._next == PAST - 1 else self._next + 1
        return before

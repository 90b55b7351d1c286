"""A room made of integers: day rhythm, weather, a thermostat, sensor noise, and faults on command.

The climate is a function of the time, the noise of the number of reads: the same seed gives the same room.
Nothing here allocates while reading.
"""

from ..codes import NO_ANSWER
from ..chip.compat import const

FAULTS = const(("spike", "stuck", "drift", "noise", "offset", "dropout"))
_NONE = const(-1)
_SPIKE = const(0)
_STUCK = const(1)
_DRIFT = const(2)
_NOISE = const(3)
_OFFSET = const(4)
_DROPOUT = const(5)

# Hundredths of a degree above the daily mean at each hour: heated from six, warmest at three.
_DAY = (
    -95, -110, -125, -135, -145, -150, -130, -80, -40, -5, 30, 65,
    95, 125, 140, 150, 145, 130, 105, 70, 35, 0, -40, -70,
)  # fmt: skip
_T = const(2150)  # daily mean, hundredths of degC
_H = const(4500)  # hundredths of %RH
_CYCLE_S = const(2400)  # the thermostat's


class Simulated:
    """`seed` picks the room; a day lasts `day_s` seconds of the clock's uptime."""

    def __init__(self, clock, seed=1, day_s=86400):
        if not isinstance(seed, int) or not isinstance(day_s, int) or day_s < 240:
            raise ValueError("sensor: seed and day_s are whole numbers, day_s at least 240")
        self._clock = clock
        self._seed = seed & 0x7FFF
        self._hour_s = day_s // 24
        self._start_s = _mix(self._seed, 7) % 24 * self._hour_s  # each room starts at its own hour
        self._shift = self._seed | 1
        self._weyl = 0
        self._last_t = _T
        self._last_h = _H
        self._fault = _NONE
        self._from_s = self._until_s = 0

    def inject(self, kind, seconds=60):
        """Let the sensor fail for `seconds`; a spike is one reading. ValueError for an unknown kind."""
        if kind not in FAULTS:
            raise ValueError("no fault %r: use %s" % (kind, ", ".join(FAULTS)))
        self._from_s = self._clock.uptime()
        self._until_s = self._from_s + seconds
        self._fault = FAULTS.index(kind)

    def read(self, out):
        """Put hundredths of degC and %RH into `out`; returns 0, or NO_ANSWER during a dropout."""
        up = self._clock.uptime()
        fault = self._fault
        if fault != _NONE and up >= self._until_s and fault != _SPIKE:
            fault = self._fault = _NONE
        if fault == _DROPOUT:
            return NO_ANSWER
        if fault != _STUCK:
            rough = 12 if fault == _NOISE else 1
            t, h = self._climate(up), self._last_h
            h = _H - 2 * (t - _T) + self._weather(up, 2) * 3 + self._noise(7) * rough
            t += self._noise(3) * rough
            if fault == _DRIFT:
                t += 600 * (up - self._from_s) // (self._until_s - self._from_s)
            elif fault == _OFFSET:
                t += 300
                h -= 600
            elif fault == _SPIKE:
                t += 800
                h += 1500
                self._fault = _NONE
            self._last_t = t
            self._last_h = 0 if h < 0 else 10000 if h > 10000 else h
        out[0] = self._last_t
        out[1] = self._last_h
        return 0

    def _climate(self, up):
        """The room's temperature: the hour of the day, the weather, and a thermostat that lets it swing."""
        s = up + self._start_s
        hour = s // self._hour_s
        within = s % self._hour_s
        a = _DAY[hour % 24]
        day = a + (_DAY[(hour + 1) % 24] - a) * within // self._hour_s
        cycle = s % _CYCLE_S - _CYCLE_S // 2
        return _T + day + self._weather(up, 1) + (abs(cycle) - _CYCLE_S // 4) // 30

    def _weather(self, up, kind):
        """Value noise, -80..80 hundredths: random knots three hours apart, straight lines between."""
        every = 3 * self._hour_s
        knot = up // every
        a = _mix(self._seed + kind, knot) % 161 - 80
        b = _mix(self._seed + kind, knot + 1) % 161 - 80
        return a + (b - a) * (up % every) // every

    def _noise(self, sd):
        """Roughly normal, standard deviation about `sd`: the sum of four draws."""
        total = 0
        for _ in range(4):
            # xorshift16 beside a Weyl sequence: 16-bit steps fit small ints, the period is 2**32.
            x = self._shift
            x ^= (x << 7) & 0xFFFF
            x ^= x >> 9
            x ^= (x << 8) & 0xFFFF
            self._shift = x
            self._weyl = (self._weyl + 0x9E37) & 0xFFFF
            total += ((x + self._weyl) & 0xFFFF) >> 6
        # Four draws from 0..1023: mean 2046, standard deviation 591.
        return (total - 2046) * sd // 591


def _mix(a, b):
    """A hash of two small ints, 15 bits; every product stays below 2**30."""
    x = (a * 31 + b * 17 + 1) & 0x7FFF
    for _ in range(3):
        x = (x * 20021 + 12345) & 0x3FFFFFFF
        x = (x ^ x >> 9) & 0x7FFF
    return x

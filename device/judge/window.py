"""Mean and standard deviation of the last 60 readings of one channel, exact in integers."""

from array import array

from ..chip.compat import const

SIZE = const(60)


class Window:
    """A ring of int16 and two sums kept relative to the mean, so that they stay small ints.

    Once full: `mean` = floor(sum / 60), `rest` = sum - 60 * mean (0..59) and `squares` = the sum of
    (reading - mean)^2. On a 32-bit board nothing is allocated while the deviation is below 42 degC
    (60 * 4200^2 < 2^30); beyond that the sums become long ints and stay right.
    """

    def __init__(self):
        self._ring = array("h", bytes(2 * SIZE))
        self._next = 0
        self.count = 0
        self.mean = 0
        self.rest = 0
        self.squares = 0

    def push(self, value):
        """Add a reading (int16, hundredths); the oldest of 60 goes."""
        index = self._next
        if self.count == SIZE:
            new = value - self.mean
            old = self._ring[index] - self.mean
            self.rest += new - old
            self.squares += (new - old) * (new + old)
        else:
            if not self.count:
                self.mean = value
            self.count += 1
            new = value - self.mean
            self.rest += new
            self.squares += new * new
        if self.count == SIZE:
            total = self.rest
            step = total // SIZE
            if step:  # move the reference to the mean: sum (d - step)^2 from sum d^2 and sum d
                self.rest = total - step * SIZE
                self.squares -= step * (total + self.rest)
                self.mean += step
        self._ring[index] = value
        index += 1
        self._next = 0 if index == SIZE else index

    def std(self):
        """floor(sqrt(population variance)) of a full window, 0..32767 hundredths."""
        rest = self.rest
        return isqrt((self.squares + (-rest * rest) // SIZE) // SIZE)


def isqrt(value):
    """floor(sqrt(value)) for 0 <= value < 2^30, by Newton's method from above."""
    if value < 2:
        return value
    root = 32768 if value >= 1 << 20 else 1024
    while True:
        lower = (root + value // root) >> 1
        if lower >= root:
            return root
        root = lower

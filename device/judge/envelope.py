"""Envelope: squared Mahalanobis distance of the eight features, in integers and the same in the cloud."""

from ..chip.compat import const
from .detector import Detector

FEATURES = const(8)
SHIFT = const(12)
FARTHEST = const(8191)  # 128 standard deviations


class Envelope(Detector):
    """d2 = sum of y_k^2, y = W (x - mean), W lower triangular with W'W the inverse covariance.

    y is in 1/64 of a standard deviation: W comes as integers of 64 * 2^12; each y is floored and capped.
    Eight squares of at most 2^26 fit a small int.
    """

    constant = True  # a snapshot leaves it out

    def __init__(self, params):
        """`params`: `means`, 8 ints in hundredths, and `weights`, the 36 of W by rows, both int32 arrays."""
        self._mean = params.means
        self._weights = params.weights

    def score(self, reading):
        """4096 is one standard deviation, squared; 0 until the windows are full."""
        if not reading.ready:
            return 0
        x = reading.x
        mean = self._mean
        weights = self._weights
        at = 0
        total = 0
        for row in range(FEATURES):
            y = 0
            for column in range(row + 1):
                y += weights[at] * (x[column] - mean[column])
                at += 1
            y >>= SHIFT
            y = FARTHEST if y > FARTHEST else -FARTHEST if y < -FARTHEST else y
            total += y * y
        return total

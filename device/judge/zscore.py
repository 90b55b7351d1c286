"""Rolling Z-score of one channel, compared exactly in integers, with a memory that an anomaly cannot fill."""

from ..chip.compat import const
from .window import SIZE, Window

PATIENCE = const(60)  # readings: a level that has lasted this long is the new normal


class ZScore:
    """Squared Z of a reading against the 60 accepted readings before it.

    score = ceil(z^2), z = |x - mean| / max(std, floor), mean and std the window's exact rational ones.
    As the threshold is an integer too, `score > threshold` says exactly z^2 > threshold. A reading above
    the threshold is not learned, so a long anomaly stays visible; after PATIENCE such readings in a row
    all are learned until the score is low again, so a real change of level is accepted.
    Allocates nothing while |x - mean| and std are below 5.46 degC or %RH ((60 * 546)^2 < 2^30).
    """

    def __init__(self, floor):
        """`floor`: least standard deviation in hundredths; a quieter sensor's resolution is no anomaly."""
        self._window = Window()
        self._least = (SIZE * floor) * (SIZE * floor)
        self._refused = 0

    def score(self, x, threshold):
        """Score a reading (int16) and learn it if it is normal. 0 until 60 readings were learned."""
        window = self._window
        if window.count < SIZE:
            window.push(x)
            return 0
        rest = window.rest
        away = SIZE * (x - window.mean) - rest
        spread = max(SIZE * window.squares - rest * rest, self._least)
        score = -(-away * away // spread)
        if score <= threshold:
            self._refused = 0
            window.push(x)
        elif self._refused < PATIENCE:
            self._refused += 1
        else:
            window.push(x)
        return score

"""Rolling Z-score of one channel, compared exactly in integers, with a memory that an anomaly cannot fill."""

from array import array

from ..chip.compat import const
from .detector import MOST, Detector
from .window import SIZE, Window

FLOOR_T = const(5)  # hundredths: a quieter window counts as this noisy
FLOOR_H = const(20)
PATIENCE = const(60)  # readings: a level that has lasted this long is the new normal


class ZScore(Detector):
    """Squared Z of a reading against the 60 accepted readings before it, the greater of both channels'.

    score = ceil(z^2), z = |x - mean| / max(std, floor), mean and std the window's exact rational ones.
    As the threshold is an integer too, `score > threshold` says exactly z^2 > threshold. A value above
    the threshold is not learned, so a long anomaly stays visible; after PATIENCE such readings in a row
    all are learned until the score is low again, so a real change of level is accepted.
    Allocates nothing while |x - mean| and std are below 5.46 degC or %RH ((60 * 546)^2 < 2^30).
    """

    def __init__(self):
        self.windows = Window(), Window()
        self._refused = array("h", bytes(4))
        self._strange = 0

    def score(self, reading):
        """0 until 60 readings were learned."""
        worst = strange = 0
        for channel in range(2):
            window = self.windows[channel]
            if window.count == SIZE:
                rest = window.rest
                away = SIZE * (reading.x[channel] - window.mean) - rest
                floor = SIZE * (FLOOR_H if channel else FLOOR_T)
                score = -(-away * away // max(SIZE * window.squares - rest * rest, floor * floor))
                if score > self.threshold:
                    strange |= 1 << channel
                worst = max(worst, score)
        self._strange = strange
        return min(worst, MOST) if reading.ready else 0

    def learn(self, reading):
        """Each channel takes its value, unless it is abnormal."""
        refused = self._refused
        for channel in range(2):
            if not self._strange >> channel & 1:
                refused[channel] = 0
            elif refused[channel] < PATIENCE:
                refused[channel] += 1
                continue
            self.windows[channel].push(reading.x[channel])

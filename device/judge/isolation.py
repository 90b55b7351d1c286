"""Isolation: the path-length sum of the forest (device/model/forest.py). Paths of rare readings are short."""

from .detector import Detector
from .window import SIZE


class Isolation(Detector):
    """The score is the sum, abnormal below the model's threshold; -1 when flash did not give it."""

    constant = True  # a snapshot leaves it out
    threshold = -1
    warm = SIZE

    def __init__(self, model):
        """`model`: its `forest` has score(x), its `threshold` is a sum."""
        self._forest = model.forest
        self.most = model.threshold - 1

    def score(self, reading):
        if not reading.ready:
            return 0
        reading.sum = self._forest.score(reading.x)
        return reading.sum

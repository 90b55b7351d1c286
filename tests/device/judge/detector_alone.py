"""A detector alone, asked as the judge asks it: one reading after the other."""

from device.judge.params import Params
from device.judge.reading import Reading


class Asked:
    """One detector and its readings. `params`: as of a model; `fresh`: good readings before the first."""

    def __init__(self, detector, params=None, fresh=1000):
        self.detector = detector
        self.reading = Reading(params or Params())
        self.reading.fresh = fresh

    def score(self, t, h, periods=1, half=-1, **more):
        """The score of a reading, which is then learned. `more`: what its Reading has instead."""
        reading = self.reading
        reading.take(t, h, periods, half)
        for name, value in more.items():
            setattr(reading, name, value)
        score = self.detector.score(reading)
        self.abnormal = self.detector.threshold < score <= self.detector.most
        self.detector.learn(reading)
        reading.fresh += 1
        return score

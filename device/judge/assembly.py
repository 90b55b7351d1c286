"""Puts the detectors of a Judge together."""

from array import array

from ..chip.lazy import borrow
from ..codes import WARMING_UP
from .drift import Drift
from .envelope import Envelope
from .features import Features
from .jitter import Steps
from .judge import FLOOR_H, FLOOR_T
from .range import Limits
from .stuck import Stuck
from .zscore import ZScore

SCORES = ("range", "stuck", "zscore", "jump", "forest", "envelope", "jitter", "drift", "excursion", "rhythm")


def begin(judge, model=None, period_ms=10000):
    """`model`: a device.model Model, or None; `period_ms`: between readings."""
    judge.params = params = borrow("judge.params").Params(model.params if model else None)
    judge.flags = WARMING_UP
    judge.score = -1
    judge.scores = array("i", bytes(4 * len(SCORES)))
    judge.good = 0  # readings judged since the start
    judge._features = Features()
    judge.x = judge._features.x
    judge._period_ms = period_ms
    judge.model = model
    judge._missed = 0
    judge._fresh = 0  # good readings since the start or the last long gap
    judge._m = 0
    judge._limits = Limits(params)
    judge._stuck = Stuck(params)
    judge._z_t = ZScore(FLOOR_T)
    judge._z_h = ZScore(FLOOR_H)
    judge._steps_t = Steps(params.step_t)
    judge._steps_m = Steps(params.step_m)
    judge._drift = Drift(params)
    judge._envelope = Envelope(params.means, params.weights) if model else None
    judge._excursion = None
    if model and model.stays:  # only where the plant cycles
        judge._excursion = borrow("judge.excursion").Excursion(model.stays)
    judge._rhythm = None
    if model and model.bands:  # only where one day is like the other
        judge._rhythm = borrow("judge.rhythm").Rhythm(model.bands)


def take_over(judge, before):
    """Go on with the windows of the judge `before`, which had another model."""
    judge._features = before._features
    judge.x = before.x
    judge._z_t = before._z_t
    judge._z_h = before._z_h
    judge._fresh = before._fresh
    judge._missed = before._missed
    judge._m = before._m
    judge.good = before.good

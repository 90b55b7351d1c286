"""The detectors of a board, for cloud and tools too, and how a Judge is put together of them.

Borrowed for a new judge, and to put a verdict into words.
"""

from array import array

from ..chip.lazy import borrow
from ..codes import (
    CLOCK_UNSET,
    DRIFT,
    ENVELOPE,
    EXCURSION,
    FOREST,
    JITTER,
    LIMIT,
    RANGE,
    RHYTHM,
    SENSOR_ERROR,
    STUCK,
    WARMING_UP,
    ZSCORE,
)
from .detector import MOST as NEVER
from .drift import Drift
from .envelope import Envelope
from .isolation import Isolation
from .jitter import Jitter
from .jump import Jump
from .range import Range
from .reading import Reading
from .stuck import Stuck
from .zscore import ZScore


# In the order in which the judge asks them: drift leaves out what range, zscore or jump called abnormal, and
# jitter looks at the steps that jump has learned. Name; flag in a verdict; threshold of a board without a
# model (it is a field of PARM, see params.py; None: the detector's own file has one); what makes it of Params
# and Model, None where it has nothing to go by.
DETECTORS = (
    ("range", RANGE, None, lambda params, model: Range(params)),
    ("stuck", STUCK, 960, lambda params, model: Stuck(params)),
    ("zscore", ZSCORE, 144, lambda params, model: ZScore()),
    ("jump", ZSCORE, 1000000, lambda params, model: Jump(params)),
    ("forest", FOREST, None, lambda params, model: model and model.forest and Isolation(model)),
    ("envelope", ENVELOPE, NEVER, lambda params, model: model and Envelope(params)),
    ("jitter", JITTER, 640, lambda params, model: Jitter()),
    ("drift", DRIFT, NEVER, lambda params, model: Drift(params)),
    (
        "excursion", EXCURSION, None,
        lambda params, model: model and model.stays and borrow("judge.excursion").Excursion(model.stays),
    ),
    (
        "rhythm", RHYTHM, None,
        lambda params, model: model and model.bands and borrow("judge.rhythm").Rhythm(model.bands),
    ),
)  # fmt: skip
SCORES = tuple([row[0] for row in DETECTORS])
FLAG_NAMES = {
    LIMIT: "limit",
    SENSOR_ERROR: "sensor error",
    WARMING_UP: "warming up",
    CLOCK_UNSET: "clock unset",
}
for _row in DETECTORS:
    FLAG_NAMES.setdefault(_row[1], _row[0])


def names(flags):
    """What `flags` say, for people, lowest bit first; unknown bits show as bitN."""
    return [FLAG_NAMES.get(1 << bit, "bit%d" % bit) for bit in range(16) if flags >> bit & 1]


def begin(judge, model=None):
    """`model`: a device.model Model, or None."""
    params = borrow("judge.params").Params(model.params if model else None)
    judge.flags = WARMING_UP
    judge.score = -1
    judge.scores = array("i", bytes(4 * len(DETECTORS)))
    judge.good = 0  # readings judged since the start
    judge.now = Reading(params)
    judge.x = judge.now.x
    judge.model = model
    judge.bits = tuple([row[1] for row in DETECTORS])
    judge.detectors = tuple([_made(row, params, model) for row in DETECTORS])
    judge.places = tuple([i for i in range(len(DETECTORS)) if judge.detectors[i]])


def _made(row, params, model):
    name, _, default, make = row
    detector = make(params, model)
    if detector and default is not None:
        detector.threshold = getattr(params, name)
    return detector


def take_over(judge, before):
    """Go on with the windows of the judge `before`, which had another model."""
    judge.good = before.good
    judge.x = before.x
    now, old = judge.now, before.now
    now._t, now._h, now.x, now.m, now.fresh, now.missed = old._t, old._h, old.x, old.m, old.fresh, old.missed
    for place in range(len(DETECTORS)):
        if DETECTORS[place][0] == "zscore":
            judge.detectors[place].windows = before.detectors[place].windows
            judge.detectors[place]._refused = before.detectors[place]._refused

"""Contestants: Vigie as a board would judge, a limit that a person sets, and detectors as people use them.

A column turns a film into the flags of its rows. Vigie and the limits know what a user has: a healthy week,
or food law. A score gets the best threshold it could have: the lowest with at most one false mail a
board-week on the very weeks it is judged on.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from cloud.alerts.facts import Span
from cloud.alerts.hindsight import mails
from cloud.training import fit
from cloud.training.features import features
from cloud.training.history import HistoryError, history
from cloud.training.thresholds import calibrate
from device import codes
from device.judge.limits import Bounds
from tools import replay
from tools.bench.plant.films import Film
from tools.bench.plant.rooms import LIMITS, Floats
from tools.bench.plant.traces import MISSED

FLOORS = (5, 20)  # of the rolling Z-score's deviation, hundredths: as the board's
FULL = 100  # readings until the windows of 60 are surely full
LEARNED = 4000  # rows of the week that the neighbours are looked for among
Flags = NDArray[np.int32]


@dataclass(frozen=True)
class ColumnVerdicts:
    """The flags of a film's rows; `spans` as cloud.alerts.facts has them; `note`: why it said nothing."""

    flags: Flags
    spans: tuple[Span | None, Span | None] = (None, None)
    note: str | None = None


Column = Callable[[Film], ColumnVerdicts]


def columns(interpreter: str = "cpython") -> dict[str, Column]:
    """Name -> column, in the order of the table; river's and PyOD's only where they are installed."""
    made: dict[str, Column] = {
        "Vigie": lambda film: vigie(film, interpreter),
        "limit, 30 min": lambda film: limit(film, 30),
        "limit, 45 min": lambda film: limit(film, 45),
        "rolling Z-score": lambda film: at_best(film, rolling(film)),
        "isolation forest": lambda film: at_best(film, forest(film)),
    }
    if importlib.util.find_spec("river"):
        made["river HalfSpaceTrees"] = lambda film: at_best(film, half_space(film))
    if importlib.util.find_spec("pyod"):
        made["PyOD KNN"] = lambda film: at_best(film, neighbours(film))
    return made


def vigie(film: Film, interpreter: str = "cpython") -> ColumnVerdicts:
    """The board's own verdicts with the model that training makes of the healthy week."""
    table = film.recording()
    week = slice(0, film.train)
    try:
        past = history(table.ts[week], table.t[week], table.h[week])
        fitted = fit.fit(past)
    except HistoryError as problem:
        return ColumnVerdicts(np.zeros(len(film.t), np.int32), note=str(problem))
    verdicts = replay.judge(fit.pack(replay.KEY, fitted, {}), table, past.period, interpreter)
    values = fitted.values
    spans = tuple((values[f"{name}_low"] / 100, values[f"{name}_high"] / 100) for name in ("t", "h"))
    return ColumnVerdicts(verdicts.flags, (spans[0], spans[1]))


def limit(film: Film, minutes: float) -> ColumnVerdicts:
    """The room's usual limit, `for_minutes`, by the board's own code."""
    own = LIMITS[film.kind]
    asked = {"t_min": own.t_min, "t_max": own.t_max, "h_min": own.h_min}
    limits = {name: round(100 * value) for name, value in asked.items() if value is not None}
    flags = np.zeros(len(film.t), np.int32)
    for part in film.parts:
        bounds = Bounds({**limits, "for_s": 60 * minutes})
        rows = zip(film.t[part].tolist(), film.h[part].tolist(), strict=True)
        flags[part] = [
            codes.SENSOR_ERROR if t == MISSED else bounds.flags(t, h, row * film.period)
            for row, (t, h) in enumerate(rows)
        ]
    return ColumnVerdicts(flags)


def at_best(film: Film, score: Floats) -> ColumnVerdicts:
    """Abnormal above the lowest threshold with at most one false mail a week, or where a read failed."""
    missed = film.t == MISSED
    score = np.where(missed, -np.inf, score)
    week = slice(film.train, film.judged)
    threshold = np.inf
    for level in calibrate.peaks(score[week]):
        flags = np.where(score[week] > level, codes.ZSCORE, 0).astype(np.int32)
        if len(mails(flags, film.t[week], film.h[week], film.period)) > film.weeks:
            break
        threshold = float(level)
    flags = np.where(missed, codes.SENSOR_ERROR, np.where(score > threshold, codes.ZSCORE, 0))
    return ColumnVerdicts(flags.astype(np.int32))


def rolling(film: Film) -> Floats:
    """Deviations from the mean of the 60 readings before, of t or h."""
    x = _x(film)
    return np.asarray((np.abs(x[:, 4:6]) / np.maximum(x[:, 6:8], FLOORS)).max(axis=1), np.float64)


def forest(film: Film) -> Floats:
    """scikit-learn's, on the eight features of a board."""
    x = _x(film)
    trees = IsolationForest(n_estimators=300, max_samples=256, random_state=0).fit(x[FULL : film.train])
    return -np.asarray(trees.score_samples(x), np.float64)


def half_space(film: Film) -> Floats:
    """river's, on the features scaled by the healthy week; it goes on learning, as it is meant to."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415  an extra

    x = _x(film)
    low, high = np.quantile(x[FULL : film.train], [0.001, 0.999], axis=0)
    scaled = np.clip((x - low) / np.maximum(high - low, 1e-9), 0, 1)
    trees = HalfSpaceTrees(n_trees=10, height=8, window_size=250, seed=0)
    scores = np.empty(len(x))
    for i, row in enumerate(scaled.tolist()):
        named = dict(enumerate(row))
        scores[i] = trees.score_one(named)
        trees.learn_one(named)
    return scores


def neighbours(film: Film) -> Floats:
    """PyOD's distance to the fifth nearest of the healthy week, in deviations."""
    from pyod.models.knn import KNN  # noqa: PLC0415  an extra

    x = _x(film)
    learned = x[FULL : film.train]
    mean, std = learned.mean(axis=0), np.maximum(learned.std(axis=0), 1e-9)
    learned = learned[:: max(1, len(learned) // LEARNED)]
    model = KNN().fit((learned - mean) / std)
    return np.asarray(model.decision_function((x - mean) / std), np.float64)


def _x(film: Film) -> Floats:
    """The board's features; a failed read repeats the reading before it."""
    good = film.t != MISSED
    last = np.maximum.accumulate(np.where(good, np.arange(len(film.t)), 0))
    return features(film.t[last].astype(np.int64), film.h[last].astype(np.int64)).astype(np.float64)

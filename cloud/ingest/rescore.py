"""The cloud's own verdict on each reading: the board's twin, a larger forest, the envelope, the Z-score.

A reading carries its features, so a worker remembers nothing between two readings, and any worker may judge
any reading. Without a known model only the Z-score judges. A failed read is abnormal on both sides; while the
board's windows fill (`warming up`), the cloud does not judge either.
"""

import logging
import math
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.contract.messages import TWIN_DIFFERS, TWIN_RAN, Reading, Verdict
from cloud.process import memory
from cloud.store.database import Document
from cloud.training.forest.twin import CloudModel, ModelRefused
from cloud.training.params import DEFAULT
from cloud.training.thresholds.envelope import Envelope
from device import codes
from device.judge.zscore import FLOOR_H, FLOOR_T

log = logging.getLogger("rescore")

SENSOR_ERROR: int = codes.SENSOR_ERROR
WARMING_UP: int = codes.WARMING_UP
NO_SUM = -(2**62)  # stands for the sum of a forest that did not run

Matrix = npt.NDArray[np.int16]  # [n, 8], the features in the order of the contract
SQUARED_Z: int = DEFAULT["zscore"]  # what a board without a model uses; |z| > 3 would fire ten times a day
Z_FLOOR = np.array([FLOOR_T, FLOOR_H], np.int64)  # of std60: quieter windows count as this noisy
MODEL_BYTES = 4_300_000  # of one model in memory; a worker loads a dropped one again in 30 ms
LEAST_KEPT = 32
ASK_AGAIN = 10.0  # s until an unknown model is looked for again


class Models:
    """The models that boards judge with, by id, as they become known. A new one needs no restart."""

    def __init__(
        self,
        database: Database[Document],
        key: bytes,
        clock: Callable[[], float] = time.monotonic,
        room: int | None = None,
    ) -> None:
        """`key`: the master secret, under which stored models are authentic.

        `room`: how many stay in memory; by default as many as fit into an eighth of it.
        """
        self._models = database["models"]
        self._key = key
        self._clock = clock
        self._room = max(LEAST_KEPT, memory.available() // 8 // MODEL_BYTES) if room is None else room
        self._known: OrderedDict[str, CloudModel] = OrderedDict()
        self._asked: dict[str, float] = {}

    def get(self, model_id: str) -> CloudModel | None:
        """The model with this id; None while it is not known. Raises PyMongoError."""
        known = self._known.get(model_id)
        if known is not None:
            self._known.move_to_end(model_id)
            return known
        now = self._clock()
        if now - self._asked.get(model_id, -ASK_AGAIN) < ASK_AGAIN:
            return None
        if len(self._asked) > 10_000:  # ids that were made up must not fill the memory
            self._asked.clear()
        self._asked[model_id] = now
        document = self._models.find_one({"_id": model_id}, {"cloud": 1})
        if document is None:
            return None
        try:
            model = CloudModel.loads(bytes(document["cloud"]), self._key)
        except (ModelRefused, KeyError) as problem:
            log.error("model %s is not used: %s", model_id, problem)
            return None
        del self._asked[model_id]
        self._known[model_id] = model
        if len(self._known) > self._room:
            self._known.popitem(last=False)
        else:
            log.info("model %s loaded", model_id)
        return model


class Rescorer:
    """Judges readings in micro-batches: one pass a model, however many boards."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def verdicts(self, readings: Sequence[Reading]) -> list[Verdict]:
        """The cloud's verdict on each reading, in their order. It needs no model and raises nothing."""
        count = len(readings)
        edge_flags = np.array([reading.flags for reading in readings], np.int64)
        failed = np.array([reading.x is None for reading in readings], np.bool_)
        flags = np.where(failed, SENSOR_ERROR, edge_flags & WARMING_UP)
        scores = np.full(count, np.nan)
        off = np.zeros(count, np.int64)
        ready = np.flatnonzero(flags == 0)
        if len(ready):
            judged = readings if len(ready) == count else [readings[k] for k in ready.tolist()]
            flat = np.fromiter(chain.from_iterable(reading.x or () for reading in judged), np.int16)
            x = flat.reshape(len(judged), -1)
            sums = np.array([NO_SUM if each.score is None else each.score for each in judged], np.int64)
            squared = np.full(len(ready), SQUARED_Z, np.int64)
            for model_id, rows in _by_model(judged):
                model = self._model(model_id)
                if model is not None:
                    places = ready[rows]
                    bits, scores[places], off[places] = _opinion(
                        model, x[rows], edge_flags[places], sums[rows]
                    )
                    flags[places] |= bits
                    squared[rows] = int(model.envelope.get("zscore", SQUARED_Z))
            flags[ready] |= np.where(z_abnormal(x, squared), codes.ZSCORE, 0)
        known: list[float | None] = scores.tolist()
        if np.isnan(scores).any():
            known = [None if score is None or math.isnan(score) else score for score in known]
        return list(map(Verdict, flags.tolist(), known, off.tolist()))

    def _model(self, model_id: str) -> CloudModel | None:
        try:
            return self._models.get(model_id)
        except PyMongoError as problem:  # the store will log it too, and wait; scoring need not
            log.warning("model %s could not be read: %s", model_id, problem)
            return None


def z_abnormal(x: Matrix, squared: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(value - mean60)^2 > squared * max(std60, floor)^2 for temperature or humidity. `squared`: int64[n]."""
    wide = x.astype(np.int64)
    limit = squared[:, None] * np.maximum(wide[:, 6:8], Z_FLOOR) ** 2
    return np.asarray((wide[:, 4:6] ** 2 > limit).any(axis=1))


def envelope_abnormal(model: CloudModel, x: Matrix) -> npt.NDArray[np.bool_]:
    """The verdict of the model's envelope; never abnormal when the model has none."""
    if "means" not in model.envelope:
        return np.zeros(len(x), np.bool_)
    envelope = Envelope(model.envelope["means"], model.envelope["weights"])
    return np.asarray(envelope.scores(x) > int(model.envelope["threshold"]))


def _by_model(readings: Sequence[Reading]) -> list[tuple[str, list[int] | slice]]:
    """The rows that each model judged."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, reading in enumerate(readings):
        if reading.model is not None:
            groups[reading.model].append(row)
    if len(groups) == 1:  # no copies, then
        return [(name, slice(None) if len(rows) == len(readings) else rows) for name, rows in groups.items()]
    return list(groups.items())


def _opinion(
    model: CloudModel, x: Matrix, edge_flags: npt.NDArray[np.int64], sums: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Flags and score of the full forest, the envelope and, where the board's forest ran, its twin.

    `edge_flags`, `sums`: the board's own, NO_SUM where its forest did not run. The third result is the twin's
    sum minus the board's, clipped to int32.
    """
    full = np.asarray(model.full_scores(x), np.float64)
    flags = np.where(full < model.full_threshold, codes.FOREST, 0).astype(np.int64)
    flags |= np.where(envelope_abnormal(model, x), codes.ENVELOPE, 0)
    off = np.zeros(len(x), np.int64)
    ran = sums != NO_SUM
    if ran.any():
        twin = model.twin_scores(x)
        verdicts = (twin < model.threshold) == ((edge_flags & codes.FOREST) > 0)
        off = np.where(ran, np.clip(twin - sums, -(2**31), 2**31 - 1), 0)
        flags |= np.where(ran, TWIN_RAN, 0) | np.where(ran & ((off != 0) | ~verdicts), TWIN_DIFFERS, 0)
    return flags, np.clip(-full, 0.0, 1.0), off

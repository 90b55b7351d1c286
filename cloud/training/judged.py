"""The board's own judge run over a history, on this computer: the scores that thresholds are set from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import History
from device import codes
from device.judge.excursion import Stays
from device.judge.judge import Judge
from device.judge.rhythm import Bands
from device.judge.table import SCORES


@dataclass(frozen=True)
class Judged:
    """`flags` uint16[n]; `scores` int64[n, len(SCORES)], columns in the order of SCORES."""

    flags: NDArray[np.uint16]
    scores: NDArray[np.int64]

    def column(self, name: str) -> NDArray[np.int64]:
        scores: NDArray[np.int64] = self.scores[:, SCORES.index(name)]
        return scores

    @property
    def ready(self) -> NDArray[np.bool_]:
        """Which readings had full windows."""
        return np.asarray((self.flags & codes.WARMING_UP) == 0)

    def with_forest(self, sums: NDArray[np.int32], threshold: int) -> Judged:
        """The same with the forest's verdicts: its sums int32[n] are abnormal below `threshold`."""
        scores = self.scores.copy()
        scores[:, SCORES.index("forest")] = np.where(self.ready, sums, 0)
        strange = np.where(self.ready & (sums < threshold), codes.FOREST, 0).astype(np.uint16)
        return Judged(self.flags | strange, scores)


def judge(history: History, params: bytes, plant: Mapping[bytes, bytes] = MappingProxyType({})) -> Judged:
    """Every reading of `history`, in order, through the board's judge with these parameters and no forest.

    `params`: the body of the PARM section; `plant`: the bodies of EXCR and RHYT, if any, by their tags.
    """
    stays = Stays(plant[b"EXCR"]) if b"EXCR" in plant else None
    bands = Bands(plant[b"RHYT"]) if b"RHYT" in plant else None
    model = SimpleNamespace(params=params, forest=None, threshold=0, stays=stays, bands=bands)
    judge = Judge(model)
    flags = np.empty(len(history.t), np.uint16)
    scores = np.empty((len(history.t), len(SCORES)), np.int64)
    rows = zip(
        history.t.tolist(),
        history.h.tolist(),
        history.periods.tolist(),
        history.half_hours.tolist(),
        strict=True,
    )
    for i, (t, h, periods, half) in enumerate(rows):
        flags[i] = judge.reading(t, h, periods, half)
        scores[i] = judge.scores
    return Judged(flags, scores)

"""The board's own judge run over a history, on this computer: the scores that thresholds are set from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.training.history import History
from device.judge.excursion import Stays
from device.judge.judge import SCORES, Judge


class ParametersOnly:
    """What a Judge needs of a model when the forest is scored elsewhere."""

    forest = None
    threshold = 0

    def __init__(self, params: bytes, excr: bytes | None = None) -> None:
        self.params = params
        self.stays = Stays(excr) if excr else None


@dataclass(frozen=True)
class Judged:
    """`flags` uint16[n]; `scores` int64[n, len(SCORES)], columns in the order of SCORES."""

    flags: NDArray[np.uint16]
    scores: NDArray[np.int64]

    def column(self, name: str) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self.scores[:, SCORES.index(name)]
        return found


def judge(history: History, params: bytes, excr: bytes | None = None) -> Judged:
    """Every reading of `history`, in order, through the board's judge with these parameters and no forest.

    `params`, `excr`: bodies of the sections PARM and EXCR.
    """
    judge = Judge(ParametersOnly(params, excr))
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

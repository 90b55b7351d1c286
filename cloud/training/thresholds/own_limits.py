"""The user's own limits against a history: how often they would have alarmed, and which minutes never."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cloud.training.history import History
from device.judge.reading import LONG_GAP

STEP = 5  # minutes: people count in fives
MOST = 120  # minutes: if a longer time is needed, the limit itself is wrong


@dataclass(frozen=True)
class Advice:
    """`alarms` in the history; `minutes` after which there would have been none, None = MOST are too few."""

    alarms: int
    minutes: int | None
    severe: Advice | None = None  # the same of the second stage, where there is one


def advise(past: History, limits: Mapping[str, Any]) -> Advice:
    """`limits`: t_min, t_max, h_min, h_max in hundredths and for_s, each optional, as `state` has them.

    `severe`, where they have it, is a second stage of the same kind.
    """
    first, severe = _stage(past, limits), limits.get("severe")
    return replace(first, severe=_stage(past, severe)) if severe else first


def _stage(past: History, limits: Mapping[str, int]) -> Advice:
    outside = np.zeros(len(past.t), np.bool_)
    for name, values in (("t", past.t), ("h", past.h)):
        outside |= values < limits.get(f"{name}_min", -(1 << 20))
        outside |= values > limits.get(f"{name}_max", 1 << 20)
    gaps = past.periods
    begins = outside & np.concatenate(([True], ~outside[:-1] | (gaps[1:] >= LONG_GAP)))
    starts = np.flatnonzero(begins)
    if not len(starts):
        return Advice(0, 0)
    # The board counts from the first reading outside.
    elapsed = np.cumsum(np.where(begins | ~outside, 0, gaps))
    ends = np.flatnonzero(outside & np.concatenate((~outside[1:] | begins[1:], [True])))
    lasted = (elapsed[ends] - elapsed[starts]) * past.period
    minutes = STEP * math.floor(float(lasted.max()) / 60 / STEP + 1)
    return Advice(int((lasted >= limits.get("for_s", 0)).sum()), minutes if minutes <= MOST else None)

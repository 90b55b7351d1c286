"""Writes the PARM section of a model: device/judge/params.py says what stands where."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from device.judge.params import DEFAULTS, FIELDS, MEANS, NEVER, WEIGHTS

DEFAULT: dict[str, int] = dict(zip(FIELDS, DEFAULTS, strict=True))


def pack(values: Mapping[str, int], means: NDArray[np.int64], weights: NDArray[np.int64]) -> bytes:
    """The section's bytes. `values`: all FIELDS by name; the envelope's `means` int[8], `weights` int[36].

    Raises KeyError for a missing name, OverflowError for a number that a board's small int cannot hold.
    """
    if len(means) != MEANS or len(weights) != WEIGHTS:
        raise ValueError(
            f"the envelope has {len(means)} means and {len(weights)} weights, not {MEANS} and {WEIGHTS}"
        )
    numbers = [int(values[name]) for name in FIELDS] + [int(v) for v in means] + [int(v) for v in weights]
    if max(map(abs, numbers)) > NEVER:
        raise OverflowError(f"a parameter is past 2^30: {max(numbers, key=abs)}")
    return np.array(numbers, "<i4").tobytes()

"""The board's features from arrays: the same integers as device/judge/reading.py, to the bit."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from device.judge.window import SIZE

Int16 = NDArray[np.int16]


def features(t: ArrayLike, h: ArrayLike) -> Int16:
    """The eight features of each reading of one run of a board, oldest first.

    `t`, `h`: n int16 hundredths of degC and %RH, good readings only, from a boot (or a first reading) on.
    Returns int16[n, 8] in the order of device.judge.reading.NAMES; as on the board the last four of the
    first 60 rows are 0.
    Raises ValueError when the lengths differ or a value does not fit int16.
    """
    channels = [_int16(t), _int16(h)]
    if len(channels[0]) != len(channels[1]):
        raise ValueError(f"t has {len(channels[0])} readings and h has {len(channels[1])}")
    x = np.zeros((len(channels[0]), 8), dtype=np.int64)
    for channel, values in enumerate(channels):
        x[:, channel] = values
        x[1:, 2 + channel] = np.diff(values)
        if len(values) > SIZE:
            mean, std = _windows(values)
            x[SIZE:, 4 + channel] = values[SIZE:] - mean
            x[SIZE:, 6 + channel] = std
    limits = np.iinfo(np.int16)
    return np.clip(x, limits.min, limits.max).astype(np.int16)


def _int16(values: ArrayLike) -> NDArray[np.int64]:
    wide = np.asarray(values).astype(np.int64)
    if wide.size and (wide.min() < -32768 or wide.max() > 32767):
        raise ValueError("a value is outside int16; such a reading is a failed one and has no features")
    return wide


def _windows(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """floor(mean) and floor(std) of the 60 values before each one but the first 60.

    Exact: 60 * sum of squares is below 2^42, and the root of such an integer rounds down rightly in float64.
    """
    totals = _rolling(values)
    squares = _rolling(values * values)
    variance = (SIZE * squares - totals * totals) // (SIZE * SIZE)
    return totals // SIZE, np.sqrt(variance.astype(np.float64)).astype(np.int64)


def _rolling(values: NDArray[np.int64]) -> NDArray[np.int64]:
    sums = np.concatenate(([0], np.cumsum(values)))
    return sums[SIZE:-1] - sums[: -SIZE - 1]

"""The envelope: scikit-learn's covariance in integers (device/judge/envelope.py), and scores from arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.judge.envelope import FARTHEST, FEATURES, SHIFT

LEAST_VARIANCE = 4.0  # hundredths squared: a feature is never known better than to 0.02 degC or %RH
UNIT = 64  # y of one standard deviation


@dataclass(frozen=True)
class Envelope:
    """`means` int[8] in hundredths and `weights` int[36], the lower triangle by rows."""

    means: NDArray[np.int64]
    weights: NDArray[np.int64]

    def scores(self, x: NDArray[np.int16]) -> NDArray[np.int64]:
        """Squared distance of each row of int16[n, 8], equal to the board's to the bit (4096 = one sd)."""
        matrix = np.zeros((FEATURES, FEATURES), np.int64)
        matrix[np.tril_indices(FEATURES)] = self.weights
        y = (x.astype(np.int64) - self.means) @ matrix.T >> SHIFT
        y = np.clip(y, -FARTHEST, FARTHEST)
        total: NDArray[np.int64] = (y * y).sum(axis=1)
        return total


def fit(x: NDArray[np.int16]) -> Envelope:
    """The envelope of the features int16[n, 8] of a history."""
    from sklearn.covariance import EmpiricalCovariance  # noqa: PLC0415  a backend only computes distances

    fitted = EmpiricalCovariance().fit(x.astype(np.float64))
    covariance = fitted.covariance_ + LEAST_VARIANCE * np.eye(FEATURES)
    # W'W = inverse covariance with W lower triangular: the inverse of the covariance's Cholesky factor.
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    weights = np.rint(whitening * (UNIT << SHIFT)).astype(np.int64)[np.tril_indices(FEATURES)]
    return Envelope(np.rint(fitted.location_).astype(np.int64), weights)

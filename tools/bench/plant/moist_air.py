"""Moist air."""

import numpy as np
from numpy.typing import NDArray

HELD = 1206.0  # J/K of a m3 of air
EVAPORATION = 2501.0  # J/g
MELTING = 334.0  # J/g


def saturation(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """g/m3 of vapour that air at `t` degC holds, over ice below zero (Magnus' formula, WMO's constants)."""
    frozen = t < 0
    pressure = 611.2 * np.exp(np.where(frozen, 22.46, 17.62) * t / (np.where(frozen, 272.62, 243.12) + t))
    grams: NDArray[np.float64] = pressure / (0.4615 * (273.15 + t))
    return grams


def over_water(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """As above, over water also below zero: a humidity sensor's 100 %."""
    grams: NDArray[np.float64] = 611.2 * np.exp(17.62 * t / (243.12 + t)) / (0.4615 * (273.15 + t))
    return grams

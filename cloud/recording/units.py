"""Other units than degC and %RH: an error where the file names or shows them, converted when asked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.recording.refused import RecordingRefused

Floats = NDArray[np.float64]
# Name -> factor and offset to degC; factor to %RH.
T = {"C": (1.0, 0.0), "F": (5 / 9, -160 / 9), "K": (1.0, -273.15), "0.1C": (0.1, 0.0), "0.01C": (0.01, 0.0)}
H = {"%": 1.0, "fraction": 100.0, "0.1%": 0.1, "0.01%": 0.01}
LONG = {"C": "°C", "F": "°F", "K": "kelvin", "0.1C": "tenths of °C", "0.01C": "hundredths of °C"}
SIDE = 10  # readings that a step must last
COLD = 150.0  # K: no air is as cold
WARM = 45.0  # degC: a median above is seldom the air's, and that of a room in °F


def temperature(values: Floats, named: set[str], column: str, asked: str | None, notes: list[str]) -> Floats:
    """In degC. `named`: units in the column's name or cells. Raises RecordingRefused."""
    if asked is None:
        _refuse_temperature(values, named, column)
        return values
    if asked == "C":
        notes += [f"t is in °C, as --unit says, not in {LONG[each]}" for each in sorted(named - {"C"})]
        return values
    factor, offset = T[asked]
    notes.append(f"t is converted from {LONG[asked]} to °C")
    return values * factor + offset


def _refuse_temperature(values: Floats, named: set[str], column: str) -> None:
    if len(named) > 1:
        several = " and ".join(LONG[each] for each in sorted(named))
        cure = f"say which with --unit {' or --unit '.join(sorted(named))}"
        raise RecordingRefused(f"{column} names {several}: {cure}")
    middle = _middle(values)
    for each in named - {"C"}:
        if each == "K" and middle < COLD:
            raise RecordingRefused(
                f"{column} names kelvin, but is about {middle:.0f}: if it is °C, say --unit C"
            )
        raise RecordingRefused(f"{column} is in {LONG[each]}: add --unit {each}, and it is converted to °C")
    if middle > WARM and not (named and middle < 80):
        fractions = (values[np.isfinite(values)] % 1 != 0).any()
        unit = "F" if middle < 140 else "0.01C" if middle > 450 else "K" if fractions else "0.1C"
        also = " (or --unit K from kelvin)" if unit == "0.1C" and 230 < middle < 330 else ""
        raise RecordingRefused(
            f"{column} is about {middle:.0f}, which looks like {LONG[unit]}: --unit {unit} converts it"
            f"{also}; if it really is °C, say --unit C"
        )


def changes(t: Floats, lines: Sequence[int]) -> str | None:
    """A note where degC seem to become °F, or the other way round: a step that stays, and fits."""
    places = np.flatnonzero(np.isfinite(t))
    good = t[places]
    if len(good) < 2 * SIDE:
        return None
    at = int(np.argmax(np.abs(np.diff(good)))) + 1
    before, after = (float(np.median(side)) for side in (good[max(0, at - SIDE) : at], good[at : at + SIDE]))
    low, high = sorted((before, after))
    if min(at, len(good) - at) < SIDE or high - low < 15 or abs(low * 1.8 + 32 - high) > 4:
        return None
    return (
        f"t goes from about {before:.0f} to {after:.0f} at line {lines[places[at]]} and stays: does the unit "
        "change there, between °C and °F? Then split the file"
    )


def humidity(values: Floats, column: str, asked: str | None, notes: list[str]) -> Floats:
    """In %RH. Raises RecordingRefused."""
    if asked is not None:
        notes += [] if asked == "%" else [f"h is converted from {asked} to %RH"]
        return values * H[asked]
    middle, most = _middle(values), np.nanmax(values, initial=-np.inf)
    unit = "fraction" if 0 < most <= 1 else "0.01%" if middle > 1000 else "0.1%" if middle > 110 else None
    if unit:
        raise RecordingRefused(
            f"{column} is about {middle:g}, which looks like {unit} rather than %RH: --unit h={unit} "
            "converts it; if it really is %RH, say --unit h=%"
        )
    return values


def swapped(t: Floats, h: Floats) -> bool:
    """Whether h holds what only a temperature can, or both look like the other in a room."""
    return bool((h < 0).mean() > 0.1) or (
        30 < _middle(t) < 80 and 10 < _middle(h) < 30 and t.std() > 2 * h.std()
    )


def _middle(values: Floats) -> float:
    good = values[np.isfinite(values)]
    return float(np.median(good)) if len(good) else 0.0

"""The user's own limits, by which the board judges: lines across the panels and a sentence below. Pure."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from cloud.dashboard.draw.curve import Curve, Table, table
from cloud.words import Words

# As `state` tells them: t_min, t_max, h_min, h_max in hundredths, for_s; `severe`: a second stage of these.
Limits = Mapping[str, Any]

UNITS = {"t": "°C", "h": "%RH"}
FARTHEST = 3.0  # times what the axis holds: a limit beyond would press the readings into a line


def lines(say: Words, limits: Limits, curve: Curve) -> Table:
    """quantity, value, label, is_most: the limits that lie near enough to the curve to be drawn with it."""
    rows = [
        (quantity, value, say.tick(value), end == "max")
        for quantity in UNITS
        for end, value in _of(limits, quantity).items()
        if _is_near(curve, quantity, value)
    ]
    return table(rows, ("quantity", "value", "label", "is_most"))


def sentence(say: Words, limits: Limits, drawn: Table) -> str:
    """Which limits there are, after how long beyond them the board says so, and which are not drawn."""
    parts = []
    for quantity, unit in UNITS.items():
        match _of(limits, quantity):
            case {"min": low, "max": high}:
                parts.append(say.span(low, high, unit))
            case {"min": low}:
                parts.append(say("limits at least", value=say.value(low, unit)))
            case {"max": high}:
                parts.append(say("limits at most", value=say.value(high, unit)))
    text = say("limits", limits=", ".join(parts))
    if limits.get("for_s"):
        text += say("limits after", length=say.duration(limits["for_s"]))
    if severe := limits.get("severe"):
        length = say.duration(severe.get("for_s", 0))
        text += say("limits severe", limits=_values(say, severe), length=length)
    far = _values(say, limits, set(zip(drawn["quantity"], drawn["value"], strict=True)))
    return f"{text}. {say('limits far', values=far)}" if far else f"{text}."


def _values(say: Words, limits: Limits, but: Container[tuple[str, float]] = ()) -> str:
    return ", ".join(
        say.value(value, unit)
        for quantity, unit in UNITS.items()
        for value in _of(limits, quantity).values()
        if (quantity, value) not in but
    )


def _of(limits: Limits, quantity: str) -> dict[str, float]:
    """ "min" and "max", as far as they are set."""
    ends = {end: limits.get(f"{quantity}_{end}") for end in ("min", "max")}
    return {end: value / 100 for end, value in ends.items() if value is not None}


def _is_near(curve: Curve, quantity: str, value: float) -> bool:
    ends = f"{quantity}_low", f"{quantity}_high"
    columns = [curve.line[quantity], curve.least[quantity]]
    columns += [each[end] for each in (curve.band, curve.normal) for end in ends if end in each]
    held = np.concatenate(columns)
    low, high = float(np.nanmin(held)), float(np.nanmax(held))
    return low - FARTHEST * (high - low) <= value <= high + FARTHEST * (high - low)

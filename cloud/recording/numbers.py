"""Cells to numbers: decimal points or commas, units after the number, and what means "no reading"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cloud.recording.refused import RecordingRefused

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
WITH_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
SUFFIX = re.compile(
    r"(?<=[\d.])\s*[°º*]?\s*(?:(c|celsius)|(f|fahrenheit)|(k|kelvin)|%?\s*(?:rh)?)$", re.IGNORECASE
)
SIGNS = str.maketrans({"−": "-", "–": "-", "℃": "°C", "℉": "°F"})
NONE = {"", "nan", "na", "n/a", "null", "none", "unavailable", "unknown", "-", "--", "---", "inf", "-inf"}


@dataclass
class Numbers:
    """`values`: NaN for a cell without a number. `units`: the units of temperature behind numbers."""

    values: NDArray[np.float64]
    units: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def parse(cells: Sequence[str], lines: Sequence[int], what: str, path: object) -> Numbers:
    """The numbers in `cells`. Raises RecordingRefused if a comma is unclear, or most are no numbers."""
    numbers = Numbers(np.full(len(cells), np.nan))
    odd: list[int] = []
    commas: list[int] = []
    points: list[int] = []
    for place, cell in enumerate(cells):
        text = cell.strip().strip("=\"' \xa0").translate(SIGNS)
        if text.casefold() in NONE:
            continue
        if not text[-1].isdigit() and (suffix := SUFFIX.search(text)):
            numbers.units.update(key for key, group in zip("CFK", suffix.groups(), strict=True) if group)
            text = text[: suffix.start()]
        if WITH_COMMA.fullmatch(text):
            commas.append(place)
            text = text.replace(",", ".")
        elif "." in text:
            points.append(place)
        if NUMBER.fullmatch(text):
            numbers.values[place] = float(text)
        else:
            odd.append(place)
    if commas and points:
        raise RecordingRefused(
            f"{path}:{lines[commas[0]]}: {what} {cells[commas[0]]!r} has a comma and line {lines[points[0]]} "
            f"{cells[points[0]]!r} a point: write all numbers with a decimal point"
        )
    if commas:
        numbers.notes.append(f"{what} has decimal commas ({cells[commas[0]]!r})")
    if odd:
        first = f"line {lines[odd[0]]}: {cells[odd[0]].strip()[:30]!r}"
        if 2 * len(odd) > len(cells):
            raise RecordingRefused(
                f"{path}:{lines[odd[0]]}: {what} {cells[odd[0]].strip()[:30]!r} is no number, as {len(odd)} "
                f"of {len(cells)} are: choose another column with --columns {what}=…"
            )
        numbers.notes.append(f"{len(odd)} cells of {what} are no numbers and count as failed reads ({first})")
    return numbers

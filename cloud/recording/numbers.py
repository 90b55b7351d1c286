"""Cells to numbers: decimal points or commas, units after the number, and what means "no reading"."""

import re

import numpy as np
from numpy.typing import NDArray

from cloud.recording.sheet import Column

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
WITH_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
SUFFIX = re.compile(
    r"(?<=[\d.])\s*[°º*]?\s*(?:(c|celsius)|(f|fahrenheit)|(k|kelvin)|%?\s*(?:rh)?)$", re.IGNORECASE
)
SIGNS = str.maketrans({"−": "-", "–": "-", "℃": "°C", "℉": "°F"})
NONE = {"", "nan", "na", "n/a", "null", "none", "unavailable", "unknown", "-", "--", "---", "inf", "-inf"}


def parse(column: Column) -> tuple[NDArray[np.float64], set[str]]:
    """(numbers, NaN for a cell without one; the units of temperature behind them: C, F, K).

    Raises RecordingRefused if a comma is unclear, or most are no numbers.
    """
    values, units = np.full(len(column.cells), np.nan), set[str]()
    odd, commas, points = list[int](), list[int](), list[int]()
    for place, cell in enumerate(column.cells):
        text = cell.strip().strip("=\"' \xa0").translate(SIGNS)
        if text.casefold() in NONE:
            continue
        if not text[-1].isdigit() and (suffix := SUFFIX.search(text)):
            units.update(key for key, group in zip("CFK", suffix.groups(), strict=True) if group)
            text = text[: suffix.start()]
        if WITH_COMMA.fullmatch(text):
            commas.append(place)
            text = text.replace(",", ".")
        elif "." in text:
            points.append(place)
        if NUMBER.fullmatch(text):
            values[place] = float(text)
        else:
            odd.append(place)
    cells, lines = column.cells, column.lines
    if commas and points:
        other = f"line {lines[points[0]]} {cells[points[0]]!r}"
        raise column.refused(
            commas[0], f"has a comma and {other} a point: write all numbers with a decimal point"
        )
    if commas:
        column.notes.append(f"{column.name} has decimal commas ({cells[commas[0]]!r})")
    if 2 * len(odd) > len(cells):
        cure = f"choose another column with --columns {column.name}=…"
        raise column.refused(odd[0], f"is no number, as {len(odd)} of {len(cells)} are: {cure}")
    if odd:
        column.notes.append(
            f"{len(odd)} cells of {column.name} are no numbers and count as failed reads "
            f"(line {lines[odd[0]]}: {cells[odd[0]].strip()[:30]!r})"
        )
    return values, units

"""Lines such as "Temperature: 28.9 Humidity: 62 Date/Time: 2024-08-24 21:13:06", as sketches print them."""

import re

from cloud.recording import headings
from cloud.recording.description import Asked
from cloud.recording.sheet import Sheet

BEGINNING = 50
LONGEST = 400  # letters of such a line
LABEL = r"(?<!\w)[^\W\d_][^\W\d]{0,30}(?:[ /.][^\W\d]{1,30})?(?: ?\([^)]{0,30}\))?"
PAIR = re.compile(rf"({LABEL})\s*[:=]\s*([+\-\d.].*?)(?=[\s,;|]+{LABEL}\s*[:=]|[\s,;|]*$)")
STAMP = re.compile(r"[\s\[(]*(\d[\d\-/.:T ,+Z]*\d)")


def parse(text: str, asked: Asked) -> Sheet | None:
    """A sheet with a column for each label; None for any other file."""
    lines = text.splitlines()
    beginning = [line for line in lines[:BEGINNING] if line.strip()]
    first = [pairs for pairs in map(_pairs, beginning) if _is_reading(pairs)]
    if not first or 2 * len(first) < len(beginning):
        return None
    sheet = Sheet(asked, list(first[-1]))
    others = []
    for number, line in enumerate(lines, 1):
        pairs = _pairs(line)
        if _is_reading(pairs):
            sheet.rows.append([pairs.get(name, "") for name in sheet.header])
            sheet.lines.append(number)
        elif line.strip():
            others.append(number)
    sheet.notes.append(f"lines of names and values: {', '.join(sheet.header)}")
    if others:
        sheet.notes.append(f"{len(others)} lines are no readings (first: line {others[0]})")
    return sheet


def _pairs(line: str) -> dict[str, str]:
    if len(line) > LONGEST:
        return {}
    pairs = {label.strip(): value.strip() for label, value in PAIR.findall(line)}
    stamp = STAMP.match(line)
    if pairs and stamp and not any(headings.times([label]) for label in pairs):
        pairs = {"time": stamp[1], **pairs}
    return pairs


def _is_reading(pairs: dict[str, str]) -> bool:
    return len(pairs) > 1 and bool(headings.best(list(pairs), headings.TEMPERATURES))

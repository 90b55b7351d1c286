"""Lines such as "Temperature: 28.9 Humidity: 62 Date/Time: 2024-08-24 21:13:06", as sketches print them."""

from __future__ import annotations

import re

from cloud.recording import names

BEGINNING = 50
LONGEST = 400  # letters of such a line
LABEL = r"(?<!\w)[^\W\d_][^\W\d]{0,30}(?:[ /.][^\W\d]{1,30})?(?: ?\([^)]{0,30}\))?"
PAIR = re.compile(rf"({LABEL})\s*[:=]\s*([+\-\d.].*?)(?=[\s,;|]+{LABEL}\s*[:=]|[\s,;|]*$)")
STAMP = re.compile(r"[\s\[(]*(\d[\d\-/.:T ,+Z]*\d)")


def parse(text: str) -> tuple[list[str], list[tuple[int, list[str]]], list[int]] | None:
    """The labels, each line's number and values, and the numbers of other lines; None for any other file."""
    lines = text.splitlines()
    beginning = [line for line in lines[:BEGINNING] if line.strip()]
    first = [found for found in map(_pairs, beginning) if _is_reading(found)]
    if not first or 2 * len(first) < len(beginning):
        return None
    header = list(first[-1])
    rows, others = [], []
    for number, line in enumerate(lines, 1):
        found = _pairs(line)
        if _is_reading(found):
            rows.append((number, [found.get(name, "") for name in header]))
        elif line.strip():
            others.append(number)
    return header, rows, others


def _pairs(line: str) -> dict[str, str]:
    if len(line) > LONGEST:
        return {}
    found = {label.strip(): value.strip() for label, value in PAIR.findall(line)}
    stamp = STAMP.match(line)
    if found and stamp and not any(names.times([label]) for label in found):
        found = {"time": stamp[1], **found}
    return found


def _is_reading(found: dict[str, str]) -> bool:
    return len(found) > 1 and bool(names.best(list(found), names.TEMPERATURES))

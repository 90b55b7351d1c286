"""Turns long tables, one value a row (Home Assistant's history, InfluxDB), into one row for each reading."""

from collections.abc import Sequence
from itertools import groupby
from math import isnan

from cloud.recording import headings, times
from cloud.recording.refused import RecordingRefused
from cloud.recording.sheet import SHOWN, Column, Sheet

KEYS = (
    *("entity_id", "statistic_id", "_field", "field", "metric", "parameter", "variable", "value_type"),
    *("quantity", "grandeur", "capteur", "messgrösse", "magnitud", "_measurement", "measurement", "topic"),
    *("sensor", "name", "type", "attribute", "key", "series"),
)
VALUES = ("state", "_value", "value", "mean", "reading", "wert", "messwert", "valeur", "valor", "waarde")
TOGETHER = 1.0  # seconds: values this near each other are one reading


def widen(sheet: Sheet) -> Sheet:
    """The sheet with one row for each reading; the same sheet if it is not long. Raises RecordingRefused."""
    asked = sheet.asked
    lower = [name.casefold() for name in sheet.header]
    value = next((lower.index(name) for name in VALUES if name in lower), None)
    keys = [lower.index(name) for name in KEYS if name in lower]
    if value is None or not keys or not sheet.rows or headings.best(sheet.header, headings.TEMPERATURES):
        return sheet
    if asked.columns.get("t") in sheet.header:
        return sheet
    key, t, h = _series(sheet, keys)
    places = [place for place in sheet.filled(headings.times(sheet.header)) if place not in (key, value)]
    if "ts" in asked.columns and asked.columns["ts"] in sheet.header:
        places = [sheet.header.index(asked.columns["ts"])]
    if not places:
        raise RecordingRefused("no column with a time: say which it is with --columns ts=…")
    tags = [place for place in headings.devices(sheet.header) if place not in (key, value)]
    used = [place for place, row in enumerate(sheet.rows) if row[key].strip() in (t, h)]
    rows, lines = [sheet.rows[place] for place in used], [sheet.lines[place] for place in used]
    wide = Sheet(asked, ["ts", t, *([h] if h else []), *(sheet.header[tag] for tag in tags)])
    wide.notes = [*sheet.notes, f"one value a row: t is {t!r}" + (f", h is {h!r}" if h else "")]
    dates = Column(sheet.header[places[0]], [row[places[0]] for row in rows], lines, wide.notes)
    events = sorted(
        (tuple(row[tag] for tag in tags), when, line, row[key].strip(), row[value].strip())
        for row, when, line in zip(rows, times.seconds(dates, asked).tolist(), lines, strict=True)
        if not isnan(when)  # an undated value belongs to no reading
    )
    held = sum(_join(wide, list(given), t, h, tag) for tag, given in groupby(events, lambda event: event[0]))
    if held:
        wide.notes.append(f"t and h come apart in {held} rows: each holds until its next value")
    return wide


def _join(
    wide: Sheet,
    events: Sequence[tuple[tuple[str, ...], float, int, str, str]],
    t: str,
    h: str | None,
    tag: Sequence[str],
) -> int:
    """Add the readings of one device to `wide`; returns how many of them repeat an older value."""
    last: dict[str, str] = {}
    now: dict[str, str] = {}
    began, at, held = 0.0, 0, 0

    def end() -> int:
        last.update(now)
        if t not in last or (h and h not in last):
            return 0
        wide.rows.append([repr(began), last[t], *([last[h]] if h else []), *tag])
        wide.lines.append(at)
        return int(bool(h) and len(now) < 2)

    for _, when, line, key, value in events:
        if now and (when - began > TOGETHER or key in now):
            held += end()
            now = {}
        if not now:
            began, at = when, line
        now[key] = value
    return held + end() if now else held


def _series(sheet: Sheet, keys: Sequence[int]) -> tuple[int, str, str | None]:
    """The column of names, and the names of temperature and humidity in it."""
    for key in keys:
        there = list(dict.fromkeys(row[key].strip() for row in sheet.rows))
        t, h = (
            [sheet.asked.columns[kind]]
            if kind in sheet.asked.columns
            else [there[place] for place in headings.best(there, names)]
            for kind, names in (("t", headings.TEMPERATURES), ("h", headings.HUMIDITIES))
        )
        if not t or t[0] not in there:
            continue
        choice = f"--columns t={t[0]}" + (f",h={h[0]}" if h else "")
        for kind, candidates in (("t", t), ("h", h)):
            if len(candidates) > 1:
                several = ", ".join(candidates[:SHOWN])
                raise RecordingRefused(f"several series may be {kind}: {several}: choose with {choice}")
        if h and h[0] not in there:
            raise RecordingRefused(f"no series {h[0]!r} among {', '.join(there[:SHOWN])}")
        return key, t[0], h[0] if h else None
    there = list(dict.fromkeys(row[keys[0]].strip() for row in sheet.rows))
    raise RecordingRefused(
        f"one value a row, and none of {', '.join(there[:SHOWN])} is a temperature by its name: "
        f"choose with --columns t={there[0]},h={there[1] if len(there) > 1 else '…'}"
    )

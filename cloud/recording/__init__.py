"""Recordings as people have them: all commands use this one reader (docs/recordings.md).

The reader guesses what a file does not say only if the file proves it, and notes each assumption in one line.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.recording import columns, headings, long, numbers, text, text_table, times, units
from cloud.recording.description import Asked
from cloud.recording.refused import RecordingRefused
from cloud.recording.text_table import Sheet

__all__ = ["Asked", "Recording", "RecordingRefused", "read"]

Floats = NDArray[np.float64]
NO_HUMIDITY = 50.0
T_RANGE, H_RANGE = (-40.0, 80.0), (0.5, 100.0)  # that a sensor can measure
SHOWN = 10


@dataclass(frozen=True)
class Recording:
    """Rows with a time, oldest first. `t`, `h` are NaN where a read failed: an empty cell, or no number."""

    ts: Floats  # Unix seconds
    t: Floats  # degC
    h: Floats  # %RH
    cells: list[tuple[str, str, str]]  # ts, t, h as the file has them
    notes: list[str] = field(default_factory=list)  # each assumption, one line

    def plain(self) -> list[str]:
        """Lines that a board's replay sensor plays: an empty cell where a read failed."""

        def cell(value: float) -> str:
            return "" if np.isnan(value) else f"{value:.2f}"

        rows = zip(self.ts.tolist(), self.t.tolist(), self.h.tolist(), strict=True)
        return ["ts,t,h", *(f"{ts:.0f},{cell(t)},{cell(h)}" for ts, t, h in rows)]


def read(path: Path, asked: Asked = Asked()) -> Recording:  # noqa: B008  it is frozen
    """The recording in this file. Raises RecordingRefused with file, line and cure, or OSError."""
    text.check_size(path)
    decoded, notes = text.decode(path.read_bytes(), path)
    sheet = long.widen(text_table.parse(decoded, path, asked), path, asked)
    if not sheet.rows:
        raise RecordingRefused(f"{path} has a header and no rows: export it again")
    chosen = columns.choose(sheet, path, asked)
    notes += [
        *sheet.notes,
        *_cut_short(sheet, chosen),
        *chosen.notes,
        *_one_device(sheet, chosen, path, asked),
    ]
    cells = [
        (
            " ".join(row[place] for place in chosen.ts),
            row[chosen.t],
            "" if chosen.h is None else row[chosen.h],
        )
        for row in sheet.rows
    ]
    ts, more = _times(sheet, chosen, cells, path, asked)
    t, h, about = _values(sheet, chosen, cells, path, asked)
    order, from_order = _order(ts, cells, sheet.lines, asked)
    return Recording(
        ts[order], t[order], h[order], [cells[place] for place in order], notes + more + about + from_order
    )


def _cut_short(sheet: Sheet, chosen: columns.Chosen) -> list[str]:
    """What is said of rows that end too early; the last one, half written, is left out."""
    needed = max(chosen.t, chosen.h or 0, *chosen.ts)
    lines = [line for line, count in sheet.short.items() if count <= needed]
    notes = []
    if lines and lines[-1] == sheet.lines[-1] and len(sheet.lines) > 1:
        del sheet.rows[-1], sheet.lines[-1]
        notes.append(f"line {lines.pop()}, the last, ends early: left out")
    if lines:
        notes.append(f"{len(lines)} rows end early and count as failed reads (first: line {lines[0]})")
    return notes


def _one_device(sheet: Sheet, chosen: columns.Chosen, path: object, asked: Asked) -> list[str]:
    """Leave the rows of one device in the sheet."""
    site = sheet.header.index("site") if "site" in sheet.header else None
    for place in chosen.devices:
        labels = [row[place].strip() for row in sheet.rows]
        if site is not None and site != place:
            labels = [f"{row[site].strip()}/{label}" for row, label in zip(sheet.rows, labels, strict=True)]
        there = [label for label in dict.fromkeys(labels) if label.strip("/")]
        if len(there) < 2 or (len(there) > len(labels) / 4 and "device" not in asked.columns):
            continue
        name = asked.device
        matching = [label for label in there if name and (label == name or label.endswith("/" + name))]
        if len(matching) != 1:
            missing = f", and no {name}" if name else ""
            more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
            raise RecordingRefused(
                f"{path}: column {sheet.header[place]!r} has {', '.join(there[:SHOWN])}{more}{missing}: "
                f"choose one with {asked.device_option} {shlex.quote(there[0])}"
            )
        kept = [row for row, label in enumerate(labels) if label == matching[0]]
        sheet.rows, sheet.lines = [sheet.rows[row] for row in kept], [sheet.lines[row] for row in kept]
        return [f"{len(kept)} of {len(labels)} rows are {sheet.header[place]} {matching[0]}"]
    return []


def _times(
    sheet: Sheet, chosen: columns.Chosen, cells: Sequence[tuple[str, str, str]], path: object, asked: Asked
) -> tuple[Floats, list[str]]:
    if not chosen.ts:
        period = asked.period or 0.0
        ts = times.BEGIN + np.arange(len(cells), dtype=np.float64) * period
        return ts, [f"no times: the rows are taken {period:g} s apart from 2020 on"]
    name = "+".join(sheet.named(place) for place in chosen.ts)
    return times.seconds([ts for ts, _, _ in cells], sheet.lines, name, path, asked)


def _values(
    sheet: Sheet, chosen: columns.Chosen, cells: Sequence[tuple[str, str, str]], path: object, asked: Asked
) -> tuple[Floats, Floats, list[str]]:
    """t in degC, h in %RH (NaN = no number), and what was assumed. Raises RecordingRefused."""
    temperatures = numbers.parse([t for _, t, _ in cells], sheet.lines, "t", path)
    name = sheet.header[chosen.t]
    where = f"{path}: t" + ("" if name == "t" else f" ({name})")
    t, notes = units.temperature(
        temperatures.values,
        asked.unit.get("t"),
        headings.unit(sheet.named(chosen.t)) | temperatures.units,
        where,
    )
    wet: list[str] = []
    if chosen.h is None:
        h = np.full(len(t), NO_HUMIDITY)
    else:
        moist = numbers.parse([h for _, _, h in cells], sheet.lines, "h", path)
        name = sheet.header[chosen.h]
        h, more = units.humidity(
            moist.values, asked.unit.get("h"), f"{path}: h" + ("" if name == "h" else f" ({name})")
        )
        wet = [*moist.notes, *more]
        if units.swapped(t, h):
            wet.append(
                "t looks like a humidity and h like a temperature: are they swapped (--columns t=…,h=…)?"
            )
    notes = [*temperatures.notes, *notes, *units.changes(t, sheet.lines), *wet]
    for what, values, (low, high) in (("t", t, T_RANGE), ("h", h, H_RANGE)):
        beyond = np.flatnonzero((values < low) | (values > high))
        if 2 * len(beyond) > np.isfinite(values).sum():
            first = beyond[0]
            raise RecordingRefused(
                f"{path}:{sheet.lines[first]}: {what} {values[first]:g} is beyond what a sensor measures, "
                f"as {len(beyond)} of {len(values)} rows are: choose another column (--columns {what}=…) or "
                "unit (--unit)"
            )
        if len(beyond):
            notes.append(
                f"{len(beyond)} rows have a {what} that no sensor measures (first: line "
                f"{sheet.lines[beyond[0]]}, {values[beyond[0]]:g}); nothing is learned from them"
            )
    return t, h, notes


def _order(
    ts: Floats, cells: Sequence[tuple[str, str, str]], lines: Sequence[int], asked: Asked
) -> tuple[NDArray[np.int64], list[str]]:
    """The places of dated rows, oldest first."""
    notes = []
    undated = np.flatnonzero(np.isnan(ts))
    if len(undated):
        notes.append(f"{len(undated)} rows without a time are left out (first: line {lines[undated[0]]})")
    order = np.flatnonzero(~np.isnan(ts))
    back = np.flatnonzero(np.diff(ts[order]) < 0)
    if len(back):
        by_time = order[np.argsort(ts[order], kind="stable")]
        before, after = ts[order[back[0]]], ts[order[back[0] + 1]]
        hour = len(back) <= 2 and 1800 <= before - after <= 3600 and not asked.zone
        notes.append(
            f"the rows are not in the order of time (first: line {lines[order[back[0] + 1]]}): sorted"
            + ("; does summer time end there? Then say --zone Europe/Paris, or yours" if hour else "")
        )
        same = np.zeros(len(by_time), bool)
        for place in range(1, len(by_time)):
            earlier, later = int(by_time[place - 1]), int(by_time[place])
            same[place] = (
                ts[earlier] == ts[later]
                and abs(earlier - later) > 1
                and cells[earlier][1:] == cells[later][1:]
            )
        if same.any():
            notes.append(f"{int(same.sum())} rows stand twice in the file and count once")
        order = by_time[~same]
    repeated = np.flatnonzero(np.diff(ts[order]) == 0)
    if len(repeated):
        many = (
            ": several devices in one file? --columns device=… tells them apart"
            if 3 * len(repeated) > len(order)
            else ""
        )
        notes.append(
            f"{len(repeated)} rows have the time of the row before (first: line "
            f"{lines[order[repeated[0] + 1]]}){many}"
        )
    return order, notes

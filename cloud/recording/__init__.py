"""Recordings as people have them: all commands use this one reader (docs/recordings.md).

The reader guesses what a file does not say only if the file proves it, and notes each assumption in one line.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.recording import columns, headings, long, numbers, text, text_table, times, units
from cloud.recording.description import Asked
from cloud.recording.refused import RecordingRefused
from cloud.recording.sheet import Column, Sheet, listed

__all__ = ["Asked", "Recording", "RecordingRefused", "read"]

Floats = NDArray[np.float64]
NO_HUMIDITY = 50.0
T_RANGE, H_RANGE = (-40.0, 80.0), (0.5, 100.0)  # that a sensor can measure


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
    try:
        recording = _recording(long.widen(text_table.parse(decoded, asked)))
    except RecordingRefused as refused:
        raise refused.of(path) from None
    return replace(recording, notes=notes + recording.notes)


def _recording(sheet: Sheet) -> Recording:
    if not sheet.rows:
        raise RecordingRefused("the file has a header and no rows: export it again")
    chosen = columns.choose(sheet)
    _leave_out_a_cut_end(sheet, chosen)
    _leave_one_device(sheet, chosen)
    dates = sheet.column("+".join(sheet.named(place) for place in chosen.ts), chosen.ts)
    if chosen.ts:
        ts = times.seconds(dates, sheet.asked)
    else:
        period = sheet.asked.period or 0.0
        ts = times.BEGIN + np.arange(len(sheet.rows), dtype=np.float64) * period
        sheet.notes.append(f"no times: the rows are taken {period:g} s apart from 2020 on")
    temperatures = sheet.column("t", [chosen.t])
    humidities = sheet.column("h", [] if chosen.h is None else [chosen.h])
    t = _temperature(sheet, chosen, temperatures)
    h = _humidity(sheet, chosen, humidities, t)
    _note_what_no_sensor_measures(sheet, t, h)
    cells = list(zip(dates.cells, temperatures.cells, humidities.cells, strict=True))
    order = _order(ts, cells, sheet)
    return Recording(ts[order], t[order], h[order], [cells[place] for place in order], sheet.notes)


def _leave_out_a_cut_end(sheet: Sheet, chosen: columns.Chosen) -> None:
    """Rows that end too early are failed reads, but the last one, half written, is left out."""
    needed = max(chosen.t, chosen.h or 0, *chosen.ts)
    lines = [line for line, count in sheet.short.items() if count <= needed]
    if lines and lines[-1] == sheet.lines[-1] and len(sheet.lines) > 1:
        del sheet.rows[-1], sheet.lines[-1]
        sheet.notes.append(f"line {lines.pop()}, the last, ends early: left out")
    if lines:
        early = f"{len(lines)} rows end early and count as failed reads (first: line {lines[0]})"
        sheet.notes.append(early)


def _leave_one_device(sheet: Sheet, chosen: columns.Chosen) -> None:
    """Leave the rows of one device in the sheet."""
    asked = sheet.asked
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
            cure = f"choose one with {asked.device_option} {shlex.quote(there[0])}"
            raise RecordingRefused(f"column {sheet.header[place]!r} has {listed(there)}{missing}: {cure}")
        kept = [row for row, label in enumerate(labels) if label == matching[0]]
        sheet.rows, sheet.lines = [sheet.rows[row] for row in kept], [sheet.lines[row] for row in kept]
        sheet.notes.append(f"{len(kept)} of {len(labels)} rows are {sheet.header[place]} {matching[0]}")
        return


def _temperature(sheet: Sheet, chosen: columns.Chosen, column: Column) -> Floats:
    """degC, NaN = no number. Raises RecordingRefused."""
    values, named = numbers.parse(column)
    named |= headings.unit(sheet.named(chosen.t))
    called = _called("t", sheet.header[chosen.t])
    t = units.temperature(values, named, called, sheet.asked.unit.get("t"), sheet.notes)
    if note := units.changes(t, sheet.lines):
        sheet.notes.append(note)
    return t


def _humidity(sheet: Sheet, chosen: columns.Chosen, column: Column, t: Floats) -> Floats:
    """%RH, NaN = no number. Raises RecordingRefused."""
    if chosen.h is None:
        return np.full(len(t), NO_HUMIDITY)
    values, _ = numbers.parse(column)
    called = _called("h", sheet.header[chosen.h])
    h = units.humidity(values, called, sheet.asked.unit.get("h"), sheet.notes)
    if units.swapped(t, h):
        swapped = "t looks like a humidity and h like a temperature: are they swapped (--columns t=…,h=…)?"
        sheet.notes.append(swapped)
    return h


def _called(what: str, name: str) -> str:
    return what if name == what else f"{what} ({name})"


def _note_what_no_sensor_measures(sheet: Sheet, t: Floats, h: Floats) -> None:
    for what, values, (low, high) in (("t", t, T_RANGE), ("h", h, H_RANGE)):
        beyond = np.flatnonzero((values < low) | (values > high))
        if not len(beyond):
            continue
        line, value = sheet.lines[beyond[0]], values[beyond[0]]
        if 2 * len(beyond) > np.isfinite(values).sum():
            cure = f"choose another column (--columns {what}=…) or unit (--unit)"
            rows = f"{len(beyond)} of {len(values)} rows"
            raise RecordingRefused(
                f"{what} {value:g} is beyond what a sensor measures, as {rows} are: {cure}", line
            )
        sheet.notes.append(
            f"{len(beyond)} rows have a {what} that no sensor measures (first: line {line}, {value:g}); "
            "nothing is learned from them"
        )


def _order(ts: Floats, cells: Sequence[tuple[str, str, str]], sheet: Sheet) -> NDArray[np.int64]:
    """The places of dated rows, oldest first."""
    lines, notes = sheet.lines, sheet.notes
    undated = np.flatnonzero(np.isnan(ts))
    if len(undated):
        notes.append(f"{len(undated)} rows without a time are left out (first: line {lines[undated[0]]})")
    order = np.flatnonzero(~np.isnan(ts))
    back = np.flatnonzero(np.diff(ts[order]) < 0)
    if len(back):
        before, after = ts[order[back[0]]], ts[order[back[0] + 1]]
        hour = len(back) <= 2 and 1800 <= before - after <= 3600 and not sheet.asked.zone
        notes.append(
            f"the rows are not in the order of time (first: line {lines[order[back[0] + 1]]}): sorted"
            + ("; does summer time end there? Then say --zone Europe/Paris, or yours" if hour else "")
        )
        by_time = order[np.argsort(ts[order], kind="stable")].tolist()
        twice = [
            ts[earlier] == ts[later] and abs(earlier - later) > 1 and cells[earlier][1:] == cells[later][1:]
            for earlier, later in pairwise(by_time)
        ]
        if any(twice):
            notes.append(f"{sum(twice)} rows stand twice in the file and count once")
        order = np.array(by_time)[~np.array([False, *twice])]
    repeated = np.flatnonzero(np.diff(ts[order]) == 0)
    if len(repeated):
        several = 3 * len(repeated) > len(order)
        notes.append(
            f"{len(repeated)} rows have the time of the row before (first: line "
            f"{lines[order[repeated[0] + 1]]})"
            + (": several devices in one file? --columns device=… tells them apart" if several else "")
        )
    return order

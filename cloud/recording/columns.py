"""Chooses the columns: as asked, else by their names; it refuses an unclear file and lists the choices."""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from cloud.recording import headings
from cloud.recording.refused import RecordingRefused
from cloud.recording.sheet import Sheet

CLOCK = re.compile(r"\d\d?[:.]\d\d([:.]\d\d)?\s*([ap]\.?m\.?)?", re.IGNORECASE)
DATED = re.compile(r"[12]\d{9}|\d{1,4}[-/.年]\d\d?[-/.月]\d")  # what begins as a time does
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?\D{0,5}$")
SHOWN = 12  # columns that a refusal lists


class Chosen(NamedTuple):
    """Places of the columns. `ts`: two when date and time of day have a column each, none without times."""

    ts: tuple[int, ...]
    t: int
    h: int | None
    devices: tuple[int, ...]  # that may tell devices apart


def choose(sheet: Sheet) -> Chosen:
    """The columns of `sheet`. Raises RecordingRefused, which lists everything that is unclear."""
    asked = sheet.asked.columns
    if sheet.bare and "t" not in asked:
        cure = "Say which column is what by number: --columns ts=1,t=2,h=3"
        raise RecordingRefused(f"there is no header: {_values(sheet)}. {cure}", sheet.lines[0])
    ts = _time(sheet)
    t, h = _candidates(sheet, "t"), _candidates(sheet, "h")
    unclear = []
    if not t:
        unclear.append(f"no column 't', nor another name of a temperature, among {_values(sheet)}")
    unclear += [
        f"several columns may be {kind}: {', '.join(repr(sheet.header[place]) for place in places[:SHOWN])}"
        for kind, places in (("t", t), ("h", h))
        if len(places) > 1
    ]
    if ts is None:
        among = f", among {_values(sheet)}" if t else ""
        unclear.append(f"no column 'ts', nor another name of a time{among}")
    if ts is None or unclear:
        raise RecordingRefused(f"{'; '.join(unclear)}: add {_cure(sheet, ts, t, h)}")
    taken = {"ts": ts, "t": t, "h": h}
    named = {kind: "+".join(sheet.header[place] for place in places) for kind, places in taken.items()}
    guessed = [
        f"{kind} is {name!r}" for kind, name in named.items() if name not in ("", kind) and kind not in asked
    ]
    if guessed:
        sheet.notes.append(f"columns: {', '.join(guessed)}")
    if not h:
        sheet.notes.append(
            "no humidity: 50 %RH is put in its place, and only temperature is judged; a board that measures "
            "humidity needs another model (is it in another column? --columns h=…)"
        )
    if "device" in asked:
        devices = [_place(sheet, asked["device"])]
    else:
        devices = [place for place in headings.devices(sheet.header) if place not in {*t, *h, *ts}]
    return Chosen(ts, t[0], h[0] if h else None, tuple(devices))


def _cure(sheet: Sheet, ts: Sequence[int] | None, t: Sequence[int], h: Sequence[int]) -> str:
    """Options that read this file: they choose the first of the unclear columns."""
    dated = headings.times(sheet.header)
    free = [
        place
        for place, name in enumerate(sheet.header)
        if place not in dated and name.strip() and headings.words(name)[:1] != ["entry"]
    ]
    first = {place: sheet.rows[0][place].strip() for place in free}
    shown = [place for place in free if DATED.match(first[place])]
    free = [place for place in free if NUMBER.match(first[place]) and place not in shown] or free
    if not t:
        t, h = free[:1], h or free[1:2]
    columns: list[tuple[str, Sequence[int]]] = [("ts", shown)] if ts is None else []
    columns += [(kind, places) for kind, places in (("t", t), ("h", h)) if kind not in sheet.asked.columns]
    named = [f"{kind}={name}" for kind, name in sheet.asked.columns.items()]
    named += [f"{kind}={_called(sheet, places[0])}" for kind, places in columns if places]
    option = f"--columns {shlex.quote(','.join(named))}" if named else ""
    if ts is not None or shown:
        return option
    return f"{option} --period 60 if rows have no time and are 60 s apart, else name it too: ts=NAME".lstrip()


def _called(sheet: Sheet, place: int) -> str:
    """A column's name, or its number when several columns have that name."""
    return sheet.header[place] if sheet.header.count(sheet.header[place]) == 1 else str(place + 1)


def _candidates(sheet: Sheet, kind: str) -> list[int]:
    asked = sheet.asked.columns
    if kind in asked:
        return [_place(sheet, asked[kind])]
    taken = [_place(sheet, name) for other, name in asked.items() if other in ("t", "h")]
    names = headings.TEMPERATURES if kind == "t" else headings.HUMIDITIES
    places = [place for place in headings.best(sheet.header, names) if place not in taken]
    units = [headings.unit(sheet.header[place]) for place in places]
    celsius = [place for place, unit in zip(places, units, strict=True) if unit == {"C"}]
    return celsius if len(celsius) == 1 and all(units) else places  # the same in two units


def _time(sheet: Sheet) -> tuple[int, ...] | None:
    """Places of the time columns; None when there are none."""
    if "ts" in sheet.asked.columns:
        name = sheet.asked.columns["ts"]
        parts = [name] if name in sheet.header else name.split("+")
        return tuple(_place(sheet, part) for part in parts)
    if sheet.asked.period is not None:
        return ()
    places = sheet.filled(headings.times(sheet.header))
    if not places:
        return None
    last = {place: headings.words(sheet.header[place])[-1] for place in places}
    day = next((place for place in places if last[place] in headings.DAYS), None)
    clock = next((place for place in places if last[place] in headings.CLOCKS and place != day), None)
    if day is None or clock is None or places[0] not in (day, clock):
        return (places[0],)
    apart = _mostly_clock(sheet, clock) and not _mostly_clock(sheet, day)
    return (day, clock) if apart else (places[0],)


def _mostly_clock(sheet: Sheet, place: int) -> bool:
    cells = [row[place].strip() for row in sheet.rows[:50]]
    return 2 * sum(bool(CLOCK.fullmatch(cell)) for cell in cells) > len(cells)


def _place(sheet: Sheet, name: str) -> int:
    """The place of the column with this name, or this number (counted from 1). Raises RecordingRefused."""
    if sheet.header.count(name) == 1:
        return sheet.header.index(name)
    close = [place for place, each in enumerate(sheet.header) if headings.plain(each) == headings.plain(name)]
    if len(close) == 1:
        return close[0]
    if name.isdigit() and 1 <= int(name) <= len(sheet.header):
        return int(name) - 1
    which = "several columns" if len(close) > 1 else "no column"
    raise RecordingRefused(f"{which} {name!r} among {_values(sheet)}: give its number, counted from 1")


def _values(sheet: Sheet) -> str:
    """Names and first values, as the file shows them."""
    first = sheet.rows[0] if sheet.rows else [""] * len(sheet.header)
    shown = [
        f"{name.strip() or number}={value.strip()[:24]}" if value.strip() else name.strip()
        for number, (name, value) in enumerate(zip(sheet.header, first, strict=True), 1)
    ]
    more = f", and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more

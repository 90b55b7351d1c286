"""Cells to Unix seconds: numbers of seconds, milliseconds or days, and dates as people write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from numpy.typing import NDArray

from cloud.recording.description import ORDERS, Asked
from cloud.recording.headings import plain
from cloud.recording.refused import RecordingRefused

Floats = NDArray[np.float64]
NONE = {"", "nan", "nat", "na", "n/a", "null", "none", "unavailable", "unknown", "-"}
EARLIEST, LATEST = 946684800.0, 4102444800.0  # 2000 and 2100
SCALES = {1.0: "seconds", 1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}
BEGIN = 1577836800.0  # 2020: the start of a recording that does not know its own
HOUR, DAY = 3600.0, 86400.0
DAYS_TO_1970 = 25569.0  # of a spreadsheet
FEW = 0.01  # of the rows may have a time that cannot be read
NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?")
ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
ISO_ZONED = ISO + r"(?:Z|[+-]\d\d:?\d\d)"
ZONED = re.compile(
    r"^(?P<local>\d{8}T\d{6}|.*?\d:\d\d(?::\d\d)?(?:\.\d+)?(?: [AP]M)?)"
    r"(?: ?(?P<zone>Z|[A-Za-z]{2,5}|(?:UTC|GMT)?[+-]\d\d?(?::?\d\d)?))?$"
)
OFFSET = re.compile(r"(?:UTC|GMT)?\s*(?P<sign>[+\-−])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?\b")
# Of RFC 5322, and those of Europe; others, such as IST, mean several zones.
ZONES = {
    -8: "PST",
    -7: "PDT MST",
    -6: "MDT CST",
    -5: "CDT EST",
    -4: "EDT",
    0: "Z UTC GMT WET",
    1: "BST WEST CET MEZ",
    2: "CEST MESZ EET",
    3: "EEST",
}
NAMED = {name: hours for hours, text in ZONES.items() for name in text.split()}
CURE = "write Unix seconds or 2026-01-31 12:00:00"
# In French, German, Spanish, Italian, Portuguese and Dutch, as far as they begin.
MONTH_WORDS = {
    "Jan": "jan ene gen",
    "Feb": "fev feb",
    "Mar": "mars marz mar maa mrt",
    "Apr": "avr apr abr",
    "May": "mai may mag mei",
    "Jun": "juin jun giu",
    "Jul": "juil jul lug",
    "Aug": "aou aug ago",
    "Sep": "sep set",
    "Oct": "oct okt ott out",
    "Nov": "nov",
    "Dec": "dec dez dic",
}
MONTHS = "|".join(MONTH_WORDS)
DATE = re.compile(
    r"(?P<ymd>\d{4}(?P<s1>[-/.])\d\d?(?P=s1)\d\d?)|(?P<abc>\d\d?(?P<s2>[-/.])\d\d?(?P=s2)(?:\d{4}|\d\d))(?!\d)"
    r"|(?P<dmy>\d\d?(?P<s3>[- ])[A-Za-z]{3,9}(?P=s3)(?:\d{4}|\d\d)(?!\d))|(?P<mdy>[A-Za-z]{3,9} \d\d? \d{4})"
    r"|(?P<compact>\d{8})"
)
CLOCK = re.compile(
    r"(?P<gap>[T ]?)(?:(?P<seconds>\d\d?:\d\d:\d\d)(?P<part>\.\d+)?|(?P<minutes>\d\d?:\d\d)|(?P<bare>\d{6}))"
    r"(?P<noon> [AP]M)?"
)


def seconds(
    cells: Sequence[str], lines: Sequence[int], name: str, path: object, asked: Asked
) -> tuple[Floats, list[str]]:
    """Unix seconds, NaN for a row without a date, and what was assumed. Raises RecordingRefused.

    `lines`: the line of each cell in the file; `name`: the column's.
    """
    text = pd.Series(cells, dtype=object).str.strip().str.strip("=\"'")
    there = (~text.str.casefold().isin(NONE)).to_numpy(bool)
    result = np.full(len(text), np.nan)
    if not there.any():
        raise RecordingRefused(
            f"{path}: no row has a time in {name!r}: choose another column with --columns ts=…"
        )
    given, at = text[there], np.asarray(lines)[there]
    plain = given.str.fullmatch(NUMBER)
    if 2 * plain.sum() >= len(given):
        values = pd.to_numeric(given.where(plain).str.replace(",", "."), errors="coerce").to_numpy(float)
        if given.str.fullmatch(r"20\d{12}").mean() > 0.5:
            values, notes = _dates(given, at, name, path, asked)
        else:
            values, notes = _numbers(values, given, at, name, path)
    else:
        values, notes = _dates(given, at, name, path, asked)
    _refuse_unreadable(values, given, at, name, path, notes=notes)
    outside = (values < EARLIEST) | (values > LATEST)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        if 2 * outside.sum() > len(values):
            raise RecordingRefused(
                f"{path}:{at[first]}: {name} {given.iloc[first]!r} is not between 2000 and 2100: was the "
                "logger's clock set? Correct the times, or leave them out and say --period"
            )
        notes.append(
            f"{int(outside.sum())} rows are not between 2000 and 2100: undated (first: line {at[first]})"
        )
        values = np.where(outside, np.nan, values)
    result[there] = values
    return result, notes


def _refuse_unreadable(
    values: Floats, given: pd.Series, at: NDArray[np.int64], name: str, path: object, *, notes: list[str]
) -> None:
    bad = np.flatnonzero(np.isnan(values))
    if not len(bad):
        return
    first = (
        f"{path}:{at[bad[0]]}: {name} {given.iloc[bad[0]][:40]!r} is not a number of Unix seconds, nor a date"
    )
    if len(bad) > FEW * len(values):
        few = 10 * len(bad) < len(values)
        raise RecordingRefused(f"{first} ({len(bad)} such rows): {CURE}" + ", or delete these rows" * few)
    notes.append(
        f"{len(bad)} times cannot be read, their rows are left out (first: line {at[bad[0]]}, "
        f"{given.iloc[bad[0]][:40]!r})"
    )


def _numbers(
    values: Floats, given: pd.Series, at: NDArray[np.int64], name: str, path: object
) -> tuple[Floats, list[str]]:
    known = values[np.isfinite(values)]
    middle = float(np.median(known))
    steps = np.abs(np.diff(known))
    step = float(np.median(steps[steps > 0])) if steps.any() else 0.0
    if given.str.contains("e", case=False).any() and len(np.unique(known)) < len(known) / 10:
        raise RecordingRefused(
            f"{path}:{at[0]}: {name} {given.iloc[0]!r} has lost its digits in a spreadsheet: export the file "
            "again, and do not save it there"
        )
    for scale, what in SCALES.items():
        if EARLIEST <= middle / scale <= LATEST:
            return values / scale, [] if scale == 1 else [f"{name} is in Unix {what}, divided by {scale:.0f}"]
    if 36526 <= middle < 73050 and step <= 0.05:  # 2000 to 2100
        return (values - DAYS_TO_1970) * DAY, [
            f"{name} is no Unix time but a spreadsheet's day number ({given.iloc[0]}): read as such, in UTC"
        ]
    if 6.3e8 <= middle < EARLIEST:
        raise RecordingRefused(
            f"{path}:{at[0]}: {name} {given.iloc[0]!r} is no Unix time of these years: seconds since 2000, "
            "as MicroPython counts on an ESP32? Add 946684800 to each"
        )
    millis = step >= 1000 and step % 1000 == 0
    if 0 < step <= HOUR and step != 1 and not millis and known.min() >= 0 and known.max() < 1e8:
        return values + BEGIN, [
            f"{name} is no Unix time ({given.iloc[0]}): taken as seconds since the start, {step:g} s between "
            "rows (if they are not, say how many with --period)"
        ]
    kind = "row numbers" if step == 1 else "milliseconds since the start" if millis else "a count"
    raise RecordingRefused(
        f"{path}:{at[0]}: {name} {given.iloc[0]!r} is no Unix time, it looks like {kind}: {CURE}, or say "
        "how many seconds apart the rows are, such as --period 60"
    )


def _dates(
    given: pd.Series, at: NDArray[np.int64], name: str, path: object, asked: Asked
) -> tuple[Floats, list[str]]:
    if given.str.fullmatch(ISO_ZONED).all():
        return _unix(pd.to_datetime(given, format="ISO8601", errors="coerce", utc=True)), []
    text = given if given.str.fullmatch(ISO).all() else tidy(given)
    parts = text.str.extract(ZONED)
    local = parts["local"].where(parts["local"].notna(), text)
    local = local.where(local.str.contains(r"\d", na=False), "")
    clock_only = local.str.fullmatch(r"\d\d?:\d\d(?::\d\d)?(?:\.\d+)?(?: [AP]M)?").to_numpy(bool)
    if clock_only.any() and not clock_only.all():
        raise RecordingRefused(
            f"{path}:{at[np.flatnonzero(clock_only)[0]]}: the date of {name} is empty here, as in "
            f"{int(clock_only.sum())} rows: write it into each row"
        )
    if clock_only.any():
        raise RecordingRefused(
            f"{path}:{at[0]}: {name} {given.iloc[0]!r} is a time of day without a date: join the two columns "
            "with --columns ts=DATE+TIME, or say how many seconds apart the rows are, such as --period 60"
        )
    moments, notes = _ordered(local, given, at, name, path, asked=asked.dates)
    zones = parts["zone"].where(parts["zone"].notna(), "")
    offsets = {zone: _offset(str(zone)) for zone in zones.unique()}
    for zone, offset in offsets.items():
        if zone and offset is None:
            line = at[int(np.flatnonzero((zones == zone).to_numpy())[0])]
            raise RecordingRefused(
                f"{path}:{line}: the zone {zone!r} of {name} means several: write an offset such as +05:30"
            )
    in_name = (
        _offset(name) if OFFSET.search(name) or re.search(r"\b(UTC|GMT)\b", name, re.IGNORECASE) else None
    )
    shift = zones.map(lambda zone: offsets[zone] if zone else in_name).to_numpy(float).copy()
    seconds = _unix(moments)
    bare = (zones == "").to_numpy() & ~np.isnan(seconds)
    if bare.any() and asked.zone:
        seconds[bare], more = _from_zone(moments[bare], at[bare], path, asked.zone)
        shift[bare] = 0
        notes += more
    elif bare.any() and in_name is None:
        shift[bare] = 0
        some = "" if bare.all() else f" in {int(bare.sum())} rows (first: line {at[np.flatnonzero(bare)[0]]})"
        notes.append(
            f"{name} has no zone{some}: taken as UTC (say --zone Europe/Paris, or yours, if it is local time)"
        )
    return seconds - np.nan_to_num(shift), notes


def tidy(given: pd.Series) -> pd.Series:
    """One space, a colon in the clock, a point in the second, AM and PM; no weekday, no comma."""
    text = given.str.replace("\xa0", " ").str.replace("\u202f", " ").str.strip("[]() ")
    for pattern, new in (
        (r"([+-]\d\d:?\d\d|Z)\s*[\[(][\w/ ]+[\])]?$", r"\1"),  # an offset, and its name
        (r"(?<=\d)[.\s-]*(?:de\s+)?([^\W\d_]{3,10})\.?(?:\s+del?)?[\s-]+(?=\d)", _in_english),
        (r"\s(?:à|at|um|a las?|alle|om)\s+(?=\d)", " "),
        (r"(?<=\d)\s?h\s?(?=\d\d\b)", ":"),
        (r"(?i)(?<![a-z])([ap])\.?\s?m\.?(?=$|\s)", lambda match: match[1].upper() + "M"),
        (r"(\d)([AP]M)", r"\1 \2"),
        (rf"(?i)^({MONTHS})[a-z]*\.? +(\d\d?),? +(\d{{4}})", r"\1 \2 \3"),
        (rf"^(?!({MONTHS}) )[^\W\d_]{{2,10}}\.?,? +(?=\d|[A-Z][a-z]{{2,8}} +\d)", ""),
        (rf"^(?i:({MONTHS})) +(\d\d?) +([\d:.]+)((?: [A-Z]+)?) (\d{{4}})$", r"\1 \2 \5 \3\4"),
        (r"(:\d\d),(\d)", r"\1.\2"),
        (r",", " "),
        (r"\s+", " "),
        (r"(?<= )(\d\d?)\.(\d\d)(?:\.(\d\d))?$", lambda match: ":".join(filter(None, match.groups()))),
        (r"(?i)\s*(uhr|h)$", ""),
    ):
        text = text.str.replace(pattern, new, regex=True)
    return text


def _in_english(match: re.Match[str]) -> str:
    """A month after its day, as strptime knows it."""
    word = plain(match[1])
    for month, beginnings in MONTH_WORDS.items():
        if word.startswith(tuple(beginnings.split())):
            return f" {month} "
    return match[0]


def _ordered(
    local: pd.Series, given: pd.Series, at: NDArray[np.int64], name: str, path: object, *, asked: str | None
) -> tuple[NDArray[np.datetime64], list[str]]:
    """Moments, read in the one order of day, month and year that the file proves."""
    short = bool(local.str.match(r"\d\d?([-/.])\d\d?\1\d\d(?!\d)").any())
    unclear = short or bool(local.str.match(r"\d\d?([-/.])\d\d?\1\d{4}").any())
    if not unclear or asked:
        return _parsed(local, asked or "dmy"), []
    dotted = bool(local.str.match(r"\d\d?\.").mean() > 0.5)
    dotted = dotted and not np.isnat(_parsed(local, "dmy")).all()
    orders = [order for order in ORDERS if short or order != "ymd"]
    read = {order: _parsed(local, order) for order in (["dmy"] if dotted else orders)}
    failed = {order: int(np.isnat(moments).sum()) for order, moments in read.items()}
    fewest = min(failed.values())
    if fewest == len(local):
        return next(iter(read.values())), []
    left = [order for order in read if failed[order] <= fewest + FEW * len(local)]
    if len(left) == 1 or dotted:
        swapped = _swapped(read, left[0])
        if swapped is not None:
            raise RecordingRefused(
                f"{path}:{at[swapped]}: {name} {given.iloc[swapped]!r} has day and month the other way round "
                "than other rows, as a spreadsheet leaves them: export it again, and do not save it there"
            )
        other = next((order for order in orders if order not in left), None)
        proof: Any = np.flatnonzero(np.isnat(read[other])) if other in read else []
        shown = f" (line {at[proof[0]]}: {given.iloc[proof[0]]})" if len(proof) else ""
        return read[left[0]], [f"{name} has dates in the order {_spelled(left[0])}{shown}"]
    spans = {
        order: float(np.nanmax(_unix(read[order])) - np.nanmin(_unix(read[order]))) / DAY for order in left
    }
    first, second = sorted(left, key=lambda order: spans[order])[:2]
    if spans[second] < 2 * spans[first] or spans[second] < 20:
        raise RecordingRefused(
            f"{path}:{at[0]}: {name} {given.iloc[0]!r} may be {_spelled(first)} or {_spelled(second)}, and "
            f"no row shows which: say --dates {first} or --dates {second}"
        )
    return read[first], [
        f"{name} has dates in the order {_spelled(first)}: so they span {spans[first]:.0f} days, "
        f"not {spans[second]:.0f}"
    ]


def _swapped(read: dict[str, NDArray[np.datetime64]], order: str) -> int | None:
    """The first row whose day and month a spreadsheet has swapped: it does so where both orders are dates."""
    other = {"dmy": "mdy", "mdy": "dmy"}.get(order, "")
    if other not in read:
        return None
    both = ~np.isnat(read[order]) & ~np.isnat(read[other]) & (read[order] != read[other])
    if both.all() or not _turns(read[order]) or _turns(np.where(both, read[other], read[order])):
        return None  # the times are in order as they are, or are so in neither way
    return int(np.flatnonzero(both)[0])


def _turns(moments: NDArray[np.datetime64]) -> int:
    """How often they go against their common direction."""
    steps = np.diff(moments[~np.isnat(moments)]).astype(np.int64)
    return int(min((steps < 0).sum(), (steps > 0).sum()))


def _spelled(order: str) -> str:
    return "/".join({"d": "day", "m": "month", "y": "year"}[letter] for letter in order)


def _parsed(local: pd.Series, order: str) -> NDArray[np.datetime64]:
    """Moments, NaT for a cell that is no date. All cells of one form are read together."""
    out = np.full(len(local), np.datetime64("NaT"), "datetime64[us]")
    left = np.arange(len(local))
    tried: set[str | None] = {None}
    failed = 0
    while len(left) and failed <= FEW * len(local) + 1:
        form = _form(local.iloc[left[0]], order)
        if form in tried:
            left = left[1:]
            failed += 1
            continue
        tried.add(form)
        read = pd.to_datetime(local.iloc[left], format=form, errors="coerce").to_numpy("datetime64[us]")
        good = ~np.isnat(read)
        out[left[good]] = read[good]
        left = left[~good]
    return out


def _form(text: str, order: str) -> str | None:
    """The strptime format of one cell."""
    date = DATE.match(text)
    if not date:
        return None
    year = "%Y" if re.search(r"\d{4}", date[0]) else "%y"
    letters = {"d": "%d", "m": "%m", "y": year}
    kind = (
        date.lastgroup
        if date.lastgroup in ("mdy", "compact")
        else next(key for key in ("ymd", "abc", "dmy", "mdy", "compact") if date[key])
    )
    separator = next((date[key] for key in ("s1", "s2", "s3") if date[key]), "")
    month = "%b" if len(re.sub(r"[^A-Za-z]", "", date[0])) == 3 else "%B"
    form = {
        "ymd": separator.join(("%Y", "%m", "%d")),
        "abc": separator.join(letters[letter] for letter in order),
        "dmy": separator.join(("%d", month, year)),
        "mdy": f"{month} %d %Y",
        "compact": "%Y%m%d",
    }[kind]
    rest = text[date.end() :]
    if not rest:
        return form
    clock = CLOCK.fullmatch(rest)
    if not clock:
        return None
    hour = "%I" if clock["noon"] else "%H"
    form += clock["gap"] + (
        f"{hour}%M%S" if clock["bare"] else f"{hour}:%M" + (":%S" if clock["seconds"] else "")
    )
    return form + (".%f" if clock["part"] else "") + (" %p" if clock["noon"] else "")


def _offset(zone: str) -> float | None:
    """Seconds east of Greenwich; None when `zone` does not say."""
    if zone in NAMED:
        return NAMED[zone] * 3600.0
    match = OFFSET.search(zone)
    if match:
        east = int(match["hours"]) * 3600.0 + int(match["minutes"] or 0) * 60.0
        return east if match["sign"] == "+" else -east
    return 0.0 if re.search(r"\b(UTC|GMT)\b", zone, re.IGNORECASE) else None


def _unix(moments: Any) -> Floats:
    """Unix seconds of moments in UTC; NaN for NaT."""
    whole = np.asarray(pd.Series(moments).dt.tz_localize(None), "datetime64[us]")
    return np.where(np.isnat(whole), np.nan, whole.astype(np.int64) / 1e6)


def _from_zone(
    moments: NDArray[np.datetime64], at: NDArray[np.int64], path: object, zone: ZoneInfo
) -> tuple[Floats, list[str]]:
    """Unix seconds of local times; the order of the rows tells apart the hour that comes twice."""
    local = pd.DatetimeIndex(moments)
    notes = []
    try:
        placed = local.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError:
        placed = local.tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="NaT")
        notes.append(
            f"{zone.key} had some of these times twice, and their order does not say which: taken as "
            f"summer time"
        )
    missing = np.flatnonzero(placed.isna() & ~local.isna())
    if len(missing):
        raise RecordingRefused(
            f"{path}:{at[missing[0]]}: {local[missing[0]]} never was in {zone.key}: does the logger keep "
            "winter time all year? Say --zone Etc/GMT-1 (one hour east of Greenwich)"
        )
    return _unix(placed.tz_convert("UTC")), notes

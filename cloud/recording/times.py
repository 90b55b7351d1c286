"""Cells to Unix seconds: numbers of seconds, milliseconds or days, and dates as people write them."""

import re
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from numpy.typing import NDArray

from cloud.recording.description import ORDERS, Asked
from cloud.recording.headings import plain
from cloud.recording.refused import RecordingRefused
from cloud.recording.sheet import Column

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
# How months begin in French, German, Spanish, Italian, Portuguese and Dutch.
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


def seconds(column: Column, asked: Asked) -> Floats:
    """Unix seconds, NaN for a row without a date. Raises RecordingRefused."""
    name, notes = column.name, column.notes
    text = pd.Series(column.cells, dtype=object).str.strip().str.strip("=\"'")
    there = (~text.str.casefold().isin(NONE)).to_numpy(bool)
    if not there.any():
        raise RecordingRefused(f"no row has a time in {name!r}: choose another column with --columns ts=…")
    given = text[there].reset_index(drop=True)
    dated = Column(name, given, np.asarray(column.lines)[there], notes)
    plain = given.str.fullmatch(NUMBER)
    if 2 * plain.sum() >= len(given) and given.str.fullmatch(r"20\d{12}").mean() <= 0.5:
        numbers = pd.to_numeric(given.where(plain).str.replace(",", "."), errors="coerce")
        values = _numbers(numbers.to_numpy(float), dated)
    else:
        values = _dates(dated, given, asked)
    bad = np.flatnonzero(np.isnan(values))
    if len(bad) > FEW * len(values):
        also = ", or delete these rows" if 10 * len(bad) < len(values) else ""
        what = f"is not a number of Unix seconds, nor a date ({len(bad)} such rows)"
        raise dated.refused(bad[0], f"{what}: {CURE}{also}")
    if len(bad):
        first = f"line {dated.lines[bad[0]]}, {given[bad[0]][:40]!r}"
        notes.append(f"{len(bad)} times cannot be read, their rows are left out (first: {first})")
    outside = np.flatnonzero((values < EARLIEST) | (values > LATEST))
    if 2 * len(outside) > len(values):
        cure = "was the logger's clock set? Correct the times, or leave them out and say --period"
        raise dated.refused(outside[0], f"is not between 2000 and 2100: {cure}")
    if len(outside):
        first = f"line {dated.lines[outside[0]]}"
        notes.append(f"{len(outside)} rows are not between 2000 and 2100: undated (first: {first})")
        values[outside] = np.nan
    result = np.full(len(text), np.nan)
    result[there] = values
    return result


def _numbers(values: Floats, dated: Column) -> Floats:
    name, first = dated.name, dated.cells[0]
    known = values[np.isfinite(values)]
    middle = float(np.median(known))
    steps = np.abs(np.diff(known))
    step = float(np.median(steps[steps > 0])) if steps.any() else 0.0
    powers = any("e" in cell.lower() for cell in dated.cells)
    if powers and len(np.unique(known)) < len(known) / 10:
        cure = "export the file again, and do not save it there"
        raise dated.refused(0, f"has lost its digits in a spreadsheet: {cure}")
    for scale, what in SCALES.items():
        if EARLIEST <= middle / scale <= LATEST:
            if scale != 1:
                dated.notes.append(f"{name} is in Unix {what}, divided by {scale:.0f}")
            return values / scale
    if 36526 <= middle < 73050 and step <= 0.05:  # 2000 to 2100
        dated.notes.append(
            f"{name} is no Unix time but a spreadsheet's day number ({first}): read as such, in UTC"
        )
        return (values - DAYS_TO_1970) * DAY
    if 6.3e8 <= middle < EARLIEST:
        cure = "seconds since 2000, as MicroPython counts on an ESP32? Add 946684800 to each"
        raise dated.refused(0, f"is no Unix time of these years: {cure}")
    millis = step >= 1000 and step % 1000 == 0
    if 0 < step <= HOUR and step != 1 and not millis and known.min() >= 0 and known.max() < 1e8:
        dated.notes.append(
            f"{name} is no Unix time ({first}): taken as seconds since the start, {step:g} s between "
            "rows (if they are not, say how many with --period)"
        )
        return values + BEGIN
    kind = "row numbers" if step == 1 else "milliseconds since the start" if millis else "a count"
    cure = f"{CURE}, or say how many seconds apart the rows are, such as --period 60"
    raise dated.refused(0, f"is no Unix time, it looks like {kind}: {cure}")


def _dates(dated: Column, given: pd.Series, asked: Asked) -> Floats:
    """Unix seconds of dates. `given`: the cells of `dated`, for pandas."""
    name = dated.name
    if given.str.fullmatch(ISO_ZONED).all():
        return _unix(pd.to_datetime(given, format="ISO8601", errors="coerce", utc=True))
    text = given if given.str.fullmatch(ISO).all() else tidy(given)
    parts = text.str.extract(ZONED)
    local = parts["local"].where(parts["local"].notna(), text)
    local = local.where(local.str.contains(r"\d", na=False), "")
    clocks = np.flatnonzero(local.str.fullmatch(r"\d\d?:\d\d(?::\d\d)?(?:\.\d+)?(?: [AP]M)?"))
    if len(clocks) == len(local):
        cure = "join the two columns with --columns ts=DATE+TIME, or say how many seconds apart the rows are"
        raise dated.refused(0, f"is a time of day without a date: {cure}, such as --period 60")
    if len(clocks):
        text_of_all = f"the date of {name} is empty here, as in {len(clocks)} rows: write it into each row"
        raise RecordingRefused(text_of_all, dated.lines[clocks[0]])
    moments = _ordered(local, dated, asked.dates)
    zones = parts["zone"].where(parts["zone"].notna(), "")
    offsets = {zone: _offset(str(zone)) for zone in zones.unique()}
    for zone, offset in offsets.items():
        if zone and offset is None:
            unclear = f"the zone {zone!r} of {name} means several: write an offset such as +05:30"
            raise RecordingRefused(unclear, dated.lines[int(np.flatnonzero(zones == zone)[0])])
    in_name = (
        _offset(name) if OFFSET.search(name) or re.search(r"\b(UTC|GMT)\b", name, re.IGNORECASE) else None
    )
    shift = zones.map(lambda zone: offsets[zone] if zone else in_name).to_numpy(float).copy()
    seconds = _unix(moments)
    bare = (zones == "").to_numpy() & ~np.isnan(seconds)
    if bare.any() and asked.zone:
        seconds[bare] = _from_zone(moments[bare], np.asarray(dated.lines)[bare], asked.zone, dated.notes)
        shift[bare] = 0
    elif bare.any() and in_name is None:
        shift[bare] = 0
        first = dated.lines[int(np.flatnonzero(bare)[0])]
        some = "" if bare.all() else f" in {int(bare.sum())} rows (first: line {first})"
        dated.notes.append(
            f"{name} has no zone{some}: taken as UTC (say --zone Europe/Paris, or yours, if it is local time)"
        )
    return np.asarray(seconds - np.nan_to_num(shift))


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


def _ordered(local: pd.Series, dated: Column, asked: str | None) -> NDArray[np.datetime64]:
    """Moments, read in the one order of day, month and year that the file proves."""
    name, given = dated.name, dated.cells
    short = bool(local.str.match(r"\d\d?([-/.])\d\d?\1\d\d(?!\d)").any())
    unclear = short or bool(local.str.match(r"\d\d?([-/.])\d\d?\1\d{4}").any())
    if not unclear or asked:
        return _parsed(local, asked or "dmy")
    dotted = bool(local.str.match(r"\d\d?\.").mean() > 0.5)
    dotted = dotted and not np.isnat(_parsed(local, "dmy")).all()
    orders = [order for order in ORDERS if short or order != "ymd"]
    read = {order: _parsed(local, order) for order in (["dmy"] if dotted else orders)}
    failed = {order: int(np.isnat(moments).sum()) for order, moments in read.items()}
    fewest = min(failed.values())
    if fewest == len(local):
        return next(iter(read.values()))
    left = [order for order in read if failed[order] <= fewest + FEW * len(local)]
    if len(left) == 1 or dotted:
        swapped = _swapped(read, left[0])
        if swapped is not None:
            cure = "as a spreadsheet leaves them: export it again, and do not save it there"
            raise dated.refused(swapped, f"has day and month the other way round than other rows, {cure}")
        other = next((order for order in orders if order not in left), None)
        proof: Any = np.flatnonzero(np.isnat(read[other])) if other in read else []
        shown = f" (line {dated.lines[proof[0]]}: {given[proof[0]]})" if len(proof) else ""
        dated.notes.append(f"{name} has dates in the order {_spelled(left[0])}{shown}")
        return read[left[0]]
    spans = {
        order: float(np.nanmax(_unix(read[order])) - np.nanmin(_unix(read[order]))) / DAY for order in left
    }
    first, second = sorted(left, key=lambda order: spans[order])[:2]
    if spans[second] < 2 * spans[first] or spans[second] < 20:
        cure = f"no row shows which: say --dates {first} or --dates {second}"
        raise dated.refused(0, f"may be {_spelled(first)} or {_spelled(second)}, and {cure}")
    why = f"so they span {spans[first]:.0f} days, not {spans[second]:.0f}"
    dated.notes.append(f"{name} has dates in the order {_spelled(first)}: {why}")
    return read[first]


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
    separator = next((date[key] for key in ("s1", "s2", "s3") if date[key]), "")
    month = "%b" if len(re.sub(r"[^A-Za-z]", "", date[0])) == 3 else "%B"
    form = {
        "ymd": separator.join(("%Y", "%m", "%d")),
        "abc": separator.join(letters[letter] for letter in order),
        "dmy": separator.join(("%d", month, year)),
        "mdy": f"{month} %d %Y",
        "compact": "%Y%m%d",
    }[str(date.lastgroup)]
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
    moments: NDArray[np.datetime64], lines: NDArray[np.int64], zone: ZoneInfo, notes: list[str]
) -> Floats:
    """Unix seconds of local times; the order of the rows tells apart the hour that comes twice."""
    local = pd.DatetimeIndex(moments)
    try:
        placed = local.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError:
        placed = local.tz_localize(zone, ambiguous=np.ones(len(local), bool), nonexistent="NaT")
        notes.append(
            f"{zone.key} had some of these times twice, and their order does not say which: taken as "
            "summer time"
        )
    missing = np.flatnonzero(placed.isna() & ~local.isna())
    if len(missing):
        cure = "does the logger keep winter time all year? Say --zone Etc/GMT-1 (one hour east of Greenwich)"
        raise RecordingRefused(f"{local[missing[0]]} never was in {zone.key}: {cure}", lines[missing[0]])
    return _unix(placed.tz_convert("UTC"))

"""Words for people: detectors, ages, dates, amounts. Pure; nothing here draws."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from device import codes

# What a person would call it; the detector's own name follows where one may want to look it up.
SEEN = {
    codes.RANGE: "outside the sensor's range",
    codes.STUCK: "frozen value",
    codes.ZSCORE: "sudden change (Z-score)",
    codes.FOREST: "unusual pattern (forest)",
    codes.ENVELOPE: "unusual combination (envelope)",
    codes.JITTER: "noisy signal (jitter)",
    codes.DRIFT: "slow drift",
    codes.LIMIT: "outside your limits",
    codes.SENSOR_ERROR: "no reading from the sensor",
}

_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """`text` from a board or a person so that Markdown shows it letter by letter."""
    return _MARKDOWN.sub(r"\\\1", _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text))


def seen(flags: int) -> str:
    """What the detectors in `flags` saw, most telling first; empty when none did."""
    unknown = flags & codes.ABNORMAL & ~sum(SEEN)
    names = [name for bit, name in SEEN.items() if flags & bit]
    return ", ".join(names + ([f"unknown detector (bits {unknown:#x})"] if unknown else []))


def duration(seconds: float) -> str:
    """A length of time in its one or two biggest units: "8 s", "4 min", "2 h 05 min", "3 d 4 h"."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        hours, minutes = whole // 3600, whole % 3600 // 60
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    days, hours = whole // 86400, whole % 86400 // 3600
    return f"{days} d {hours} h" if hours else f"{days} d"


def period(seconds: float) -> str:
    """How often: "10 s", "0.5 s", "5 min"."""
    return f"{seconds:.2g} s" if seconds < 10 else duration(round(seconds))


def zone(name: str | None) -> tzinfo:
    """The reader's time zone; UTC when the browser did not say, or named one that is not known here."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def clock(at: float, where: tzinfo, now: float) -> str:
    """A date in local time, no longer than it needs to be: "12:04:07", "yesterday 12:04", "3 Nov 12:04"."""
    then, today = datetime.fromtimestamp(at, where), datetime.fromtimestamp(now, where)
    days = (today.date() - then.date()).days
    if days == 0:
        return then.strftime("%H:%M:%S")
    if days == 1:
        return then.strftime("yesterday %H:%M")
    if then.year == today.year:
        return f"{then.day} {then:%b %H:%M}"
    return f"{then.day} {then:%b %Y %H:%M}"


def count(number: int, one: str, many: str | None = None) -> str:
    """ "1 board", "3 boards", "12 400 readings"."""
    grouped = f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{grouped} {one if number == 1 else many or one + 's'}"


def celsius(value: float | None) -> str:
    return "– °C" if value is None else f"{value:.2f} °C"


def humidity(value: float | None) -> str:
    return "– %RH" if value is None else f"{value:.1f} %RH"


def spread(least: float, most: float, unit: str) -> str:
    return f"{least:.1f} to {most:.1f} {unit}"

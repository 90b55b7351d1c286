"""The options that describe a recording: its columns, device, units, dates. All are optional."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from cloud.recording import units
from cloud.recording.refused import RecordingRefused

KINDS = ("ts", "t", "h", "device")
ORDERS = ("dmy", "mdy", "ymd")


@dataclass(frozen=True)
class Asked:
    """`columns`: kind -> name or number of a column. `unit`: t, h -> a name of `units`. `period`: seconds."""

    columns: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    unit: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    dates: str | None = None
    period: float | None = None
    device_option: str = "--device"  # how the command that reads calls it


def add_options(parser: argparse.ArgumentParser, device: str = "--device") -> None:
    """Add the options of every command that reads a recording."""
    humid = ", ".join(units.H).replace("%", "%%")
    group = parser.add_argument_group(
        "what the file has, where it does not say so itself (docs/recordings.md)"
    )
    group.add_argument(
        "--columns",
        type=_columns,
        default={},
        metavar="ts=…,t=…,h=…",
        help="names or numbers of the columns; ts=Date+Time joins two; device=… tells devices apart",
    )
    group.add_argument(
        device, dest="recorded_device", metavar="NAME", help="use this one of several devices in the file"
    )
    group.add_argument(
        "--unit",
        type=_unit,
        default={},
        metavar="F",
        help=f"of temperature: {', '.join(units.T)}; of humidity: h= and {humid}; both: F,h=fraction",
    )
    group.add_argument(
        "--zone",
        type=_zone,
        metavar="Europe/Paris",
        help="where dates without a zone are local time (default UTC)",
    )
    group.add_argument(
        "--dates", choices=ORDERS, help="the order of day, month and year where it cannot be seen"
    )
    group.add_argument(
        "--period", type=_period, metavar="S", help="the file has no times: its rows are S seconds apart"
    )


def of(options: argparse.Namespace, device: str = "--device") -> Asked:
    """The options of `add_options` as `Asked`."""
    names = ("columns", "unit", "zone", "dates", "period")
    values: dict[str, Any] = {name: getattr(options, name) for name in names}
    return Asked(**values, device=options.recorded_device, device_option=device)


def parse(words: Sequence[str]) -> Asked:
    """The options from a command line's arguments. Raises RecordingRefused."""
    parser = _Parser(prog="", add_help=False, allow_abbrev=False)
    add_options(parser)
    return of(parser.parse_args(words))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RecordingRefused(message)


def _columns(text: str) -> dict[str, str]:
    columns = {}
    for part in re.split(rf",(?=(?:{'|'.join(KINDS)})=)", text):  # a name may have commas of its own
        kind, _, name = part.partition("=")
        if kind not in KINDS or not name:
            raise argparse.ArgumentTypeError(f'"{part}" is not one of {"=…, ".join(KINDS)}=…')
        columns[kind] = name
    return columns


def _unit(text: str) -> dict[str, str]:
    units_of = {}
    for part in text.split(","):
        kind, equals, name = part.partition("=")
        if not equals:
            kind, name = "t", part
        if (kind, name) not in [*(("t", unit) for unit in units.T), *(("h", unit) for unit in units.H)]:
            raise argparse.ArgumentTypeError(
                f'"{part}": temperature may be in {", ".join(units.T)}, humidity in h={", h=".join(units.H)}'
            )
        units_of[kind] = name
    return units_of


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        what = f'there is no zone "{text}": such as Europe/Paris or Etc/GMT-1'
        raise argparse.ArgumentTypeError(what) from None


def _period(text: str) -> float:
    try:
        period = float(text)
    except ValueError:
        period = 0.0
    if not 0 < period <= 3600:
        raise argparse.ArgumentTypeError(f'"{text}" is no number of seconds up to 3600')
    return period

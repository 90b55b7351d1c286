"""From stored readings to what a chart draws: lines with their gaps, marks, runs of verdicts. Pure.

Downsampling keeps, in each slice of time, the first and last reading and the extremes of every quantity (the
"M4" way: Jugel et al., VLDB 2014), so a spike of one reading stays visible in a month. Dates are milliseconds
since 1970, as charts want them; a browser shows them in its own time zone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cloud.dashboard import words
from cloud.reader import Episode, Readings
from device import codes

Table = dict[str, npt.NDArray[Any]]  # column -> values, all of one length
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

BOARD, CLOUD, FAILED = "Board", "Cloud", "Failed reads"
SILENT = (
    90.0  # s without a reading at an end of the range are a gap; a board may wait a minute before it sends
)
GAP_PERIODS = 3.0  # a pause this many times longer than usual is a gap


@dataclass(frozen=True)
class Curve:
    """What is drawn of one board over one range, and what a person should know beside it."""

    line: Table  # at, t, h, score (0..1), segment, undated
    marks: Table  # at, t, h, who, saw: abnormal good readings, one row for each side that says so
    runs: Table  # begin, finish, who, saw: stretches of verdicts, and of failed reads
    gaps: Table  # begin, finish, saw
    window: Table  # at: both ends of the time axis
    readings: int
    board_abnormal: int
    cloud_abnormal: int
    failed: int
    undated: int
    missing: int  # seqs of a stream that are not stored
    thinned: float = 0.0  # s: width of a slice when not every reading is drawn; 0 = all are
    episodes: Table = field(default_factory=dict)  # begin, finish, severity, saw

    @property
    def empty(self) -> bool:
        return self.readings == 0


def shape(
    readings: Readings, episodes: list[Episode], *, start: float, end: float, slices: int = 300
) -> Curve:
    """`readings` of [start, end) (Unix seconds) as tables; at most about `8 * slices` rows of line."""
    at = placed(readings.ts)
    good = ~np.isnan(readings.t)
    begin = _first_moment(readings, at, start)
    width = (end - begin) / slices if len(readings) > 8 * slices else 0.0
    usual = _usual(readings, at)
    breaks, pauses = _breaks(readings, at, usual, least=width)
    segment = np.cumsum(breaks | np.concatenate(([False], ~good[:-1])) if len(at) else breaks)
    drawn = _drawn(readings, at, good, breaks, begin=begin, width=width)
    return Curve(
        line={
            "at": at[drawn] * 1000,
            "t": readings.t[drawn],
            "h": readings.h[drawn],
            "score": readings.cloud_score[drawn],
            "segment": segment[drawn].astype(np.int64),
            "undated": np.isnan(readings.ts[drawn]),
        },
        marks=_marks(readings, at, good, width),
        runs=_runs(readings, at, good, breaks, near=(end - begin) / (2 * slices)),
        gaps=_gaps(readings, at, pauses, _silences(at, usual, begin, end)),
        window={"at": np.array([begin, end]) * 1000},
        readings=len(readings),
        board_abnormal=int((readings.edge_abnormal & good).sum()),
        cloud_abnormal=int((readings.cloud_abnormal & good).sum()),
        failed=int((~good).sum()),
        undated=int(np.isnan(readings.ts).sum()),
        missing=int(readings.missing_before[1:].sum()),
        thinned=width,
        episodes=_episodes(episodes, begin, end),
    )


def placed(ts: Floats) -> Floats:
    """Dates with the undated readings spread between their dated neighbours (all NaN: one second apart)."""
    dated = ~np.isnan(ts)
    if dated.all():
        return ts
    where = np.arange(len(ts), dtype=np.float64)
    if not dated.any():
        return where
    known = where[dated]
    step = np.median(np.diff(ts[dated]) / np.diff(known)) if len(known) > 1 else 1.0
    result: Floats = np.interp(where, known, ts[dated])
    before, after = where < known[0], where > known[-1]
    result[before] -= (known[0] - where[before]) * step
    result[after] += (where[after] - known[-1]) * step
    return result


def _first_moment(readings: Readings, at: Floats, start: float) -> float:
    """Where the time axis begins: with the board's very first reading if that is inside, else as asked."""
    if len(at) and readings.seq[0] <= 1 and len(np.unique(readings.stream)) == 1:
        return float(max(start, at[0]))
    return start


def _usual(readings: Readings, at: Floats) -> Floats:
    """The pause that is usual around each reading (s): a board's period is constant from boot to boot."""
    if len(at) < 2:
        return np.ones(len(at))
    step = np.diff(at, prepend=at[0])
    other = (readings.stream[1:] != readings.stream[:-1]) | (readings.boot[1:] != readings.boot[:-1])
    usual = np.empty(len(at))
    for boot in np.split(np.arange(len(at)), np.flatnonzero(other) + 1):
        usual[boot] = np.median(step[boot[1:]]) if len(boot) > 1 else 0.0
    usual[usual == 0] = np.median(step[1:])
    return usual


def _breaks(readings: Readings, at: Floats, usual: Floats, least: float) -> tuple[Mask, Index]:
    """(True where a new stretch begins, indices of the readings that follow a gap of more than `least` s)."""
    if len(at) == 0:
        return np.zeros(0, np.bool_), np.zeros(0, np.int64)
    step = np.diff(at, prepend=at[0])
    pause = (readings.missing_before > 0) | (step > GAP_PERIODS * np.maximum(usual, 0.5))
    pause[0] = False
    pause &= step > least
    breaks = pause.copy()
    breaks[0] = True
    return breaks, np.flatnonzero(pause)


def _drawn(readings: Readings, at: Floats, good: Mask, breaks: Mask, *, begin: float, width: float) -> Index:
    """Which good readings the line goes through."""
    index = np.flatnonzero(good)
    if width == 0 or len(index) == 0:
        return index
    slot = ((at - begin) // width).astype(np.int64)
    ends = np.flatnonzero(breaks | np.concatenate((breaks[1:], [True])))
    kept = [ends[good[ends]], _edges(slot, index)]
    for values in (readings.t, readings.h, readings.cloud_score):
        known = index[~np.isnan(values[index])]
        kept.append(_edges(slot, known[np.lexsort((values[known], slot[known]))]))
    return np.unique(np.concatenate(kept))


def _edges(slot: Index, ordered: Index) -> Index:
    """The first and the last of each slot; `ordered` is sorted by slot."""
    if len(ordered) == 0:
        return ordered
    change = np.flatnonzero(np.diff(slot[ordered]))
    first, last = np.concatenate(([0], change + 1)), np.concatenate((change, [len(ordered) - 1]))
    return np.concatenate((ordered[first], ordered[last]))


def _marks(readings: Readings, at: Floats, good: Mask, width: float) -> Table:
    sides = []
    for who, said, flags in _sides(readings):
        index = np.flatnonzero(said & good)
        if width and len(index):
            slot = (at[index] // width).astype(np.int64)
            index = index[np.unique(slot, return_index=True)[1]]
        sides.append((who, index, flags))
    index = np.concatenate([found for _, found, _ in sides])
    return {
        "at": at[index] * 1000,
        "t": readings.t[index],
        "h": readings.h[index],
        "score": readings.cloud_score[index],
        "who": _texts([who for who, found, _ in sides for _ in found]),
        "saw": _texts([words.seen(int(flags[one])) for _, found, flags in sides for one in found]),
    }


def _runs(readings: Readings, at: Floats, good: Mask, breaks: Mask, *, near: float) -> Table:
    """Stretches of one verdict; those nearer than `near` s to each other are drawn as one."""
    rows: list[tuple[float, float, str, str]] = []
    sides = [(who, said & good, flags) for who, said, flags in _sides(readings)]
    for who, said, flags in [*sides, (FAILED, ~good, None)]:
        index = np.flatnonzero(said)
        if len(index) == 0:
            continue
        apart = (np.diff(index) > 1) & (np.diff(at[index]) > near) | breaks[index[1:]]
        for run in np.split(index, np.flatnonzero(apart) + 1):
            if flags is None:
                saw = ", ".join(sorted({str(readings.why[one] or "no reason given") for one in run}))
            else:
                saw = words.seen(int(np.bitwise_or.reduce(flags[run])))
            times = words.count(len(run), "reading")
            rows.append((at[run[0]] * 1000, at[run[-1]] * 1000, who, f"{saw} · {times}"))
    return _table(rows, ("begin", "finish", "who", "saw"))


def _sides(readings: Readings) -> list[tuple[str, Mask, npt.NDArray[np.uint16]]]:
    return [
        (BOARD, readings.edge_abnormal, readings.edge_flags),
        (CLOUD, readings.cloud_abnormal, readings.cloud_flags),
    ]


def _silences(at: Floats, usual: Floats, begin: float, end: float) -> list[tuple[float, float]]:
    """Where the range begins or ends without readings (s)."""
    if len(at) == 0:
        return []
    sides = [(begin, at[0], usual[0]), (at[-1], end, usual[-1])]
    return [(left, right) for left, right, step in sides if right - left > max(SILENT, GAP_PERIODS * step)]


def _gaps(readings: Readings, at: Floats, pauses: Index, silences: list[tuple[float, float]]) -> Table:
    rows = [
        (left * 1000, right * 1000, f"Nothing is stored of {words.duration(right - left)}")
        for left, right in silences
    ]
    for here in pauses:
        lasted = words.duration(at[here] - at[here - 1])
        lost = int(readings.missing_before[here])
        if lost:
            saw = f"{words.count(lost, 'reading')} not stored, {lasted}"
        elif readings.boot[here] != readings.boot[here - 1]:
            saw = f"The board was off or restarting for {lasted}"
        else:
            saw = f"No reading was taken for {lasted}"
        rows.append((at[here - 1] * 1000, at[here] * 1000, saw))
    return _table(rows, ("begin", "finish", "saw"))


def _episodes(episodes: list[Episode], begin: float, end: float) -> Table:
    rows = []
    for one in episodes:
        until = one.closed if one.closed is not None else end
        if until < begin or one.opened > end:
            continue
        saw = words.seen((one.edge_flags | one.cloud_flags) & codes.ABNORMAL) or "abnormal"
        state = "over" if one.closed is not None else "going on"
        length = words.duration(until - one.opened)
        rows.append((max(one.opened, begin) * 1000, min(until, end) * 1000, f"{saw} · {length}, {state}"))
    return _table(rows, ("begin", "finish", "saw"))


def _table(rows: list[Any], columns: tuple[str, ...]) -> Table:
    values = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return {
        name: np.array(column, np.float64) if name in ("begin", "finish") else _texts(list(column))
        for name, column in zip(columns, values, strict=True)
    }


def _texts(values: list[str]) -> npt.NDArray[Any]:
    return np.array(values, dtype=object)

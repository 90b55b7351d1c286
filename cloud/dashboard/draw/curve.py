"""From stored readings to what a chart draws: lines with their gaps, marks, runs of verdicts. Pure.

Downsampling keeps, in each slice of time, the first and last reading and the extremes of every quantity (the
"M4" way: Jugel et al., VLDB 2014), so a spike of one reading stays visible in a month. Dates are milliseconds
since 1970, as charts want them; a browser shows them in its own time zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from cloud.alerts.facts import LEAST_SPAN
from cloud.detectors import FLAGS
from cloud.read.rows import Episode, Readings, Spans
from cloud.read.settling import Mask, settling
from cloud.words import Words
from device import codes

Table = dict[str, npt.NDArray[Any]]  # column -> values, all of one length
Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Side = tuple[str, Mask, npt.NDArray[np.uint16]]  # who, of which readings, with which flags

BOARD, CLOUD = "board", "cloud"  # who says so, in every table's column `who` ...
SETTLING = "settling"  # ... or that it is normal again, and only windows say otherwise (cloud.read.settling)
# s without a reading at an end of the range are a gap; a board may wait a minute before it sends.
SILENT = 90.0
GAP_PERIODS = 3.0  # a pause this many times longer than usual is a gap


@dataclass(frozen=True)
class Curve:
    """The tables of one board over one range for the chart, and the remarks beside it."""

    line: Table  # at, t, h, score and edge (cloud's and board's, 0..1), segment, undated
    marks: Table  # at, t, h, who, saw: abnormal good readings, one row for each side that says so
    runs: Table  # begin, finish, lane, who, saw: stretches of one detector's verdicts, by who gave them
    gaps: Table  # begin, finish, saw
    window: Table  # at: both ends of the time axis
    # Where no single reading is drawn: at, t_low, t_high, h_low, h_high, board, cloud (%), segment.
    band: Table
    readings: int
    board_abnormal: int
    cloud_abnormal: int
    failed: int
    undated: int
    said: float | None  # Unix s: the newest impossible date of an undated reading
    missing: int  # seqs of a stream that are not stored
    settling: int = 0  # good readings that somebody calls abnormal only because windows remember a fault
    thinned: float = 0.0  # s: width of a slice when not every reading is drawn; 0 = all are
    summed: bool = False  # drawn of sums over stretches: the line is their mean, the band least and greatest
    episodes: Table = field(default_factory=dict)  # begin, finish, saw
    least: Table = field(default_factory=dict)  # t, h: what the axes hold at least
    normal: Table = field(default_factory=dict)  # t_low, t_high, h_low, h_high: one row, or none
    limits: Table = field(default_factory=dict)  # quantity, value, label, is_most: the user's own

    @property
    def empty(self) -> bool:
        return self.readings == 0


def shape(
    say: Words,
    readings: Readings,
    episodes: list[Episode],
    *,
    start: float,
    end: float,
    slices: int = 300,
    hours: Spans | None = None,
    units: Mapping[str, float] | None = None,
) -> Curve:
    """`readings` of [start, end) (Unix seconds) as tables; at most about `8 * slices` rows of line.

    `hours`: the hourly values of deleted readings. `units`: of the boards' forests by model; they turn sums
    of path lengths into scores (cloud.store.agreement).
    """
    at = placed(readings.ts)
    good = ~np.isnan(readings.t)
    begin = start
    if len(at) and readings.seq[0] <= 1 and len(np.unique(readings.stream)) == 1:
        begin = float(max(start, at[0]))  # the board's very first reading, where that is inside
    sides = _sides(readings, episodes)
    board, cloud, settles = (calls & good for _, calls, _ in sides)
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
            "edge": _edge_scores(readings, drawn, units or {}),
            "segment": segment[drawn].astype(np.int64),
            "undated": np.isnan(readings.ts[drawn]),
        },
        marks=_marks(say, readings, at, sides, width),
        runs=_runs(say, readings, at, breaks, sides, near=(end - begin) / (2 * slices)),
        gaps=_gaps(say, readings, at, pauses, _silences(at, usual, begin, end)),
        window={"at": np.array([begin, end]) * 1000},
        band=_band(hours and _thinned(hours, begin, end, slices), _holes(hours, begin, end)),
        readings=len(readings),
        board_abnormal=int(board.sum()),
        cloud_abnormal=int(cloud.sum()),
        failed=int((~good).sum()),
        undated=int(np.isnan(readings.ts).sum()),
        said=float(readings.said[impossible[-1]])
        if len(impossible := np.flatnonzero(~np.isnan(readings.said)))
        else None,
        missing=int(readings.missing_before[1:].sum()),
        settling=int(settles.sum()),
        thinned=width,
        episodes=_episodes(say, episodes, begin, end),
        least=_least(readings.t[drawn], readings.h[drawn]),
    )


def shape_spans(
    say: Words, spans: Spans, episodes: list[Episode], *, start: float, end: float, slices: int = 400
) -> Curve:
    """A long time: means with least and greatest values, and how much of each stretch was abnormal."""
    drawn = _thinned(spans, start, end, slices)
    holes = _holes(spans, start, end)
    band = _band(drawn, holes)
    none = np.full(len(band["at"]), np.nan)
    failed = spans.readings - spans.good
    return Curve(
        line={
            "at": band["at"],
            "t": drawn.t_mean,
            "h": drawn.h_mean,
            "score": none,
            "edge": none,
            "segment": band["segment"],
            "undated": none > 0,
        },
        marks=table([], ("at", "t", "h", "score", "who", "saw")),
        runs=_stretches(say, drawn),
        gaps=table(_silent(say, holes), ("begin", "finish", "saw")),
        window={"at": np.array([start, end]) * 1000},
        band=band,
        readings=int(spans.readings.sum()),
        board_abnormal=int(max(0, spans.board.sum() - failed.sum())),
        cloud_abnormal=int(max(0, np.nansum(spans.cloud) - failed.sum())),
        failed=int(failed.sum()),
        undated=0,
        said=None,
        missing=0,
        thinned=float(np.median(drawn.end - drawn.begin)) if len(drawn) else 0.0,
        summed=True,
        episodes=_episodes(say, episodes, start, end),
        least=_least(np.append(drawn.t_low, drawn.t_high), np.append(drawn.h_low, drawn.h_high)),
    )


def _least(t: Floats, h: Floats) -> Table:
    """The least range of each axis, so that a tenth of a degree does not look like a storm."""
    ends = {}
    for name, values, unit in (("t", t, "°C"), ("h", h, "%RH")):
        known = values[~np.isnan(values)]
        middle = (float(known.min()) + float(known.max())) / 2 if len(known) else np.nan
        ends[name] = middle + np.array([-0.5, 0.5]) * LEAST_SPAN[unit]
    return ends


def _thinned(spans: Spans, begin: float, end: float, slices: int) -> Spans:
    """Neighbouring stretches as one where there are more than `slices`: extremes stay, means are weighed."""
    if len(spans) <= slices:
        return spans
    slot = ((spans.begin - begin) // ((end - begin) / slices)).astype(np.int64)
    first = np.flatnonzero(np.diff(slot, prepend=slot[0] - 1))

    def mean(values: Floats) -> Floats:
        known = np.where(np.isnan(values), 0.0, spans.good)
        weight = np.add.reduceat(known, first)
        summed = np.add.reduceat(np.nan_to_num(values) * known, first)
        return np.where(weight > 0, summed / np.maximum(weight, 1), np.nan)

    least, greatest = ("begin", "t_low", "h_low"), ("end", "t_high", "h_high")
    ways = dict.fromkeys(least, np.fmin) | dict.fromkeys(greatest, np.fmax)
    columns = {name: ways.get(name, np.add).reduceat(column, first) for name, column in vars(spans).items()}
    return Spans(**columns | {name: mean(getattr(spans, name)) for name in ("t_mean", "h_mean")})


def _band(spans: Spans | None, holes: list[tuple[float, float]]) -> Table:
    names = ("t_low", "t_high", "h_low", "h_high")
    if spans is None or len(spans) == 0:
        return {name: np.zeros(0) for name in ("at", *names, "board", "cloud", "segment")}
    middle = (spans.begin + spans.end) / 2
    count = np.maximum(spans.readings, 1)
    return {
        "at": middle * 1000,
        **{name: getattr(spans, name) for name in names},
        "board": 100 * spans.board / count,
        "cloud": 100 * spans.cloud / count,
        "segment": np.searchsorted([left for left, _ in holes], spans.begin),
    }


def _holes(spans: Spans | None, start: float, end: float) -> list[tuple[float, float]]:
    """Gaps without readings that are longer than usual (s); there is none before the first reading."""
    if spans is None or len(spans) == 0:
        return []
    usual = float(np.median(spans.end - spans.begin))
    left, right = np.maximum.accumulate(spans.end), np.append(spans.begin[1:], end)
    wide = right - left > max(1.5 * usual, SILENT)
    return list(zip(left[wide].tolist(), right[wide].tolist(), strict=True))


def _stretches(say: Words, spans: Spans) -> Table:
    rows = []
    failed = spans.readings - spans.good
    sides = (
        (BOARD, spans.board - failed, BOARD),
        (CLOUD, spans.cloud - failed, CLOUD),
        ("failed", failed, BOARD),
    )
    for lane, counted, who in sides:
        for k in np.flatnonzero(np.nan_to_num(counted) > 0):
            count = say.many(int(counted[k]), "reading")
            rows.append((spans.begin[k] * 1000, spans.end[k] * 1000, lane, who, count))
    return table(rows, ("begin", "finish", "lane", "who", "saw"))


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


def _edge_scores(readings: Readings, drawn: Index, units: Mapping[str, float]) -> Floats:
    unit = np.array([units.get(model, np.nan) for model in readings.model[drawn]], np.float64)
    return np.asarray(np.exp2(-np.maximum(readings.edge_score[drawn], 0) / unit))


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


def _marks(say: Words, readings: Readings, at: Floats, sides: list[Side], width: float) -> Table:
    good = ~np.isnan(readings.t)
    drawn = []
    for who, calls, flags in sides:
        index = np.flatnonzero(calls & good)
        if width and len(index):
            slot = (at[index] // width).astype(np.int64)
            index = index[np.unique(slot, return_index=True)[1]]
        drawn.append((who, index, flags))
    index = np.concatenate([places for _, places, _ in drawn])
    rows = [(who, int(flags[place])) for who, places, flags in drawn for place in places]
    return {
        "at": at[index] * 1000,
        "t": readings.t[index],
        "h": readings.h[index],
        "score": readings.cloud_score[index],
        "who": _texts([who for who, _ in rows]),
        "saw": _texts([_saw(say, who, flags) for who, flags in rows]),
    }


def _saw(say: Words, who: str, flags: int) -> str:
    return say("settling", saw=say.seen(flags)) if who == SETTLING else say.seen(flags)


def _runs(
    say: Words, readings: Readings, at: Floats, breaks: Mask, sides: list[Side], *, near: float
) -> Table:
    """Stretches in which one detector spoke; those nearer than `near` s to each other are drawn as one."""
    rows: list[tuple[float, float, str, str, str]] = []
    for who, calls, flags in sides:
        for bit in FLAGS:
            index = np.flatnonzero(calls & ((flags & bit) > 0))
            if len(index) == 0:
                continue
            apart = (np.diff(index) > 1) & (np.diff(at[index]) > near) | breaks[index[1:]]
            for run in np.split(index, np.flatnonzero(apart) + 1):
                saw = [_saw(say, who, bit), say.many(len(run), "reading")]
                if bit == codes.SENSOR_ERROR:
                    saw[0] = ", ".join(sorted({say.reason(readings.why[row]) for row in run}))
                lane = say.detector(bit)
                rows.append((at[run[0]] * 1000, at[run[-1]] * 1000, lane, who, " · ".join(saw)))
    return table(rows, ("begin", "finish", "lane", "who", "saw"))


def _sides(readings: Readings, episodes: list[Episode]) -> list[Side]:
    """(who, which readings they call abnormal, their flags); settling readings are separate."""
    edge, cloud = np.zeros(len(readings), np.bool_), np.zeros(len(readings), np.bool_)
    for episode in episodes:
        masks = settling(readings, episode.before, episode.opened)
        edge, cloud = edge | masks[0], cloud | masks[1]
    settles = (edge | cloud) & ~(readings.edge_abnormal & ~edge) & ~(readings.cloud_abnormal & ~cloud)
    either = readings.edge_flags | readings.cloud_flags & codes.ABNORMAL
    return [
        (BOARD, readings.edge_abnormal & ~settles, readings.edge_flags),
        (CLOUD, readings.cloud_abnormal & ~settles, readings.cloud_flags),
        (SETTLING, settles, either),
    ]


def _silences(at: Floats, usual: Floats, begin: float, end: float) -> list[tuple[float, float]]:
    """Where the range begins or ends without readings (s)."""
    if len(at) == 0:
        return []
    sides = [(begin, at[0], usual[0]), (at[-1], end, usual[-1])]
    return [(left, right) for left, right, step in sides if right - left > max(SILENT, GAP_PERIODS * step)]


def _silent(say: Words, holes: list[tuple[float, float]]) -> list[tuple[float, float, str]]:
    return [
        (left * 1000, right * 1000, say("gap silence", length=say.duration(right - left)))
        for left, right in holes
    ]


def _gaps(
    say: Words, readings: Readings, at: Floats, pauses: Index, silences: list[tuple[float, float]]
) -> Table:
    rows = _silent(say, silences)
    for here in pauses:
        length = say.duration(at[here] - at[here - 1])
        lost = int(readings.missing_before[here])
        if lost:
            saw = say("gap missing", readings=say.many(lost, "reading"), length=length)
        elif readings.boot[here] != readings.boot[here - 1]:
            saw = say("gap restart", length=length)
        else:
            saw = say("gap pause", length=length)
        rows.append((at[here - 1] * 1000, at[here] * 1000, saw))
    return table(rows, ("begin", "finish", "saw"))


def _episodes(say: Words, episodes: list[Episode], begin: float, end: float) -> Table:
    rows = []
    for episode in episodes:
        until = episode.closed if episode.closed is not None else end
        if until < begin or episode.opened > end or not episode.of_readings:
            continue
        saw = say.seen(episode.edge_flags | episode.cloud_flags) or say("unusual readings")
        state = say(
            "over after" if episode.closed is not None else "going on for",
            length=say.duration(until - episode.opened),
        )
        rows.append((max(episode.opened, begin) * 1000, min(until, end) * 1000, f"{saw} · {state}"))
    return table(rows, ("begin", "finish", "saw"))


def table(rows: list[Any], columns: tuple[str, ...]) -> Table:
    """These rows as columns: begin, finish and value are numbers, the others are objects."""
    values = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return {
        name: np.array(column, np.float64 if name in ("begin", "finish", "value") else object)
        for name, column in zip(columns, values, strict=True)
    }


def _texts(values: list[str]) -> npt.NDArray[Any]:
    return np.array(values, dtype=object)

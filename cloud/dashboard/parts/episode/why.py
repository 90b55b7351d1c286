"""Why an episode began: its first abnormal reading, what each detector saw in it, and the thresholds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import streamlit as st
from pymongo.errors import PyMongoError

from cloud.dashboard import source
from cloud.dashboard.parts.episode.sentence import sentence
from cloud.dashboard.parts.markdown import plain
from cloud.detectors import FLAGS
from cloud.read.reader import Reader
from cloud.read.rows import Episode, Readings
from cloud.words import Words
from device import codes

BEFORE = 1800.0  # s of readings that are looked at first; the window is 60 readings
PERIODS = 70  # readings before, where the period is longer


def show(say: Words, episode: Episode) -> None:
    """One plain sentence below the episode; what the detectors said under *details*."""
    try:
        first = _noticed(episode.id, episode.site, episode.device, episode.opened)
    except PyMongoError:
        st.caption(say("why not now"))
        return
    if first is None:
        st.caption(say("why gone"))
        return
    readings, row, report = first
    st.markdown(f"**{sentence(say, readings, row)}**")
    with st.expander(say("why details"), key=f"details {episode.id}"):
        st.markdown(_first(say, readings, row))
        # A phone shows the first two.
        titles = (say("column detector"), say("column what"), say("who board"), say("who cloud"))
        table = pd.DataFrame(_rows(say, readings, row, report), columns=titles)
        st.dataframe(table, hide_index=True, width="stretch")
        if before := _window(say, readings, row):
            st.caption(before)


@st.cache_resource(ttl=source.COUNTED, max_entries=64, show_spinner=False)
def _noticed(
    name: str, site: str, device: str, opened: float
) -> tuple[Readings, int, Mapping[str, Any]] | None:
    """The readings up to the first abnormal one, its row among them, and what its model learned."""
    reader: Reader = source.reader()
    latest = next((board for board in reader.latest() if (board.site, board.device) == (site, device)), None)
    period = (latest and latest.period) or 10.0
    before, after = max(BEFORE, PERIODS * period), max(60.0, 3 * period)
    readings = reader.readings(site, device, start=opened - before, end=opened + after)
    rows = np.flatnonzero((readings.edge_abnormal | readings.cloud_abnormal) & (readings.ts >= opened - 1))
    if len(rows) == 0:
        return None
    row = int(rows[0])
    model = reader.database["models"].find_one({"_id": readings.model[row]}, {"report": 1})
    return readings, row, (model or {}).get("report") or {}


def _first(say: Words, readings: Readings, row: int) -> str:
    """The reading in words."""
    if np.isnan(readings.t[row]):
        return say("why failed", why=plain(say.reason(readings.why[row])))
    values = [say.value(float(readings.t[row]), "°C", 2), say.value(float(readings.h[row]), "%RH", 2)]
    return say("why first", values=", ".join(values))


def _rows(say: Words, readings: Readings, row: int, report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """(detector, what was seen against which threshold, what the board said, what the cloud said)."""
    edge, cloud = int(readings.edge_flags[row]), int(readings.cloud_flags[row])
    seen = _values(say, readings, row, report)
    table = []
    for bit, detector in FLAGS.items():
        if not (edge | cloud) & bit and bit not in seen:
            continue
        sides = [say("abnormal") if flags & bit else say("normal") for flags in (edge, cloud)]
        if not (detector.board and detector.cloud):
            sides[detector.board] = "\N{EN DASH}"  # only the board, or only the cloud, has this detector
        table.append((say.detector(bit), seen.get(bit, say.seen(bit)), *sides))
    return table


def _values(say: Words, readings: Readings, row: int, report: Mapping[str, Any]) -> dict[int, str]:
    """The values and limits of detectors in words, by detector."""
    texts: dict[int, str] = {}
    thresholds, limits = report.get("thresholds") or {}, report.get("limits") or {}
    if limits:
        (t_low, t_high), (h_low, h_high) = limits["t"], limits["h"]
        spans = f"{say.span(t_low, t_high, '°C')}, {say.span(h_low, h_high, '%RH')}"
        texts[codes.RANGE] = say("why range", spans=spans)
    before = _before(readings, row)
    if len(before) and not np.isnan(readings.t[row]):
        times = [
            abs(column[row] - column[before].mean()) / max(float(column[before].std()), floor)
            for column, floor in ((readings.t, 0.05), (readings.h, 0.2))
        ]
        limit = thresholds.get("zscore") or 3.0
        texts[codes.ZSCORE] = say(
            "why zscore", t=say.number(times[0]), h=say.number(times[1]), limit=say.number(limit)
        )
    if thresholds.get("forest") and not np.isnan(readings.edge_score[row]):
        texts[codes.FOREST] = say(
            "why forest",
            value=say.count(int(readings.edge_score[row])),
            limit=say.count(int(thresholds["forest"])),
        )
    return texts


def _window(say: Words, readings: Readings, row: int) -> str:
    """The readings before it, in words, because the verdict compares with them; "" without any."""
    before = _before(readings, row)
    if len(before) == 0:
        return ""
    t, h = readings.t[before], readings.h[before]
    return say(
        "why window",
        count=say.count(len(before)),
        t=say.value(float(t.mean()), "°C", 2),
        h=say.value(float(h.mean()), "%RH", 2),
        t_spread=say.number(float(t.std()), 2),
        h_spread=say.number(float(h.std()), 2),
    )


def _before(readings: Readings, row: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows of up to 60 good readings of the same boot before `row`."""
    same = (readings.boot[:row] == readings.boot[row]) & ~np.isnan(readings.t[:row])
    return np.flatnonzero(same)[-60:]

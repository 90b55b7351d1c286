"""The system: whether the backend runs, how late readings arrive, what was refused and not sent."""

import time
from collections.abc import Sequence

import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.parts import common, undelivered, updates
from cloud.dashboard.source import Answer, FleetState
from cloud.dashboard.views import fleet as fleet_page
from cloud.process.printable import cell
from cloud.read.rows import FleetSummary, Latest
from cloud.store.database import Document
from cloud.words import Words

EVERY = 10.0  # s
LATE = 120.0  # s from the measurement to the database; a quiet reading may wait a minute on the board


def page() -> st.Page:
    return frame.page(_body, path="system", icon="monitor_heart", every=EVERY)


def _body(fleet: Answer[FleetState]) -> None:
    say, now = frame.say(), time.time()
    seen, latest = fleet.value.backend_seen, fleet.value.latest
    alive = seen is not None and now - seen <= fleet_page.BACKEND_SILENT
    frame.headline(say("system fine" if alive else "system silent"))
    fleet_page.backend(say, seen, now)
    numbers = st.container()
    st.header(say("lag title"), anchor=False)
    st.dataframe(lags(say, latest, now), hide_index=True, width="stretch")
    st.caption(say("lag how"))
    st.header(say("updates title"), anchor=False)
    wanted = source.ask(source.wanted).value
    st.dataframe(updates.table(say, latest, wanted), hide_index=True, width="stretch")
    st.header(say("quarantine title"), anchor=False)
    refused = source.ask(source.quarantine).value
    if refused:
        st.dataframe(table(say, refused, now), hide_index=True, width="stretch")
        st.caption(say("quarantine how"))
    else:
        st.caption(f":material/check: {say('quarantine none')}")
    st.header(say("undelivered title"), anchor=False)
    if not undelivered.show(expanded=True):
        st.caption(f":material/check: {say('undelivered none')}")
    with numbers:  # last: counting what is stored looks at every bucket
        answer = source.ask(source.summary)
        frame.freshness(answer, EVERY)
        _numbers(say, answer.value, seen, latest, now)


def _numbers(
    say: Words, summary: FleetSummary, seen: float | None, latest: Sequence[Latest], now: float
) -> None:
    lag = [board.received - board.ts for board in latest if board.ts is not None and board.seq is not None]
    numbers = (
        ("backend", say("ago", age=say.duration(now - seen)) if seen else "\N{EN DASH}"),
        ("lag", say.duration(sorted(lag)[len(lag) // 2]) if lag else "\N{EN DASH}"),
        ("stored", say.count(summary.readings)),
        ("sent", say.count(summary.alerts.get("sent", 0))),
        ("quarantined", say.count(summary.quarantined)),
    )
    with st.grid(len(numbers), min_column_width=150, border=True):
        for name, value in numbers:
            st.metric(say(f"number {name}"), value)


def lags(say: Words, latest: Sequence[Latest], now: float) -> pd.DataFrame:
    """A row for each board, the latest first: from the measurement of its newest reading to the database."""
    rows = []
    for board in latest:
        lag = None if board.ts is None else max(0.0, board.received - board.ts)
        dropped = board.state.get("dropped") or []
        rows.append(
            (
                -1.0 if lag is None else lag,
                cell(f"{board.site}/{board.device}"),
                say("lag undated") if lag is None else say.duration(lag),
                say("lag late") if lag is not None and lag > LATE else say("lag fine"),
                say("ago", age=say.duration(now - board.received)),
                say.count(sum(int(last) - int(first) + 1 for first, last in dropped)),
            )
        )
    rows.sort(reverse=True)
    return common.table(say, ("board", "lag", "state", "heard", "dropped"), [row[1:] for row in rows])


def table(say: Words, refused: Sequence[Document], now: float) -> pd.DataFrame:
    """What was refused: when, why, from whom. Its content stays in the database."""
    rows = [
        (
            say.clock(entry["at"].timestamp(), now),
            cell(str(entry.get("reason") or "")),
            cell(f"{entry.get('site') or '?'}/{entry.get('device') or '?'}"),
            say("whole message") if entry.get("seq") is None else say.count(int(entry["seq"])),
        )
        for entry in refused
    ]
    return common.table(say, ("time", "reason", "board", "seq"), rows)  # a phone shows the first two

"""The fleet: a card for each board, who needs a person first."""

from __future__ import annotations

import time

import streamlit as st
from pymongo.errors import PyMongoError

from cloud.dashboard import board, charts, needs, parts, screens, source, undelivered, words
from cloud.dashboard.needs import Card
from cloud.reader import Summary

EVERY = 3.0  # s
BACKEND_SILENT = 60.0  # s


def page() -> st.Page:
    return st.Page(show, title="Fleet", icon=":material/grid_view:", url_path="fleet", default=True)


def show() -> None:
    st.fragment(_guarded_body, run_every=EVERY)()


def _guarded_body() -> None:
    screens.guarded(_body)


def _body() -> None:
    answer = source.ask("fleet", source.fleet)
    fleet, now = answer.value, time.time()
    if not fleet.latest:
        screens.empty()
        return
    made = needs.cards(fleet.latest, fleet.open_episodes, now)
    st.title(needs.headline(made), anchor=False)
    screens.told(answer, EVERY)
    if answer.trouble is None:
        _backend(fleet.summary.backend_seen, now)
    with st.grid(min_column_width=300, border=True):
        for one in made:
            with st.container():
                _card(one)
    undelivered.show()
    st.caption(" · ".join(numbers(fleet.summary)))


def _card(one: Card) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        board.link(one.site, one.device, f"**{words.plain(one.device)}**")
        parts.need(one.need)
    parts.values(one)
    try:
        curve = source.spark(one.site, one.device)
    except PyMongoError:
        st.caption("Its last hour could not be read in time.")
    else:
        parts.chart(charts.spark(curve, screens.palette()), f"Temperature of {one.device} over the last hour")
    st.markdown(one.sentence)
    if learning := one.latest.state.get("learning"):
        st.caption(f"Learning, {words.plain(str(learning))}")
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        parts.age(one)
        st.caption(f"site {words.plain(one.site)}", width="content")


def _backend(seen: float | None, now: float) -> None:
    if seen is None or now - seen > BACKEND_SILENT:
        since = "was never seen" if seen is None else f"has not been seen for {words.duration(now - seen)}"
        st.warning(
            f"**The backend {since}.** Boards keep their readings meanwhile, but nothing is stored and no "
            "mail is sent. Start it: `python -m cloud run`.",
            icon=":material/dns:",
        )


def numbers(summary: Summary) -> list[str]:
    """The fleet in a few numbers; those that a person must act on are bold."""
    found = [f"{words.count(summary.readings, 'reading')} stored"]
    if sent := summary.alerts.get("sent", 0):
        found.append(f"{words.count(sent, 'mail')} sent")
    if failed := summary.alerts.get("failed", 0) + summary.alerts.get("unknown", 0):
        found.append(f"**{words.count(failed, 'mail')} not delivered**")
    if summary.quarantined:
        found.append(f"**{words.count(summary.quarantined, 'reading')} in quarantine**")
    return found

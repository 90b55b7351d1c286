"""Mails that did not go out, and why: nothing when all did."""

from __future__ import annotations

import time

import streamlit as st

from cloud.dashboard import screens, source, words
from cloud.reader import Alert

LISTED = 20
STATES = {
    "pending": "waits",
    "failed": "given up",
    "unknown": "perhaps sent: it is not sent again, and what it said is in the next mail",
}


@st.cache_resource(ttl=source.SHARED, max_entries=2, show_spinner=False)
def _found() -> list[Alert]:
    return source.reader().undelivered(limit=LISTED)


def show() -> None:
    """Part of a page. Raises PyMongoError."""
    found = _found()
    if not found:
        return
    with st.expander(f"{words.count(len(found), 'mail')} not delivered", icon=":material/unsubscribe:"):
        for alert in found:
            st.markdown(line(alert, time.time()))


def line(alert: Alert, now: float) -> str:
    """One mail as Markdown: when, what, what became of it, and the cure that the error names."""
    when = words.clock(alert.created, screens.place(), now)
    state = STATES.get(alert.state, alert.state)
    if alert.state == "pending" and alert.due > now:
        state += f", next try in {words.duration(alert.due - now)}"
    people = words.plain(", ".join(alert.to))
    reason = words.plain(alert.error or "no reason known")
    return f"**{words.plain(alert.subject)}** · {when} · to {people} · {state}  \n{reason}"

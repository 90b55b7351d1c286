"""Mails that did not go out, and why: nothing when all did."""

from __future__ import annotations

import time

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.markdown import plain
from cloud.reader import Alert
from cloud.words import Words

LISTED = 20
STATES = ("pending", "failed", "unknown")


@st.cache_resource(ttl=source.SHARED, max_entries=2, show_spinner=False)
def _found() -> list[Alert]:
    return source.reader().undelivered(limit=LISTED)


def show(*, expanded: bool = False) -> bool:
    """Part of a page; whether there were any. Raises Unavailable."""
    say, found = frame.say(), source.ask("undelivered", _found).value
    if not found:
        return False
    title = say("not delivered", mails=say.many(len(found), "mail"))
    with st.expander(title, icon=":material/unsubscribe:", expanded=expanded):
        for alert in found:
            st.markdown(line(say, alert, time.time()))
    return True


def line(say: Words, alert: Alert, now: float) -> str:
    """One mail as Markdown: when, what, what became of it, and the cure that the error names."""
    when = say.clock(alert.created, now)
    state = say(f"undelivered {alert.state}") if alert.state in STATES else plain(alert.state)
    if alert.state == "pending" and alert.due > now:
        state += say("next try", length=say.duration(alert.due - now))
    people = plain(", ".join(alert.to))
    reason = plain(alert.error or say("no reason"))
    return f"**{plain(alert.subject)}** · {when} · {people} · {state}  \n{reason}"

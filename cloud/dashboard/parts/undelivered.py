"""Mails that did not go out, and why: nothing when all did."""

import re
import time

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.views import access
from cloud.read.rows import Alert
from cloud.words import Words

LISTED = 20
STATES = ("pending", "failed", "unknown")
_ADDRESS = re.compile(r"[^\s<>,;:]+@[^\s<>,;:]+")


@st.cache_resource(ttl=source.SHARED, max_entries=2, show_spinner=False)
def _failed() -> list[Alert]:
    return source.reader().undelivered(limit=LISTED)


def show(*, expanded: bool = False) -> bool:
    """Part of a page; whether there were any. Shows mail addresses only after a login. Raises Unavailable."""
    say, mails = frame.say(), source.ask(_failed).value
    if not mails:
        return False
    title = say("not delivered", mails=say.many(len(mails), "mail"))
    with st.expander(title, icon=":material/unsubscribe:", expanded=expanded, key="undelivered"):
        whole = access.person() is not None
        for alert in mails:
            st.markdown(line(say, alert, time.time(), whole=whole))
    return True


def line(say: Words, alert: Alert, now: float, *, whole: bool) -> str:
    """One mail as Markdown: when, what, its outcome, and the cure that the error names.

    Unless `whole`, addresses are left out, also those that a mail server's answer repeats.
    """
    when = say.clock(alert.created, now)
    state = say(f"undelivered {alert.state}") if alert.state in STATES else plain(alert.state)
    if alert.state == "pending" and alert.due > now:
        state += say("next try", length=say.duration(alert.due - now))
    people = plain(", ".join(alert.to)) if whole else say.many(len(alert.to), "recipient")
    reason = alert.error or say("no reason")
    reason = plain(reason if whole else _ADDRESS.sub("…", reason))
    return f"**{plain(alert.subject)}** · {when} · {people} · {state}  \n{reason}"

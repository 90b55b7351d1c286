"""Episodes: when, which board, what was seen, how bad, whether it goes on, and what people said of it."""

from __future__ import annotations

import time

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.parts import episode_card
from cloud.dashboard.source import Answer, Fleet
from cloud.dashboard.views import access
from cloud.read.rows import Episode

EVERY = 5.0  # s
READ = 500  # newest episodes that are looked at
ON_A_PAGE = 20
SHOWN = ("all", "going on", "not seen", "not labelled", "severe")


def page() -> st.Page:
    return frame.page(_body, path="episodes", icon="history", every=EVERY)


def _body(fleet: Answer[Fleet]) -> None:
    say, boards = frame.say(), fleet.value.boards
    # What stands in the two fields below is known before they are drawn.
    name, which = st.session_state.get("of"), st.session_state.get("show") or "all"
    site, device = boards.get(name or "") or (None, None)
    answer = source.ask(
        f"episodes {name} {which}", lambda: source.episodes(site, device, which == "going on", READ)
    )
    now = time.time()
    going_on = sum(one.closed is None for one in answer.value)
    found = [one for one in answer.value if wanted(one, which)]
    frame.headline(
        say("episodes going on", episodes=say.many(going_on, "episode")) if going_on else say("episodes none")
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            say("column board"),
            [None, *boards],
            key="of",
            width=240,
            format_func=lambda one: say("all boards") if one is None else str(one),
        )
        st.pills(
            say("show"),
            SHOWN,
            default="all",
            required=True,
            wrap=True,
            key="show",
            format_func=lambda one: say(f"show {one}"),
        )
    frame.told(answer, EVERY)
    if not found:
        st.info(
            say("episodes empty" if which == "all" else "episodes none like this"),
            icon=":material/check_circle:",
        )
        return
    if access.person() is None and access.possible():
        st.page_link(access.page(), label=say("login to write"), icon=":material/lock:")
    pages = -(-len(found) // ON_A_PAGE)
    number = st.pagination(pages, key="page") if pages > 1 else 1
    for one in found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]:
        episode_card.row(one, now)
    if len(answer.value) == READ:
        st.caption(say("episodes older", count=say.count(READ)))


def wanted(one: Episode, which: str) -> bool:
    """Whether one of SHOWN names it."""
    if which == "going on":
        return one.closed is None
    if which == "not seen":
        return one.acknowledged is None
    if which == "not labelled":
        return one.label is None and one.of_readings
    return which != "severe" or one.severity == "severe"

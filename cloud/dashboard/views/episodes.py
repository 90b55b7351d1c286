"""Episodes: when, which board, what was seen, how bad, whether it goes on, and what people said of it."""

import time

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.parts import common
from cloud.dashboard.parts.episode import episode_card
from cloud.dashboard.source import Answer, FleetState
from cloud.dashboard.views import access
from cloud.read.rows import Episode

EVERY = 5.0  # s
READ = 500  # newest episodes that are looked at
ON_A_PAGE = 20
SHOWN = ("all", "going on", "not seen", "not labelled", "severe")


def page() -> st.Page:
    return frame.page(_body, path="episodes", icon="history", every=EVERY)


def _body(fleet: Answer[FleetState]) -> None:
    say, boards = frame.say(), fleet.value.boards
    # What stands in the two fields below is known before they are drawn.
    name, which = st.session_state.get("of"), st.session_state.get("show") or "all"
    site, device = boards.get(name or "") or (None, None)
    answer = source.ask(source.episodes, site, device, which == "going on", READ)
    now = time.time()
    going_on = sum(each.closed is None for each in answer.value)
    episodes = [each for each in answer.value if wanted(each, which)]
    frame.headline(
        say("episodes going on", episodes=say.many(going_on, "episode")) if going_on else say("episodes none")
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            say("column board"),
            [None, *boards],
            key="of",
            width=240,
            format_func=lambda each: say("all boards") if each is None else str(each),
        )
        st.pills(
            say("show"),
            SHOWN,
            default="all",
            required=True,
            wrap=True,
            key="show",
            format_func=lambda each: say(f"show {each}"),
        )
    frame.freshness(answer, EVERY)
    if not episodes:
        st.info(
            say("episodes empty" if which == "all" else "episodes none like this"),
            icon=":material/check_circle:",
        )
        return
    if access.person() is None and access.possible():
        st.page_link(access.page(), label=say("login to write"), icon=":material/lock:")
    for each in common.on_a_page(episodes, ON_A_PAGE, "page"):
        episode_card.row(each, now)
    if len(answer.value) == READ:
        st.caption(say("episodes older", count=say.count(READ)))


def wanted(episode: Episode, which: str) -> bool:
    """Whether one of SHOWN names it."""
    if which == "going on":
        return episode.closed is None
    if which == "not seen":
        return episode.acknowledged is None
    if which == "not labelled":
        return episode.label is None and episode.of_readings
    return which != "severe" or episode.severity == "severe"

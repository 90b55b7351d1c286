"""Episodes: when, which board, what was seen, how bad, whether it goes on."""

from __future__ import annotations

import time

import streamlit as st

from cloud.dashboard import board, screens, source, words

EVERY = 5.0  # s
READ = 500  # newest episodes that are looked at
ON_A_PAGE = 20
EVERYWHERE = "All boards"
SHOWN = ("Going on", "All")


def page() -> st.Page:
    return st.Page(show, title="Episodes", icon=":material/history:", url_path="episodes")


def show() -> None:
    st.fragment(_guarded_body, run_every=EVERY)()


def _guarded_body() -> None:
    screens.guarded(_body)


def _body() -> None:
    fleet = source.ask("fleet", source.fleet).value
    if not fleet.latest:
        screens.empty()
        return
    title = st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Board", [EVERYWHERE, *fleet.boards], key="of", bind="query-params", width=240)
        which = st.segmented_control(
            "Show", SHOWN, default="All", required=True, key="show", bind="query-params"
        )
    site, device = fleet.boards.get(name, (None, None))
    open_only = which == "Going on"
    answer = source.ask(
        f"episodes {name} {open_only}", lambda: source.episodes(site, device, open_only, READ)
    )
    found, now = answer.value, time.time()
    going_on = sum(one.closed is None for one in found)
    title.title(
        f"{words.count(going_on, 'episode')} going on" if going_on else "No episode going on", anchor=False
    )
    if not found:
        st.info(
            "**None here.** An episode begins when readings stay abnormal, and ends when they no longer are.",
            icon=":material/check_circle:",
        )
    pages = -(-len(found) // ON_A_PAGE)
    number = st.pagination(pages, key="page") if pages > 1 else 1
    for one in found[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]:
        board.episode(one, now)
    if len(found) == READ:
        st.caption(f"Older ones are not listed: these are the newest {READ}.")
    screens.told(answer, EVERY)

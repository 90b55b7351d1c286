"""The fleet: a card for each board, who needs a person first; a map where sites have a place."""

from __future__ import annotations

import time
from contextlib import suppress

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.draw import sparkline
from cloud.dashboard.parts import common, needs, sites, undelivered
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.parts.needs import Card
from cloud.dashboard.source import Answer, Fleet, Unavailable
from cloud.words import Words

EVERY = 3.0  # s
BACKEND_SILENT = 180.0  # s
ON_A_PAGE = 12


def page() -> st.Page:
    return frame.page(_body, path="fleet", icon="grid_view", every=EVERY, default=True)


def _body(answer: Answer[Fleet]) -> None:
    say, fleet, now = frame.say(), answer.value, time.time()
    made = needs.cards(say, fleet.latest, fleet.open_episodes, now, fleet.over)
    frame.headline(needs.headline(say, made))
    frame.told(answer, EVERY)
    if answer.trouble is None:
        backend(say, fleet.backend_seen, now)
    made = _of_site(say, made)
    pages = -(-len(made) // ON_A_PAGE)
    number = st.pagination(pages, key="cards") if pages > 1 else 1
    with st.grid(min_column_width=300, border=True):
        for one in made[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]:
            with st.container(gap="xsmall"):
                _card(say, one)
    with suppress(Unavailable):  # the line on the page's age tells it
        undelivered.show()


def _of_site(say: Words, made: list[Card]) -> list[Card]:
    """The cards of the site that is chosen on the map or beside it."""
    names = sorted({one.site for one in made})
    if len(names) < 2:
        return made
    sites.show(say, made)
    chosen = st.pills(
        say("column site"), names, key="site", wrap=True, bind="query-params", label_visibility="collapsed"
    )
    return [one for one in made if chosen in (None, one.site)]


def _card(say: Words, one: Card) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        common.link(one.site, one.device, f"**{plain(one.device)}**")
        common.need(one.need)
    common.values(one)
    try:
        curve = source.ask(
            f"spark {one.site}/{one.device}", lambda: source.spark(say.language, one.site, one.device)
        ).value
    except Unavailable:
        st.caption(say("card no curve"))
    else:
        told = say("chart of card", device=plain(one.device))
        st.image(sparkline.draw(curve, frame.palette()), width="stretch", alt=told)
    st.markdown(one.sentence)
    if one.episode and one.episode.acknowledged is not None:
        st.caption(
            f":material/visibility: {say('seen at', when=say.clock(one.episode.acknowledged, time.time()))}"
        )
    if learning := one.latest.state.get("learning"):
        st.caption(say("is learning", what=plain(str(learning))))
    if not one.latest.authentic:
        st.caption(f":material/no_encryption: {say('not authenticated')}", help=say("not authenticated why"))
    common.age(one, say("at site", site=plain(one.site)))


def backend(say: Words, seen: float | None, now: float) -> None:
    """A red line when nobody stores and mails."""
    if seen is None:
        st.error(say("backend never"), icon=":material/dns:")
    elif now - seen > BACKEND_SILENT:
        st.error(say("backend silent", length=say.duration(now - seen)), icon=":material/dns:")

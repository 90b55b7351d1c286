"""The fleet: a card for each board, those that need a person first; a map when sites have coordinates."""

import time
from contextlib import suppress

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.draw import sparkline
from cloud.dashboard.parts import common, needs, sites, undelivered
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.parts.needs import Card
from cloud.dashboard.source import Answer, FleetState, Unavailable
from cloud.words import Words

EVERY = 3.0  # s
BACKEND_SILENT = 180.0  # s
ON_A_PAGE = 12


def page() -> st.Page:
    return frame.page(_body, path="fleet", icon="grid_view", every=EVERY, default=True)


def _body(answer: Answer[FleetState]) -> None:
    say, fleet, now = frame.say(), answer.value, time.time()
    made = needs.cards(say, fleet.latest, fleet.open_episodes, now, fleet.over)
    frame.headline(needs.headline(say, made))
    frame.freshness(answer, EVERY)
    if answer.trouble is None:
        backend(say, fleet.backend_seen, now)
    shown = common.on_a_page(_of_site(say, made), ON_A_PAGE, "cards")
    with st.grid(min_column_width=300, border=True):
        for card in shown:
            with st.container(gap="xsmall"):
                _card(say, card)
    with suppress(Unavailable):  # the line on the page's age tells it
        undelivered.show()


def _of_site(say: Words, made: list[Card]) -> list[Card]:
    """The cards of the site that is chosen on the map or beside it."""
    names = sorted({card.site for card in made})
    if len(names) < 2:
        return made
    sites.show(say, made)
    chosen = st.pills(
        say("column site"), names, key="site", wrap=True, bind="query-params", label_visibility="collapsed"
    )
    return [card for card in made if chosen in (None, card.site)]


def _card(say: Words, card: Card) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        common.link(card.site, card.device, f"**{plain(card.device)}**")
        common.need(card.need)
    common.values(card)
    try:
        curve = source.ask(source.spark, say.language, card.site, card.device).value
    except Unavailable:
        st.caption(say("card no curve"))
    else:
        description = say("chart of card", device=plain(card.device))
        st.image(sparkline.draw(curve, frame.palette()), width="stretch", alt=description)
    st.markdown(card.sentence)
    if card.episode and card.episode.acknowledged is not None:
        st.caption(
            f":material/visibility: {say('seen at', when=say.clock(card.episode.acknowledged, time.time()))}"
        )
    if learning := card.latest.state.get("learning"):
        st.caption(say("is learning", what=plain(str(learning))))
    if not card.latest.authentic:
        st.caption(f":material/no_encryption: {say('not authenticated')}", help=say("not authenticated why"))
    common.age(card, say("at site", site=plain(card.site)))


def backend(say: Words, seen: float | None, now: float) -> None:
    """A red line when the backend does not run."""
    if seen is None:
        st.error(say("backend never"), icon=":material/dns:")
    elif now - seen > BACKEND_SILENT:
        st.error(say("backend silent", length=say.duration(now - seen)), icon=":material/dns:")

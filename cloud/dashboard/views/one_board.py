"""One board: temperature, humidity and score on one time axis, with what board and cloud said about them."""

import math
import time
from dataclasses import replace
from datetime import datetime

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.draw import charts, limits
from cloud.dashboard.draw.curve import Curve
from cloud.dashboard.parts import common, download, needs
from cloud.dashboard.parts.episode import episode_card
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.parts.needs import UNKNOWN_PERIOD, Card
from cloud.dashboard.source import Answer, BoardHistory, FleetState, Normal
from cloud.words import Words

# Name -> (seconds shown, seconds between refreshes): nobody reads a month anew every three seconds.
DAY = 86400.0
RANGES = {
    "1h": (3600.0, 3.0),
    "6h": (6 * 3600.0, 10.0),
    "24h": (DAY, 30.0),
    "7d": (7 * DAY, 300.0),
    "30d": (30 * DAY, 900.0),
    "1y": (365 * DAY, 1800.0),
}
SHORTEST = "1h"
LISTED = 20  # episodes
NARROWEST = 2.0  # s that can be zoomed to
RANGE, CHOICE = "range", "range choice"  # in the address; in the session
ZOOMED = "zoomed"  # in the session: the address has just changed


def page() -> st.Page:
    return frame.page(_page, path="board", icon="show_chart")


def _page(fleet: Answer[FleetState]) -> None:
    say = frame.say()
    asked, wanted = st.query_params.get("board"), st.query_params.get(RANGE, SHORTEST)
    boards = fleet.value.addressed(asked)
    begin, end = st.query_params.get("from"), st.query_params.get("to")
    window = _window(begin, end)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(say("column board"), list(boards), key="board", bind="query-params", width=240)
        if window is None:
            span = st.segmented_control(
                say("range"),
                list(RANGES),
                default=wanted if wanted in RANGES else SHORTEST,
                required=True,
                key=CHOICE,
                on_change=_choose,
                format_func=lambda choice: say(f"range {choice}"),
            )
            seconds, every = RANGES[span or SHORTEST]
        else:
            seconds, every = window[1] - window[0], None
            wider = window[0] - seconds, min(window[1] + seconds, max(window[1], time.time()))
            _link(say("back to now"), ":material/update:", {"board": name})
            _link(say("zoom out"), ":material/zoom_out:", {"board": name, **_address(*wider)})
        _free_range(say, window or (time.time() - seconds, time.time()))
    if asked is not None and asked not in boards:
        st.warning(say("no such board", asked=plain(asked), shown=plain(name)), icon=":material/search_off:")
    if window is None and (begin or end or wanted not in RANGES):
        other = plain(f"{begin or ''} – {end or ''}" if begin or end else wanted)
        ranges = ", ".join(RANGES)
        st.warning(say("no such range", asked=other, ranges=ranges), icon=":material/search_off:")
    site, device = boards[name]
    frame.live(lambda now_known: _body(now_known, site, device, window, seconds, every), every)


def _choose() -> None:
    """Streamlit's own binding would write the words of the viewer's language into the address."""
    st.query_params[RANGE] = st.session_state[CHOICE]


def _link(label: str, icon: str, address: dict[str, str]) -> None:
    st.page_link(frame.address("board"), label=label, icon=icon, query_params=address)


def _address(begin: float, end: float) -> dict[str, str]:
    return {"from": str(int(begin)), "to": str(math.ceil(end))}


def _free_range(say: Words, window: tuple[float, float]) -> None:
    """Lets the viewer choose any beginning and end, in their time zone."""
    with st.popover(say("range free"), icon=":material/date_range:"), st.form("free range", border=False):
        moments = [
            st.datetime_input(say(f"range {name}"), datetime.fromtimestamp(at, say.zone).replace(tzinfo=None))
            for name, at in zip(("from", "to"), window, strict=True)
        ]
        if st.form_submit_button(say("range show")):
            begin, end = (moment.replace(tzinfo=say.zone).timestamp() for moment in moments)
            _zoom(begin, end)
            st.rerun()


def _zoom(begin: float, end: float) -> None:
    """Show this stretch of time from now on."""
    if end - begin >= NARROWEST:
        st.query_params.update(_address(begin, end))
        st.session_state[ZOOMED] = True


def _window(begin: str | None, end: str | None) -> tuple[float, float] | None:
    """The stretch of time that a link asks for (Unix s); None = up to now."""
    try:
        window = float(begin or "nan"), float(end or "nan")
    except ValueError:
        return None
    return window if 0 < window[0] < window[1] < 2**34 else None


def _body(  # noqa: PLR0917
    fleet: Answer[FleetState],
    site: str,
    device: str,
    window: tuple[float, float] | None,
    seconds: float,
    every: float | None,
) -> None:
    if st.session_state.pop(ZOOMED, False):
        st.rerun()  # the whole page, whose head says which range it shows
    say, now = frame.say(), time.time()
    start, end = window or (None, None)
    known = fleet.value.of(site, device)
    period = (known and known.period) or UNKNOWN_PERIOD
    summed = seconds / period > source.DRAWN
    beside: list[str] = []
    for card in needs.cards(say, fleet.value.latest, fleet.value.open_episodes, now, fleet.value.over):
        if (card.site, card.device) == (site, device):
            beside = _head(say, card)
    answer = source.ask(source.history, say.language, site, device, start, end, seconds, summed)
    history = answer.value
    frame.freshness(answer, every, *beside)
    if history.curve.empty:
        st.info(say("range empty fixed" if window else "range empty"), icon=":material/search_off:")
        return
    own = (known and known.state.get("limits")) or {}
    drawn = replace(history.curve, limits=limits.lines(say, own, history.curve))
    common.legend(say, frame.palette(), limits=bool(own))
    common.zoomable(
        charts.history(say, drawn, frame.palette()),
        say("chart of board", device=plain(device)),
        key=f"chart {site}/{device} {start} {end} {seconds}",
        zoomed=_zoom,
    )
    for line in remarks(say, history.curve):
        st.caption(line)
    if basis := _basis(say, history.normal):
        st.caption(basis)
    if own:
        st.caption(limits.sentence(say, own, drawn.limits))
    download.show(say, site, device, history)
    _episodes(say, history, now)


def _head(say: Words, card: Card) -> list[str]:
    """Draw its state and last values; returns the small remarks for the line beside."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        frame.headline(plain(card.device), width="content")
        common.need(card.need)
        common.age(card)
    common.values(card)
    st.markdown(card.sentence)
    state = card.latest.state
    model = card.latest.model
    parts = [say("at site", site=plain(card.site))]
    parts.append(say("with model", model=plain(model)) if model else say("without model"))
    for name, text in (("version", "with version"), ("learning", "is learning"), ("last_error", "had error")):
        if state.get(name):
            parts.append(say(text, what=plain(str(state[name]))))
    return parts


def _basis(say: Words, normal: Normal) -> str:
    """Where the green ground comes from."""
    if normal.t is None or normal.h is None:
        return ""
    spans = f"{say.span(*normal.t, '°C')}, {say.span(*normal.h, '%RH')}"
    if normal.basis is None:
        return say("normal by model", spans=spans)
    return say("normal by history", spans=spans, length=say.duration(normal.basis))


def remarks(say: Words, curve: Curve) -> list[str]:
    """Remarks that a careful reader of the curves needs, a line each."""
    counted = [
        say.many(curve.readings, "reading"),
        say("counted board", count=say.count(curve.board_abnormal)),
        say("counted cloud", count=say.count(curve.cloud_abnormal)),
    ]
    for name, count in (("settling", curve.settling), ("failed", curve.failed)):
        if count:
            counted.append(say(f"counted {name}", count=say.count(count)))
    lines = [" · ".join(counted)]
    if curve.missing:
        lines.append(say("remark missing", readings=say.many(curve.missing, "reading")))
    undated = say.many(curve.undated, "reading")
    if curve.said is not None:
        lines.append(say("remark said", readings=undated, date=say.clock(curve.said, time.time())))
    elif curve.undated:
        lines.append(say("remark undated", readings=undated))
    if curve.summed or curve.thinned:
        how = "remark summed" if curve.summed else "remark thinned"
        lines.append(say(how, length=say.duration(curve.thinned)))
    return lines


def _episodes(say: Words, history: BoardHistory, now: float) -> None:
    episodes = [episode for episode in history.episodes if episode.kind != "silence"][:LISTED]
    if not episodes:
        return
    st.header(say("episodes here"), anchor=False)
    for episode in episodes:
        episode_card.row(episode, now)

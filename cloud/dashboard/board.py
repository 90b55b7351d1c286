"""One board: temperature, humidity and score on one time axis, with what board and cloud said about them."""

from __future__ import annotations

import time

import streamlit as st

from cloud.dashboard import charts, needs, parts, screens, source, words
from cloud.dashboard.curve import Curve
from cloud.dashboard.needs import Card
from cloud.dashboard.source import History
from cloud.reader import Episode

# Name -> (seconds shown, seconds between refreshes): nobody reads a month anew every three seconds.
RANGES = {
    "1 h": (3600.0, 3.0),
    "6 h": (6 * 3600.0, 10.0),
    "24 h": (86400.0, 30.0),
    "7 d": (7 * 86400.0, 300.0),
    "30 d": (30 * 86400.0, 1800.0),
}
EMPTY_EVERY = 3.0  # s
MARGIN = 600.0  # s shown around an episode, or half its length where that is longer


def page() -> st.Page:
    return st.Page(show, title="Board", icon=":material/show_chart:", url_path="board")


def link(site: str, device: str, label: str, episode: Episode | None = None) -> None:
    """A link to a board, or to one episode of it. `label` is Markdown."""
    address = {"board": f"{site}/{device}"}
    if episode:
        end = episode.closed or episode.last
        margin = max(MARGIN, (end - episode.opened) / 2)
        address |= {"from": str(int(episode.opened - margin)), "to": str(int(end + margin))}
    st.page_link(
        page(), label=label, icon=":material/arrow_forward:", icon_position="right", query_params=address
    )


def show() -> None:
    screens.guarded(_page)


def _page() -> None:
    boards = source.ask("fleet", source.fleet).value.boards
    if not boards:
        st.fragment(_wait_for_first, run_every=EMPTY_EVERY)()
        return
    asked = st.query_params.get("board")
    window = _window(st.query_params.get("from"), st.query_params.get("to"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Board", list(boards), key="board", bind="query-params", width=240)
        if window is None:
            span = st.segmented_control(
                "Range", list(RANGES), default="1 h", required=True, key="range", bind="query-params"
            )
            seconds, every = RANGES[span or "1 h"]
        else:
            seconds, every = window[1] - window[0], None
            st.page_link(page(), label="Back to now", icon=":material/update:", query_params={"board": name})
    if asked is not None and asked not in boards:
        st.warning(
            f"There is no board {words.plain(asked)}; this is {words.plain(name)}.",
            icon=":material/search_off:",
        )
    site, device = boards[name]
    st.fragment(_guarded_body, run_every=every)(site, device, window, seconds, every)


def _wait_for_first() -> None:
    if source.ask("fleet", source.fleet).value.latest:
        st.rerun()
    screens.empty()


def _window(begin: str | None, end: str | None) -> tuple[float, float] | None:
    """The stretch of time that a link asks for (Unix s); None = up to now."""
    try:
        window = float(begin or "nan"), float(end or "nan")
    except ValueError:
        return None
    return window if 0 < window[0] < window[1] < 2**34 else None


def _guarded_body(
    site: str, device: str, window: tuple[float, float] | None, seconds: float, every: float | None
) -> None:
    screens.guarded(lambda: _body(site, device, window, seconds, every))


def _body(
    site: str, device: str, window: tuple[float, float] | None, seconds: float, every: float | None
) -> None:
    start, end = window or (None, None)
    answer = source.ask(
        f"history {site}/{device} {start} {end} {seconds}",
        lambda: source.history(site, device, start, end, seconds),
    )
    history, now = answer.value, time.time()
    fleet = source.ask("fleet", source.fleet).value
    beside: list[str] = []
    for one in needs.cards(fleet.latest, fleet.open_episodes, now):
        if (one.site, one.device) == (site, device):
            beside = _head(one)
    screens.told(answer, every, *beside)
    if history.curve.empty:
        _nothing_in_range(window is not None)
        return
    parts.legend(screens.palette())
    parts.chart(
        charts.history(history.curve, screens.palette()),
        f"Temperature, humidity and score of {device}, and who called them abnormal",
    )
    for line in remarks(history.curve):
        st.caption(line)
    _episodes(history, now)


def _head(one: Card) -> list[str]:
    """Its state and last values; returns the small things that are told beside."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.title(words.plain(one.device), anchor=False, width="content")
        parts.need(one.need)
        parts.age(one)
    parts.values(one)
    st.markdown(one.sentence)
    state = one.latest.state
    told = [
        f"model {words.plain(one.latest.model)}"
        if one.latest.model
        else "no model yet: Z-score and rules judge"
    ]
    if state.get("version"):
        told.append(f"version {words.plain(str(state['version']))}")
    if state.get("learning"):
        told.append(f"learning: {words.plain(str(state['learning']))}")
    if state.get("last_error"):
        told.append(f"last error: {words.plain(str(state['last_error']))}")
    return told


def _nothing_in_range(fixed: bool) -> None:
    st.info(
        "**No reading is stored in this range.** "
        + (
            "Go back to now."
            if fixed
            else "Choose a longer one, or see above when the board was last heard of."
        ),
        icon=":material/search_off:",
    )


def remarks(curve: Curve) -> list[str]:
    """What a careful reader of the curves should know, a line each."""
    counted = [
        f"{words.count(curve.readings, 'reading')}",
        f"board says abnormal: {curve.board_abnormal}",
        f"cloud says abnormal: {curve.cloud_abnormal}",
    ]
    if curve.failed:
        counted.append(f"failed reads: {curve.failed}")
    lines = [" · ".join(counted)]
    if curve.missing:
        lines.append(
            f"{words.count(curve.missing, 'reading')} of this range not stored yet. A board sends again what "
            "was not confirmed, so a gap may still close."
        )
    if curve.undated:
        lines.append(
            f"{words.count(curve.undated, 'reading')} without a date, because the board did not know the "
            "time; drawn dotted between their neighbours."
        )
    if curve.thinned:
        lines.append(
            f"Drawn: the extremes of every {words.duration(curve.thinned)}, so no spike is lost. A shorter "
            "range shows every reading."
        )
    return lines


def _episodes(history: History, now: float) -> None:
    if not history.episodes:
        return
    st.subheader("Episodes in this range", anchor=False)
    for one in history.episodes:
        episode(one, now)


def episode(one: Episode, now: float) -> None:
    """One episode as a row; its board's name leads to the readings around it."""
    where = screens.place()
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            parts.severity(one)
            link(one.site, one.device, f"**{words.plain(one.device)}**", one)
            length = words.duration((one.closed or now) - one.opened)
            until = f"over after {length}" if one.closed is not None else f"going on for {length}"
            st.markdown(f"{words.clock(one.opened, where, now)}, {until}", width="content")
        st.markdown(needs.about(one))
        st.caption(" · ".join(details(one)))


def details(one: Episode) -> list[str]:
    """What an episode was made of."""
    found = [f"site {words.plain(one.site)}"]
    if one.abnormal:
        found.append(words.count(one.abnormal, "abnormal reading"))
    if one.t_min is not None and one.t_max is not None:
        found.append(words.spread(one.t_min, one.t_max, "°C"))
    if one.h_min is not None and one.h_max is not None:
        found.append(words.spread(one.h_min, one.h_max, "%RH"))
    if one.why and one.abnormal:
        found.append(f"failed read: {words.plain(one.why)}")
    found.append(f"mail {one.alert}" if one.alert else "no mail")
    return found

"""Pieces that more than one page shows: a board's state, how fresh it is, a link to it, the legend."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Literal, TypeVar

import pandas as pd  # type: ignore[import-untyped]
import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.draw import charts
from cloud.dashboard.draw.charts import Palette, Spec, Tables
from cloud.dashboard.parts.needs import Card, Need
from cloud.read.rows import Episode
from cloud.words import Words

Color = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]
Item = TypeVar("Item")

MARGIN = 600.0  # s shown around an episode, or half its length where that is longer

# Colour, sign and word each say it alone.
_NEEDS: dict[Need, tuple[Color, str]] = {
    Need.SEVERE: ("red", "emergency"),
    Need.WARNING: ("orange", "warning"),
    Need.SILENT: ("violet", "do_not_disturb_on"),
    Need.OFFLINE: ("violet", "wifi_off"),
    Need.NO_READING: ("violet", "sensors_off"),
    Need.UNUSUAL: ("yellow", "error"),
    Need.SETTLING: ("blue", "hourglass_bottom"),
    Need.WARMING_UP: ("blue", "hourglass_top"),
    Need.FINE: ("green", "check_circle"),
}


def table(say: Words, titles: Sequence[str], rows: Sequence[Sequence[object]]) -> pd.DataFrame:
    """Rows below the words of these columns."""
    return pd.DataFrame(rows, columns=[say(f"column {title}") for title in titles])


def on_a_page(items: Sequence[Item], most: int, key: str) -> Sequence[Item]:
    """The part of `items` that the viewer pages to, when there are more than `most`."""
    pages = -(-len(items) // most)
    number = st.pagination(pages, key=key) if pages > 1 else 1
    return items[(number - 1) * most : number * most]


def link(site: str, device: str, label: str, episode: Episode | None = None) -> None:
    """A link to a board, or to one episode of it. `label` is Markdown."""
    fleet = source.ask(source.fleet).value
    name = next((name for name, pair in fleet.boards.items() if pair == (site, device)), device)
    address = {"board": name}
    if episode:
        end = episode.closed or episode.last
        margin = max(MARGIN, (end - episode.opened) / 2)
        address |= {"from": str(int(episode.opened - margin)), "to": str(int(end + margin))}
    st.page_link(
        frame.address("board"),
        label=label,
        icon=":material/arrow_forward:",
        icon_position="right",
        query_params=address,
    )


def need(which: Need) -> None:
    color, icon = _NEEDS[which]
    st.badge(frame.say()(f"need {which.name.lower()}"), color=color, icon=f":material/{icon}:")


def values(card: Card) -> None:
    """The last values, big."""
    say = frame.say()
    t, h = say.value(card.latest.t, "°C", 2), say.value(card.latest.h, "%RH")
    st.markdown(f"## {t}\N{EM SPACE}\N{EM SPACE}{h}")


def age(card: Card, *beside: str) -> None:
    """How long ago something came, as bars that empty and in words; other small things behind."""
    say = frame.say()
    bars = f":material/signal_cellular_{card.freshness}_bar:"
    every = say("each period", period=say.period(card.latest.period)) if card.latest.period else ""
    ago = f"{bars} {say('ago', age=say.duration(card.age))}{every}"
    st.caption(" · ".join([ago, *beside]), width="content")


def chart(drawn: tuple[Spec, Tables], alt: str, **more: Any) -> None:
    """Named tables beside a constant spec: a refresh then changes rows, not the chart.

    As a canvas: an SVG's parts have roles without names, at which a screen reader stumbles (axe-core).
    """
    spec, tables = drawn
    rows = {"datasets": charts.frames(tables), "usermeta": {"embedOptions": {"renderer": "canvas"}}}
    st.vega_lite_chart(spec=spec | rows, width="stretch", alt=alt, **more)


def zoomable(
    drawn: tuple[Spec, Tables], alt: str, *, key: str, zoomed: Callable[[float, float], None]
) -> None:
    """A chart with the selection charts.ZOOM. `zoomed` gets the stretch drawn across it (Unix s)."""

    def drawn_across() -> None:
        selection = st.session_state[key]["selection"].get(charts.ZOOM) or {}
        for begin, end in selection.values():
            zoomed(begin / 1000, end / 1000)

    chart(drawn, alt, key=key, on_select=drawn_across, selection_mode=charts.ZOOM)


def legend(say: Words, palette: Palette, *, limits: bool) -> None:
    """What the marks mean; constants only, nothing that came from a board."""
    ground = "width:.9rem;height:.9rem;opacity:.35;background:"
    circle = "border-radius:50%"
    stripes = f"repeating-linear-gradient({palette.quiet} 0 3px,transparent 3px 6px)"
    triangle = "width:.8rem;height:.7rem;clip-path:polygon(50% 0,100% 100%,0 100%)"
    signs = {
        "board": f"{triangle};background:{palette.board}",
        "cloud": f"width:.9rem;height:.9rem;border:2px solid {palette.cloud};{circle}",
        "settling": f"width:.45rem;height:.45rem;{circle};background:{palette.quiet}",
        "episode": ground + palette.episode,
        "normal": ground + palette.normal,
        "gap": ground + stripes,
    }
    if limits:
        signs["limits"] = f"width:1.4rem;border-top:2px dashed {palette.limit}"
    items = "".join(
        '<span style="display:inline-flex;align-items:center;gap:.4rem;white-space:nowrap">'
        f'<span style="{style}"></span>{escape(say(f"legend {name}"))}</span>'
        for name, style in signs.items()
    )
    row = "display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;font-size:.875rem"
    st.html(f'<div style="{row}">{items}</div>')

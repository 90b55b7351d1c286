"""Pieces that more than one page shows: a board's state, how fresh it is, the legend of the curves."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from cloud.dashboard import charts, words
from cloud.dashboard.charts import Palette, Spec, Tables
from cloud.dashboard.curve import BOARD, CLOUD
from cloud.dashboard.needs import Card, Need
from cloud.reader import Episode

Color = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray"]

# Colour, sign and word each say it alone.
_NEEDS: dict[Need, tuple[Color, str]] = {
    Need.SEVERE: ("red", "emergency"),
    Need.WARNING: ("orange", "warning"),
    Need.SILENT: ("violet", "do_not_disturb_on"),
    Need.OFFLINE: ("violet", "wifi_off"),
    Need.NO_READING: ("violet", "sensors_off"),
    Need.UNUSUAL: ("yellow", "error"),
    Need.WARMING_UP: ("blue", "hourglass_top"),
    Need.FINE: ("green", "check_circle"),
}


def need(which: Need) -> None:
    color, icon = _NEEDS[which]
    st.badge(which.label, color=color, icon=f":material/{icon}:")


def severity(episode: Episode) -> None:
    need(Need.SEVERE if episode.severity == "severe" else Need.WARNING)


def values(card: Card) -> None:
    """The last values, big, and how old they are."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        st.markdown(f"### {words.celsius(card.latest.t)}", width="content")
        st.markdown(f"### {words.humidity(card.latest.h)}", width="content")


def age(card: Card) -> None:
    """How long ago something came, as bars that empty and in words."""
    bars = f":material/signal_cellular_{card.freshness}_bar:"
    every = f", every {words.period(card.latest.period)}" if card.latest.period else ""
    st.caption(f"{bars} {words.duration(card.age)} ago{every}", width="content")


def chart(drawn: tuple[Spec, Tables], alt: str) -> None:
    """Named tables beside a constant spec: a refresh then changes rows, not the chart."""
    spec, tables = drawn
    st.vega_lite_chart(spec=spec | {"datasets": charts.frames(tables)}, width="stretch", alt=alt)


def legend(palette: Palette) -> None:
    """What the marks mean; constants only, nothing that came from a board."""
    ground = "width:.9rem;height:.9rem;opacity:.35"
    signs = [
        (
            f"width:.8rem;height:.7rem;background:{palette.board};clip-path:polygon(50% 0,100% 100%,0 100%)",
            BOARD,
        ),
        (f"width:.9rem;height:.9rem;border:2px solid {palette.cloud};border-radius:50%", CLOUD),
    ]
    items = [_sign(style, f"{who} says abnormal") for style, who in signs]
    items.append(_sign(f"{ground};background:{palette.episode}", "Episode"))
    items.append(_sign(f"{ground};background:{palette.quiet}", "No readings stored"))
    row = "display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;font-size:.875rem"
    st.html(f'<div style="{row}">{"".join(items)}</div>')


def _sign(style: str, text: str) -> str:
    return (
        '<span style="display:inline-flex;align-items:center;gap:.4rem;white-space:nowrap">'
        f'<span style="{style}"></span>{text}</span>'
    )

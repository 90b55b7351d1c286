"""One visual language, in Altair: calm lines; colour and shape are kept for verdicts.

Orange triangles: the board says abnormal. Blue rings: the cloud does. Both at once are a triangle in a ring.
Yellow ground: an episode. Grey ground: no readings. The colours are Okabe and Ito's (distinct for
colour-blind eyes), and shape or place says the same again.

A chart is (spec, tables). The spec holds no data and does not change between two refreshes, so the browser
puts new rows into the chart that is there: no flicker, and the zoom stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd  # type: ignore[import-untyped]

from cloud.dashboard.curve import BOARD, CLOUD, FAILED, Curve, Floats, Table

Spec = dict[str, Any]
Tables = dict[str, Table]
X = Callable[[str], alt.X]  # a field on the time axis
Drawn = Any  # an Altair chart; its methods' types are too loose to keep


@dataclass(frozen=True)
class Palette:
    text: str
    line: str
    quiet: str  # axis texts, grid, gaps
    board: str
    cloud: str
    failed: str
    episode: str


LIGHT = Palette("#1d2733", "#33475b", "#6b7785", "#d55e00", "#0072b2", "#8a4f7d", "#e69f00")
DARK = Palette("#e4e9ee", "#c3cfdb", "#8b98a7", "#ff8a3d", "#56b4e9", "#cc79a7", "#f0c040")

HEIGHTS = {"t": 190, "h": 140, "score": 100}
TITLES = {"t": "Temperature, °C", "h": "Humidity, %RH", "score": "Cloud score, 0 to 1: higher is stranger"}

# Hours in 24, days by name; the browser's own time zone.
_TIME = (
    "timeFormat(datum.value, {milliseconds: '%H:%M:%S.%L', seconds: '%H:%M:%S', minutes: '%H:%M', "
    "hours: '%H:%M', day: '%a %d', date: '%a %d', week: '%d %b', month: '%b', quarter: '%b', year: '%Y'})"
)


def history(curve: Curve, palette: Palette) -> tuple[Spec, Tables]:
    """Temperature, humidity and score on one time axis; below, the verdicts' lanes, where one zooms."""
    outline = alt.BrushConfig(fill=palette.text, fillOpacity=0.06, stroke=palette.text, strokeOpacity=0.7)
    brush = alt.selection_interval(name="zoom", encodings=["x"], mark=outline)
    panels = [_panel(quantity, palette, brush) for quantity in ("t", "h", "score")]
    chart = alt.vconcat(*panels, _lanes(palette, brush), spacing=12).configure_view(stroke=None)
    tables = {
        "line": curve.line,
        "marks": curve.marks,
        "runs": curve.runs,
        "gaps": curve.gaps,
        "episodes": curve.episodes,
        "window": curve.window,
    }
    return chart.to_dict(), tables


def spark(curve: Curve, palette: Palette) -> tuple[Spec, Tables]:
    """The last hour's temperature without axes, for a card."""
    none = alt.Axis(labels=False, ticks=False, domain=False, grid=False, minExtent=0)
    x = _time(none)
    y = alt.Y("t:Q", title=None, axis=none, scale=alt.Scale(zero=False, nice=False, padding=6))
    chart = (
        alt.layer(
            _ground("gaps", palette.quiet, x),
            _ground("episodes", palette.episode, x),
            _axis_ends(x).encode(y=y),
            _line(palette, x, y),
            *_marks(y, x, palette, size=36),
        )
        .properties(height=72, padding={"left": 2, "right": 2, "top": 2, "bottom": 2})
        .configure_view(stroke=None)
    )
    tables = {
        "line": curve.line,
        "marks": curve.marks,
        "gaps": curve.gaps,
        "episodes": curve.episodes,
        "window": curve.window | {"t": _around(curve.line["t"])},
    }
    return chart.to_dict(), tables


def _around(values: Floats) -> Floats:
    """Half a degree to both sides of the middle: so a calm room looks calm."""
    known = values[~np.isnan(values)]
    middle = float(known.min() + known.max()) / 2 if len(known) else 0.0
    return np.array([middle - 0.5, middle + 0.5])


def frames(tables: Tables) -> dict[str, pd.DataFrame]:
    """What Streamlit sends as Arrow; NaN becomes null, at which a line breaks."""
    return {name: pd.DataFrame(table) for name, table in tables.items()}


def _base(name: str) -> Drawn:
    return alt.Chart(alt.NamedData(name=name))


def _panel(quantity: str, palette: Palette, brush: alt.Parameter) -> Drawn:
    score = quantity == "score"
    x = _time(_time_axis(palette, labels=score), domain=brush)
    y = alt.Y(
        f"{quantity}:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1]) if score else alt.Scale(zero=False, padding=8),
        axis=_value_axis(palette, 2 if score else 4),
    )
    shown = [
        _line(palette, x, y),
        *_marks(y, x, palette, size=52),
        _pointer(y, x, quantity, palette),
    ]
    return alt.layer(
        _ground("gaps", palette.quiet, x),
        _ground("episodes", palette.episode, x),
        _axis_ends(x),
        *[layer.transform_filter(brush) for layer in shown],
    ).properties(height=HEIGHTS[quantity], title=_title(TITLES[quantity], palette))


def _line(palette: Palette, x: X, y: alt.Y) -> Drawn:
    dots = alt.StrokeDash(
        "undated:N", legend=None, scale=alt.Scale(domain=[False, True], range=[[1, 0], [2, 3]])
    )
    return (
        _base("line")
        .mark_line(color=palette.line, strokeWidth=1.6, clip=True)
        .encode(x=x("at"), y=y, detail="segment:N", strokeDash=dots)
    )


def _marks(y: alt.Y, x: X, palette: Palette, size: int) -> list[Drawn]:
    """A ring for the cloud, drawn larger so that the board's triangle stands inside it."""
    tooltip = [
        _when("at", "Time"),
        alt.Tooltip("who:N", title="Says abnormal"),
        alt.Tooltip("saw:N", title="Because"),
        *_values(),
    ]
    rings = _base("marks").mark_point(
        shape="circle",
        size=size * 2.6,
        color=palette.cloud,
        filled=False,
        strokeWidth=1.8,
        opacity=1,
        clip=True,
    )
    triangles = _base("marks").mark_point(
        shape="triangle-up", size=size, color=palette.board, filled=True, opacity=1, clip=True
    )
    return [
        mark.transform_filter(alt.datum.who == who).encode(x=x("at"), y=y, tooltip=tooltip)
        for mark, who in ((rings, CLOUD), (triangles, BOARD))
    ]


def _pointer(y: alt.Y, x: X, quantity: str, palette: Palette) -> Drawn:
    """The reading nearest to the pointer, so that one need not hit a line."""
    nearest = alt.selection_point(
        name=f"near_{quantity}",
        nearest=True,
        on="pointermove",
        clear="pointerout",
        empty=False,
        fields=["at"],
    )
    return (
        _base("line")
        .mark_point(size=50, filled=True, color=palette.line, clip=True)
        .encode(
            x=x("at"),
            y=y,
            opacity=alt.condition(nearest, alt.value(1), alt.value(0)),
            tooltip=[_when("at", "Time"), *_values()],
        )
        .add_params(nearest)
    )


def _lanes(palette: Palette, brush: alt.Parameter) -> Drawn:
    """Who said abnormal when, over the whole range; drawing across it zooms the curves above."""
    rows = [BOARD, CLOUD, FAILED]
    colors = alt.Scale(domain=rows, range=[palette.board, palette.cloud, palette.failed])
    x = _time(_time_axis(palette))
    y = alt.Y(
        "who:N",
        title=None,
        scale=alt.Scale(domain=rows, padding=0),
        axis=alt.Axis(grid=False, labelOffset=-8, **_inside(palette)),
    )
    bars = (
        _base("runs")
        .mark_bar(height=8, yOffset=8, strokeWidth=2, cornerRadius=1)
        .encode(
            x=x("begin"),
            x2="finish:T",
            y=y,
            color=alt.Color("who:N", legend=None, scale=colors),
            stroke=alt.Stroke("who:N", legend=None, scale=colors),
            tooltip=[
                _when("begin", "From"),
                _when("finish", "To"),
                alt.Tooltip("who:N", title="Who"),
                alt.Tooltip("saw:N", title="What"),
            ],
        )
    )
    return alt.layer(
        _ground("gaps", palette.quiet, x),
        _ground("episodes", palette.episode, x),
        _axis_ends(x).add_params(brush),
        bars,
    ).properties(
        height=96, title=_title("Who says abnormal", palette, "Drag across to zoom, tap beside it for all")
    )


def _ground(name: str, color: str, x: X) -> Drawn:
    """A stretch of time behind everything, from top to bottom."""
    return (
        _base(name)
        .mark_rect(color=color, opacity=0.2, clip=True)
        .encode(
            x=x("begin"),
            x2="finish:T",
            tooltip=[
                alt.Tooltip("saw:N", title="Episode" if name == "episodes" else "Gap"),
                _when("begin", "From"),
                _when("finish", "To"),
            ],
        )
    )


def _axis_ends(x: X) -> Drawn:
    """Nothing to see: it stretches the time axis over the whole range, also where there are no readings."""
    return _base("window").mark_point(opacity=0).encode(x=x("at"))


def _time(axis: alt.Axis, **scale: Any) -> X:
    """Every layer of a panel must say the same of the time axis, or the zoom does not reach it."""
    return lambda field: alt.X(f"{field}:T", title=None, axis=axis, scale=alt.Scale(nice=False, **scale))


def _when(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:T", title=title, format="%a %d %b %H:%M:%S")


def _values() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("t:Q", title="Temperature, °C", format=".2f"),
        alt.Tooltip("h:Q", title="Humidity, %RH", format=".2f"),
        alt.Tooltip("score:Q", title="Cloud score", format=".2f"),
    ]


def _title(text: str, palette: Palette, subtitle: str = "") -> alt.TitleParams:
    return alt.TitleParams(
        text,
        subtitle=subtitle,
        anchor="start",
        frame="group",
        fontSize=13,
        fontWeight=600,
        color=palette.text,
        subtitleColor=palette.quiet,
        subtitleFontSize=12,
        offset=6,
    )


def _time_axis(palette: Palette, labels: bool = True) -> alt.Axis:
    return alt.Axis(
        labels=labels,
        ticks=labels,
        labelExpr=_TIME,
        gridColor=palette.quiet,
        gridOpacity=0.12,
        tickColor=palette.quiet,
        domainColor=palette.quiet,
        labelColor=palette.quiet,
        labelOverlap="greedy",
        labelSeparation=12,
        tickCount=6,
    )


def _value_axis(palette: Palette, count: int) -> alt.Axis:
    return alt.Axis(
        tickCount=count, gridColor=palette.quiet, gridOpacity=0.25, labelOffset=-7, **_inside(palette)
    )


def _inside(palette: Palette) -> dict[str, Any]:
    """Labels stand inside the panel: so it has the full width, which a phone needs, and all stand flush."""
    return {
        "domain": False,
        "ticks": False,
        "labelColor": palette.quiet,
        "labelAlign": "left",
        "labelPadding": -2,
        "minExtent": 0,
        "maxExtent": 0,
    }

"""One visual language, in Altair: calm lines; colour and shape are kept for verdicts.

Orange triangles: the board says abnormal. Blue rings: the cloud does. Both at once are a triangle in a ring.
Small grey dots: normal again; only windows that still hold the fault disagree (cloud.read.settling).
Yellow ground: an episode. Stripes: no readings. Green ground: what is normal for this board. Dashed: the
user's own limits. The colours are Okabe and Ito's (distinct for colour-blind eyes), and shape or place says
the same again.

A chart is (spec, tables). The spec holds no data and does not change between two refreshes, so the browser
puts new rows into the chart that is there: no flicker.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import pandas as pd  # type: ignore[import-untyped]

from cloud.dashboard.draw.curve import BOARD, CLOUD, SETTLING, Curve, Table
from cloud.detectors import FLAGS
from cloud.words import Words

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
    episode: str
    normal: str
    limit: str


LIGHT = Palette("#1d2733", "#33475b", "#6b7785", "#d55e00", "#0072b2", "#e69f00", "#009e73", "#9a2f6c")
DARK = Palette("#e4e9ee", "#c3cfdb", "#8b98a7", "#ff8a3d", "#56b4e9", "#f0c040", "#2bc49a", "#e79ac4")

HEIGHTS = {"t": 190, "h": 140, "score": 90}
ROW = 28  # px of a detector's lane
BESIDE = 30  # px beside the time that is drawn: an axis's values stand there, and no mark covers them
STRIPE = 6  # px of a stripe where there are no readings
ZOOM = "zoom"
MARK = 52  # px² of a triangle

# Hours in 24, days by name; the browser's own time zone.
_TIME = (
    "timeFormat(datum.value, {milliseconds: '%H:%M:%S.%L', seconds: '%H:%M:%S', minutes: '%H:%M', "
    "hours: '%H:%M', day: '%a %d', date: '%a %d', week: '%d %b', month: '%b', quarter: '%b', year: '%Y'})"
)


def history(say: Words, curve: Curve, palette: Palette) -> tuple[Spec, Tables]:
    """Temperature, humidity and score on one time axis; below, the detectors' lanes.

    Dragging across any of them makes the selection ZOOM; the page then shows that stretch of time. For a long
    time the third panel shows how much was abnormal, and the lanes show who called it so.
    """
    tables = {
        "line": curve.line,
        "band": curve.band,
        "marks": curve.marks,
        "runs": curve.runs,
        "gaps": curve.gaps,
        "episodes": curve.episodes,
        "normal": curve.normal,
        "limits": curve.limits,
        "window": curve.window,
        "least": curve.least,
    }
    return json.loads(_history(say.language, palette, curve.summed)), tables


@cache  # Altair takes a tenth of a second to check what never changes
def _history(language: str, palette: Palette, summed: bool) -> str:
    say = Words(language)
    outline = alt.BrushConfig(fill=palette.text, fillOpacity=0.06, stroke=palette.text, strokeOpacity=0.7)
    brush = alt.selection_interval(name=ZOOM, encodings=["x"], mark=outline)
    panels = [_panel(say, quantity, palette, brush, first=quantity == "t") for quantity in ("t", "h")]
    panels.append(_shares(say, palette, brush) if summed else _panel(say, "score", palette, brush))
    if summed:
        names = {BOARD: say("who board"), CLOUD: say("who cloud"), "failed": say("who failed")}
    else:
        names = {say.detector(bit): say.detector(bit) for bit in FLAGS}
    lanes = _lanes(say, names, palette, brush)
    chart = alt.vconcat(*panels, lanes, spacing=12).configure_view(stroke=None)
    with warnings.catch_warnings(action="ignore"):  # one brush on all panels is meant
        spec = chart.to_dict()
    _each_in_its_layer(spec)
    return json.dumps(spec)


def _each_in_its_layer(spec: Spec) -> None:
    """Keep each selection in its own layer: Altair puts it into every layer, and browsers then fail."""
    layers = [layer for panel in spec["vconcat"] for layer in panel["layer"] if "name" in layer]
    ends = {layer["name"] for layer in layers if layer["data"]["name"] == "window"}
    for param in spec["params"]:
        param["views"] = [name for name in param["views"] if (name in ends) == (param["name"] == ZOOM)]


def frames(tables: Tables) -> dict[str, pd.DataFrame]:
    """The table as Streamlit sends it (Arrow); NaN becomes null, at which a line breaks."""
    return {name: pd.DataFrame(table) for name, table in tables.items()}


def _base(name: str) -> Drawn:
    return alt.Chart(alt.NamedData(name=name))


def _panel(
    say: Words, quantity: str, palette: Palette, brush: alt.Parameter, *, first: bool = False
) -> Drawn:
    score = quantity == "score"
    x = _time(_time_axis(palette, labels=score))
    y = _value(quantity, palette)
    shown = [
        *([] if score else [_band(quantity, palette, x)]),
        *(_scores(palette, x, y) if score else [_line(palette, x, y)]),
        *_marks(say, y, x, palette),
        _pointer(say, y, x, quantity, palette),
    ]
    return alt.layer(
        _gaps(say, palette, x, HEIGHTS[quantity]),
        _ground(say, "episodes", palette.episode, x),
        *([] if score else [_normal(quantity, palette), _least(quantity, palette)]),
        *([] if score else _limits(quantity, palette)),
        _axis_ends(x).add_params(brush),
        *shown,
    ).properties(
        height=HEIGHTS[quantity],
        title=_title(say(f"panel {quantity}"), palette, say("panel zoom") if first else ""),
    )


def _value(field: str, palette: Palette) -> alt.Y:
    """A field on its quantity's axis, which is the same for all layers of a panel."""
    if field == "score":
        return alt.Y("score:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=_value_axis(palette, 2))
    scale = alt.Scale(zero=False, padding=8)
    return alt.Y(f"{field}:Q", title=None, scale=scale, axis=_value_axis(palette, 4))


def _normal(quantity: str, palette: Palette) -> Drawn:
    """What is normal for this board, from one side of the panel to the other."""
    return (
        _base("normal")
        .mark_rect(color=palette.normal, opacity=0.13, clip=True)
        .encode(y=_value(f"{quantity}_low", palette), y2=f"{quantity}_high:Q")
    )


def _limits(quantity: str, palette: Palette) -> list[Drawn]:
    """The user's own limits, behind all readings, with their values at the edge of the panel."""
    chosen = _base("limits").transform_filter(alt.datum.quantity == quantity)
    y = _value("value", palette)
    labels = [
        chosen.transform_filter(alt.datum.is_most == is_most)
        .mark_text(align="right", baseline=baseline, dx=-1, dy=dy, color=palette.limit, fontSize=11)
        .encode(x=alt.value("width"), y=y, text="label:N")
        for is_most, baseline, dy in ((True, "top", 4), (False, "bottom", -3))
    ]
    return [chosen.mark_rule(color=palette.limit, strokeDash=[7, 4], strokeWidth=1.5).encode(y=y), *labels]


def _band(quantity: str, palette: Palette, x: X) -> Drawn:
    """A band from minimum to maximum, when a line of single readings would be a blot."""
    return (
        _base("band")
        .mark_area(color=palette.line, opacity=0.25, clip=True)
        .encode(
            x=x("at"),
            y=_value(f"{quantity}_low", palette),
            y2=f"{quantity}_high:Q",
            detail="segment:N",
        )
    )


def _shares(say: Words, palette: Palette, brush: alt.Parameter) -> Drawn:
    """How much of each stretch board and cloud call abnormal."""
    x = _time(_time_axis(palette))
    axis = _value_axis(palette, 2)

    def side(who: str, color: str) -> Drawn:
        y = alt.Y(f"{who}:Q", title=None, axis=axis, scale=alt.Scale(domainMin=0, nice=True))
        tooltip = [
            _when("at", say("column time")),
            alt.Tooltip("board:Q", title=f"{say('who board')}, %", format=".2f"),
            alt.Tooltip("cloud:Q", title=f"{say('who cloud')}, %", format=".2f"),
        ]
        return (
            _base("band")
            .mark_line(color=color, strokeWidth=1.4, clip=True, interpolate="step")
            .encode(x=x("at"), y=y, detail="segment:N", tooltip=tooltip)
        )

    shown = [side(CLOUD, palette.cloud), side(BOARD, palette.board)]
    return alt.layer(
        _gaps(say, palette, x, HEIGHTS["score"]),
        _ground(say, "episodes", palette.episode, x),
        _axis_ends(x).add_params(brush),
        *shown,
    ).properties(height=HEIGHTS["score"], title=_title(say("panel share"), palette))


def _line(palette: Palette, x: X, y: alt.Y) -> Drawn:
    dots = alt.StrokeDash(
        "undated:N", legend=None, scale=alt.Scale(domain=[False, True], range=[[1, 0], [2, 3]])
    )
    return (
        _base("line")
        .mark_line(color=palette.line, strokeWidth=1.6, clip=True)
        .encode(x=x("at"), y=y, detail="segment:N", strokeDash=dots)
    )


def _scores(palette: Palette, x: X, y: alt.Y) -> list[Drawn]:
    """The board's score below the cloud's, each in its colour."""
    edge = alt.Y("edge:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=_value_axis(palette, 2))
    return [
        _base("line")
        .mark_line(color=color, strokeWidth=1.3, opacity=0.85, clip=True)
        .encode(x=x("at"), y=value, detail="segment:N")
        for color, value in ((palette.board, edge), (palette.cloud, y))
    ]


def _marks(say: Words, y: alt.Y, x: X, palette: Palette) -> list[Drawn]:
    """A ring for the cloud, drawn larger so that the board's triangle stands inside it."""
    tooltip = [
        _when("at", say("column time")),
        alt.Tooltip("saw:N", title=say("column because")),
        *_values(say),
    ]
    rings = _base("marks").mark_point(
        shape="circle",
        size=MARK * 2.6,
        color=palette.cloud,
        filled=False,
        strokeWidth=1.8,
        opacity=1,
        clip=True,
    )
    triangles = _base("marks").mark_point(
        shape="triangle-up", size=MARK, color=palette.board, filled=True, opacity=1, clip=True
    )
    dots = _base("marks").mark_point(
        shape="circle", size=MARK / 3, color=palette.quiet, filled=True, opacity=1, clip=True
    )
    return [
        mark.transform_filter(alt.datum.who == who).encode(x=x("at"), y=y, tooltip=tooltip)
        for mark, who in ((dots, SETTLING), (rings, CLOUD), (triangles, BOARD))
    ]


def _pointer(say: Words, y: alt.Y, x: X, quantity: str, palette: Palette) -> Drawn:
    """Shows the reading nearest to the pointer, so that nobody needs to hit a line."""
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
            tooltip=[_when("at", say("column time")), *_values(say)],
        )
        .add_params(nearest)
    )


def _lanes(say: Words, names: dict[str, str], palette: Palette, brush: alt.Parameter) -> Drawn:
    """Which detector spoke when, board above cloud, each lane's name above both.

    `names`: lane -> its words.
    """
    x = _time(_time_axis(palette))
    words = "{" + ", ".join(f"'{lane}': {text!r}" for lane, text in names.items()) + "}"
    y = alt.Y(
        "lane:N",
        title=None,
        scale=alt.Scale(domain=list(names), padding=0),
        axis=alt.Axis(
            labelExpr=f"({words})[datum.value]", labelFontSize=11, grid=True, gridColor=palette.quiet,
            gridOpacity=0.12, labelOffset=-7, **_axis(palette),
        ),
    )  # fmt: skip

    def side(who: str, color: str, below: int) -> Drawn:
        return (
            _base("runs")
            .transform_filter(alt.datum.who == who)
            .mark_bar(height=4, yOffset=below, strokeWidth=1, stroke=color, color=color, cornerRadius=1)
            .encode(
                x=x("begin"),
                x2="finish:T",
                y=y,
                tooltip=[
                    _when("begin", say("column from")),
                    _when("finish", say("column to")),
                    alt.Tooltip("who:N", title=say("column who")),
                    alt.Tooltip("saw:N", title=say("column what")),
                ],
            )
        )

    return alt.layer(
        _gaps(say, palette, x, ROW * len(names)),
        _ground(say, "episodes", palette.episode, x),
        _axis_ends(x).add_params(brush),
        side(BOARD, palette.board, 2),
        side(CLOUD, palette.cloud, 9),
        side(SETTLING, palette.quiet, 5),
    ).properties(height=ROW * len(names), title=_title(say("panel lanes"), palette, say("panel lanes how")))


def _least(quantity: str, palette: Palette) -> Drawn:
    """An invisible layer that keeps the axis wide, so that a tenth of a degree does not look like a storm."""
    return _base("least").mark_point(opacity=0).encode(y=_value(quantity, palette))


def _gaps(say: Words, palette: Palette, x: X, height: int) -> Drawn:
    """Stripes where there are no readings; also a colour-blind person can tell them from the grounds."""
    count = height // STRIPE
    edges = [(k // 2 + k % 2) / count for k in range(2 * count)]
    stops = [
        alt.GradientStop(color=palette.quiet if k // 2 % 2 else "rgba(128, 128, 128, 0)", offset=edge)
        for k, edge in enumerate(edges)
    ]
    stripes = alt.Gradient(  # type: ignore[no-untyped-call]
        gradient="linear", stops=stops, x1=1, x2=1, y1=0, y2=1
    )
    return _ground(say, "gaps", stripes, x, opacity=0.45)


def _ground(say: Words, name: str, color: Any, x: X, opacity: float = 0.2) -> Drawn:
    """A stretch of time behind everything, from top to bottom."""
    return (
        _base(name)
        .mark_rect(color=color, opacity=opacity, clip=True)
        .encode(
            x=x("begin"),
            x2="finish:T",
            tooltip=[
                alt.Tooltip("saw:N", title=say("column episode" if name == "episodes" else "column gap")),
                _when("begin", say("column from")),
                _when("finish", say("column to")),
            ],
        )
    )


def _axis_ends(x: X) -> Drawn:
    """An invisible layer that stretches the time axis over the whole range, also without readings."""
    return _base("window").mark_point(opacity=0).encode(x=x("at"))


def _time(axis: alt.Axis) -> X:
    """The time axis; every layer of a panel must define it in the same way."""
    return lambda field: alt.X(
        f"{field}:T", title=None, axis=axis, scale=alt.Scale(nice=False, padding=BESIDE)
    )


def _when(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:T", title=title, format="%a %d %b %H:%M:%S")


def _values(say: Words) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("t:Q", title=say("panel t"), format=".2f"),
        alt.Tooltip("h:Q", title=say("panel h"), format=".2f"),
        alt.Tooltip("score:Q", title=say("column score"), format=".2f"),
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
        tickCount=count, gridColor=palette.quiet, gridOpacity=0.25, labelOffset=-7, **_axis(palette)
    )


def _axis(palette: Palette) -> dict[str, Any]:
    """The value axis, with its labels inside the panel, so that the panel has the full width."""
    return {
        "domain": False,
        "ticks": False,
        "labelColor": palette.quiet,
        "labelAlign": "left",
        "labelPadding": -2,
        "minExtent": 0,
        "maxExtent": 0,
    }

"""One visual language, in Altair: calm lines; colour and shape are kept for verdicts.

Orange triangles: the board says abnormal. Blue rings: the cloud does. Both at once are a triangle in a ring.
Small grey dots: normal again; only windows that still hold the fault disagree (cloud.read.settling).
Yellow ground: an episode. Stripes: no readings. Green ground: what is normal for this board. Dashed: the
user's own limits. The colours are Okabe and Ito's (distinct for colour-blind eyes), and shape or place says
the same again.

A chart is (spec, tables). The spec holds no data and does not change between two refreshes, so the browser
puts new rows into the chart that is there: no flicker.
"""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
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
    names = ("line", "band", "marks", "runs", "gaps", "episodes", "normal", "limits", "window", "least")
    tables = {name: getattr(curve, name) for name in names}
    return json.loads(_history(say.language, palette, curve.summed)), tables


@cache  # Altair takes a tenth of a second to check what never changes
def _history(language: str, palette: Palette, summed: bool) -> str:
    chart = alt.vconcat(*_Panels(Words(language), palette).of(summed), spacing=12)
    with warnings.catch_warnings(action="ignore"):  # one brush on all panels is meant
        spec = styled(chart, palette).to_dict()
    _each_in_its_layer(spec)
    return json.dumps(spec)


def styled(chart: Drawn, palette: Palette) -> Drawn:
    """`chart` with the titles and axes of this house, and no frame around it."""
    quiet = palette.quiet
    return (
        chart.configure_view(stroke=None)
        .configure_title(
            anchor="start", frame="group", fontSize=13, fontWeight=600, color=palette.text, offset=6,
            subtitleColor=quiet, subtitleFontSize=12,
        )
        .configure_axis(labelColor=quiet, gridColor=quiet, tickColor=quiet, domainColor=quiet)
    )  # fmt: skip


def _each_in_its_layer(spec: Spec) -> None:
    """Keep each selection in its own layer: Altair puts it into every layer, and browsers then fail."""
    layers = [layer for panel in spec["vconcat"] for layer in panel["layer"] if "name" in layer]
    ends = {layer["name"] for layer in layers if layer["data"]["name"] == "window"}
    for param in spec["params"]:
        param["views"] = [name for name in param["views"] if (name in ends) == (param["name"] == ZOOM)]


def frames(tables: Tables) -> dict[str, pd.DataFrame]:
    """The table as Streamlit sends it (Arrow); NaN becomes null, at which a line breaks."""
    return {name: pd.DataFrame(table) for name, table in tables.items()}


def base(name: str) -> Drawn:
    """A chart of the table with this name."""
    return alt.Chart(alt.NamedData(name=name))


def _x(field: str, *, labels: bool = True) -> alt.X:
    """A field on the time axis; every layer of a panel must define it in the same way."""
    axis = alt.Axis(
        labels=labels, ticks=labels, labelExpr=_TIME, gridOpacity=0.12, labelOverlap="greedy",
        labelSeparation=12, tickCount=6,
    )  # fmt: skip
    return alt.X(f"{field}:T", title=None, axis=axis, scale=alt.Scale(nice=False, padding=BESIDE))


def _inside(**more: Any) -> alt.Axis:
    """A value axis with its labels inside the panel, so that the panel has the full width."""
    return alt.Axis(
        domain=False, ticks=False, labelAlign="left", labelPadding=-2, labelOffset=-7, minExtent=0,
        maxExtent=0, **more,
    )  # fmt: skip


def _y(field: str) -> alt.Y:
    """A field on its quantity's axis, which is the same for all layers of a panel."""
    if field in ("score", "edge"):
        scale, count = alt.Scale(domain=[0, 1]), 2
    else:
        scale, count = alt.Scale(zero=False, padding=8), 4
    return alt.Y(f"{field}:Q", title=None, scale=scale, axis=_inside(tickCount=count, gridOpacity=0.25))


class _Panels:
    """The panels in one language and one palette. `x` in its methods: a field on the panel's time axis."""

    def __init__(self, say: Words, palette: Palette) -> None:
        self._say, self._palette = say, palette
        mark = alt.BrushConfig(fill=palette.text, fillOpacity=0.06, stroke=palette.text, strokeOpacity=0.7)
        self._brush = alt.selection_interval(name=ZOOM, encodings=["x"], mark=mark)

    def of(self, summed: bool) -> list[Drawn]:
        """All panels; `summed`: they show sums over stretches of time instead of single readings."""
        say = self._say
        quantities = [self._quantity("t", say("panel zoom")), self._quantity("h")]
        if summed:
            names = {BOARD: say("who board"), CLOUD: say("who cloud"), "failed": say("who failed")}
            return [*quantities, self._shares(), self._lanes(names)]
        names = {say.detector(bit): say.detector(bit) for bit in FLAGS}
        return [*quantities, self._scores(), self._lanes(names)]

    def _panel(self, name: str, height: int, x: X, shown: list[Drawn], below: str = "") -> Drawn:
        """`shown` over the gaps and the episodes. `below`: what stands below the title."""
        # Stripes where there are no readings: also a colour-blind person can tell them from the grounds.
        count = height // STRIPE
        colors = ("rgba(128, 128, 128, 0)", self._palette.quiet)
        stops = [
            alt.GradientStop(color=colors[k // 2 % 2], offset=(k // 2 + k % 2) / count)
            for k in range(2 * count)
        ]
        stripes = alt.Gradient(  # type: ignore[no-untyped-call]
            gradient="linear", stops=stops, x1=1, x2=1, y1=0, y2=1
        )
        # An invisible layer stretches the time axis over the whole range, also without readings.
        ends = base("window").mark_point(opacity=0).encode(x=x("at"))
        title = alt.TitleParams(self._say(f"panel {name}"), subtitle=below)
        return alt.layer(
            self._ground("gaps", "column gap", stripes, 0.45, x),
            self._ground("episodes", "column episode", self._palette.episode, 0.2, x),
            ends.add_params(self._brush),
            *shown,
        ).properties(height=height, title=title)

    def _ground(self, table: str, title: str, color: Any, opacity: float, x: X) -> Drawn:
        """A stretch of time behind everything, from top to bottom."""
        tooltip = [alt.Tooltip("saw:N", title=self._say(title)), *self._from_to()]
        mark = base(table).mark_rect(color=color, opacity=opacity, clip=True)
        return mark.encode(x=x("begin"), x2="finish:T", tooltip=tooltip)

    def _quantity(self, name: str, below: str = "") -> Drawn:
        """Temperature or humidity: its line over what is normal and over the user's limits."""
        x, palette = partial(_x, labels=False), self._palette
        span = {"y": _y(f"{name}_low"), "y2": f"{name}_high:Q"}
        dots = alt.StrokeDash(
            "undated:N", legend=None, scale=alt.Scale(domain=[False, True], range=[[1, 0], [2, 3]])
        )
        line = base("line").mark_line(color=palette.line, strokeWidth=1.6, clip=True)
        shown = [
            base("normal").mark_rect(color=palette.normal, opacity=0.13, clip=True).encode(**span),
            # Invisible; it keeps the axis wide, so that a tenth of a degree does not look like a storm.
            base("least").mark_point(opacity=0).encode(y=_y(name)),
            *self._limits(name),
            # From minimum to maximum, where a line of single readings would be a blot.
            base("band")
            .mark_area(color=palette.line, opacity=0.25, clip=True)
            .encode(x=x("at"), detail="segment:N", **span),
            line.encode(x=x("at"), y=_y(name), detail="segment:N", strokeDash=dots),
            *self._marks(name, x),
        ]
        return self._panel(name, HEIGHTS[name], x, shown, below)

    def _limits(self, quantity: str) -> list[Drawn]:
        """The user's own limits, behind all readings, with their values at the edge of the panel."""
        chosen, color = base("limits").transform_filter(alt.datum.quantity == quantity), self._palette.limit
        labels = [
            chosen.transform_filter(alt.datum.is_most == is_most)
            .mark_text(align="right", baseline=baseline, dx=-1, dy=dy, color=color, fontSize=11)
            .encode(x=alt.value("width"), y=_y("value"), text="label:N")
            for is_most, baseline, dy in ((True, "top", 4), (False, "bottom", -3))
        ]
        rule = chosen.mark_rule(color=color, strokeDash=[7, 4], strokeWidth=1.5)
        return [rule.encode(y=_y("value")), *labels]

    def _scores(self) -> Drawn:
        """The board's score below the cloud's, each in its colour."""
        shown = [
            base("line")
            .mark_line(color=color, strokeWidth=1.3, opacity=0.85, clip=True)
            .encode(x=_x("at"), y=_y(field), detail="segment:N")
            for color, field in ((self._palette.board, "edge"), (self._palette.cloud, "score"))
        ]
        return self._panel("score", HEIGHTS["score"], _x, [*shown, *self._marks("score", _x)])

    def _shares(self) -> Drawn:
        """How much of each stretch board and cloud call abnormal."""
        sides = ((CLOUD, self._palette.cloud), (BOARD, self._palette.board))
        tooltip = [
            _when("at", self._say("column time")),
            *(_number(who, f"{self._say(f'who {who}')}, %") for who in (BOARD, CLOUD)),
        ]
        axis, scale = _inside(tickCount=2, gridOpacity=0.25), alt.Scale(domainMin=0, nice=True)
        shown = [
            base("band")
            .mark_line(color=color, strokeWidth=1.4, clip=True, interpolate="step")
            .encode(
                x=_x("at"),
                y=alt.Y(f"{who}:Q", title=None, axis=axis, scale=scale),
                detail="segment:N",
                tooltip=tooltip,
            )
            for who, color in sides
        ]
        return self._panel("share", HEIGHTS["score"], _x, shown)

    def _marks(self, field: str, x: X) -> list[Drawn]:
        """A ring for the cloud, drawn larger so that the board's triangle stands inside it; and a pointer."""
        say, palette = self._say, self._palette
        time = _when("at", say("column time"))
        values = [
            _number("t", say("panel t")),
            _number("h", say("panel h")),
            _number("score", say("column score")),
        ]
        tooltip = [time, alt.Tooltip("saw:N", title=say("column because")), *values]
        ring = {"shape": "circle", "size": MARK * 2.6, "color": palette.cloud, "strokeWidth": 1.8}
        triangle = {"shape": "triangle-up", "size": MARK, "color": palette.board, "filled": True}
        dot = {"shape": "circle", "size": MARK / 3, "color": palette.quiet, "filled": True}
        marks = [
            base("marks")
            .mark_point(opacity=1, clip=True, **{"filled": False, **mark})
            .transform_filter(alt.datum.who == who)
            .encode(x=x("at"), y=_y(field), tooltip=tooltip)
            for mark, who in ((dot, SETTLING), (ring, CLOUD), (triangle, BOARD))
        ]
        # Shows the reading nearest to the pointer, so that nobody needs to hit a line.
        nearest = alt.selection_point(
            name=f"near_{field}", nearest=True, on="pointermove", clear="pointerout", empty=False,
            fields=["at"],
        )  # fmt: skip
        opacity = alt.condition(nearest, alt.value(1), alt.value(0))
        pointer = base("line").mark_point(size=50, filled=True, color=palette.line, clip=True)
        shown = pointer.encode(x=x("at"), y=_y(field), opacity=opacity, tooltip=[time, *values])
        return [*marks, shown.add_params(nearest)]

    def _lanes(self, names: dict[str, str]) -> Drawn:
        """Which detector spoke when, board above cloud, each lane's name above both.

        `names`: lane -> its words.
        """
        say, palette = self._say, self._palette
        words = "{" + ", ".join(f"'{lane}': {text!r}" for lane, text in names.items()) + "}"
        axis = _inside(labelExpr=f"({words})[datum.value]", labelFontSize=11, grid=True, gridOpacity=0.12)
        y = alt.Y("lane:N", title=None, scale=alt.Scale(domain=list(names), padding=0), axis=axis)
        tooltip = [
            *self._from_to(),
            alt.Tooltip("who:N", title=say("column who")),
            alt.Tooltip("saw:N", title=say("column what")),
        ]
        shown = [
            base("runs")
            .transform_filter(alt.datum.who == who)
            .mark_bar(height=4, yOffset=below, strokeWidth=1, stroke=color, color=color, cornerRadius=1)
            .encode(x=_x("begin"), x2="finish:T", y=y, tooltip=tooltip)
            for who, color, below in (
                (BOARD, palette.board, 2),
                (CLOUD, palette.cloud, 9),
                (SETTLING, palette.quiet, 5),
            )
        ]
        return self._panel("lanes", ROW * len(names), _x, shown, say("panel lanes how"))

    def _from_to(self) -> list[alt.Tooltip]:
        return [_when("begin", self._say("column from")), _when("finish", self._say("column to"))]


def _when(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:T", title=title, format="%a %d %b %H:%M:%S")


def _number(field: str, title: str) -> alt.Tooltip:
    return alt.Tooltip(f"{field}:Q", title=title, format=".2f")

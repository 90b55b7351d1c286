"""Board and cloud side by side: a square of four numbers, and how far their scores are apart."""

from __future__ import annotations

from typing import Literal

import altair as alt
import numpy as np
import streamlit as st

from cloud.dashboard import frame
from cloud.dashboard.draw import charts
from cloud.dashboard.parts import common
from cloud.dashboard.parts.markdown import plain
from cloud.store.agreement import Agreement, Spread
from cloud.words import Words

SQUARE, BARS = 190, 190  # px


def show(say: Words, one: Agreement) -> None:
    counted = sum(square(one))
    agreed = (one.both_abnormal + one.both_normal) / max(counted, 1)
    said = [
        say("agreement of", share=say.percent(agreed), readings=say.many(counted, "reading")),
        say("with model", model=plain(one.model)) if one.model else say("without model"),
    ]
    st.markdown(" · ".join(said))
    _twin(say, one)
    left, right = st.columns(2, gap="large")
    with left:
        common.chart(of_square(say, one, frame.palette()), say("agreement title"))
    with right:
        if one.scores is None:
            st.caption(say("scores none"))
        else:
            common.chart(of_scores(say, one.scores, frame.palette()), say("scores title"))
            st.caption(
                say(
                    "scores how",
                    mean=say.number(one.scores.mean, 3),
                    least=say.number(one.scores.least, 3),
                    greatest=say.number(one.scores.greatest, 3),
                )
            )


def square(one: Agreement) -> tuple[int, int, int, int]:
    return one.both_abnormal, one.edge_only, one.cloud_only, one.both_normal


def _twin(say: Words, one: Agreement) -> None:
    """The twin is the same forest by another road: the least difference is a fault."""
    if not one.twin_ran:
        st.caption(say("twin none"))
    elif one.twin_differs:
        st.error(
            say(
                "twin differs", count=say.count(one.twin_differs), readings=say.many(one.twin_ran, "reading")
            ),
            icon=":material/difference:",
        )
    else:
        st.caption(f":material/check: {say('twin equal', readings=say.many(one.twin_ran, 'reading'))}")


def of_square(say: Words, one: Agreement, palette: charts.Palette) -> tuple[charts.Spec, charts.Tables]:
    """Board across, cloud down; the darker, the more."""
    normal, abnormal = say("normal"), say("abnormal")
    counts = np.array([one.both_normal, one.edge_only, one.cloud_only, one.both_abnormal], np.float64)
    tables: charts.Tables = {
        "square": {
            "board": np.array([normal, abnormal, normal, abnormal], object),
            "cloud": np.array([normal, normal, abnormal, abnormal], object),
            "agrees": np.array([True, False, False, True]),
            "weight": np.log1p(counts),
            "text": np.array([say.count(int(count)) for count in counts], object),
        }
    }
    order = [normal, abnormal]

    def axis(title: str, orient: Literal["top", "left"]) -> alt.Axis:
        return alt.Axis(
            title=title, orient=orient, domain=False, ticks=False, labelAngle=0, labelPadding=6,
            labelColor=palette.text, titleColor=palette.quiet, titleFontWeight="normal", labelFontSize=12,
        )  # fmt: skip

    base = alt.Chart(alt.NamedData(name="square")).encode(
        x=alt.X("board:N", sort=order, axis=axis(say("who board"), "top")),
        y=alt.Y("cloud:N", sort=order, axis=axis(say("who cloud"), "left")),
    )
    color = alt.Color(
        "agrees:N", legend=None, scale=alt.Scale(domain=[True, False], range=[palette.normal, palette.board])
    )
    opacity = alt.Opacity("weight:Q", legend=None, scale=alt.Scale(domainMin=0, range=[0.06, 0.45]))
    chart = (
        alt.layer(
            base.mark_rect(cornerRadius=6, stroke=palette.quiet, strokeOpacity=0.25).encode(
                color=color, opacity=opacity
            ),
            base.mark_text(fontSize=17, fontWeight=600, color=palette.text).encode(text="text:N"),
        )
        .properties(height=SQUARE)
        .configure_view(stroke=None)
        .configure_scale(bandPaddingInner=0.06)
    )
    return chart.to_dict(), tables


def of_scores(say: Words, spread: Spread, palette: charts.Palette) -> tuple[charts.Spec, charts.Tables]:
    """How many readings have which difference between the two scores."""
    edges = [say.number(edge, 3) for edge in spread.edges]
    names = [f"< {edges[0]}", *edges[:-1], f"\u2265 {edges[-1]}"]
    tables: charts.Tables = {
        "bars": {
            "place": np.arange(len(names)),
            "name": np.array(names, object),
            "count": np.array(spread.histogram, np.float64),
            "text": np.array([say.many(count, "reading") for count in spread.histogram], object),
        }
    }
    x = alt.X(
        "name:N", sort=names, title=None,
        axis=alt.Axis(labelAngle=0, labelColor=palette.quiet, labelOverlap="parity",
                      domainColor=palette.quiet, ticks=False),
    )  # fmt: skip
    y = alt.Y("count:Q", title=None, axis=None)
    tooltip = [alt.Tooltip("name:N", title=say("column difference")), alt.Tooltip("text:N", title=" ")]
    chart = (
        alt.Chart(alt.NamedData(name="bars"))
        .mark_bar(color=palette.cloud, cornerRadiusEnd=3)
        .encode(x=x, y=y, tooltip=tooltip)
        .properties(
            height=BARS,
            title=alt.TitleParams(
                say("scores title"), anchor="start", frame="group", fontSize=13, fontWeight=600,
                color=palette.text, offset=6,
            ),
        )
        .configure_view(stroke=None)
    )  # fmt: skip
    return chart.to_dict(), tables

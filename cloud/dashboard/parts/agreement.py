"""Board and cloud side by side: a square of four numbers, and how much their scores differ."""

from typing import Any

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


def show(say: Words, agreement: Agreement) -> None:
    counted = sum(square(agreement))
    agreed = (agreement.both_abnormal + agreement.both_normal) / max(counted, 1)
    parts = [
        say("agreement of", share=say.percent(agreed), readings=say.many(counted, "reading")),
        say("with model", model=plain(agreement.model)) if agreement.model else say("without model"),
    ]
    st.markdown(" · ".join(parts))
    _twin(say, agreement)
    left, right = st.columns(2, gap="large")
    with left:
        common.chart(of_square(say, agreement, frame.palette()), say("agreement title"))
    with right:
        if agreement.scores is None:
            st.caption(say("scores none"))
        else:
            common.chart(of_scores(say, agreement.scores, frame.palette()), say("scores title"))
            st.caption(
                say(
                    "scores how",
                    mean=say.number(agreement.scores.mean, 3),
                    least=say.number(agreement.scores.least, 3),
                    greatest=say.number(agreement.scores.greatest, 3),
                )
            )


def square(agreement: Agreement) -> tuple[int, int, int, int]:
    return agreement.both_abnormal, agreement.edge_only, agreement.cloud_only, agreement.both_normal


def _twin(say: Words, agreement: Agreement) -> None:
    """Whether the twin, the same forest computed in another way, agrees: any difference is a fault."""
    if not agreement.twin_ran:
        st.caption(say("twin none"))
    elif agreement.twin_differs:
        st.error(
            say(
                "twin differs",
                count=say.count(agreement.twin_differs),
                readings=say.many(agreement.twin_ran, "reading"),
            ),
            icon=":material/difference:",
        )
    else:
        st.caption(f":material/check: {say('twin equal', readings=say.many(agreement.twin_ran, 'reading'))}")


def of_square(say: Words, agreement: Agreement, palette: charts.Palette) -> tuple[charts.Spec, charts.Tables]:
    """Board across, cloud down; the darker, the more."""
    normal, abnormal = say("normal"), say("abnormal")
    both_abnormal, edge_only, cloud_only, both_normal = square(agreement)
    counts = (both_normal, edge_only, cloud_only, both_abnormal)
    tables: charts.Tables = {
        "square": {
            "board": np.array([normal, abnormal, normal, abnormal], object),
            "cloud": np.array([normal, normal, abnormal, abnormal], object),
            "agrees": np.array([True, False, False, True]),
            "weight": np.log1p(counts),
            "text": np.array([say.count(count) for count in counts], object),
        }
    }
    axis: dict[str, Any] = {
        "domain": False, "ticks": False, "labelAngle": 0, "labelPadding": 6, "labelColor": palette.text,
        "titleColor": palette.quiet, "titleFontWeight": "normal", "labelFontSize": 12,
    }  # fmt: skip
    across = alt.Axis(title=say("who board"), orient="top", **axis)
    down = alt.Axis(title=say("who cloud"), orient="left", **axis)
    base = charts.base("square").encode(
        x=alt.X("board:N", sort=[normal, abnormal], axis=across),
        y=alt.Y("cloud:N", sort=[normal, abnormal], axis=down),
    )
    color = alt.Color(
        "agrees:N", legend=None, scale=alt.Scale(domain=[True, False], range=[palette.normal, palette.board])
    )
    opacity = alt.Opacity("weight:Q", legend=None, scale=alt.Scale(domainMin=0, range=[0.06, 0.45]))
    fields = base.mark_rect(cornerRadius=6, stroke=palette.quiet, strokeOpacity=0.25)
    numbers = base.mark_text(fontSize=17, fontWeight=600, color=palette.text)
    chart = alt.layer(fields.encode(color=color, opacity=opacity), numbers.encode(text="text:N"))
    chart = chart.properties(height=SQUARE).configure_scale(bandPaddingInner=0.06)
    return charts.styled(chart, palette).to_dict(), tables


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
    axis = alt.Axis(labelAngle=0, labelOverlap="parity", ticks=False)
    tooltip = [alt.Tooltip("name:N", title=say("column difference")), alt.Tooltip("text:N", title=" ")]
    bars = charts.base("bars").mark_bar(color=palette.cloud, cornerRadiusEnd=3)
    chart = bars.encode(
        x=alt.X("name:N", sort=names, title=None, axis=axis),
        y=alt.Y("count:Q", title=None, axis=None),
        tooltip=tooltip,
    ).properties(height=BARS, title=say("scores title"))
    return charts.styled(chart, palette).to_dict(), tables

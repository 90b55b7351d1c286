"""Usage: how much of each plan, or of the user's own limits, is used, and how long it lasts."""

from html import escape

import streamlit as st

from cloud.dashboard import frame, source
from cloud.dashboard.draw.charts import Palette
from cloud.dashboard.parts.markdown import plain
from cloud.dashboard.source import Answer, FleetState
from cloud.plans.usage import RENEWED, Gauge
from cloud.words import Words

EVERY = 60.0  # s
NEAR, FULL = 0.8, 1.0  # shares of a limit that are shown in another colour
HOSTS = ("backend", "dashboard")  # where these run is not known here: they make no headline
SERVICES = ("database", "broker", "mail", *HOSTS)


def page() -> st.Page:
    return frame.page(_body, path="usage", icon="speed", every=EVERY)


def _body(fleet: Answer[FleetState]) -> None:
    say = frame.say()
    answer = source.ask(source.gauges)
    gauges = answer.value
    fullest = next((gauge for gauge in gauges if gauge.service not in HOSTS), None)
    frame.headline(headline(say, fullest))
    frame.freshness(answer, EVERY)
    palette = frame.palette()
    for service in sorted({gauge.service for gauge in gauges}, key=SERVICES.index):
        st.header(say(f"service {service}"), anchor=False)
        with st.grid(min_column_width=300, border=True):
            for gauge in (gauge for gauge in gauges if gauge.service == service):
                with st.container(gap="xsmall"):
                    _gauge(say, gauge, palette)
    st.caption(say("usage how"))


def headline(say: Words, fullest: Gauge | None) -> str:
    if fullest is None or fullest.share < NEAR:
        return say("usage fine")
    limit = say(f"limit {fullest.limit}")
    if fullest.share < FULL:
        return say("usage near", limit=limit, share=say.percent(fullest.share))
    return say("usage full", limit=limit)


def _gauge(say: Words, gauge: Gauge, palette: Palette) -> None:
    st.markdown(f"**{say(f'limit {gauge.limit}')}**  \n{gauge.plan}")
    st.html(bar(gauge.share, palette, say(f"limit {gauge.limit}")))
    st.markdown(amount(say, gauge))
    st.caption(remark(say, gauge))
    if gauge.share >= NEAR and gauge.beyond:
        st.caption(say("usage beyond", what=plain(gauge.beyond)))


def bar(share: float, palette: Palette, name: str) -> str:
    """A gauge called `name`."""
    color = palette.normal if share < NEAR else palette.episode if share < FULL else palette.board
    width = max(1.0, min(100.0, 100 * share))
    return (
        f'<div role="meter" aria-label="{escape(name)}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{width:.0f}" '
        f'style="height:.6rem;border-radius:.3rem;background:{escape(palette.quiet)}33">'
        f'<div style="height:100%;border-radius:.3rem;width:{width:.1f}%;background:{color}"></div></div>'
    )


def amount(say: Words, gauge: Gauge) -> str:
    """The amount in words: 2.9 of 100 boards and backend, 3 %."""
    used, most, unit = gauge.used, gauge.most, gauge.limit
    if unit == "storage_gb" and most < 1:
        used, most, unit = 1000 * used, 1000 * most, "storage_mb"
    digits = 0 if used == round(used) else 1 if most >= 100 else 2
    return say(
        "usage amount",
        used=say.number(used, digits),
        most=f"{most:g}",
        unit=say(f"unit {unit}"),
        share=say.percent(gauge.share),
    )


def remark(say: Words, gauge: Gauge) -> str:
    """Whether it was measured, and when it is full."""
    text = say("usage measured" if gauge.measured else "usage reckoned")
    if gauge.days_left is not None:
        days, whole = say.many(int(gauge.days_left), "day"), RENEWED.get(gauge.limit)
        text += " · " + (say("days of", days=days, whole=whole) if whole else say("days left", days=days))
    elif gauge.limit == "storage_gb" or gauge.limit in RENEWED:
        text += " · " + say("days forever")
    return text

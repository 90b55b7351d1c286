"""A map of the sites, drawn from their coordinates alone: it needs no map tiles from the internet.

The setting SITES says where each site is. A degree of longitude is as wide as it is at the sites' latitude
(equirectangular): shapes and distances are right within a region.
"""

import math
from typing import Any

import altair as alt
import numpy as np

from cloud.dashboard import frame, source
from cloud.dashboard.draw import charts
from cloud.dashboard.parts import common
from cloud.dashboard.parts.needs import Card, Need
from cloud.process.printable import cell
from cloud.settings import Site
from cloud.words import Words

KM_A_DEGREE = 111.2
LEAST_KM = 2.0  # of the map's side: sites nearer than this are one place
RATIO, HEIGHT = 3.2, 240  # width over height of what is shown; px
STEPS = [m * 10**e for e in range(-1, 5) for m in (1, 2, 5)]  # km of a scale bar


def show(say: Words, made: list[Card]) -> None:
    """Draw the map; nothing when fewer than two sites have coordinates."""
    known = {each.name: each for each in source.sites()}
    placed = [known[name] for name in sorted({each.site for each in made}) if name in known]
    if len(placed) < 2:
        return
    worst = {site.name: min(each.need for each in made if each.site == site.name) for site in placed}
    counts = {site.name: sum(each.site == site.name for each in made) for site in placed}
    common.chart(drawn(say, placed, worst, counts, frame.palette()), say("chart of sites"))


def drawn(
    say: Words,
    placed: list[Site],
    worst: dict[str, Need],
    counts: dict[str, int],
    palette: charts.Palette,
) -> tuple[charts.Spec, charts.Tables]:
    """Kilometres east and north of the middle, a ring for each site, a bar for the scale."""
    latitude = np.array([each.latitude for each in placed])
    longitude = np.array([each.longitude for each in placed])
    shrink = max(0.05, math.cos(math.radians(float(latitude.mean()))))
    east = longitude * KM_A_DEGREE * shrink
    north = latitude * KM_A_DEGREE
    east, north = (axis - (axis.max() + axis.min()) / 2 for axis in (east, north))
    tall = max(LEAST_KM, float(np.ptp(north)) * 1.5, float(np.ptp(east)) * 1.5 / RATIO)
    step = max(each for each in STEPS if each <= tall * RATIO / 4 or each == STEPS[0])
    left, low = -tall * RATIO / 2, -tall / 2
    tables: charts.Tables = {
        "sites": {
            "east": east,
            "north": north,
            "name": np.array([cell(each.name) for each in placed], object),
            "state": np.array([say(f"need {worst[each.name].name.lower()}") for each in placed], object),
            "boards": np.array([say.many(counts[each.name], "board") for each in placed], object),
            "calls": np.array([worst[each.name].calls for each in placed]),
        },
        "scale": {
            "east": np.array([left + tall * 0.08]),
            "end": np.array([left + tall * 0.08 + step]),
            "north": np.array([low + tall * 0.08]),
            "name": np.array([f"{step:g} km"], object),
        },
    }
    sides: dict[str, Any] = {
        name: {"title": None, "axis": None, "scale": alt.Scale(domain=[-side / 2, side / 2], nice=False)}
        for name, side in (("east", tall * RATIO), ("north", tall))
    }
    sites, bar = (
        charts.base(name).encode(x=alt.X("east:Q", **sides["east"]), y=alt.Y("north:Q", **sides["north"]))
        for name in ("sites", "scale")
    )
    colors = alt.Scale(domain=[False, True], range=[palette.normal, palette.board])
    titles = (("name", "site"), ("boards", "boards"), ("state", "state"))
    tooltip = [alt.Tooltip(f"{name}:N", title=say(f"column {title}")) for name, title in titles]
    chart = (
        alt.layer(
            bar.mark_rule(color=palette.quiet, strokeWidth=2).encode(x2="end:Q"),
            bar.mark_text(align="left", dy=-9, color=palette.quiet, fontSize=11).encode(text="name:N"),
            sites.mark_circle(size=190, opacity=1).encode(
                color=alt.Color("calls:N", legend=None, scale=colors), tooltip=tooltip
            ),
            sites.mark_text(dy=-16, color=palette.text, fontSize=12, fontWeight=600).encode(text="name:N"),
        )
        .properties(height=HEIGHT)
        .configure_view(stroke=palette.quiet, strokeOpacity=0.3, cornerRadius=8)
    )
    return chart.to_dict(), tables

"""The small chart in a mail: the hours around an episode, what is normal, where it was abnormal.

matplotlib takes half a second of a processor to load, so the first chart loads it: most commands draw none.
"""

from __future__ import annotations

import io
from datetime import tzinfo
from typing import TYPE_CHECKING

import numpy as np

from cloud.alerts.episodes import Episode
from cloud.alerts.facts import LEAST_SPAN, EpisodeCurve, Facts, Floats, Span
from cloud.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, GROUND = "#1b1b1f", "#8a8a94", "#ffffff"
ALARM, USUAL = "#d92d20", "#e3efe6"
COLOURS = {"°C": "#c2410c", "%RH": "#0f6cbd"}
DAY = 86400.0  # s: matplotlib's dates are days
WIDTH, HEIGHT, DPI = 5.6, 3.9, 200  # inches: 560 points wide in a mail, twice that in pixels


def draw(episode: Episode, facts: Facts, words: Words, now: float) -> bytes | None:
    """A PNG on white, 1120 x 780; None when there is nothing to show."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    curve = facts.curve
    if curve is None:
        return None
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained", facecolor=GROUND)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _panel(top, curve, curve.t, "°C", usual=facts.t, words=words)
    _panel(bottom, curve, curve.h, "%RH", usual=facts.h, words=words)
    when = curve.ts / DAY
    end = now if episode.closed is None else episode.closed
    for axes in (top, bottom):
        axes.axvspan(episode.opened / DAY, max(end, episode.opened + 1) / DAY, color=ALARM, alpha=0.09, lw=0)
    right = max(float(when[-1]), end / DAY)
    bottom.set_xlim(float(when[0]), right + (right - float(when[0])) * 0.02)
    _time_axis(bottom, words.zone)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _panel(
    axes: Axes, curve: EpisodeCurve, values: Floats, unit: str, *, usual: Span | None, words: Words
) -> None:
    colour = COLOURS[unit]
    when = curve.ts / DAY
    if usual is not None:
        axes.axhspan(*usual, color=USUAL, lw=0, zorder=0)
    axes.plot(when, values, color=colour, linewidth=1.6, solid_joinstyle="round")
    marked = curve.abnormal & ~np.isnan(values)
    axes.plot(when[marked], values[marked], ".", color=ALARM, markersize=5)
    known = values[~np.isnan(values)]
    if len(known):
        low, high = float(known.min()), float(known.max())
        if usual is not None:
            low, high = min(low, usual[0]), max(high, usual[1])
        room = max(LEAST_SPAN[unit] - (high - low), 0.0) / 2 + (high - low) * 0.08
        axes.set_ylim(low - room, high + room)
    axes.set_title(_title(usual, unit, words), loc="left", fontsize=11, color=INK, pad=5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(labelsize=11, colors=INK, length=0)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.5)
    axes.locator_params(axis="y", nbins=4)
    axes.yaxis.set_major_formatter(lambda value, _: words.tick(value))


def _title(usual: Span | None, unit: str, words: Words) -> str:
    name = words("temperature") if unit == "°C" else words("humidity")
    if usual is None:
        return f"{name}, {words.unit(unit)}"
    return f"{name}, {words('normally', span=words.span(*usual, unit))}"


def _time_axis(axes: Axes, zone: tzinfo) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter  # noqa: PLC0415

    axes.xaxis.set_major_locator(AutoDateLocator(tz=zone, minticks=3, maxticks=5))  # type: ignore[no-untyped-call]
    begin, end = axes.get_xlim()
    form = "%H:%M:%S" if end - begin < 3 / 1440 else "%H:%M" if end - begin < 2 else "%d/%m %H:%M"
    axes.xaxis.set_major_formatter(DateFormatter(form, tz=zone))  # type: ignore[no-untyped-call]

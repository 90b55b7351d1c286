"""A card's little curve: the last hour's temperature as an SVG picture, in the charts' colours and marks.

A picture, not a chart: a fleet shows a dozen of them and looks for new ones every few seconds; one chart
costs the server 16 ms and a browser several times that. Lengths across are in per cent, so it fills any card.
"""

import math
from collections.abc import Iterator

import numpy as np

from cloud.dashboard.draw.charts import Palette
from cloud.dashboard.draw.curve import BOARD, CLOUD, Curve, Floats, Table

HEIGHT = 72  # px
MARGIN = 8.0  # px above and below the line, for marks
BESIDE = 2.0  # per cent of the width at each end
CALM = 0.5  # K to both sides of the middle at least: so a calm room looks calm

_TRIANGLE = "M0 -4L4.5 3.5H-4.5Z"


def draw(curve: Curve, palette: Palette) -> str:
    """SVG without any text: nothing a board sent but numbers gets into it."""
    at, t = curve.line["at"], curve.line["t"]
    begin, end = (float(bound) for bound in curve.window["at"])
    low, high = _around(t)

    def across(moment: Floats) -> Floats:
        """Per cent of the width, with room for a whole mark at each end."""
        return BESIDE + np.clip((moment - begin) / (end - begin or 1.0), 0, 1) * (100 - 2 * BESIDE)

    def down(value: Floats) -> Floats:
        """px from the top."""
        return MARGIN + (high - value) / (high - low) * (HEIGHT - 2 * MARGIN)

    def grounds(table: Table, color: str, opacity: float = 0.2) -> Iterator[str]:
        if table:
            for left, right in zip(across(table["begin"]), across(table["finish"]), strict=True):
                yield (
                    f'<rect x="{left:.2f}%" width="{max(right - left, 0.3):.2f}%" height="{HEIGHT}" '
                    f'fill="{color}" fill-opacity="{opacity}"/>'
                )

    def marks(who: str, shape: str) -> Iterator[str]:
        chosen = curve.marks["who"] == who
        places = across(curve.marks["at"][chosen]), down(curve.marks["t"][chosen])
        for x, y in zip(*places, strict=True):
            yield f'<svg x="{x:.2f}%" y="{y:.1f}" overflow="visible">{shape}</svg>'

    parts = [
        f'<pattern id="none" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="3" fill="{palette.quiet}"/></pattern>',
        *grounds(curve.gaps, "url(#none)", 0.45),
        *grounds(curve.episodes, palette.episode),
        # Its own coordinates, 10,000 across whatever the width; the stroke stays as thick everywhere.
        f'<svg viewBox="0 0 10000 {HEIGHT}" width="100%" height="{HEIGHT}" preserveAspectRatio="none">'
        f'<path d="{_path(across(at) * 100, down(t), curve.line["segment"])}" '
        f'fill="none" stroke="{palette.line}" stroke-width="1.6" stroke-linejoin="round" '
        'vector-effect="non-scaling-stroke"/></svg>',
        *marks(CLOUD, f'<circle r="5" fill="none" stroke="{palette.cloud}" stroke-width="1.8"/>'),
        *marks(BOARD, f'<path d="{_TRIANGLE}" fill="{palette.board}"/>'),
    ]
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="100%" height="{HEIGHT}">{"".join(parts)}</svg>'


def _around(values: Floats) -> tuple[float, float]:
    """Least and greatest, CALM from the middle at least."""
    known = values[~np.isnan(values)]
    if not len(known):
        return -CALM, CALM
    low, high = float(known.min()), float(known.max())
    middle = (low + high) / 2
    return min(low, middle - CALM), max(high, middle + CALM)


def _path(x: Floats, y: Floats, segment: Floats) -> str:
    """A line that begins anew where the segment changes and where a value is missing."""
    steps, before = [], None
    for across, down, part in zip(x.tolist(), y.tolist(), segment.tolist(), strict=True):
        if math.isnan(down):
            before = None
            continue
        steps.append(f"{'L' if part == before else 'M'}{across:.0f} {down:.1f}")
        before = part
    return "".join(steps)

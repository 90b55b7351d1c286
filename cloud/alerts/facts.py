"""Facts about an episode: what is normal for this board, and its readings in the hours around it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cloud.alerts.episodes import Episode
from cloud.read.reader import Reader
from cloud.read.rows import Readings
from cloud.read.settling import Mask, settling
from cloud.store.database import Document

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]

LEARNED = 86400.0  # s before an episode that show what is normal ...
MOST = 20_000  # ... but not more readings than this
LEAST = 60  # readings; fewer do not show what is normal
BEFORE, AFTER = 3 * 3600.0, 1800.0  # s shown around an episode
UNKNOWN_PERIOD = 10.0
LEAST_SPAN = {"°C": 1.0, "%RH": 4.0}  # of an axis: a calm room is not drawn as a storm


@dataclass(frozen=True)
class EpisodeCurve:
    """Readings as columns, NaN where nothing was measured or stored."""

    ts: Floats  # Unix s
    t: Floats  # degC
    h: Floats  # %RH
    abnormal: Mask


@dataclass(frozen=True)
class Facts:
    """`t`, `h`: what is normal, (low, high); None = not known. `basis`: s of history behind it.

    `learning`: how far a board without a model has learned, in its own words.
    """

    t: Span | None = None
    h: Span | None = None
    basis: float | None = None  # None = the range that the board's model was trained to
    curve: EpisodeCurve | None = None
    learning: str | None = None


def gather(reader: Reader, episode: Episode, now: float) -> Facts:
    """The facts about `episode` at `now` (Unix s). Raises PyMongoError."""
    latest = reader.database["latest"].find_one({"_id": f"{episode.site}/{episode.device}"}) or {}
    period = latest.get("period") or UNKNOWN_PERIOD
    learning = latest.get("state", {}).get("learning")
    end = now if episode.closed is None else min(now, episode.closed + AFTER)
    first = max(episode.opened - LEARNED, episode.opened - MOST * period)
    shown = episode.opened - max(BEFORE, min(LEARNED, end - episode.opened))
    readings = reader.readings(episode.site, episode.device, start=min(first, shown), end=end + 1)
    edge, _ = settling(readings, episode.before, episode.opened)
    abnormal = readings.edge_abnormal & ~edge
    curve = _curve(readings, abnormal, ~np.isnan(readings.ts) & (readings.ts >= shown), 6 * period)
    usual = normal(readings, lambda: reader.model(episode.site, episode.device), episode.opened)
    return Facts(*usual, curve, learning)


def normal(
    readings: Readings, model: Callable[[], Document | None], until: float = math.inf
) -> tuple[Span | None, Span | None, float | None]:
    """(t, h, s of history): where 98 % of the calm readings before `until` lie, else the trained ranges."""
    before = (readings.ts < until) & ~readings.edge_abnormal & ~np.isnan(readings.t)
    if np.count_nonzero(before) >= LEAST:
        times = readings.ts[before]
        return _usual(readings.t[before]), _usual(readings.h[before]), float(times[-1] - times[0])
    return *trained(model()), None


def trained(model: Document | None) -> tuple[Span | None, Span | None]:
    """The ranges of t and h that a model was trained to, as its report says."""
    limits = ((model or {}).get("report") or {}).get("limits") or {}
    t, h = limits.get("t"), limits.get("h")
    return (float(t[0]), float(t[1])) if t else None, (float(h[0]), float(h[1])) if h else None


def beyond(value: float | None, span: Span | None) -> float:
    """How far outside `span`, in widths of it (at least 1 unit); 0 inside, or when not known."""
    if value is None or span is None:
        return 0.0
    return max(span[0] - value, value - span[1], 0.0) / max(span[1] - span[0], 1.0)


def _usual(values: Floats) -> Span:
    low, high = np.percentile(values, [1, 99])
    return float(low), float(high)


def _curve(readings: Readings, abnormal: Mask, shown: Mask, pause: float) -> EpisodeCurve | None:
    """The curve, with a NaN in every pause longer than `pause` s: no line may suggest readings there."""
    ts, t, h = readings.ts[shown], readings.t[shown], readings.h[shown]
    if len(ts) < 2:
        return None
    breaks = np.flatnonzero(np.diff(ts) > pause) + 1
    marked = np.insert(abnormal[shown], breaks, False)
    return EpisodeCurve(
        np.insert(ts, breaks, ts[breaks - 1] + 1),
        np.insert(t, breaks, np.nan),
        np.insert(h, breaks, np.nan),
        marked,
    )

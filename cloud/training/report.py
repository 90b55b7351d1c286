"""What people see of a training: a few lines, a picture, and the same numbers for the dashboard."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cloud.alerts import hindsight
from cloud.detectors import DETECTORS, DetectorRow, clock
from cloud.training.history import History
from cloud.training.thresholds import calibrate, restless
from cloud.training.thresholds.excursion import NOWHERE
from device import codes
from device.judge import table
from device.judge.excursion import SIDE
from device.judge.params import NEVER
from device.judge.stuck import surprise

if TYPE_CHECKING:
    from cloud.training.fit import Fitted

# Of years, months, days, hours, minutes and seconds, in numbers: a month's name would be a word.
DATES = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S.%f"]
OFFSETS = ["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"]
NO_CYCLE = "does not watch: the temperature of this place does not cycle"
# Each stands out from a white page and from a black one: the picture has no ground of its own.
INK, WARM, COOL, ALARM = "#7f8894", "#d9651b", "#3a8fd4", "#e5484d"


def describe(  # noqa: PLR0917
    site: str, device: str, past: History, fitted: Fitted, budget: float, held_out: tuple[float, float] | None
) -> dict[str, Any]:
    """Plain numbers (JSON), from which `lines` writes and the dashboard draws."""
    flags = fitted.flags
    alarms = alarms_by_detector(flags)
    for name in ("limit", "sensor error"):
        alarms.pop(name)
    values = fitted.values
    return {
        "site": site,
        "device": device,
        "readings": len(past.t),
        "unfit": past.unfit,
        "from": float(past.ts[0]),
        "to": float(past.ts[-1]),
        "days": round(past.days, 2),
        "period": round(past.period, 1),
        "budget": budget,
        "whole": fitted.whole,
        "alarms": calibrate.alarms((flags & codes.ABNORMAL) > 0),
        "alarms_by_detector": alarms,
        "mails": len(hindsight.mails(flags, past.t, past.h, past.period)),
        "held_out_alarms_per_day": None if held_out is None else round(held_out[0], 2),
        "held_out_mails_per_week": None if held_out is None else round(held_out[1], 2),
        "features": {
            "mean": fitted.x.mean(axis=0).round(1).tolist(),
            "std": fitted.x.std(axis=0).round(1).tolist(),
        },
        "given_up": list(fitted.given_up),
        "coupling_percent_per_degree": round(values["coupling"] / (1 << 22) * 100 * 100, 2),
        "typical_step": {"t": values["step_t"] / 12800, "moisture": values["step_m"] / 12800},
        **numbers(values, fitted.threshold, fitted.excursions, past.period),
        "rhythm": fitted.bands.channels if fitted.bands else [],
    }


def alarms_by_detector(flags: NDArray[np.uint16]) -> dict[str, int]:
    """How many alarms each detector gave in these verdicts."""
    names = ((bit, name) for bit, name in sorted(table.FLAG_NAMES.items()) if bit & codes.ABNORMAL)
    return {name: calibrate.alarms((flags & bit) > 0) for bit, name in names}


def numbers(values: Mapping[str, int], threshold: int, stays: Any, period: float) -> dict[str, Any]:
    """The thresholds of the detectors.

    `stays`: the levels and limits of excursions; None = nothing watches them. `period`: seconds
    between readings.
    """
    return {
        "limits": {
            "t": [values["t_low"] / 100, values["t_high"] / 100],
            "h": [values["h_low"] / 100, values["h_high"] / 100],
        },
        "runs": {name: _repeats(values, f"rate_{name}") for name in ("t", "h", "both")},
        "stays": _stays(stays, period),
        "restless": {"half_hours": restless.half_hours(values), "part": 1 << values["restless_shift"]},
        "thresholds": {
            **{each.name: _times(each, values[each.name]) for each in DETECTORS if each.set_to},
            "forest": threshold or None,
        },
    }


def meta(text: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the report that travels in the bundle."""
    kept = ("site", "device", "readings", "from", "to", "days", "period", "budget", "whole")
    return {name: text[name] for name in kept}


def lines(text: Mapping[str, Any]) -> list[str]:
    """The report for a terminal."""
    span = f"{_date(text['from'])} to {_date(text['to'])}"
    unfit = f", {text['unfit']} unfit left out" if text["unfit"] else ""
    limits, runs, levels = text["limits"], text["runs"], text["thresholds"]
    stays = ", ".join(f"{minutes:g} min above {level:.1f} degC" for level, minutes in text["stays"])
    restless_at = clock(text.get("restless", {}).get("half_hours", ()))
    jumps = f"jumps count 1/{text.get('restless', {}).get('part')} in half hours that often jump"
    lively = [f"  restless       {jumps}, from {restless_at} UTC"] if restless_at else []
    rhythm = "does not watch: the days here do not resemble each other, or there are fewer than seven"
    if text["rhythm"]:
        channels = " and ".join(text["rhythm"])
        rhythm = f"{channels} outside the band of this half hour of the day for half an hour"
    forest = f"a path-length sum below {levels['forest']}" if levels["forest"] else "does not watch yet"
    out = [
        f"{text['site']}/{text['device']}: model {text.get('model', '')}, {text.get('bytes', 0)} bytes",
        f"  learned from   {text['readings']} readings, {text['days']} days, "
        f"one each {text['period']} s{unfit}",
        f"                 {span}",
        f"  range          {limits['t'][0]:.1f} to {limits['t'][1]:.1f} degC, "
        f"{limits['h'][0]:.1f} to {limits['h'][1]:.1f} %RH",
        f"  stuck          the same t {_run(runs['t'])}, h {_run(runs['h'])}, both {_run(runs['both'])}",
        *(f"  {each.name:<15}{_set_to(each, levels[each.name])}" for each in DETECTORS if each.set_to),
        f"  typical step   {text['typical_step']['t']:.3f} degC, {text['typical_step']['moisture']:.3f} %RH",
        f"  forest         {forest}",
        *lively,
        f"  excursion      {f'longer than {stays}' if stays else NO_CYCLE}",
        f"  rhythm         {rhythm}",
        f"  false alarms   {text['alarms']} in these {text['days']} days, {text['mails']} of them mails; "
        f"the budget is {text['budget']:g} mails a week",
    ]
    if text["held_out_alarms_per_day"] is not None:
        out.append(
            f"  held out       {text['held_out_alarms_per_day']:g} alarms a day, "
            f"{text['held_out_mails_per_week']:g} mails a week on the last third, learned from the rest"
        )
    if own := text.get("own_limits"):
        out.append(f"  your limits    {own_limits(own)}")
    out += [f"  given up       {each}" for each in text["given_up"]]
    if not text["whole"]:
        out.append(
            "  Less than a day: range (the sensor's own limits), stuck, jumps, z-score and jitter watch."
        )
        out.append("  Drift, envelope and forest need a day; train again then.")
    return out


def picture(past: History, fitted: Fitted, text: Mapping[str, Any]) -> bytes:
    """PNG for any page, without words: the history, dashed the trained range, dots where the model alarms."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  slow to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(10, 5), dpi=110, layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    when = (past.ts * 1e6).astype("datetime64[us]")
    broken = past.periods > 30  # a line across a pause would be a reading that nobody took
    abnormal = (fitted.flags & codes.ABNORMAL) > 0
    for axes, values, limits, colour, unit in (
        (top, past.t / 100, text["limits"]["t"], WARM, "°C"),
        (bottom, past.h / 100, text["limits"]["h"], COOL, "%RH"),
    ):
        axes.plot(when, np.where(broken, np.nan, values), color=colour, linewidth=0.8)
        axes.plot(when[abnormal], values[abnormal], "o", color=ALARM, markersize=4)
        for limit in limits:
            axes.axhline(limit, color=INK, linewidth=1, linestyle="--")
        axes.set_ylabel(unit, color=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK)
        axes.tick_params(colors=INK)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    bottom.xaxis.set_major_locator(locator)
    bottom.xaxis.set_major_formatter(
        ConciseDateFormatter(  # type: ignore[no-untyped-call]
            locator, formats=DATES, zero_formats=["", *DATES[:5]], offset_formats=["", *OFFSETS]
        )
    )
    bottom.xaxis.get_offset_text().set_color(INK)
    bottom.set_xlabel("UTC", color=INK)
    top.set_title(f"{text['site']}/{text['device']}", loc="left", fontsize=10, color=INK)
    out = io.BytesIO()
    figure.savefig(out, format="png", transparent=True)
    return out.getvalue()


def _stays(levels: Any, period: float) -> list[tuple[float, float]]:
    """(degC, minutes): how long the temperature may stay above some of the levels."""
    if not levels:
        return []
    above = [i for i in range(SIDE) if levels.levels[i] < NOWHERE]
    return [(levels.levels[i] / 100, round(levels.still[i] * period / 60)) for i in above[::3]]


def own_limits(own: Mapping[str, Any]) -> str:
    """What the user's own limits (an own_limits.Advice) would have done in the history, and the cure."""
    alarms = _stage(own["alarms"], own["minutes"])
    severe = own.get("severe")
    return f"{alarms}; their severe stage {_stage(severe['alarms'], severe['minutes'])}" if severe else alarms


def _stage(alarms: int, minutes: int | None) -> str:
    if not alarms:
        return "would not have alarmed in these days"
    cure = "set a wider one" if minutes is None else f"for_minutes = {minutes} would not have"
    return f"would have alarmed {alarms} times in these days: {cure}"


def _times(detector: DetectorRow, threshold: int) -> float | None:
    """A threshold in the detector's units; None when it does not watch."""
    if threshold >= NEVER:
        return None
    return (
        round(threshold**0.5 / detector.unit, 1) if detector.squared else round(threshold / detector.unit, 2)
    )


def _set_to(detector: DetectorRow, times: float | None) -> str:
    assert detector.set_to
    return "does not watch yet" if times is None else detector.set_to[0].format(times=f"{times:g}")


def _repeats(values: Mapping[str, int], rate: str) -> int | None:
    """Repeats of a value that alarm while the channel is as lively as in its history; None = never."""
    bits = surprise(values[rate])
    return math.ceil(values["stuck"] * 16 / bits) if bits else None


def _run(value: int | None) -> str:
    return "for ever" if value is None else f"{value} times"


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds)) + " UTC"

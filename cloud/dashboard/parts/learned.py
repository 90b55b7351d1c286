"""What a model learned, in the reader's language: a table made of the training's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.dashboard.parts.markdown import plain
from cloud.detectors import DETECTORS, Detector, clock
from cloud.words import Words
from device import codes
from device.judge.stuck import LONGEST


def table(say: Words, report: Mapping[str, Any]) -> str:
    """Markdown. `report`: of cloud.training.report.describe, as the database has it."""
    body = "\n".join(f"| {what} | {text} |" for what, text in rows(say, report))
    return f"| {say('learned what')} | {say('learned how')} |\n|---|---|\n{body}"


def rows(say: Words, report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, how much): what it was learned from, each detector, its false alarms."""
    held_out = report["held_out_alarms_per_day"]
    days = say.number(report["days"])
    weekly = "mails" in report  # older reports allowed alarms a day
    alarms = say(
        "learned mails" if weekly else "learned alarms",
        alarms=report["alarms"],
        mails=report.get("mails"),
        days=days,
        budget=say.number(report["budget"]),
    )
    lines = [
        (say("learned model"), plain(str(report.get("model", "")))),
        (
            say("learned from"),
            say(
                "learned readings",
                readings=say.many(report["readings"], "reading"),
                days=days,
                period=say.number(report["period"]),
            ),
        ),
    ]
    if report["unfit"]:
        lines.append((say("learned unfit"), say.many(report["unfit"], "reading")))
    lines += [*_detectors(say, report), (say("learned false"), alarms)]
    if held_out is not None:
        rate = say("learned rate", alarms=say.number(held_out, 2))
        if (mails := report.get("held_out_mails_per_week")) is not None:
            rate += say("learned rate mails", mails=say.number(mails, 2))
        lines.append((say("learned held out"), rate))
    if not report["whole"]:
        lines.append(("", say("learned less")))
    return lines


def _detectors(say: Words, report: Mapping[str, Any]) -> list[tuple[str, str]]:
    runs, levels = report["runs"], report["thresholds"]
    (t_low, t_high), (h_low, h_high) = report["limits"]["t"], report["limits"]["h"]
    forest = say("learned forest", sum=levels["forest"]) if levels["forest"] else say("learned never")
    own = report.get("own_limits")
    return [
        *([(say.detector(codes.LIMIT), _own(say, own))] if own else []),
        (say.detector(codes.RANGE), f"{say.span(t_low, t_high, '°C')}, {say.span(h_low, h_high, '%RH')}"),
        (say.detector(codes.STUCK), say("learned stuck", **{name: _run(runs[name]) for name in runs})),
        *(
            (
                say.own_name(each),
                _times(say, each, levels.get(each.name))
                + (_restless(say, report.get("restless") or {}) if each.name == "jump" else ""),
            )
            for each in DETECTORS
            if each.set_to
        ),
        (say.detector(codes.FOREST), forest),
        (say.detector(codes.EXCURSION), _stays(say, report.get("stays") or [])),
        (say.detector(codes.RHYTHM), _rhythm(say, report.get("rhythm") or [])),
    ]


def _stays(say: Words, stays: Sequence[tuple[float, float]]) -> str:
    if not stays:
        return say("learned no cycles")
    parts = [
        say("learned stay", minutes=say.number(minutes, 0), level=say.value(level, "°C"))
        for level, minutes in stays
    ]
    return say("learned excursion", times=", ".join(parts))


def _restless(say: Words, when: Mapping[str, Any]) -> str:
    """The half hours of the day in which a jump counts a part only."""
    if not when.get("half_hours"):
        return ""
    return say("learned restless", times=clock(when["half_hours"]), part=when["part"])


def _own(say: Words, own: Mapping[str, Any]) -> str:
    """What the user's limits would have said of the history, and what would have been quiet."""
    severe = own.get("severe")
    return _stage(say, own) + (say("learned limits severe", stage=_stage(say, severe)) if severe else "")


def _stage(say: Words, own: Mapping[str, Any]) -> str:
    if not own["alarms"]:
        return say("learned limits quiet")
    if own["minutes"] is None:
        return say("learned limits wider", alarms=own["alarms"])
    return say("learned limits longer", alarms=own["alarms"], minutes=own["minutes"])


def _rhythm(say: Words, channels: Sequence[str]) -> str:
    if not channels:
        return say("learned no rhythm")
    return say("learned rhythm", channels=", ".join(say(f"feature {name}") for name in channels))


def _run(limit: int | None) -> str:
    return "∞" if limit is None or limit >= LONGEST else str(limit)


def _times(say: Words, detector: Detector, level: float | None) -> str:
    return say("learned never") if level is None else say.set_to(detector, level)

"""What a model learned, in the reader's language: a table made of the training's report."""

from collections.abc import Mapping
from typing import Any

from cloud.dashboard.parts.markdown import plain
from cloud.detectors import DETECTORS, clock
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
    repeats = {name: "∞" if run is None or run >= LONGEST else str(run) for name, run in runs.items()}
    lines = [
        (say.detector(codes.RANGE), f"{say.span(t_low, t_high, '°C')}, {say.span(h_low, h_high, '%RH')}"),
        (say.detector(codes.STUCK), say("learned stuck", **repeats)),
    ]
    if own := report.get("own_limits"):
        lines.insert(0, (say.detector(codes.LIMIT), _own(say, own)))
    for each in DETECTORS:
        if each.set_to:
            level = levels.get(each.name)
            text = say("learned never") if level is None else say.set_to(each, level)
            when = report.get("restless") or {}
            if each.name == "jump" and when.get("half_hours"):  # in which a jump counts a part only
                text += say("learned restless", times=clock(when["half_hours"]), part=when["part"])
            lines.append((say.own_name(each), text))
    forest = say("learned forest", sum=levels["forest"]) if levels["forest"] else say("learned never")
    stays = [
        say("learned stay", minutes=say.number(minutes, 0), level=say.value(level, "°C"))
        for level, minutes in report.get("stays") or ()
    ]
    excursion = say("learned excursion", times=", ".join(stays)) if stays else say("learned no cycles")
    channels = ", ".join(say(f"feature {name}") for name in report.get("rhythm") or ())
    rhythm = say("learned rhythm", channels=channels) if channels else say("learned no rhythm")
    return [
        *lines,
        (say.detector(codes.FOREST), forest),
        (say.detector(codes.EXCURSION), excursion),
        (say.detector(codes.RHYTHM), rhythm),
    ]


def _own(say: Words, own: Mapping[str, Any]) -> str:
    """What the user's limits would have said of the history, and what would have been quiet."""
    if not own["alarms"]:
        text = say("learned limits quiet")
    elif own["minutes"] is None:
        text = say("learned limits wider", alarms=own["alarms"])
    else:
        text = say("learned limits longer", alarms=own["alarms"], minutes=own["minutes"])
    severe = own.get("severe")
    return text + (say("learned limits severe", stage=_own(say, severe)) if severe else "")

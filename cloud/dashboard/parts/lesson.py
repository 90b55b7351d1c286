"""What is known of a board's next model, and what answers did to its mails, in sentences."""

from typing import Any

from cloud.dashboard.parts.markdown import plain
from cloud.words import Words

WEEK = 7.0  # days
SOONEST = 1.0  # days after which something can be said of what a lesson did
REASONS = ("detectors", "recall", "real", "harmless", "alarms")


def sentences(say: Words, known: dict[str, Any], mails: int, now: float) -> list[str]:
    """`known`: of cloud.learning.book; `mails`: about this board since its first lesson."""
    lines, state, result = [], known.get("state"), known.get("result", {})
    if state == "kept" and result.get("harmless"):
        lines.append(say("next kept"))
    elif state == "refused":
        reasons = [each for each in result.get("reasons", ()) if each in REASONS]
        why = ", ".join(say(f"next not {each}") for each in reasons) or say("next not else")
        lines.append(say("next refused", why=why))
    elif state == "ready":
        lines.append(_did(say, known))
        if "alert" in known:
            lines.append(say("next asked"))
        elif known.get("base") is not None:
            lines.append(say("next shadow"))
    elif state == "meant":
        lines += [_did(say, known), say("next meant", model=plain(str(known["model"])))]
    lesson = known.get("lesson")
    if lesson and now - lesson["since"] >= SOONEST * 86400:
        before = WEEK * lesson["mails"] / max(1.0, lesson["days"])
        after = WEEK * mails * 86400 / (now - lesson["since"])
        count = say.many(lesson["answers"], "answer")
        lines.append(say("lesson did", answers=count, before=_rate(say, before), after=_rate(say, after)))
    return lines


def _did(say: Words, known: dict[str, Any]) -> str:
    result = known["result"]
    if known.get("base") is None:
        return say("next first", days=say.number(result["days"], 0))
    text = say(
        "next did",
        days=say.number(result["days"]),
        before=say.many(result["mails_before"], "mail"),
        after=say.count(result["mails"]),
        found=say.count(result["recall"]),
        faults=say.count(result["faults"]),
    )
    if known.get("raised"):
        text = f"{say('next raised', names=say.detectors(known['raised']))} {text}"
    return text


def _rate(say: Words, rate: float) -> str:
    return say.number(rate, 0 if rate >= 1 or not rate else 1)

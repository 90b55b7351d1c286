"""From flags to rows: minutes to the first mail, share found, false mails a board-week."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cloud.alerts.hindsight import PastMail, mails
from tools.bench.plant.contestants import ColumnVerdicts
from tools.bench.plant.failures import FAILURES
from tools.bench.plant.films import Film

CHANCE = 60.0  # s: a mail that the healthy room brings at the same moment does not count as a find


@dataclass(frozen=True)
class FailureOutcome:
    """`minutes` from a failure's beginning to its first mail; None = not found."""

    kind: str
    failure: str
    minutes: float | None


@dataclass(frozen=True)
class RoomResult:
    """The outcome of one film under one column."""

    kind: str
    false_mails: int
    weeks: float
    outcomes: list[FailureOutcome]
    note: str | None


def result(film: Film, verdicts: ColumnVerdicts) -> RoomResult:
    """The mails that a person would have got about this film."""
    healthy = _mails(film, verdicts, slice(0, film.judged))
    false = [mail for mail in healthy if mail.row >= film.train]
    outcomes = []
    chance = int(CHANCE // film.period)  # rows
    for scene in film.scenes:
        warm = scene.fails - scene.start
        anyway = {mail.row - scene.begin for mail in healthy}
        seen = _mails(film, verdicts, slice(scene.start, scene.stop))
        delays = [mail.row - warm for mail in seen if mail.row >= warm and mail.kind != "reminder"]
        delays = [row for row in delays if anyway.isdisjoint(range(row - chance, row + chance + 1))]
        minutes = (delays[0] + 1) * film.period / 60 if delays else None
        outcomes.append(FailureOutcome(film.kind, scene.failure, minutes))
    return RoomResult(film.kind, len(false), film.weeks, outcomes, verdicts.note)


def table(results: Mapping[str, Sequence[RoomResult]], kinds: Sequence[str]) -> str:
    """Markdown: a row for each failure of each kind of room, and for its false mails."""
    lines = [
        "| room | failure | " + " | ".join(results) + " |",
        "|---|---|" + "---|" * len(results),
    ]
    for kind in (*kinds, None):
        room = kind or "**all**"
        for failure in FAILURES:
            if kind is None or kind in failure.kinds:
                cells = [cell(outcomes(each, kind, failure.name)) for each in results.values()]
                lines.append(f"| {room} | {failure.name} | " + " | ".join(cells) + " |")
        cells = [f"{false_mails(each, kind):.2f}" for each in results.values()]
        lines.append(f"| {room} | *false mails a board-week* | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def numbers(results: Mapping[str, Sequence[RoomResult]]) -> dict[str, dict[str, object]]:
    """The rows of all rooms together, for programs."""
    rows_of: dict[str, dict[str, object]] = {}
    for name, each in results.items():
        rows: dict[str, object] = {"false_mails_a_week": round(false_mails(each, None), 2)}
        for failure in FAILURES:
            own = outcomes(each, None, failure.name)
            minutes = [o.minutes for o in own if o.minutes is not None]
            rows[failure.name] = {
                "of": len(own),
                "found": len(minutes),
                "median": float(np.median(minutes)) if minutes else None,
                "most": max(minutes, default=None),
            }
        rows_of[name] = rows
    return rows_of


def outcomes(results: Sequence[RoomResult], kind: str | None, failure: str) -> list[FailureOutcome]:
    return [
        outcome
        for each in results
        for outcome in each.outcomes
        if outcome.failure == failure and kind in {None, outcome.kind}
    ]


def false_mails(results: Sequence[RoomResult], kind: str | None) -> float:
    """A board-week."""
    own = [each for each in results if kind in {None, each.kind}]
    return sum(each.false_mails for each in own) / max(sum(each.weeks for each in own), 1e-9)


def cell(outcomes: Sequence[FailureOutcome]) -> str:
    """Median time to the mail, and how many were found: "47 min, 5 of 6"."""
    minutes = [each.minutes for each in outcomes if each.minutes is not None]
    if not minutes:
        return f"0 of {len(outcomes)}"
    return f"{_time(float(np.median(minutes)))}, {len(minutes)} of {len(outcomes)}"


def _time(minutes: float) -> str:
    return f"{minutes:.0f} min" if minutes < 180 else f"{minutes / 60:.0f} h"


def _mails(film: Film, verdicts: ColumnVerdicts, rows: slice) -> list[PastMail]:
    return mails(verdicts.flags[rows], film.t[rows], film.h[rows], film.period, verdicts.spans)

"""`make smoke`: the demo with an end. Every reading that a sensor gave must be stored once, as it was given.

The last line is one JSON object; the exit code is 0 only if nothing was lost, stored twice or changed, board
and twin agree, and an e-mail came.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.local.sensor.sensor_choice import SensorChoice
from tools.local.stack import Stack, StackPlan
from tools.process.child import ToolFailed, WrongUse
from tools.process.terminal import say
from tools.process.waiting import insist, until
from tools.run.account import BoardAccount, account
from tools.run.demo import (
    FAULT_S,
    LOOK_S,
    MARGIN,
    PATIENT,
    WARM_UP,
    interrupt_on_signals,
    tell_board,
    tell_chip,
    tell_mail,
)

SECONDS = 90.0
DRAIN_S = 30.0
FIRST_SAMPLE_TIMEOUT = 60.0


@dataclass(frozen=True)
class SmokeResult:
    """The outcome of a smoke run; `accounts` by board."""

    accounts: dict[str, BoardAccount]
    episodes: int
    emails: int
    first_email_s: float | None  # from the moment that C002 began to fail to the first mail about it
    died: tuple[str, ...] = ()  # parts that ended by themselves

    def total(self, field: str) -> int:
        return sum(int(getattr(account, field)) for account in self.accounts.values())

    def summary(self) -> dict[str, float | int | None]:
        """The last line of the run."""
        return {
            "sent": self.total("taken"),
            "stored": self.total("stored"),
            "lost": self.total("lost"),
            "duplicates": self.total("surplus"),
            "cloud_rescored": self.total("rescored"),
            "edge_cloud_disagreements": self.total("twin_differs"),
            "episodes": self.episodes,
            "emails": self.emails,
            "first_email_s": self.first_email_s,
        }

    def problems(self) -> list[str]:
        """What keeps this run from being a good one, [] when nothing does."""
        problems = [f"{name} ended by itself" for name in self.died]
        for name, each in self.accounts.items():
            trouble = {
                "lost": each.lost,
                "stored twice or changed": each.surplus,
                "with a wrong date": each.misdated,
                "without a date": each.undated,
                "not re-scored": each.stored - each.rescored,
                "where board and twin disagree": each.twin_differs,
            }
            problems += [f"{name}: {count} readings {text}" for text, count in trouble.items() if count]
            if not each.taken:
                problems.append(f"{name}: its sensor gave nothing")
            if not each.twin_ran:
                problems.append(f"{name}: the twin of its forest never ran")
        if self.first_email_s is None:
            problems.append(f"no e-mail came about {PATIENT}")
        return problems


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    if len(argv) > 1 or not all(word.replace(".", "", 1).isdecimal() for word in argv):
        raise WrongUse("usage: python -m tools smoke [SECONDS]")
    seconds = float(argv[0]) if argv else SECONDS
    interrupt_on_signals()
    folder = Path("var/smoke")
    shutil.rmtree(folder, ignore_errors=True)
    plan = StackPlan(folder=folder, sensor=SensorChoice.parse(environment.get("SENSOR") or "simulated"))
    result = run(plan, seconds)
    for problem in result.problems():
        say("smoke", problem, "trouble")
    if not result.problems():
        say(
            "smoke",
            f"all is well: {result.total('taken')} readings taken, each stored once as it was given, "
            f"board and cloud agree, first mail after {result.first_email_s} s",
            "good",
        )
    print(json.dumps(result.summary()), flush=True)
    return 1 if result.problems() else 0


def run(plan: StackPlan, seconds: float, drain: float = DRAIN_S) -> SmokeResult:
    """Start `plan`, let its boards measure for `seconds`, and C002 fail; then drain, at most `drain` s."""
    died: list[str] = []
    with Stack(
        plan, on_mail=tell_mail, on_board_line=tell_board, on_board_event=tell_chip, on_death=died.append
    ) as stack:
        began = first_sample(stack)
        say("smoke", f"first sample taken; {seconds:.0f} s from now the boards stop measuring")
        sleep_until(began + min((WARM_UP + MARGIN) * plan.period_ms / 1000, seconds * 0.6))
        fault_s = int(min(FAULT_S, seconds * 0.25))
        failed_at = time.time()
        say(PATIENT, f"FAILS now, for {fault_s} s", "warning")
        stack.boards[PATIENT].tell(f"{plan.sensor.fault} {fault_s}", timeout=10)
        time.sleep(fault_s)
        say(PATIENT, "has RECOVERED", "good")
        sleep_until(began + seconds)
        for board in stack.boards.values():
            if not board.tell("stop", timeout=10):
                raise ToolFailed(f"{board.name} does not stop measuring: see {board.log}")
        say("smoke", "the boards have stopped measuring; waiting until all is stored")
        if not until(lambda: drained(stack), drain, LOOK_S):
            say("smoke", f"not all was stored within {drain:.0f} s", "trouble")
        about = [
            mail for mail in stack.sendgrid.mails if mail.received >= failed_at and PATIENT in mail.subject
        ]
        return SmokeResult(
            accounts={name: tally(stack, name) for name in plan.boards},
            episodes=len(stack.reader.episodes(limit=10_000)),
            emails=len(stack.sendgrid.mails),
            first_email_s=round(about[0].received - failed_at, 1) if about else None,
            died=tuple(died),
        )


def sleep_until(moment: float) -> None:
    """`moment` in Unix seconds."""
    time.sleep(max(0.0, moment - time.time()))


def first_sample(stack: Stack) -> float:
    """Wait for it; returns its Unix time by the sensor's own log."""

    def times() -> list[float]:
        boards = [board for board in stack.boards.values() if board.readings.exists()]
        return [sample.host_ts for board in boards for sample in list(board.taken())[:1]]

    trouble = f"no sample from every board within {FIRST_SAMPLE_TIMEOUT:.0f} s: see {stack.plan.folder}/log"
    insist(lambda: len(times()) == len(stack.boards), FIRST_SAMPLE_TIMEOUT, trouble, LOOK_S)
    return min(times())


def drained(stack: Stack) -> bool:
    """Whether all that each board's sensor gave is stored."""
    return all(
        sum(len(seqs) for _, seqs in stack.reader.stored(stack.site, name)) >= sum(1 for _ in board.taken())
        for name, board in stack.boards.items()
    )


def tally(stack: Stack, name: str) -> BoardAccount:
    return account(list(stack.boards[name].taken()), stack.reader.readings(stack.site, name))

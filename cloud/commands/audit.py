"""Audit: tests the promise in one command. It says what became of every seq of each stream up to the newest.

A reading that is not stored is lost. The loss has a cause only when the board named one: its flash was full,
or damaged. A reading has no cause when it is in quarantine, when another reading of the same seq was stored,
or when the board dropped it without saying why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.contract.messages import merge_runs, runs_of
from cloud.read.reader import Reader

Runs = list[tuple[int, int]]
SHOWN = 8  # runs that a line names


@dataclass(frozen=True)
class StreamAccount:
    """Where the seqs 0..newest of one stream are.

    Every seq is in exactly one of these; conflicts come on top.
    """

    site: str
    device: str
    stream: str
    newest: int
    stored: int
    dropped: Runs  # the board dropped these and said so
    quarantined: Runs
    expired: int  # seqs below this one are past their time
    missing: Runs
    conflicts: Runs = field(default_factory=list)  # came again with other values, which are in quarantine
    causes: Mapping[str, Runs] = field(default_factory=dict)  # of what was dropped, in the board's words
    reasons: tuple[str, ...] = ()  # why something is quarantined

    @property
    def without_cause(self) -> Runs:
        """Seqs of readings that are not stored and for which no board gave a cause."""
        explained = [run for runs in self.causes.values() for run in runs]
        return merge_runs([*without(self.dropped, explained), *self.quarantined, *self.conflicts])

    @property
    def complete(self) -> bool:
        return not self.missing and not self.without_cause


def audit(reader: Reader, device: str | None = None) -> list[StreamAccount]:
    """One account a stream; `device` as in Reader.named. Raises UnknownBoard, PyMongoError."""
    accounts = []
    for site, name in reader.named(device):
        known = reader.streams(site, name)
        stored = {stream: runs_of(seqs.tolist()) for stream, seqs in reader.stored(site, name)}
        for stream in sorted({*known, *stored}):
            about = known.get(stream, {})
            if stream not in stored and not about.keys() & {"dropped", "quarantined", "conflicts", "floor"}:
                continue  # a state announced the stream, but no reading has come
            aside = runs_of(about.get("quarantined", []))
            conflicts = runs_of(about.get("conflicts", []))
            accounts.append(
                account(
                    site,
                    name,
                    stream,
                    stored=stored.get(stream, []),
                    dropped=_runs(about.get("dropped", [])),
                    quarantined=aside,
                    floor=about.get("floor", 0),
                    conflicts=conflicts,
                    causes={why: _runs(runs) for why, runs in about.get("dropped_why", {}).items()},
                    reasons=reader.reasons(site, name, stream) if aside or conflicts else (),
                )
            )
    return accounts


def account(
    site: str,
    device: str,
    stream: str,
    *,
    stored: Runs,
    dropped: Runs,
    quarantined: Runs,
    floor: int,
    conflicts: Runs,
    causes: Mapping[str, Runs],
    reasons: tuple[str, ...],
) -> StreamAccount:
    """Sort the seqs: stored wins over quarantined, quarantined over dropped. A board counts from 0."""
    expired = [(0, floor - 1)] if floor else []
    put_aside = without(quarantined, stored)
    given_up = without(dropped, merge_runs([*stored, *put_aside]))
    known = merge_runs([*stored, *put_aside, *given_up, *expired])
    newest = known[-1][1] if known else -1
    return StreamAccount(
        site=site,
        device=device,
        stream=stream,
        newest=newest,
        stored=sum(last - first + 1 for first, last in stored),
        dropped=given_up,
        quarantined=put_aside,
        expired=floor,
        missing=without([(0, newest)] if known else [], known),
        conflicts=conflicts,
        causes={why: lost for why, runs in causes.items() if (lost := _inside(runs, given_up))},
        reasons=reasons,
    )


def without(runs: Runs, taken: Runs) -> Runs:
    """The part of `runs` that is not in `taken`; the runs of each may overlap."""
    left: Runs = []
    taken = merge_runs(taken)
    for first, last in merge_runs(runs):
        at = first
        for a, b in taken:
            if b < at:
                continue
            if a > last:
                break
            if a > at:
                left.append((at, a - 1))
            at = max(at, b + 1)
        if at <= last:
            left.append((at, last))
    return left


def line(account: StreamAccount) -> str:
    """One account as a line for people: how many readings were stored, dropped, quarantined, missing."""
    missing, no_cause = account.missing, account.without_cause
    parts = [f"{account.stored} stored"]
    if account.expired:
        parts.append(f"past their time below {account.expired}")
    for name, runs, why in (
        ("dropped by the board", account.dropped, tuple(account.causes)),
        ("quarantined", account.quarantined, account.reasons),
        ("conflicting", account.conflicts, ()),
    ):
        parts.append(f"{_count(runs)} {name}{_numbers(runs, why)}")
    parts.append(f"{_count(missing)} MISSING{_numbers(missing)}" if missing else "none missing")
    if no_cause:
        parts.append(f"{_count(no_cause)} WITHOUT A CAUSE{_numbers(no_cause)}")
    return f"{account.site}/{account.device} {account.stream}: seq 0 to {account.newest}: {', '.join(parts)}"


def _runs(stored: list[list[int]]) -> Runs:
    return [(first, last) for first, last in stored]


def _inside(runs: Runs, others: Runs) -> Runs:
    """The part of `runs` that is in `others` too."""
    return without(runs, without(runs, others))


def _count(runs: Runs) -> int:
    return sum(last - first + 1 for first, last in runs)


def _numbers(runs: Runs, why: tuple[str, ...] = ()) -> str:
    """Behind a number: which seqs, and why."""
    if not runs:
        return ""
    names = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:SHOWN]]
    if len(runs) > SHOWN:
        names.append(f"{len(runs) - SHOWN} more")
    return f" ({', '.join(names)}{': ' if why else ''}{'; '.join(why)})"

"""Audit: tests the promise in one command. It says what became of every seq of each stream up to the newest.

A reading that is not stored is lost. The loss has a cause only when the board named one: its flash was full,
or damaged. A reading has no cause when it is in quarantine, when another reading of the same seq was stored,
or when the board dropped it without saying why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud.contract.messages import merge_runs, runs_of
from cloud.read.reader import Reader
from cloud.store.database import Document

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
            if stream in stored or about.keys() & {"dropped", "quarantined", "conflicts", "floor"}:
                accounts.append(_account(reader, (site, name, stream), stored.get(stream, []), about))
            # Otherwise a state announced the stream, but no reading has come.
    return accounts


def _account(reader: Reader, whose: tuple[str, str, str], stored: Runs, about: Document) -> StreamAccount:
    """Sort the seqs: stored wins over quarantined, quarantined over dropped. A board counts from 0."""
    floor = about.get("floor", 0)
    quarantined = without(runs_of(about.get("quarantined", [])), stored)
    dropped = without(_runs(about.get("dropped", [])), [*stored, *quarantined])
    known = merge_runs([*stored, *quarantined, *dropped, *([(0, floor - 1)] if floor else [])])
    newest = known[-1][1] if known else -1
    conflicts = runs_of(about.get("conflicts", []))
    causes = {why: _runs(runs) for why, runs in about.get("dropped_why", {}).items()}
    causes = {why: without(runs, without(runs, dropped)) for why, runs in causes.items()}
    return StreamAccount(
        *whose,
        newest=newest,
        stored=_count(stored),
        dropped=dropped,
        quarantined=quarantined,
        expired=floor,
        missing=without([(0, newest)] if known else [], known),
        conflicts=conflicts,
        causes={why: runs for why, runs in causes.items() if runs},
        reasons=reader.reasons(*whose) if quarantined or conflicts else (),
    )


def without(runs: Runs, taken: Runs) -> Runs:
    """The part of `runs` that is not in `taken`; the runs of each may overlap."""
    left: Runs = []
    taken = merge_runs(taken)
    for first, last in merge_runs(runs):
        at = first
        for begin, end in [*taken, (last + 1, last + 1)]:
            if at < begin:
                left.append((at, min(begin - 1, last)))
            at = max(at, end + 1)
            if at > last:
                break
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

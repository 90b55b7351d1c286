"""Audit: the promise in one command. For each stream, what became of every seq up to the newest one known."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.contract import merge_runs, runs_of
from cloud.reader import Reader

Runs = list[tuple[int, int]]


@dataclass(frozen=True)
class Account:
    """Where the seqs 0..newest of one stream are. Every seq is in exactly one of these."""

    site: str
    device: str
    stream: str
    newest: int
    stored: int
    dropped: Runs  # given up by the board, which said so
    quarantined: Runs
    expired: int  # seqs below this one are past their time
    missing: Runs

    @property
    def complete(self) -> bool:
        return not self.missing


def audit(reader: Reader, device: str | None = None) -> list[Account]:
    """One account a stream; `device` as in Reader.named. Raises UnknownBoard, PyMongoError."""
    accounts = []
    for site, name in reader.named(device):
        known = reader.streams(site, name)
        stored = {stream: runs_of(seqs.tolist()) for stream, seqs in reader.stored(site, name)}
        for stream in sorted({*known, *stored}):
            about = known.get(stream, {})
            dropped = [(first, last) for first, last in about.get("dropped", [])]
            quarantined = runs_of(about.get("quarantined", []))
            accounts.append(
                account(
                    site,
                    name,
                    stream,
                    stored=stored.get(stream, []),
                    dropped=dropped,
                    quarantined=quarantined,
                    floor=about.get("floor", 0),
                )
            )
    return accounts


def account(
    site: str, device: str, stream: str, *, stored: Runs, dropped: Runs, quarantined: Runs, floor: int
) -> Account:
    """Sort the seqs; stored goes before quarantined, that before dropped. A board counts from 0."""
    expired = [(0, floor - 1)] if floor else []
    put_aside = without(quarantined, stored)
    given_up = without(dropped, merge_runs([*stored, *put_aside]))
    known = merge_runs([*stored, *put_aside, *given_up, *expired])
    newest = known[-1][1] if known else -1
    return Account(
        site=site,
        device=device,
        stream=stream,
        newest=newest,
        stored=sum(last - first + 1 for first, last in stored),
        dropped=given_up,
        quarantined=put_aside,
        expired=floor,
        missing=without([(0, newest)] if known else [], known),
    )


def without(runs: Runs, taken: Runs) -> Runs:
    """What of `runs` is not in `taken`; both may overlap in themselves."""
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


def line(account: Account) -> str:
    """One account for people."""
    parts = [f"{account.stored} stored"]
    for name, runs in (("dropped by the board", account.dropped), ("quarantined", account.quarantined)):
        if runs:
            parts.append(f"{_count(runs)} {name} ({_names(runs)})")
    if account.expired:
        parts.append(f"past their time below {account.expired}")
    parts.append(
        f"{_count(account.missing)} MISSING ({_names(account.missing)})"
        if account.missing
        else "none missing"
    )
    return f"{account.site}/{account.device} {account.stream}: seq 0 to {account.newest}: {', '.join(parts)}"


def _count(runs: Runs) -> int:
    return sum(last - first + 1 for first, last in runs)


def _names(runs: Runs, most: int = 8) -> str:
    names = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    return ", ".join(names[:most]) + (f", {len(names) - most} more" if len(names) > most else "")

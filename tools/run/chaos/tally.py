"""Every reading accounted for, boot by boot: the sensors' own logs against what is stored.

A reading may be missing for two reasons only: it was still in RAM when power went (its flush had not
returned), or the board had to drop it and said why. A reading in quarantine, or dropped without a cause, is
`unexplained`; every other missing one is `lost`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cloud.commands.audit import StreamAccount
from cloud.read.rows import Readings
from tools.run.account import MISDATED_S, Value, align, value, values
from tools.virtual_board.virtual_board import Life

Span = tuple[float, float]  # Unix seconds
Identity = tuple[str | None, int, Value]  # stream, seq, what the sensor said
Seqs = Mapping[str, set[int]]  # by stream


@dataclass(frozen=True)
class BoardReports:
    """What the boards reported to the cloud about readings that are not stored."""

    dropped: Seqs = field(default_factory=dict)  # with a cause
    unexplained: Seqs = field(default_factory=dict)  # dropped without one, quarantined

    @classmethod
    def of(cls, accounts: Sequence[StreamAccount]) -> BoardReports:
        dropped = {
            account.stream: _seqs(run for runs in account.causes.values() for run in runs)
            for account in accounts
        }
        return cls(
            dropped, {account.stream: _seqs([*account.dropped, *account.quarantined]) for account in accounts}
        )


@dataclass
class Tally:
    """The tally of one board. `problems`: what must not happen, in words for people."""

    taken: int = 0
    stored: int = 0
    lost: int = 0
    unexplained: int = 0  # given up or put aside without a reason
    duplicated: int = 0  # stored, though the sensor did not give it (once more) in that boot
    misdated: int = 0
    undated: int = 0
    cut_in_ram: int = 0
    dropped: int = 0  # with a cause
    claimed: int = 0  # its seq is stored with the reading of another board that claimed to be this one
    most_in_ram: int = 0  # of one cut
    longest_pause_s: float = 0.0  # between two samples, over the period
    longest_own_pause_s: float = 0.0  # the same, less what the board waited for a processor of the host
    problems: list[str] = field(default_factory=list)


def tally(  # noqa: PLR0917
    lives: Sequence[Life],
    stored: Readings,
    reported: BoardReports,
    frozen: Sequence[Span],
    period: float,
    copies: Sequence[Life] = (),
) -> Tally:
    """Compare the log of one board with the store.

    frozen: when the board was stopped from outside, which is no pause of its own. period: s. copies: boots
    of boards with a copy of its flash, whose readings may stand where its own would.
    """
    result = Tally(undated=int(np.isnan(stored.ts).sum()))
    rows = _rows(stored)
    stored_values = values(stored)

    mine = _identities(lives)
    theirs = _identities(copies) - mine
    streams, seqs = stored.stream.tolist(), stored.seq.tolist()
    foreign_rows = {
        row for row in range(len(stored_values)) if (streams[row], seqs[row], stored_values[row]) in theirs
    }
    foreign = {(streams[row], seqs[row]) for row in foreign_rows}
    for life in reversed(lives):  # when two boots share a number, only the later one left readings
        result.taken += len(life.taken)
        for pause, starved in _pauses(life, frozen, period):
            result.longest_pause_s = max(result.longest_pause_s, pause)
            result.longest_own_pause_s = max(result.longest_own_pause_s, pause - starved)
        rows_of_boot = rows.pop((life.stream, life.number), [])
        there = [row for row in rows_of_boot if row not in foreign_rows]
        result.stored += len(there)
        pairs = _pairs(life, there, stored, stored_values)
        result.duplicated += len(there) - len(pairs)
        for i, row in pairs.items():
            off = stored.ts[row] - life.taken[i].host_ts
            if abs(off) > MISDATED_S:
                result.misdated += 1
                result.problems.append(f"boot {life.number}, seq {stored.seq[row]}: dated {off:+.1f} s")
        in_ram = 0
        for i in range(len(life.taken)):
            if i in pairs:
                continue
            if i >= life.kept:
                in_ram += 1
            elif (life.stream, life.first + i) in foreign:
                result.claimed += 1
            elif life.first + i in reported.dropped.get(life.stream or "", ()):
                result.dropped += 1
            elif life.first + i in reported.unexplained.get(life.stream or "", ()):
                result.unexplained += 1
                result.problems.append(f"boot {life.number}, seq {life.first + i}: without a cause")
            else:
                result.lost += 1
                result.problems.append(f"boot {life.number}, seq {life.first + i}: lost")
        result.cut_in_ram += in_ram
        result.most_in_ram = max(result.most_in_ram, in_ram)
    for (_, number), there in rows.items():
        surplus = [row for row in there if row not in foreign_rows]
        result.stored += len(surplus)
        result.duplicated += len(surplus)
        if surplus:
            result.problems.append(f"boot {number}: {len(surplus)} readings stored that no sensor gave")
    return result


def _identities(lives: Sequence[Life]) -> set[Identity]:
    return {
        (life.stream, life.first + i, value(taken)) for life in lives for i, taken in enumerate(life.taken)
    }


def _seqs(runs: Iterable[tuple[int, int]]) -> set[int]:
    return {seq for first, last in runs for seq in range(first, last + 1)}


def _rows(stored: Readings) -> dict[tuple[str | None, int], list[int]]:
    """Rows by (stream, boot), each in the order of seq."""
    rows: dict[tuple[str | None, int], list[int]] = defaultdict(list)
    names, boots = stored.stream.tolist(), stored.boot.tolist()
    for row in np.argsort(stored.seq, kind="stable").tolist():
        rows[names[row], boots[row]].append(row)
    return dict(rows)


def _pairs(life: Life, there: list[int], stored: Readings, stored_values: Sequence[Value]) -> dict[int, int]:
    """Index in life.taken -> row: by seq where value and seq agree, the rest by order and value."""
    wanted = [value(reading) for reading in life.taken]
    pairs: dict[int, int] = {}
    for row in there:
        i = int(stored.seq[row]) - life.first
        if 0 <= i < len(wanted) and wanted[i] == stored_values[row]:
            pairs[i] = row
    left = [i for i in range(len(wanted)) if i not in pairs]
    used = set(pairs.values())
    other = [row for row in there if row not in used]
    for i, j in align([wanted[i] for i in left], [stored_values[row] for row in other]):
        pairs[left[i]] = other[j]
    return pairs


def _pauses(life: Life, frozen: Sequence[Span], period: float) -> Iterator[tuple[float, float]]:
    """(seconds over the period, of them without a processor) between any two samples of a board that ran."""
    for before, after in zip(life.taken, life.taken[1:], strict=False):
        if not any(begin <= after.host_ts and end >= before.host_ts for begin, end in frozen):
            starved = (after.starved_ms - before.starved_ms) / 1000
            yield (after.up_ms - before.up_ms) / 1000 - period, starved

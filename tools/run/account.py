"""Every reading accounted for: the sensor's own log against what is stored, value by value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cloud.contract import messages
from cloud.read.rows import Readings
from device import codes
from tools.virtual_board.virtual_board import SampleTaken

MISDATED_S = 2.0
Value = tuple[int, int] | int  # (t, h) in hundredths, or the reason of a failed read


@dataclass(frozen=True)
class BoardAccount:
    """One board. `lost`: taken but not stored; `surplus`: stored, though the sensor never gave it then."""

    taken: int
    stored: int
    lost: int
    surplus: int
    misdated: int  # stored with a date more than 2 s from the log's
    undated: int
    rescored: int  # stored and judged by the cloud too
    twin_ran: int
    twin_differs: int


def account(taken: Sequence[SampleTaken], stored: Readings) -> BoardAccount:
    """Compare the log with the store, both in the order in which the readings were taken.

    Order and value decide: a reading counts as stored when the next stored one with its value matches it.
    """
    wanted = [value(reading) for reading in taken]
    order = in_order(stored)
    unordered = values(stored)
    stored_values = [unordered[i] for i in order]
    pairs = align(wanted, stored_values)
    off = [stored.ts[order[j]] - taken[i].host_ts for i, j in pairs]
    # The cloud gives no score to a failed read, nor while the windows fill: its flag says so instead.
    plain = (stored.cloud_flags & (codes.SENSOR_ERROR | codes.WARMING_UP)) > 0
    rescored = plain | ~np.isnan(stored.cloud_score)
    return BoardAccount(
        taken=len(wanted),
        stored=len(stored_values),
        lost=len(wanted) - len(pairs),
        surplus=len(stored_values) - len(pairs),
        misdated=sum(abs(seconds) > MISDATED_S for seconds in off if not np.isnan(seconds)),
        undated=int(np.isnan(stored.ts).sum()),
        rescored=int(rescored.sum()),
        twin_ran=int(((stored.cloud_flags & messages.TWIN_RAN) > 0).sum()),
        twin_differs=int(((stored.cloud_flags & messages.TWIN_DIFFERS) > 0).sum()),
    )


def in_order(stored: Readings) -> list[int]:
    """Positions in order of stream (the oldest first), then seq: a clock may be wrong, a seq is not."""
    streams = list(dict.fromkeys(stored.stream.tolist()))
    rank = [streams.index(name) for name in stored.stream.tolist()]
    return [int(i) for i in np.lexsort((stored.seq, np.array(rank, np.int64)))]


def values(stored: Readings) -> list[Value]:
    """What each stored reading says, in hundredths."""
    good = ~np.isnan(stored.t)
    t = np.rint(np.where(good, stored.t, 0) * 100).astype(int).tolist()
    h = np.rint(np.where(good, stored.h, 0) * 100).astype(int).tolist()
    reasons = stored.why.tolist()
    return [
        (t[i], h[i]) if good[i] else codes.WHY.index(reasons[i]) if reasons[i] in codes.WHY else -1
        for i in range(len(stored))
    ]


def align(wanted: Sequence[Value], stored: Sequence[Value]) -> list[tuple[int, int]]:
    """Index pairs of equal values, in order, as many as there can be: the longest common subsequence.

    Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): quick when little is missing.
    """
    reach = {1: 0}
    steps: list[dict[int, int]] = []
    for edits in range(len(wanted) + len(stored) + 1):
        steps.append(reach.copy())
        for k in range(-edits, edits + 1, 2):
            x = reach[k + 1] if _goes_down(k, edits, reach) else reach[k - 1] + 1
            while x < len(wanted) and x - k < len(stored) and wanted[x] == stored[x - k]:
                x += 1
            reach[k] = x
            if x >= len(wanted) and x - k >= len(stored):
                return _walk_back(steps, len(wanted), len(stored))
    raise AssertionError("two sequences always have a difference")


def _goes_down(k: int, edits: int, reach: dict[int, int]) -> bool:
    return k == -edits or (k != edits and reach[k - 1] < reach[k + 1])


def _walk_back(steps: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for edits in range(len(steps) - 1, -1, -1):
        reach, k = steps[edits], x - y
        before = k + 1 if _goes_down(k, edits, reach) else k - 1
        start_x = reach[before]
        start_y = start_x - before
        while x > max(start_x, 0) and y > max(start_y, 0):
            x, y = x - 1, y - 1
            pairs.append((x, y))
        x, y = start_x, start_y
    return pairs[::-1]


def value(reading: SampleTaken) -> Value:
    """The value of one line of the sensor's log, in the form of `values`."""
    if reading.t is None or reading.h is None:
        return reading.why or -1
    return reading.t, reading.h

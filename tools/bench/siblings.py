"""What the other boards of a site add to a board's own verdict: drifts found, false alarms, boards accused.

Motes 01, 19 and 23 of Intel's laboratory, each beside the other two, while all three measured. Drifts are put
in alone, so that no fault before one lends it an alarm. A board is accused when it is flagged while a sibling
drifts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.recording import Recording
from cloud.training import calibrate, fit
from cloud.training.faults import SIZES, Fault, alone, inject
from cloud.training.history import history
from tools import replay
from tools.bench.detect import TRAIN, Stream, load

MOTES = ("01", "19", "23")
LEAST = 60  # readings of a board that a sibling's drift covers

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """Of one mote: which drifts the board, its siblings, both found, and alarms a day of the clean trace."""

    found: list[tuple[str, bool, bool]]  # size, by the board, by the siblings
    board: float
    added: float
    both: float
    accused: list[bool]


def bench(folder: Path, seeds: int, interpreter: str) -> dict[str, Found]:
    """By mote."""
    whole = {mote: load(folder, mote, most=None) for mote in MOTES}
    end = min(one.ts[-1] for one in whole.values())
    streams = {mote: _until(one, end) for mote, one in whole.items()}
    return {mote: _mote(mote, streams, seeds, interpreter) for mote in MOTES}


def table(found: dict[str, Found]) -> str:
    every = [each for one in found.values() for each in one.found]
    accused = [each for one in found.values() for each in one.accused]
    lines = [f"{'drift alone, beside two siblings':<34}" + "".join(f"{s:>9}" for s in (*SIZES, "all"))]
    said = {
        "the board": [(size, b) for size, b, _ in every],
        "its siblings": [(size, s) for size, _, s in every],
        "together": [(size, b or s) for size, b, s in every],
    }
    for name, hits in said.items():
        parts = [[hit for size, hit in hits if size == one] for one in SIZES] + [[hit for _, hit in hits]]
        lines.append(f"{name:<34}" + "".join(f"{np.mean(part):>9.2f}" for part in parts))
    for mote, one in found.items():
        lines.append(
            f"mote {mote}: alarms/day of the board {one.board:.2f}, "
            f"added by its siblings {one.added:.2f}, together {one.both:.2f}"
        )
    lines.append(f"accused while a sibling drifts: {np.mean(accused):.2f} of {len(accused)}")
    return "\n".join(lines)


def numbers(found: dict[str, Found]) -> dict[str, float]:
    every = [each for one in found.values() for each in one.found]
    accused = [each for one in found.values() for each in one.accused]
    return {
        "board": round(float(np.mean([b for _, b, _ in every])), 3),
        "siblings": round(float(np.mean([s for _, _, s in every])), 3),
        "together": round(float(np.mean([b or s for _, b, s in every])), 3),
        "added_per_day": round(float(np.mean([one.added for one in found.values()])), 2),
        "accused": round(float(np.mean(accused)), 3),
    }


def _mote(mote: str, streams: dict[str, Stream], seeds: int, interpreter: str) -> Found:
    one = streams[mote]
    past = history(one.ts[:TRAIN], one.t[:TRAIN], one.h[:TRAIN])
    bundle = fit.pack(replay.KEY, fit.fit(past), {})
    others = {name: each for name, each in streams.items() if name != mote}

    def by_board(trace: Stream) -> Flags:
        return replay.judge(bundle, _recording(trace), past.period, interpreter).abnormal

    def by_siblings(trace: Stream, beside: dict[str, Stream]) -> Flags:
        return replay.parted(_recording(trace), TRAIN, [_recording(each) for each in beside.values()]) > 1

    board, siblings = by_board(one), by_siblings(one, others)
    found, accused = [], []
    for seed in range(seeds):
        trace, faults = _drifts(one, TRAIN, seed)
        own, theirs = by_board(trace), by_siblings(trace, others)
        for each in faults:
            rows = slice(each.start, each.stop)
            found.append((each.size, bool(own[rows].any()), bool(theirs[rows].any())))
    for name, other in others.items():
        trace, faults = _drifts(other, int(np.searchsorted(other.ts, one.ts[TRAIN])), 0)
        said = by_siblings(one, {**others, name: trace})
        for each in faults:
            first, last = np.searchsorted(one.ts, other.ts[[each.start, each.stop - 1]])
            if last - first >= LEAST:
                accused.append(bool(said[first:last].any()))
    rates = [calibrate.alarms(said[TRAIN:]) / one.days for said in (board, siblings, board | siblings)]
    return Found(found, rates[0], rates[1], rates[2], accused)


def _drifts(stream: Stream, start: int, seed: int) -> tuple[Stream, list[Fault]]:
    injected = alone(stream.t, stream.h, inject(stream.t, stream.h, start, seed), "drift")
    return replace(stream, t=injected.t, h=injected.h), injected.faults


def _until(stream: Stream, end: float) -> Stream:
    rows = stream.ts <= end
    return replace(stream, ts=stream.ts[rows], t=stream.t[rows], h=stream.h[rows])


def _recording(stream: Stream) -> Recording:
    return Recording(stream.ts, stream.t, stream.h, [])

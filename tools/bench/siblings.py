"""What the other boards of a site add to a board's own verdict: drifts found, false alarms, boards accused.

Motes 01, 19 and 23 of Intel's laboratory, each beside the other two, while all three measured. Drifts are put
in alone, so that no fault before one lends it an alarm. A board is accused when it is flagged while a sibling
drifts.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.recording import Recording
from cloud.training import fit
from cloud.training.history import history
from cloud.training.thresholds import calibrate
from cloud.training.thresholds.faults import SIZES, Fault, alone, inject
from tools import replay
from tools.bench.detect import TRAIN, DetectStream, load

MOTES = ("01", "19", "23")
LEAST = 60  # readings of a board that a sibling's drift covers

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class SiblingResult:
    """One mote: which drifts the board, its siblings or both found, and alarms a day on the clean trace."""

    drifts: list[tuple[str, bool, bool]]  # size, by the board, by the siblings
    board: float
    added: float
    both: float
    accused: list[bool]


def bench(folder: Path, seeds: int, interpreter: str) -> dict[str, SiblingResult]:
    """The results by mote."""
    whole = {mote: load(folder, mote, most=None) for mote in MOTES}
    end = min(stream.ts[-1] for stream in whole.values())
    streams = {mote: _until(stream, end) for mote, stream in whole.items()}
    return {mote: _mote(mote, streams, seeds, interpreter) for mote in MOTES}


def table(results: dict[str, SiblingResult]) -> str:
    every = [each for result in results.values() for each in result.drifts]
    accused = [each for result in results.values() for each in result.accused]
    lines = [f"{'drift alone, beside two siblings':<34}" + "".join(f"{s:>9}" for s in (*SIZES, "all"))]
    names = {
        "the board": [(size, b) for size, b, _ in every],
        "its siblings": [(size, s) for size, _, s in every],
        "together": [(size, b or s) for size, b, s in every],
    }
    for name, hits in names.items():
        parts = [[hit for size, hit in hits if size == result] for result in SIZES] + [
            [hit for _, hit in hits]
        ]
        lines.append(f"{name:<34}" + "".join(f"{np.mean(part):>9.2f}" for part in parts))
    for mote, result in results.items():
        lines.append(
            f"mote {mote}: alarms/day of the board {result.board:.2f}, "
            f"added by its siblings {result.added:.2f}, together {result.both:.2f}"
        )
    lines.append(f"accused while a sibling drifts: {np.mean(accused):.2f} of {len(accused)}")
    return "\n".join(lines)


def numbers(results: dict[str, SiblingResult]) -> dict[str, float]:
    every = [each for mote in results.values() for each in mote.drifts]
    accused = [each for mote in results.values() for each in mote.accused]
    return {
        "board": round(float(np.mean([b for _, b, _ in every])), 3),
        "siblings": round(float(np.mean([s for _, _, s in every])), 3),
        "together": round(float(np.mean([b or s for _, b, s in every])), 3),
        "added_per_day": round(float(np.mean([mote.added for mote in results.values()])), 2),
        "accused": round(float(np.mean(accused)), 3),
    }


def _mote(mote: str, streams: dict[str, DetectStream], seeds: int, interpreter: str) -> SiblingResult:
    stream = streams[mote]
    past = history(stream.ts[:TRAIN], stream.t[:TRAIN], stream.h[:TRAIN])
    bundle = fit.pack(replay.KEY, fit.fit(past), {})
    others = {name: each for name, each in streams.items() if name != mote}

    def by_board(trace: DetectStream) -> Flags:
        return replay.judge(bundle, _recording(trace), past.period, interpreter).abnormal

    def by_siblings(trace: DetectStream, beside: dict[str, DetectStream]) -> Flags:
        return replay.parted(_recording(trace), TRAIN, [_recording(each) for each in beside.values()]) > 1

    board, siblings = by_board(stream), by_siblings(stream, others)
    hits, accused = [], []
    for seed in range(seeds):
        trace, faults = _drifts(stream, TRAIN, seed)
        own, theirs = by_board(trace), by_siblings(trace, others)
        for each in faults:
            rows = slice(each.start, each.stop)
            hits.append((each.size, bool(own[rows].any()), bool(theirs[rows].any())))
    for name, other in others.items():
        trace, faults = _drifts(other, int(np.searchsorted(other.ts, stream.ts[TRAIN])), 0)
        alarmed = by_siblings(stream, {**others, name: trace})
        for each in faults:
            first, last = np.searchsorted(stream.ts, other.ts[[each.start, each.stop - 1]])
            if last - first >= LEAST:
                accused.append(bool(alarmed[first:last].any()))
    rates = [
        calibrate.alarms(alarmed[TRAIN:]) / stream.days for alarmed in (board, siblings, board | siblings)
    ]
    return SiblingResult(hits, rates[0], rates[1], rates[2], accused)


def _drifts(stream: DetectStream, start: int, seed: int) -> tuple[DetectStream, list[Fault]]:
    injected = alone(stream.t, stream.h, inject(stream.t, stream.h, start, seed), "drift")
    return replace(stream, t=injected.t, h=injected.h), injected.faults


def _until(stream: DetectStream, end: float) -> DetectStream:
    rows = stream.ts <= end
    return replace(stream, ts=stream.ts[rows], t=stream.t[rows], h=stream.h[rows])


def _recording(stream: DetectStream) -> Recording:
    return Recording(stream.ts, stream.t, stream.h, [])

"""One reading explained: the value and threshold of each detector of the cloud, and the features it judged
by.

Features are not stored: they are computed again from the 60 good readings before, by the code that training
uses. When some of these are missing (a gap, a boot, dropped readings), the explanation says so instead of
guessing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from cloud.contract.messages import FEATURE_NAMES, UNKNOWN
from cloud.detectors import FLAGS
from cloud.ingest.rescore import SQUARED_Z, Z_FLOOR, envelope_abnormal
from cloud.read.rows import Readings
from cloud.training.features import features
from cloud.training.forest.twin import CloudModel
from cloud.training.thresholds.envelope import Envelope
from device import codes
from device.judge import table
from device.judge.window import SIZE as WINDOW

# They remember more than a reading carries.
BOARD_ALONE = tuple(each.name for each in FLAGS.values() if each.board and not each.cloud)


@dataclass(frozen=True)
class DetectorResult:
    """The result of one detector: abnormal when `value` is beyond `threshold`."""

    detector: str
    value: float
    threshold: float
    abnormal: bool
    about: str


@dataclass(frozen=True)
class Explanation:
    """`x`: the 8 features, None when the window before the reading is incomplete; then `note` says why."""

    seq: int
    x: tuple[int, ...] | None
    findings: list[DetectorResult]
    edge: list[str]  # names of the board's detectors that called it abnormal
    cloud: list[str]  # names of the cloud's detectors that called it abnormal when it came
    note: str | None = None


def explain(readings: Readings, row: int, model: CloudModel | None) -> Explanation:
    """Reading `row` of `readings`, which must reach back to the 60 good ones before it."""
    edge, cloud = int(readings.edge_flags[row]), int(readings.cloud_flags[row]) & codes.ABNORMAL
    x, results, rows = None, list[DetectorResult](), _before(readings, row)
    notes = [_undated(readings, row)]
    if np.isnan(readings.t[row]):
        notes.append(f"the read failed: {readings.why[row]}")
    elif len(rows) < WINDOW:
        notes.append(f"window incomplete: {len(rows)} of {WINDOW} good readings before it are stored")
    else:
        columns = (column[[*rows, row]] for column in (readings.t, readings.h))
        last = features(*(np.rint(column * 100).astype(np.int64) for column in columns))[-1:]
        x, results = tuple(last[0].tolist()), findings(last, model)
    note = "; ".join(filter(None, notes)) or None
    return Explanation(int(readings.seq[row]), x, results, _names(edge), _names(cloud), note)


def _undated(readings: Readings, row: int) -> str | None:
    """Why a reading has no date; None for one that has."""
    if not np.isnan(readings.ts[row]):
        return None
    if np.isnan(readings.said[row]):
        return "undated: its boot never learnt the time"
    date = datetime.fromtimestamp(readings.said[row], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"undated: the board gave the date {date}, which was impossible when the reading came"


def find(readings: Readings, seq: int | None) -> int | None:
    """The newest reading with this `seq`; without one the newest that anybody calls abnormal. None = none."""
    wanted = readings.edge_abnormal | readings.cloud_abnormal if seq is None else readings.seq == seq
    rows = wanted.nonzero()[0]
    return int(rows[-1]) if len(rows) else None


def nothing(readings: Readings, seq: int | None) -> str:
    """Why `find` found none."""
    if seq is None:
        return f"nobody has called any of its {len(readings)} stored readings abnormal; name one by its seq"
    if not len(readings):
        return "none of its readings are stored any more"
    return f"no reading {seq} is stored; they go from {readings.seq.min()} to {readings.seq.max()}"


def findings(
    x: np.ndarray[tuple[int, int], np.dtype[np.int16]], model: CloudModel | None
) -> list[DetectorResult]:
    """What the cloud's detectors say of the features int16[1, 8]."""
    squared = SQUARED_Z if model is None else int(model.envelope.get("zscore", SQUARED_Z))
    limit = squared**0.5
    results = []
    for channel, name in enumerate(("temperature", "humidity")):
        std = max(int(x[0, 6 + channel]), int(Z_FLOOR[channel]))
        z = abs(int(x[0, 4 + channel])) / std
        about = f"{FEATURE_NAMES[4 + channel]} {x[0, 4 + channel]} over {FEATURE_NAMES[6 + channel]} {std}"
        results.append(DetectorResult(f"Z-score of {name}", round(z, 2), round(limit, 2), z > limit, about))
    if model is None:
        return results
    full, most = float(model.full_scores(x)[0]), model.full_threshold
    about = "all eight features; 1 = as isolated as possible"
    results.append(DetectorResult("full forest", round(-full, 4), round(-most, 4), full < most, about))
    total = model.twin_scores(x)
    name, about = "twin of the board's forest", "sum of path lengths; short paths are abnormal"
    is_abnormal = bool(total[0] < model.threshold)
    results.append(DetectorResult(name, int(total[0]), model.threshold, is_abnormal, about))
    if "means" in model.envelope:
        envelope = Envelope(model.envelope["means"], model.envelope["weights"])
        farthest = FEATURE_NAMES[int(np.abs(x[0] - envelope.means).argmax())]
        about = f"distance from what is usual; farthest: {farthest}"
        score, threshold = int(envelope.scores(x)[0]), int(model.envelope["threshold"])
        is_abnormal = bool(envelope_abnormal(model, x)[0])
        results.append(DetectorResult("envelope", score, threshold, is_abnormal, about))
    return results


def _names(flags: int) -> list[str]:
    """The detectors of a verdict, by name."""
    return list(table.names(flags & (codes.ABNORMAL | UNKNOWN)))


def lines(explanation: Explanation) -> list[str]:
    """For people."""
    text = [
        f"seq {explanation.seq}: the board said {', '.join(explanation.edge) or 'normal'}, "
        f"the cloud {', '.join(explanation.cloud) or 'normal'}"
    ]
    if explanation.note:
        text.append(f"  {explanation.note}")
    if explanation.x is not None:
        values = zip(FEATURE_NAMES, explanation.x, strict=True)
        text.append("  " + "  ".join(f"{name} {value}" for name, value in values))
    for each in explanation.findings:
        verdict = "ABNORMAL" if each.abnormal else "normal"
        text.append(
            f"  {each.detector}: {each.value:g}, threshold {each.threshold:g}: {verdict} ({each.about})"
        )
    return text + [f"  {each}" for each in _apart(explanation)]


def _apart(explanation: Explanation) -> list[str]:
    """Why the board may call the reading abnormal when no detector of the cloud does."""
    text = []
    alone = [name for name in explanation.edge if name in BOARD_ALONE]
    if alone:
        text.append(f"only the board judges {', '.join(alone)}")
    if "zscore" in explanation.edge and "zscore" not in explanation.cloud:
        text.append(
            "the board's zscore also asks how large the step from the reading before was, "
            "and its mean leaves out what was abnormal"
        )
    return [f"{each} (docs/detectors.md)" for each in text]


def _before(readings: Readings, row: int) -> list[int]:
    """The rows of the 60 good readings before `row` in its boot, oldest first; fewer where one is missing."""
    rows: list[int] = []
    at = row
    while len(rows) < WINDOW and at > 0 and readings.missing_before[at] == 0:
        at -= 1
        if readings.stream[at] != readings.stream[row] or readings.boot[at] != readings.boot[row]:
            break
        if not np.isnan(readings.t[at]):
            rows.insert(0, at)
    return rows

"""`python -m tools.replay FILE.csv --train-rows N --out OUT.csv`: what Vigie would have said of a history.

It trains on the first N rows. Then it feeds all rows (also the first, so that the windows are full) through
the board's own code with the bundle that a board would load. It writes one row for each row after the first
N. With `--siblings`, recordings of other boards of the same place at the same time, two further columns say
what the cloud adds: `siblings` is 1 where the board has left them, `parted` is how far (100 = the threshold).
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cloud.recording import Recording, RecordingRefused, description, read
from cloud.recording.recording_command import refuse_to_overwrite
from cloud.siblings import parting
from cloud.siblings.air import Air, fit_rows
from cloud.training import fit
from cloud.training.history import Floats, HistoryError, elapsed, half_hours, history, hundredths
from cloud.training.thresholds import calibrate
from device import codes
from device.judge.table import SCORES
from tools.process.child import ToolFailed
from tools.process.places import ROOT
from tools.process.terminal import progress
from tools.virtual_board.virtual_board import find_micropython

DRIVER = ROOT / "tools" / "bench" / "on_board" / "judge_readings.py"
KEY = bytes(32)  # the bundle never leaves this process
COLUMNS = ("ts", "t", "h", "abnormal", "flags", *SCORES)
WITH_SIBLINGS = ("siblings", "parted")
Progress = Callable[[str], None]
RECORD = 4 * (1 + len(SCORES))


@dataclass(frozen=True)
class Verdicts:
    """What the board said: `flags` int[n] and `scores` int[n, len(SCORES)], a row for each reading."""

    flags: NDArray[np.int32]
    scores: NDArray[np.int32]

    @property
    def abnormal(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = (self.flags & codes.ABNORMAL) > 0
        return mask


def replay(
    table: Recording,
    train_rows: int,
    interpreter: str = "cpython",
    progress: Progress = lambda text: None,
) -> Verdicts:
    """The board's verdicts on all rows, judged with a model trained on the first `train_rows`.

    `interpreter`: "cpython" or "micropython". Raises HistoryError when the rows cannot be trained on.
    """
    learned = history(table.ts[:train_rows], table.t[:train_rows], table.h[:train_rows])
    fitted = fit.fit(learned, progress=lambda text: progress(f"training: {text}"))
    bundle = fit.pack(KEY, fitted, {"train_rows": train_rows})
    return judge(bundle, table, learned.period, interpreter, progress)


def judge(
    bundle: bytes,
    table: Recording,
    period: float,
    interpreter: str = "cpython",
    progress: Progress = lambda text: None,
) -> Verdicts:
    """Every row of `table` through the board's Judge with this bundle, in an interpreter of its own."""
    with tempfile.TemporaryDirectory(prefix="vigie-replay-") as name:
        folder = Path(name)
        (folder / "bundle").write_bytes(bundle)
        (folder / "readings").write_bytes(_readings(table, period))
        verdicts = folder / "verdicts"
        micropython = [find_micropython(), "-X", "heapsize=2M"] if interpreter == "micropython" else []
        words = (DRIVER, ROOT, folder / "bundle", KEY.hex(), folder / "readings", verdicts)
        command = [*(micropython or [sys.executable]), *map(str, words)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                done = verdicts.stat().st_size / RECORD if verdicts.exists() else 0.0
                progress(f"judging: {done / max(1, len(table.ts)):.0%}")
                time.sleep(0.1)
            out, errors = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{interpreter} stopped with {process.returncode}: {(errors or out).strip()}")
        rows = np.fromfile(verdicts, "<i4").reshape(-1, 1 + len(SCORES))
    progress("")
    return Verdicts(rows[:, 0], rows[:, 1:])


def parted(table: Recording, train_rows: int, siblings: list[Recording]) -> Floats:
    """float[n]: how far the board has parted from its siblings at each reading; above 1 it has left them.

    Learned from the first `train_rows`. Raises HistoryError when they do not do.
    """
    rows = fit_rows(table.ts, table.t, table.h)
    own = Air(table.ts[rows], table.t[rows], table.h[rows])
    others = {str(place): Air.of(sibling.ts, sibling.t, sibling.h) for place, sibling in enumerate(siblings)}
    first = Air.of(table.ts[:train_rows], table.t[:train_rows], table.h[:train_rows])
    end = float(first.ts[-1]) if len(first) else 0.0
    try:
        learned = parting.learn(first, {name: sibling.until(end) for name, sibling in others.items()})
    except parting.TooLittle as problem:
        raise HistoryError(f"--siblings: {problem}") from problem
    scores = np.zeros(len(table.ts))
    scores[rows] = parting.spread(learned, own, others)
    return scores


def write(path: Path, table: Recording, verdicts: Verdicts, start: int, far: Floats | None = None) -> None:
    """The rows from `start` on, with ts, t and h as they stood in the file. `far`: as from `parted`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS if far is None else COLUMNS + WITH_SIBLINGS)
        abnormal = verdicts.abnormal
        for row in range(start, len(table.ts)):
            verdict = (int(abnormal[row]), int(verdicts.flags[row]), *verdicts.scores[row].tolist())
            more = () if far is None else (int(far[row] > 1), round(100 * far[row]))
            out.writerow((*table.cells[row], *verdict, *more))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.replay", description=__doc__)
    parser.add_argument("file", type=Path, help="a recording, such as a CSV with the columns ts, t, h")
    parser.add_argument(
        "--train-rows", type=int, required=True, metavar="N", help="learn from the first N rows"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.csv")
    parser.add_argument(
        "--siblings",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="recordings of two or more others",
    )
    parser.add_argument("--interpreter", choices=("cpython", "micropython"), default="cpython")
    description.add_options(parser)
    options = parser.parse_args(argv)
    started = time.monotonic()
    try:
        for path in (options.file, *options.siblings):
            refuse_to_overwrite(path, options.out)
        table = _read(options.file, options)
        if not 0 < options.train_rows <= len(table.ts):
            raise HistoryError(f"--train-rows {options.train_rows}: {options.file} has {len(table.ts)} rows")
        far = None
        if options.siblings:
            others = [_read(path, options) for path in options.siblings]
            far = parted(table, options.train_rows, others)
        verdicts = replay(table, options.train_rows, options.interpreter, progress=progress)
        write(options.out, table, verdicts, options.train_rows, far)
    except (HistoryError, RecordingRefused, OSError, RuntimeError, ToolFailed) as problem:
        progress("")
        print(f"replay: {problem}", file=sys.stderr)
        return 1
    rest = verdicts.abnormal[options.train_rows :]
    print(
        f"{options.out}: {len(rest)} readings judged, {int(rest.sum())} abnormal "
        f"in {calibrate.alarms(rest)} alarms, {time.monotonic() - started:.1f} s under {options.interpreter}"
    )
    if far is not None:
        left = far[options.train_rows :] > 1
        print(f"  and {calibrate.alarms(left)} times it left its {len(options.siblings)} siblings")
    return 0


def _read(path: Path, options: argparse.Namespace) -> Recording:
    recording = read(path, description.of(options))
    print("".join(f"{path}: {line}\n" for line in recording.notes), end="")
    return recording


def _readings(table: Recording, period: float) -> bytes:
    """What the driver reads: each row's t and h, the periods since the last good one (0 = a failed read), and
    its half hour of the day.
    """
    t, good_t = hundredths(table.t)
    h, good_h = hundredths(table.h)
    good = good_t & good_h
    clock = np.cumsum(elapsed(table.ts, period))
    periods = np.zeros(len(t), np.int64)
    periods[good] = np.diff(clock[good], prepend=clock[good][:1] - 1)
    rows = np.zeros(len(t), [("t", "<i2"), ("h", "<i2"), ("periods", "<i4"), ("half", "<i2")])
    rows["t"], rows["h"], rows["periods"] = t, h, np.minimum(periods, 1 << 29)
    rows["half"] = half_hours(table.ts)
    return rows.tobytes()


if __name__ == "__main__":
    raise SystemExit(main())

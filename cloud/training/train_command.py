"""`python -m cloud train --device C001`, or `--csv FILE…`: learn what is normal, write the board's model."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pymongo.collection import Collection

from cloud import recording, settings
from cloud.contract.keys import device_key
from cloud.read.reader import Reader, UnknownBoard
from cloud.read.rows import Episode
from cloud.recording import description
from cloud.store import database
from cloud.store.database import Document
from cloud.training import report
from cloud.training.fit import Trained, train
from cloud.training.history import DAY, Floats, HistoryError

ENV_FILE = Path(".env")
FOLDER = Path("var") / "models"
MOST = 100_000  # episodes that are looked through
Columns = tuple[Floats, Floats, Floats]  # ts, t, h


def main(argv: Sequence[str]) -> int:
    """0 = trained, 1 = training is impossible. Raises SettingsError and PyMongoError."""
    options = _options(argv)
    try:
        if not options.csv:
            known = settings.read(settings.database, os.environ, ENV_FILE)
        master = settings.read(settings.master_key, os.environ, ENV_FILE)
        if options.csv:
            site, _, device = (options.device or "csv").rpartition("/")
            site = site or "demo"
            columns = _recorded(options)
            models = limits = None
        else:
            connected = database.connect(known.uri, known.name)
            reader = Reader(connected)
            site, device = reader.board(options.device)
            columns = _stored(reader, site, device, options.days)
            models = connected["models"]
            states = [each.state for each in reader.latest() if (each.site, each.device) == (site, device)]
            limits = states[0].get("limits") if states else None  # the user's own, as the board told them
        trained = train(
            site,
            device,
            device_key(master, site, device),
            *columns,
            budget=options.budget,
            limits=limits,
            progress=_progress,
        )
        _progress("")
        if models is not None:
            keep(models, trained, master)
    except OSError as problem:
        _progress("")
        print(f"train: {problem.filename}: {problem.strerror}", file=sys.stderr)
        return 1
    except (UnknownBoard, HistoryError, recording.RecordingRefused) as problem:
        _progress("")
        print(f"train: {problem}", file=sys.stderr)
        return 1
    _write(options.out, site, device, trained, models is not None)
    return 0


def keep(models: Collection[Document], trained: Trained, master: bytes) -> None:
    """Store the model for the cloud's own judging and the dashboard. Raises PyMongoError."""
    models.replace_one({"_id": trained.model.model_id}, document(trained, master), upsert=True)


def document(trained: Trained, master: bytes) -> Document:
    """A model as `models` holds it, all but its `_id`."""
    return {
        "site": trained.report["site"],
        "device": trained.report["device"],
        "created": trained.report["created"],
        "bundle": trained.bundle,
        "cloud": trained.model.dumps(master),
        "report": trained.report,
        "png": trained.png,
    }


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cloud train", description=__doc__)
    parser.add_argument("--device", help="C001 or site/C001: whose key the model is made under")
    parser.add_argument(
        "--csv", type=Path, nargs="+", metavar="FILE", help="learn from these instead of the database"
    )
    description.add_options(parser, device="--csv-device")
    parser.add_argument("--days", type=float, default=30.0, help="how far back to learn from (default 30)")
    parser.add_argument("--budget", type=float, default=1.0, help="false mails a week, in all (default 1)")
    parser.add_argument("--out", type=Path, default=FOLDER, help=f"folder for the model (default {FOLDER})")
    options = parser.parse_args(argv)
    if not options.device and not options.csv:
        parser.error("which board? --device C001, or --csv FILE")
    if not 0 < options.budget <= 100:
        parser.error("--budget must be above 0 and at most 100 mails a week")
    return options


def _stored(reader: Reader, site: str, device: str, days: float) -> Columns:
    start = time.time() - days * DAY
    readings = reader.readings(site, device, start=start)
    if not len(readings):
        raise HistoryError(f"no readings of {site}/{device} in the last {days:g} days are stored")
    # A board goes on measuring while it is silent: those readings are good.
    faults = [
        each
        for each in reader.episodes(site, device, start=start, limit=MOST)
        if each.label == "real" and each.kind not in ("silence", "flood")
    ]
    normal = outside(readings.ts, faults)
    if faults:
        print(f"{int((~normal).sum())} readings of {len(faults)} episodes marked as real are left out")
    return readings.ts[normal], readings.t[normal], readings.h[normal]


def outside(ts: Floats, episodes: Iterable[Episode]) -> NDArray[np.bool_]:
    """bool[n]: which of `ts` (Unix s) lie in none of `episodes`, from first to last abnormal reading."""
    mask = np.ones(len(ts), np.bool_)
    for each in episodes:
        mask &= (ts < each.opened) | (ts > each.last)
    return mask


def _recorded(options: argparse.Namespace) -> Columns:
    """All files as one history, by time. Of several devices in a file: the board's own, or --csv-device."""
    wanted = description.of(options, device="--csv-device" if options.device else "--device")
    if wanted.device is None:
        wanted = replace(wanted, device=options.device)
    files = []
    for path in options.csv:
        recorded = recording.read(path, wanted)
        print("".join(f"{path}: {line}\n" for line in recorded.notes), end="")
        files.append(recorded)
    ts, t, h = (np.concatenate([getattr(each, name) for each in files]) for name in ("ts", "t", "h"))
    order = np.argsort(ts, kind="stable")
    return ts[order], t[order], h[order]


def _write(folder: Path, site: str, device: str, trained: Trained, stored: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{site}-{device}-{trained.model.model_id}"
    bundle, picture = folder / f"{stem}.bin", folder / f"{stem}.png"
    bundle.write_bytes(trained.bundle)
    picture.write_bytes(trained.png)
    print("\n".join(report.lines(trained.report)))
    print(f"  picture        {picture}" + ("; also on the dashboard's page of models" if stored else ""))
    over_the_air = f"python -m cloud model {site}/{device} {trained.model.model_id}, or by cable "
    print(f"  next           {over_the_air if stored else ''}make model DEVICE={device} BUNDLE={bundle}")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<60}" if text else f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)

"""`python -m cloud learn C001`: what answers change in a board's model, or with `--anew` a new model.

It is tried beside the running one and, if it passes, kept as the board's next model. The backend
runs this by itself, in a process of its own.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pymongo.database import Database

from cloud import settings
from cloud.contract.keys import device_key
from cloud.learning.answers import Span
from cloud.learning.book import HARMLESS, KEPT, READY, REFUSED, Book
from cloud.learning.comparison import Comparison, changed
from cloud.learning.known import Known
from cloud.read.reader import Reader, UnknownBoard
from cloud.store import database
from cloud.store.database import Board, Document
from cloud.training import report
from cloud.training.fit import train
from cloud.training.forest.twin import CloudModel, ModelRefused
from cloud.training.history import DAY, Floats, HistoryError, history
from cloud.training.train_command import ENV_FILE, MOST, outside
from cloud.updates.wanted import Wanted
from device.judge.excursion import Stays

DAYS = 30.0
PACE = 60  # readings in a row; their mean step without pauses is their period


def main(argv: Sequence[str]) -> int:
    """0 = the board was looked at, 1 = it could not be. Raises SettingsError and PyMongoError."""
    options = _options(argv)
    try:
        known = settings.read(settings.database, os.environ, ENV_FILE)
        master = settings.read(settings.master_key, os.environ, ENV_FILE)
        connected = database.connect(known.uri, known.name, timeout=60)
        board = Reader(connected).board(options.device)
        learned = learn(connected, master, board, anew=options.anew, now=time.time())
    except (UnknownBoard, HistoryError) as problem:
        print(f"learn: {problem}", file=sys.stderr)
        return 1
    print(status(board, learned))
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cloud learn", description=__doc__)
    parser.add_argument("device", help="C001 or site/C001")
    parser.add_argument("--anew", action="store_true", help="train on the history, not only raise thresholds")
    return parser.parse_args(argv)


def learn(connected: Database[Document], master: bytes, board: Board, *, anew: bool, now: float) -> Document:
    """Try for a next model and note the result. Raises HistoryError, PyMongoError."""
    book, reader = Book(connected), Reader(connected)
    noted: Document = {"at": now, "said": book.harmless_answers().get(board, 0)}
    running = _running(connected, master, board)
    anew = anew or running is None
    if anew:
        noted["tried"] = now
    try:
        noted |= _learned(reader, master, board, running, anew=anew, now=now)
    except HistoryError as problem:
        book.put(board, {**noted, "state": KEPT, "why": str(problem), "model": None})
        raise
    book.put(board, noted)
    return noted


@dataclass(frozen=True)
class Running:
    """The model that the board has, or should have."""

    id: str
    known: Known
    document: Document
    trained: Known  # the model that answers began to change


def _running(connected: Database[Document], master: bytes, board: Board) -> Running | None:
    wanted = Wanted(connected).of([board]).get(board, {}).get("want", {}).get("model")
    key = {"_id": "/".join(board)}
    latest = connected["latest"].find_one(key, {"state.model": 1, "reading.model": 1}) or {}
    runs = latest.get("reading", {}).get("model") or latest.get("state", {}).get("model")
    for name in (wanted, runs):
        document = name and connected["models"].find_one({"_id": name})
        if document:
            known = _known(document, master)
            origin = connected["models"].find_one({"_id": document.get("report", {}).get("origin")})
            if known is not None:
                return Running(name, known, document, (origin and _known(origin, master)) or known)
    return None


def _known(document: Document, master: bytes) -> Known | None:
    try:
        model = CloudModel.loads(bytes(document["cloud"]), master)
    except ModelRefused:
        return None
    return Known.of(bytes(document["bundle"]), model)


def _learned(
    reader: Reader, master: bytes, board: Board, running: Running | None, *, anew: bool, now: float
) -> Document:
    start = now - DAYS * DAY
    readings = reader.readings(*board, start=start)
    if not len(readings):
        raise HistoryError(f"no readings of {'/'.join(board)} in the last {DAYS:g} days are stored")
    dated = ~np.isnan(readings.ts)
    ts, t, h = (column[dated] for column in (readings.ts, readings.t, readings.h))
    lately = slice(same_pace(ts), None)
    ts, t, h = ts[lately], t[lately], h[lately]
    spoken = [
        episode
        for episode in reader.episodes(*board, start=start, limit=MOST)
        if episode.kind == "anomaly" and episode.label in (HARMLESS, "real")
    ]
    past = history(ts, t, h)
    harmless, faults = (
        [Span(each.id, each.opened, each.last) for each in spoken if each.label == label]
        for label in (HARMLESS, "real")
    )
    comparison = Comparison(past, harmless, faults)
    key = device_key(master, *board)
    if not anew and running is not None:
        before = comparison.outcome_of(running.known)
        least = comparison.recall(running.trained)
        new, after = comparison.taught(running.known, before, least)
        result = comparison.result(running.known, before, new, after, least)
        if new.sections == running.known.sections or not result.quieter:
            return {"state": KEPT, "base": running.id, "model": None, "result": result.document()}
        last = running.document["report"]
        text = {**last, "origin": last.get("origin", running.id), "raised": list(result.raised)}
        png = running.document.get("png")
    else:
        normal = outside(ts, [episode for episode in spoken if episode.label == "real"])
        trained = train(*board, key, ts[normal], t[normal], h[normal])
        fresh = Known.of(trained.bundle, trained.model)
        new, after = comparison.taught(fresh, comparison.outcome_of(fresh))
        old = running.known if running else fresh
        result = comparison.result(old, comparison.outcome_of(old), new, after, anew=True)
        text, png = {**trained.report, "raised": changed(fresh, new)}, trained.png
    stays = Stays(new.plant[b"EXCR"]) if b"EXCR" in new.plant else None
    text |= report.numbers(new.values, new.threshold, stays, past.period) | {"created": time.time()}
    blob, model = new.packed(key, {**report.meta(text), "answers": result.silent})
    kept: Document = {
        "state": READY if result.passed else REFUSED,
        "base": running.id if running else None,
        "model": model.model_id,
        "raised": text["raised"],
        "result": result.document(),
    }
    if result.passed:
        text |= {"model": model.model_id, "bytes": len(blob)}
        kept["candidate"] = {"bundle": blob, "cloud": model.dumps(master), "report": text, "png": png}
    return kept


def same_pace(ts: Floats) -> int:
    """The first of the newest readings with one period: after another period detectors judge differently.

    `ts`: Unix s, in order.
    """
    steps = np.diff(ts)
    whole = len(steps) // PACE * PACE
    if not whole:
        return 0
    blocks = np.maximum(steps[len(steps) - whole :].reshape(-1, PACE), 1e-3)
    pauses = 4 * np.median(np.maximum(blocks, 0.5), axis=1, keepdims=True)  # dates are whole seconds
    periods = np.minimum(blocks, pauses).mean(axis=1)
    other = np.flatnonzero((periods > 2 * periods[-1]) | (periods < periods[-1] / 2))
    return len(steps) - whole + (int(other[-1]) + 1) * PACE if len(other) else 0


def status(board: Board, noted: Document) -> str:
    """The result of a try, in a line for a log."""
    name, result = "/".join(board), noted.get("result") or {}
    if noted["state"] == KEPT:
        return f"{name} keeps its model: no threshold can be raised without missing a fault, or none need be"
    detail = (
        f"{result['mails_before']} -> {result['mails']} mails in {result['days']} days, "
        f"{result['recall_before']} -> {result['recall']} of {result['faults']} faults found, "
        f"{result['silent']} of {result['harmless']} harmless ones silent, "
        f"{result['found']} of {result['real']} real ones found"
    )
    if noted["state"] == REFUSED:
        reasons = ", ".join(result["reasons"])
        return f"{name} keeps its model: {noted['model']} is refused ({reasons}): {detail}"
    raised = f"; raised: {', '.join(noted['raised'])}" if noted["raised"] else ""
    return f"{name} has a next model, {noted['model']}: {detail}{raised}"

"""Reading back what is stored: one way for the dashboard, the export and the audit, open or sealed.

    reader = Reader(cloud.store.database.connect(uri, "vigie"))
    day = reader.readings("demo", "C001", start=now - 86400)
    day.ts, day.t, day.abnormal

Everything here only reads; it needs no key and no broker.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from pymongo.database import Database

from cloud.contract.messages import SIBLINGS, UNKNOWN, abnormal_bits
from cloud.process.alone import Alone
from cloud.read.rows import (
    HOUR,
    Alert,
    Episode,
    FleetSummary,
    Floats,
    Latest,
    Readings,
    Spans,
    episode_row,
    latest_row,
)
from cloud.read.unpacked import StreamColumns, to_readings
from cloud.store.agreement import Agreement, KnownUnits, Sums, counted
from cloud.store.database import OPEN, SEALED, Document, device_id
from cloud.store.packing import SIZE, Packed
from cloud.store.sealing import Damaged, packed_of

log = logging.getLogger("reader")

REASONS = 5  # of a stream's quarantine that an audit names
LAST_HOUR = 9_999_999
Row = TypeVar("Row")


class UnknownBoard(LookupError):
    """No board has this name, or more than one; `str()` says which boards there are."""


def is_called(site: str, device: str, name: str) -> bool:
    """Whether a person may mean this board by `name`: "site/device" or "device"."""
    return name in (device, f"{site}/{device}")


class Reader:
    """Questions to the database. Raises pymongo.errors.PyMongoError when the database does not answer.

    A document that cannot be read, damaged or by another version, is left out, logged and counted: it hides
    no other board.
    """

    def __init__(self, database: Database[Document]) -> None:
        self.database = database
        self._units = KnownUnits(database)
        self._alone = Alone(log)

    def devices(self) -> list[tuple[str, str]]:
        """(site, device) of every board that ever sent something, sorted."""
        named = {"site": {"$type": "string"}, "device": {"$type": "string"}}
        documents = self.database["latest"].find(named, {"site": 1, "device": 1})
        return sorted((document["site"], document["device"]) for document in documents)

    def named(self, name: str | None) -> list[tuple[str, str]]:
        """(site, device) of each board that `name` means: "site/device", "device", or None for all.

        Raises UnknownBoard.
        """
        known = self.devices()
        boards = [pair for pair in known if name is None or is_called(*pair, name)]
        if boards:
            return boards
        if name is None:
            raise UnknownBoard("no readings of any board are stored yet")
        names = ", ".join("/".join(pair) for pair in known)
        others = f"; there are {names}" if known else ", nor of any other board"
        raise UnknownBoard(f"no readings of {name} are stored{others}")

    def board(self, name: str) -> tuple[str, str]:
        """(site, device) of the one board that "site/device" or "device" means. Raises UnknownBoard."""
        boards = self.named(name)
        if len(boards) > 1:
            sites = ", ".join(site for site, _ in boards)
            raise UnknownBoard(f"{name} is at {sites}: say SITE/{name}")
        return boards[0]

    def readings(
        self,
        site: str,
        device: str,
        *,
        start: float | None = None,
        end: float | None = None,
        stream: str | None = None,
    ) -> Readings:
        """All readings with start <= ts < end (Unix seconds; None = no bound), open and sealed alike.

        An undated reading is included when the dated reading before it (or else after it) is inside.
        """
        buckets_of: dict[str, list[tuple[Document, Packed]]] = defaultdict(list)
        for document in self._touching(site, device, start, end):
            name = document["_id"].split("/")[2]
            if stream is None or name == stream:
                try:
                    packed = packed_of(document)
                except Damaged as problem:
                    log.warning("%s: its readings are left out", problem)
                else:
                    buckets_of[name].append((document, packed))
        parts = [
            StreamColumns.of(name, sorted(buckets, key=lambda pair: str(pair[0]["_id"])))
            for name, buckets in buckets_of.items()
        ]
        made = to_readings(site, device, parts, start, end)
        if (made.edge_flags & UNKNOWN).any():  # a newer board set these, and its state says what they mean
            asked = {"state.abnormal": 1}
            latest = self.database["latest"].find_one({"_id": device_id(site, device)}, asked) or {}
            made = replace(made, mask=abnormal_bits(latest.get("state", {}).get("abnormal")))
        return self._beside_siblings(made)

    def _beside_siblings(self, made: Readings) -> Readings:
        """The readings with the cloud's flag SIBLINGS where the board was away from its siblings."""
        asked = {"stretches": 1, "away.since": 1}
        known = self.database["siblings"].find_one({"_id": device_id(made.site, made.device)}, asked) or {}
        stretches = self._alone(f"stretches of {made.site}/{made.device}", lambda: _stretches(known))
        if not stretches or not len(made):
            return made
        away = np.any([(made.ts >= begin) & (made.ts < end) for begin, end in stretches], axis=0)
        return replace(made, cloud_flags=np.where(away, made.cloud_flags | SIBLINGS, made.cloud_flags))

    def hours(self, site: str, device: str, *, start: float | None = None, end: float | None = None) -> Spans:
        """Hours of [start, end) whose readings are gone because the storage quota was near."""
        owner = device_id(site, device)
        low = 0 if start is None else max(0, int(start // HOUR))
        high = LAST_HOUR if end is None else int(-(-end // HOUR))
        query = {"_id": {"$gte": f"{owner}/{low:07d}", "$lt": f"{owner}/{high:07d}"}}
        documents = list(self.database["hourly"].find(query).sort("_id", 1))

        def column(name: str) -> Floats:
            return np.array([row.get(name) for row in documents], np.float64)  # None becomes NaN

        begin, count = column("h"), column("n")
        values = []
        for quantity in ("t", "h"):
            least, total, greatest = (column(f"{quantity}_{name}") / 100 for name in ("min", "sum", "max"))
            values += [least, total / np.maximum(count, 1), greatest]
        return Spans(begin, begin + HOUR, count, count, column("e"), np.full(len(count), np.nan), *values)

    def stored(self, site: str, device: str) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
        """(stream, its stored seqs in ascending order) for each stream of a device."""
        seqs: dict[str, list[npt.NDArray[np.int64]]] = defaultdict(list)
        owner = device_id(site, device)
        query = {"_id": {"$gt": f"{owner}/", "$lt": f"{owner}0"}}  # "0" follows "/"
        for document in self.database["buckets"].find(query, {"k": 1, "r": 1}).sort("_id", 1):
            name, number = document["_id"].split("/")[2:]
            present = [np.arange(first, last + 1) for first, last in document.get("k", [])]
            present.append(np.array([int(position) for position in document.get("r", {})], np.int64))
            seqs[name].append(np.unique(np.concatenate(present)) + int(number) * SIZE)
        for name, parts in sorted(seqs.items()):
            yield name, np.concatenate(parts)

    def streams(self, site: str, device: str) -> dict[str, Document]:
        """What else is known of a device's streams.

        `dropped` runs, and by cause `dropped_why`; `quarantined` seqs, `conflicts`; `floor`.
        """
        return {
            document["stream"]: document
            for document in self.database["streams"].find({"d": device_id(site, device)})
        }

    def reasons(self, site: str, device: str, stream: str) -> tuple[str, ...]:
        """Why readings of a stream are in quarantine, as far back as the quarantine reaches."""
        query = {"site": site, "device": device, "stream": stream}
        return tuple(sorted(self.database["quarantine"].distinct("reason", query))[:REASONS])

    def latest(self) -> list[Latest]:
        """One for each device, sorted by site and device."""
        return self._rows("what is newest of", self.database["latest"].find().sort("_id", 1), latest_row)

    def episodes(
        self,
        site: str | None = None,
        device: str | None = None,
        *,
        start: float | None = None,
        end: float | None = None,
        open_only: bool = False,
        limit: int = 200,
    ) -> list[Episode]:
        """Episodes that touch [start, end), newest first."""
        query = _of_device(site, device)
        if open_only:
            query["closed"] = None
        elif start is not None:
            query["$or"] = [{"closed": None}, {"closed": {"$gte": start}}]
        if end is not None:
            query["opened"] = {"$lt": end}
        documents = list(self.database["episodes"].find(query).sort("opened", -1).limit(limit))
        about = {"episodes": {"$in": [e["_id"] for e in documents]}}
        alerts = self.database["alerts"].find(about, {"state": 1, "episodes": 1}).sort("created", 1)
        states = {name: alert["state"] for alert in alerts for name in alert["episodes"]}
        dated = {**about, "at": {"$type": ["double", "int", "long"]}}  # and no decimal
        clicks = self.database["acknowledgements"].find(dated, {"episodes": 1, "at": 1}).sort("at", 1)
        acknowledged = {name: click["at"] for click in clicks for name in click["episodes"]}
        wanted = {"episodes": 1, "label": 1, "cause": 1, "note": 1}
        labelled = self.database["labels"].find(about, wanted).sort("at", 1)
        labels = {name: click for click in labelled for name in click["episodes"]}
        about_them = {"alerts": states, "acknowledged": acknowledged, "labels": labels}
        return self._rows("episode", documents, partial(episode_row, **about_them))

    def mails(self, site: str, device: str, start: float, end: float) -> int:
        """How many mails of [start, end) told of something that was going on with this board."""
        owner = device_id(site, device)
        mine = {"$gt": f"{owner}/", "$lt": f"{owner}0"}  # "0" follows "/"
        mailed = {"episodes": {"$elemMatch": mine}, "created": {"$gte": start, "$lt": end}}
        return self.database["alerts"].count_documents({**mailed, "kind": {"$ne": "digest"}})

    def undelivered(self, *, limit: int = 50) -> list[Alert]:
        """The newest mails that did not go out, or perhaps did not, newest first; `error` says why."""
        stuck = {"state": "pending", "error": {"$ne": None}}
        query = {"$or": [{"state": {"$in": ["failed", "unknown"]}}, stuck]}
        mails = self.database["alerts"].find(query, {"text": 0, "letter": 0}).sort("created", -1).limit(limit)
        return self._rows("mail", mails, partial(msgspec.convert, type=Alert))

    def _rows(self, what: str, documents: Iterable[Document], row: Callable[[Document], Row]) -> list[Row]:
        return list(self._alone.of(documents, what, row).values())

    def agreement(self, site: str | None = None, device: str | None = None) -> list[Agreement]:
        """One for each device and model, over all buckets."""
        query = _of_device(site, device)
        buckets = self.database["buckets"]
        sums = Sums()
        sealed = {**query, "p": {"$exists": True}, "r": {"$exists": False}}
        for bucket in buckets.find(sealed, {"d": 1, "g": 1, "s": 1, "x": 1}, hint=SEALED):
            sums.add(bucket)
        for bucket in buckets.find({**query, "r": {"$exists": True}}, hint=OPEN):
            try:
                record = packed_of(bucket).record
            except Damaged:
                continue  # the sealer logs it
            sums.add({"d": bucket["d"], **counted(record, self._units.of(record))})
        return sums.agreements()

    def model(self, site: str, device: str, model: str | None = None) -> Document | None:
        """A model's document without its binaries: `model` (8 hex digits), or the newest; None = none yet."""
        without = {"bundle": 0, "cloud": 0, "png": 0}
        wanted: Document = {"site": site, "device": device, "created": {"$type": "number"}}
        wanted |= {"_id": model} if model else {}
        return self.database["models"].find_one(wanted, without, sort=[("created", -1)])

    def summary(self) -> FleetSummary:
        """The fleet in a few numbers."""
        opened = {"$size": {"$objectToArray": {"$ifNull": ["$r", {}]}}}
        # A re-opened bucket counts both: what is sealed in it never stands in `r` again.
        total = {"$group": {"_id": None, "n": {"$sum": {"$add": [{"$ifNull": ["$n", 0]}, opened]}}}}
        counted = list(self.database["buckets"].aggregate([total]))
        alerts = self.database["alerts"].aggregate([{"$group": {"_id": "$state", "n": {"$sum": 1}}}])
        return FleetSummary(
            readings=counted[0]["n"] if counted else 0,
            quarantined=self.database["quarantine"].estimated_document_count(),
            alerts={alert["_id"]: alert["n"] for alert in alerts},
        )

    def backend_seen(self) -> float | None:
        """Unix seconds of the backend's last sign of life; None = it has never run."""
        lease = self.database["lease"].find_one({"_id": "watch", "at": {"$type": "date"}}, {"at": 1})
        return lease["at"].timestamp() if lease else None

    def quarantine(self, *, limit: int = 50) -> list[Document]:
        """The newest refused messages and readings, newest first, without their content."""
        documents = self.database["quarantine"].find({}, {"content": 0}).sort("at", -1).limit(limit)
        return list(documents)

    def _touching(self, site: str, device: str, start: float | None, end: float | None) -> Iterator[Document]:
        """Bucket documents that hold readings of this span, or undated readings between them."""
        buckets = self.database["buckets"]
        low, high = -math.inf if start is None else start, math.inf if end is None else end
        owner = device_id(site, device)
        yield from self._of_either_form({"d": owner, "z": {"$gte": low}, "a": {"$lt": high}})
        for document in self._of_either_form({"d": owner, "z": None}):
            stream = document["_id"].rpartition("/")[0]
            before = {"_id": {"$gt": f"{stream}/", "$lt": document["_id"]}, "z": {"$ne": None}}
            after = {"_id": {"$gt": document["_id"], "$lt": f"{stream}0"}, "z": {"$ne": None}}
            if neighbour := buckets.find_one(before, {"z": 1}, sort=[("_id", -1)]):
                place = neighbour["z"]
            elif neighbour := buckets.find_one(after, {"a": 1}, sort=[("_id", 1)]):
                place = neighbour["a"]
            else:
                place = document["w"]
            if low <= place < high:
                yield document

    def _of_either_form(self, query: Document) -> Iterable[Document]:
        """Asks for open buckets first, so that it misses none that is sealed between the two questions."""
        buckets = self.database["buckets"]
        opened = {"r": {"$exists": True}, "p": {"$exists": False}}
        unsealed = {document["_id"]: document for document in buckets.find({**query, **opened}, hint=OPEN)}
        sealed = buckets.find({**query, "p": {"$exists": True}}, hint=SEALED)
        return {**unsealed, **{document["_id"]: document for document in sealed}}.values()


def _stretches(known: Document) -> list[tuple[float, float]]:
    """When the board was away from its siblings: [begin, end)."""
    stretches = [(float(begin), float(end)) for begin, end in known.get("stretches", ())]
    if known.get("away"):
        stretches.append((float(known["away"]["since"]), math.inf))
    return stretches


def _of_device(site: str | None, device: str | None) -> Document:
    if device is not None and site is not None:
        return {"d": device_id(site, device)}
    return {} if site is None else {"d": {"$gte": f"{site}/", "$lt": f"{site}0"}}  # "0" follows "/"

"""Reading back what is stored: one way for the dashboard, the export and the audit, open or sealed.

    reader = Reader(cloud.store.database.connect(uri, "vigie"))
    day = reader.readings("demo", "C001", start=now - 86400)
    day.ts, day.t, day.abnormal

Everything here only reads; it needs no key and no broker.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from pymongo.database import Database

from cloud.contract.messages import UNKNOWN, abnormal_bits, is_abnormal
from cloud.read.settling import Before
from cloud.store import packing
from cloud.store.agreement import Agreement, KnownUnits, Sums, counted
from cloud.store.database import OPEN, SEALED, Document, device_id
from cloud.store.packing import SIZE, Packed
from cloud.store.sealing import Damaged, packed_of
from device import codes

log = logging.getLogger("reader")

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint16]

HOUR = 3600
REASONS = 5  # of a stream's quarantine that are told
LAST_HOUR = 9_999_999


class UnknownBoard(LookupError):
    """No board, or more than one, has this name; says which there are."""


def is_called(site: str, device: str, name: str) -> bool:
    """Whether a person may mean this board by `name`: "site/device" or "device"."""
    return name in (device, f"{site}/{device}")


@dataclass(frozen=True)
class Readings:
    """Readings of one device as columns of one length, in the order in which they were taken.

    A failed read has NaN in `t` and `h` and its reason in `why`. An undated reading has NaN in `ts` and
    stands between its neighbours by `seq`; `said` is the date that it gave, where that one could not be.
    `missing_before` says how many seqs of the same stream are not stored between the reading before and this
    one (0: no gap): break a curve there.
    """

    site: str
    device: str
    stream: npt.NDArray[np.str_]  # 8 hex digits
    seq: npt.NDArray[np.int64]
    boot: npt.NDArray[np.int64]
    ts: Floats  # Unix seconds, UTC; NaN = undated
    up: npt.NDArray[np.int64]  # seconds since that boot
    t: Floats  # degC, two decimals; NaN = failed read
    h: Floats  # %RH, two decimals; NaN = failed read
    edge_flags: Flags  # the board's verdict: bits of device.codes
    edge_score: Floats  # the board's path-length sum (an integer); NaN = its forest did not run
    cloud_flags: (
        Flags  # the cloud's verdict: the same bits, and TWIN_RAN, TWIN_DIFFERS of cloud.contract.messages
    )
    cloud_score: Floats  # the full forest, 0..1, higher = more abnormal; NaN = no model was known
    why: npt.NDArray[np.object_]  # str, the reason of a failed read; None = good read
    model: npt.NDArray[np.object_]  # str, 8 hex digits: the model the board judged with; None = none
    missing_before: npt.NDArray[np.int64]
    said: Floats  # Unix seconds that an undated reading gave and that could not be; NaN = it gave none
    mask: int = codes.ABNORMAL  # the bits of edge_flags that are abnormal on this board

    def __len__(self) -> int:
        return len(self.seq)

    @property
    def edge_abnormal(self) -> npt.NDArray[np.bool_]:
        """True where the board said abnormal (any detector, or a failed read)."""
        return np.asarray((self.edge_flags & self.mask) > 0)

    @property
    def cloud_abnormal(self) -> npt.NDArray[np.bool_]:
        """True where the cloud said abnormal (its Z-score, full forest or envelope, or a failed read)."""
        return np.asarray((self.cloud_flags & codes.ABNORMAL) > 0)


@dataclass(frozen=True)
class Hours:
    """Hours of one device as columns of one length, oldest first: what is left of its oldest readings."""

    site: str
    device: str
    begin: Floats  # Unix seconds
    readings: npt.NDArray[np.int64]  # good ones
    abnormal: npt.NDArray[np.int64]  # by the board's verdict
    t_min: Floats  # degC; NaN = no good reading
    t_mean: Floats
    t_max: Floats
    h_min: Floats  # %RH
    h_mean: Floats
    h_max: Floats

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True)
class Latest:
    """What is known of one device now: its newest reading and its last `state` message."""

    site: str
    device: str
    received: float  # Unix seconds when the cloud last stored something of it
    stream: str | None = None
    seq: int | None = None
    boot: int | None = None
    ts: float | None = None  # None = undated
    said: float | None = None  # the date that an undated reading gave, and that could not be
    t: float | None = None  # degC; None = failed read
    h: float | None = None  # %RH
    edge_flags: int = 0
    edge_score: int | None = None
    cloud_flags: int = 0
    cloud_score: float | None = None
    why: str | None = None
    model: str | None = None  # 8 hex digits, the model the board judged with
    period: float | None = None  # seconds between its last two readings; None = not yet known
    online: bool | None = None  # a sleeping board is; None = no `state` was ever seen
    state: Document = field(
        default_factory=dict
    )  # the whole `state` message: version, dropped, counts, learning, …
    authentic: bool = False  # it signs what it says: it has sent version 2 of the contract

    @property
    def abnormal(self) -> bool:
        """Whether its newest reading is, to the board or to the cloud."""
        bits = abnormal_bits(self.state.get("abnormal"))
        return is_abnormal(self.edge_flags, bits) or is_abnormal(self.cloud_flags)


@dataclass(frozen=True)
class Episode:
    """A run of abnormal readings. `closed` is None while it goes on."""

    id: str
    site: str
    device: str
    opened: float  # Unix seconds of the first abnormal reading
    closed: float | None  # Unix seconds of the last abnormal reading, once it is over
    last: float  # Unix seconds of the newest abnormal reading
    severity: str  # "warning" | "severe"
    abnormal: int  # abnormal readings in it
    edge_flags: int  # union of what the board's detectors said
    cloud_flags: int  # union of what the cloud said
    agreed: int  # of `abnormal`, those that the cloud calls abnormal too
    late: bool  # it was over before the cloud heard of it
    t_min: float | None = None  # degC, over its abnormal readings
    t_max: float | None = None
    h_min: float | None = None
    h_max: float | None = None
    why: str | None = None  # reason of the last failed read in it; of silence: offline, silent, overslept
    kind: str = "anomaly"  # "anomaly", "sensor", "silence", "claim", "flood"
    alert: str | None = (
        None  # state of its e-mail: pending, sending, sent, failed, unknown; None = no mail was due
    )
    acknowledged: float | None = None  # Unix seconds when somebody last said that they have seen it
    label: str | None = None  # what a person last said of it: real, false
    before: Before | None = None  # where the values lay before it (cloud.read.settling); None = not known

    @property
    def of_readings(self) -> bool:
        """Whether abnormal readings made it; the others are about the board itself."""
        return self.kind in ("anomaly", "sensor")


@dataclass(frozen=True)
class Alert:
    """One mail: what became of it, and why it did not go out."""

    id: str
    episodes: tuple[str, ...]
    kind: str  # opening, worse, together, reminder, escalation, budget, digest
    state: str  # pending, sending, sent, failed, unknown
    created: float  # Unix seconds
    due: float  # Unix seconds of the next try, while pending
    subject: str
    to: tuple[str, ...]
    tries: int
    error: str | None  # of the last try


@dataclass(frozen=True)
class Summary:
    """The fleet in a few numbers."""

    devices: int
    online: int
    readings: int  # stored, all streams
    open_episodes: int
    quarantined: int
    alerts: dict[str, int] = field(default_factory=dict)  # state -> how many
    backend_seen: float | None = None  # Unix seconds of the backend's last sign of life


class Reader:
    """Questions to the database. Raises pymongo.errors.PyMongoError when it cannot be asked."""

    def __init__(self, database: Database[Document]) -> None:
        self.database = database
        self._units = KnownUnits(database)

    def devices(self) -> list[tuple[str, str]]:
        """(site, device) of all that ever sent something, sorted."""
        found = self.database["latest"].find({}, {"site": 1, "device": 1})
        return sorted((document["site"], document["device"]) for document in found)

    def named(self, name: str | None) -> list[tuple[str, str]]:
        """(site, device) of each that "site/device" or "device" means; None: of all. Raises UnknownBoard."""
        known = self.devices()
        found = [pair for pair in known if name is None or is_called(*pair, name)]
        if found:
            return found
        if name is None:
            raise UnknownBoard("no readings of any board are stored yet")
        names = ", ".join("/".join(pair) for pair in known)
        others = f"; there are {names}" if known else ", nor of any other board"
        raise UnknownBoard(f"no readings of {name} are stored{others}")

    def board(self, name: str) -> tuple[str, str]:
        """(site, device) of the one that "site/device" or "device" means. Raises UnknownBoard."""
        found = self.named(name)
        if len(found) > 1:
            sites = ", ".join(site for site, _ in found)
            raise UnknownBoard(f"{name} is at {sites}: say SITE/{name}")
        return found[0]

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

        Undated readings come along when the dated reading before them (or else after them) is inside.
        """
        found: dict[str, list[tuple[Document, Packed]]] = defaultdict(list)
        for document in self._touching(site, device, start, end):
            name = document["_id"].split("/")[2]
            if stream is None or name == stream:
                try:
                    packed = packed_of(document)
                except Damaged as problem:
                    log.warning("%s: its readings are left out", problem)
                else:
                    found[name].append((document, packed))
        parts = [
            _Part.of(name, sorted(buckets, key=lambda pair: str(pair[0]["_id"])))
            for name, buckets in found.items()
        ]
        made = _columns(site, device, parts, start, end)
        if (made.edge_flags & UNKNOWN).any():  # of a newer board, which says what they mean
            asked = {"state.abnormal": 1}
            told = self.database["latest"].find_one({"_id": device_id(site, device)}, asked) or {}
            made = replace(made, mask=abnormal_bits(told.get("state", {}).get("abnormal")))
        return made

    def hours(self, site: str, device: str, *, start: float | None = None, end: float | None = None) -> Hours:
        """Hours of [start, end) whose readings are gone because the storage quota was near."""
        owner = device_id(site, device)
        low = 0 if start is None else max(0, int(start // HOUR))
        high = LAST_HOUR if end is None else int(-(-end // HOUR))
        query = {"_id": {"$gte": f"{owner}/{low:07d}", "$lt": f"{owner}/{high:07d}"}}
        found = list(self.database["hourly"].find(query).sort("_id", 1))
        columns = {
            name: np.array(
                [np.nan if row.get(name) is None else row[name] / 100 for row in found], np.float64
            )
            for name in ("t_min", "t_sum", "t_max", "h_min", "h_sum", "h_max")
        }
        count = np.array([row["n"] for row in found], np.int64)
        good = np.where(count > 0, count, 1)
        return Hours(
            site=site,
            device=device,
            begin=np.array([row["h"] for row in found], np.float64),
            readings=count,
            abnormal=np.array([row["e"] for row in found], np.int64),
            t_min=columns["t_min"],
            t_mean=columns["t_sum"] / good,
            t_max=columns["t_max"],
            h_min=columns["h_min"],
            h_mean=columns["h_sum"] / good,
            h_max=columns["h_max"],
        )

    def storage(self) -> Document | None:
        """`used`, `quota` (bytes), `level` ("fine", "warning", "reducing"), `at`; None = not yet measured."""
        return self.database["status"].find_one({"_id": "storage"})

    def kept_settings(self) -> Document:
        """What the backend says of its own settings; empty = it has not run yet.

        `retention_days`, `mails_a_day`, `storage_mb` (0 = no limit), `plans` (their names).
        """
        return self.database["status"].find_one({"_id": "settings"}, {"_id": 0}) or {}

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
        for name, found in sorted(seqs.items()):
            yield name, np.concatenate(found)

    def streams(self, site: str, device: str) -> dict[str, Document]:
        """What else is known of a device's streams.

        `dropped` runs, and by cause `dropped_why`; `quarantined` seqs, `conflicts`; `floor`.
        """
        return {
            document["stream"]: document
            for document in self.database["streams"].find({"d": device_id(site, device)})
        }

    def reasons(self, site: str, device: str, stream: str) -> tuple[str, ...]:
        """Why readings of a stream are in quarantine, as far as it reaches back."""
        query = {"site": site, "device": device, "stream": stream}
        return tuple(sorted(self.database["quarantine"].distinct("reason", query))[:REASONS])

    def latest(self) -> list[Latest]:
        """One for each device, sorted by site and device."""
        return [_latest(document) for document in self.database["latest"].find().sort("_id", 1)]

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
        found = list(self.database["episodes"].find(query).sort("opened", -1).limit(limit))
        about = {"episodes": {"$in": [e["_id"] for e in found]}}
        alerts = self.database["alerts"].find(about, {"state": 1, "episodes": 1}).sort("created", 1)
        states = {name: alert["state"] for alert in alerts for name in alert["episodes"]}
        seen = self.database["acknowledgements"].find(about, {"episodes": 1, "at": 1}).sort("at", 1)
        acknowledged = {name: one["at"] for one in seen for name in one["episodes"]}
        said = self.database["labels"].find(about, {"episodes": 1, "label": 1}).sort("at", 1)
        labels = {name: one["label"] for one in said for name in one["episodes"]}
        return [_episode(document, states, acknowledged, labels) for document in found]

    def episode(self, name: str) -> Episode | None:
        """One episode by its id."""
        found = self.database["episodes"].find_one({"_id": name})
        return None if found is None else _episode(found, {}, {}, {})

    def alerts(self, *, limit: int = 50) -> list[Alert]:
        """The newest mails, sent or not, newest first."""
        return self._alerts({}, limit)

    def undelivered(self, *, limit: int = 50) -> list[Alert]:
        """The newest mails that did not go out, or perhaps did not, newest first; `error` says why."""
        stuck = {"state": "pending", "error": {"$ne": None}}
        return self._alerts({"$or": [{"state": {"$in": ["failed", "unknown"]}}, stuck]}, limit)

    def _alerts(self, query: Document, limit: int) -> list[Alert]:
        found = self.database["alerts"].find(query, {"text": 0, "letter": 0}).sort("created", -1).limit(limit)
        return [
            Alert(
                id=alert["_id"],
                episodes=tuple(alert["episodes"]),
                kind=alert["kind"],
                state=alert["state"],
                created=alert["created"],
                due=alert["due"],
                subject=alert["subject"],
                to=tuple(alert["to"]),
                tries=alert["tries"],
                error=alert["error"],
            )
            for alert in found
        ]

    def agreement(
        self, site: str | None = None, device: str | None = None, *, start: float | None = None
    ) -> list[Agreement]:
        """One for each device and model, over all buckets that reach past `start` (None = all)."""
        query = _of_device(site, device)
        if start is not None:
            query["z"] = {"$gte": start}
        buckets = self.database["buckets"]
        sums = Sums()
        sealed = {**query, "p": {"$exists": True}, "r": {"$exists": False}}
        for bucket in buckets.find(sealed, {"d": 1, "g": 1, "s": 1, "x": 1}, hint=SEALED):
            sums.add(bucket)
        for bucket in buckets.find({**query, "r": {"$exists": True}}, hint=OPEN):
            try:
                record = packed_of(bucket).record
            except Damaged:
                continue  # the sealer tells it
            sums.add({"d": bucket["d"], **counted(record, self._units.of(record))})
        return sums.agreements()

    def model(self, site: str, device: str, model: str | None = None) -> Document | None:
        """A model's document without its binaries: `model` (8 hex digits), or the newest; None = none yet."""
        without = {"bundle": 0, "cloud": 0, "png": 0}
        wanted = {"site": site, "device": device} | ({"_id": model} if model else {})
        return self.database["models"].find_one(wanted, without, sort=[("created", -1)])

    def model_picture(self, model: str) -> bytes | None:
        """The PNG that was drawn when this model (8 hex digits) was trained."""
        found = self.database["models"].find_one({"_id": model}, {"png": 1})
        return None if found is None else found.get("png")

    def summary(self) -> Summary:
        """The fleet in a few numbers."""
        opened = {"$size": {"$objectToArray": {"$ifNull": ["$r", {}]}}}
        # A re-opened bucket counts both: what is sealed in it never stands in `r` again.
        total = {"$group": {"_id": None, "n": {"$sum": {"$add": [{"$ifNull": ["$n", 0]}, opened]}}}}
        counted = list(self.database["buckets"].aggregate([total]))
        alerts = self.database["alerts"].aggregate([{"$group": {"_id": "$state", "n": {"$sum": 1}}}])
        return Summary(
            devices=self.database["latest"].count_documents({}),
            online=self.database["latest"].count_documents({"state.state": "online"}),
            readings=counted[0]["n"] if counted else 0,
            open_episodes=self.database["episodes"].count_documents({"closed": None}),
            quarantined=self.database["quarantine"].estimated_document_count(),
            alerts={alert["_id"]: alert["n"] for alert in alerts},
            backend_seen=self.backend_seen(),
        )

    def backend_seen(self) -> float | None:
        """Unix seconds of the backend's last sign of life; None = it was never there."""
        lease = self.database["lease"].find_one({"_id": "watch"}, {"at": 1})
        return lease["at"].timestamp() if lease else None

    def quarantine(self, *, limit: int = 50) -> list[Document]:
        """The newest of what was refused, newest first, without its content."""
        found = self.database["quarantine"].find({}, {"content": 0}).sort("at", -1).limit(limit)
        return list(found)

    def _touching(self, site: str, device: str, start: float | None, end: float | None) -> Iterator[Document]:
        """Bucket documents that hold readings of this span, or undated ones between such."""
        buckets = self.database["buckets"]
        low, high = -math.inf if start is None else start, math.inf if end is None else end
        owner = device_id(site, device)
        yield from self._of_either_form({"d": owner, "z": {"$gte": low}, "a": {"$lt": high}})
        for document in self._of_either_form({"d": owner, "z": None}):
            stream = document["_id"].rpartition("/")[0]
            before = {"_id": {"$gt": f"{stream}/", "$lt": document["_id"]}, "z": {"$ne": None}}
            after = {"_id": {"$gt": document["_id"], "$lt": f"{stream}0"}, "z": {"$ne": None}}
            if found := buckets.find_one(before, {"z": 1}, sort=[("_id", -1)]):
                place = found["z"]
            elif found := buckets.find_one(after, {"a": 1}, sort=[("_id", 1)]):
                place = found["a"]
            else:
                place = document["w"]
            if low <= place < high:
                yield document

    def _of_either_form(self, query: Document) -> Iterable[Document]:
        """Open buckets first: one that is sealed between the two questions must not be missed."""
        buckets = self.database["buckets"]
        opened = {"r": {"$exists": True}, "p": {"$exists": False}}
        found = {document["_id"]: document for document in buckets.find({**query, **opened}, hint=OPEN)}
        sealed = buckets.find({**query, "p": {"$exists": True}}, hint=SEALED)
        return {**found, **{document["_id"]: document for document in sealed}}.values()


@dataclass(frozen=True)
class _Part:
    """Readings of one stream in order, with the time at which each one stands."""

    stream: str
    seq: npt.NDArray[np.int64]
    record: npt.NDArray[Any]
    why: npt.NDArray[np.object_]
    place: Floats

    @classmethod
    def of(cls, stream: str, buckets: list[tuple[Document, Packed]]) -> _Part:
        packed = [packed for _, packed in buckets]
        numbers = [int(bucket["_id"].rpartition("/")[2]) for bucket, _ in buckets]
        seq = np.concatenate([p.position + number * SIZE for p, number in zip(packed, numbers, strict=True)])
        record = np.concatenate([p.record for p in packed])
        dated = np.flatnonzero(record["has"] & packing.DATED)
        if len(dated):
            nearest = np.searchsorted(dated, np.arange(len(seq)), side="right") - 1
            place = record["ts"][dated[np.maximum(nearest, 0)]].astype(np.float64)
        else:
            place = np.full(len(seq), float(buckets[-1][0]["w"]))
        why = np.array([reason for p in packed for reason in p.why], object)
        return cls(stream, seq, record, why, place)


def _columns(site: str, device: str, parts: list[_Part], start: float | None, end: float | None) -> Readings:
    if not parts:
        parts = [
            _Part("", np.zeros(0, np.int64), np.zeros(0, packing.RECORD), np.zeros(0, object), np.zeros(0))
        ]
    place = np.concatenate([part.place for part in parts])
    seq = np.concatenate([part.seq for part in parts])
    rank = np.concatenate([np.full(len(part.seq), k) for k, part in enumerate(parts)])
    missing = np.concatenate([np.diff(part.seq, prepend=part.seq[:1] - 1) - 1 for part in parts])
    inside = np.ones(len(seq), np.bool_)
    if start is not None:
        inside &= place >= start
    if end is not None:
        inside &= place < end
    order = np.lexsort((seq, rank, place))
    order = order[inside[order]]
    record = np.concatenate([part.record for part in parts])[order]
    has = record["has"]

    def where(bit: int, values: npt.NDArray[Any]) -> Floats:
        return np.where(has & bit, values, np.nan)

    return Readings(
        site=site,
        device=device,
        stream=np.array([part.stream for part in parts])[rank[order]],
        seq=seq[order],
        boot=record["boot"].astype(np.int64),
        ts=where(packing.DATED, record["ts"]),
        up=record["up"].astype(np.int64),
        t=where(packing.MEASURED, record["t"] / 100),
        h=where(packing.MEASURED, record["h"] / 100),
        edge_flags=record["edge_flags"].astype(np.uint16),
        edge_score=where(packing.SCORED, record["edge_score"]),
        cloud_flags=record["cloud_flags"].astype(np.uint16),
        cloud_score=where(packing.RESCORED, record["cloud_score"] / packing.CLOUD_SCALE),
        why=np.concatenate([part.why for part in parts])[order],
        model=_models(record),
        missing_before=missing[order],
        said=where(packing.SAID, record["ts"]),
    )


def _models(record: npt.NDArray[Any]) -> npt.NDArray[np.object_]:
    known, which = np.unique(record["model"], return_inverse=True)
    names = np.array([model.ljust(4, b"\0").hex() for model in known.tolist()] or [None], object)
    return np.where(record["has"] & packing.MODELLED, names[which], np.array(None, object))


def _of_device(site: str | None, device: str | None) -> Document:
    if device is not None and site is not None:
        return {"d": device_id(site, device)}
    return {} if site is None else {"d": {"$gte": f"{site}/", "$lt": f"{site}0"}}  # "0" follows "/"


def _latest(document: Document) -> Latest:
    reading = document.get("reading", {})
    state = document.get("state", {})
    return Latest(
        site=document["site"],
        device=document["device"],
        received=document["received"],
        stream=reading.get("stream"),
        seq=reading.get("seq"),
        boot=reading.get("boot"),
        ts=reading.get("ts"),
        said=reading.get("said"),
        t=_hundredths(reading.get("t")),
        h=_hundredths(reading.get("h")),
        edge_flags=reading.get("edge_flags", 0),
        edge_score=reading.get("edge_score"),
        cloud_flags=reading.get("cloud_flags", 0),
        cloud_score=reading.get("cloud_score"),
        why=reading.get("why"),
        model=reading.get("model"),
        period=document.get("period"),
        online=state["state"] != "offline" if "state" in state else None,
        state=state,
        authentic=document.get("contract") == 2,
    )


def _episode(
    document: Document,
    alerts: Mapping[str, str],
    acknowledged: Mapping[str, float],
    labels: Mapping[str, str],
) -> Episode:
    return Episode(
        id=document["_id"],
        site=document["site"],
        device=document["device"],
        opened=document["opened"],
        closed=document["closed"],
        last=document["last"],
        severity=document["severity"],
        abnormal=document["abnormal"],
        edge_flags=document["edge_flags"],
        cloud_flags=document["cloud_flags"],
        agreed=document["agreed"],
        late=document["late"],
        t_min=_hundredths(document["t_min"]),
        t_max=_hundredths(document["t_max"]),
        h_min=_hundredths(document["h_min"]),
        h_max=_hundredths(document["h_max"]),
        why=document["why"],
        kind=document.get("kind", "anomaly"),
        alert=alerts.get(document["_id"]),
        acknowledged=acknowledged.get(document["_id"]),
        label=labels.get(document["_id"]),
        before=document.get("before") and msgspec.convert(document["before"], Before),
    )


def _hundredths(value: int | None) -> float | None:
    return None if value is None else value / 100

"""`python -m cloud backup FILE` and `restore FILE`: all that must not be lost, in one file.

    "VGB1", then gzip of BSON documents, then the SHA-256 (32 bytes) of all before it

The first document says whose it is; one with a collection's name goes before that collection's documents; the
last one counts them. Neither side holds more than a batch in memory. A restore reads the whole file before it
writes anything, and adds: what the database already has stays, so it may be repeated, and it may run beside
boards that send.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo import InsertOne, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from cloud import contract, packing
from cloud.agreement import KnownUnits
from cloud.database import Document
from cloud.packing import SIZE
from cloud.sealing import packed_of, sealing
from cloud.store import DROPPED_RUNS, DUPLICATE_KEY

MAGIC = b"VGB1"
DIGEST = 32
PIECE = 1 << 20  # bytes read at once
MOST = 16 * 1024 * 1024 + 16 * 1024  # bytes of one document: MongoDB's own limit
AT_ONCE, BYTES_AT_ONCE = 200, 4 << 20  # documents written at once: whichever comes first
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
# What lives for the moment only: who watches, what watch has yet to look at, what a minute will measure anew.
PASSING = frozenset({"lease", "events", "status"})

Progress = Callable[[str, int], None]  # collection, documents so far


class Refused(Exception):
    """This file is not restored, and nothing was written."""


class Summary(NamedTuple):
    database: str
    created: float  # Unix s
    counts: dict[str, int]  # documents by collection


class Restored(NamedTuple):
    added: dict[str, int]  # documents by collection that were missing
    joined: int  # documents that both sides had a part of
    kept: int  # documents that the database had already


def backup(
    database: Database[Document], file: Path, progress: Progress = lambda name, count: None
) -> Summary:
    """Write `file`, readable by its owner only; it appears when it is complete. Raises FileExistsError,
    OSError, PyMongoError."""
    if file.exists():
        raise FileExistsError(file)
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    created = time.time()
    stored = database.with_options(codec_options=RAW)
    counts: Counter[str] = Counter()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as plain:
            hashed = _Hashed(plain)
            hashed.write(MAGIC)
            with gzip.GzipFile(fileobj=hashed, mode="wb", filename="", mtime=0) as packed:
                packed.write(bson.encode({"vigie": 1, "database": database.name, "created": created}))
                names = set(database.list_collection_names()) - PASSING
                for name in sorted(names, key=lambda name: (name != "models", name)):  # buckets need models
                    if name.startswith("system."):
                        continue
                    packed.write(bson.encode({"collection": name}))
                    counts[name] = 0
                    for document in stored[name].find().batch_size(AT_ONCE):
                        packed.write(document.raw)
                        counts[name] += 1
                        progress(name, counts[name])
                packed.write(bson.encode({"end": dict(counts)}))
            plain.write(hashed.digest.digest())
            plain.flush()
            os.fsync(plain.fileno())
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Summary(database.name, created, dict(counts))


def read(file: Path) -> Summary:
    """Look through the whole file. Raises Refused when it is foreign or damaged, OSError."""
    with file.open("rb") as plain:
        if plain.read(len(MAGIC)) != MAGIC:
            raise Refused(f"{file} is no backup of Vigie, or one of a newer version")
        size = os.fstat(plain.fileno()).st_size
        digest = hashlib.sha256(MAGIC)
        left = size - len(MAGIC) - DIGEST
        while left > 0 and (piece := plain.read(min(left, PIECE))):
            digest.update(piece)
            left -= len(piece)
        if left or plain.read(DIGEST) != digest.digest():
            raise Refused(f"{file} is damaged or cut short: its checksum is wrong. Take an older one")
    counts: Counter[str] = Counter()
    head: Mapping[str, Any] = {}
    end: Mapping[str, Any] | None = None
    for name, document in _documents(file):
        if name is not None:
            counts[name] += 1
        elif "vigie" in document:
            head = dict(document)
        elif "collection" in document:
            counts[document["collection"]] += 0
        elif "end" in document:
            end = dict(document["end"])
    if head.get("vigie") != 1 or end is None or end != dict(counts):
        raise Refused(f"{file} does not hold what it says: it was written by another version, or is damaged")
    return Summary(str(head["database"]), float(head["created"]), dict(counts))


def restore(
    database: Database[Document], file: Path, progress: Progress = lambda name, count: None
) -> Restored:
    """Add what the database lacks; make its indexes first (cloud.database.prepare). Raises Refused,
    OSError, PyMongoError."""
    read(file)
    added: Counter[str] = Counter()
    joined = kept = 0
    floors = {
        row["_id"]: row["floor"] for row in database["streams"].find({"floor": {"$gt": 0}}, {"floor": 1})
    }
    for name, whole in _batches(file):
        # What expired, or became hourly values, since: it stays gone.
        batch = [one for one in whole if name != "buckets" or _above(one["_id"], floors)]
        kept += len(whole) - len(batch)
        found = _insert(database[name], name, batch)
        added[name] += len(batch) - len(found)
        for document in found:
            join = {"buckets": _join_bucket, "streams": _join_stream}.get(name)
            if join is not None and join(database[name], document):
                joined += 1
            else:
                kept += 1
        progress(name, added[name])
    return Restored(dict(added), joined, kept)


def _insert(collection: Collection[Document], name: str, batch: list[RawBSONDocument]) -> list[Document]:
    """Insert what is not there; returns the documents whose key is taken."""
    if not batch:
        return []
    documents = [_resting(document) if name == "alerts" else document for document in batch]
    try:
        collection.bulk_write([InsertOne(document) for document in documents], ordered=False)  # type: ignore[arg-type]
    except BulkWriteError as problem:
        errors = problem.details["writeErrors"]
        if problem.details["writeConcernErrors"] or any(error["code"] != DUPLICATE_KEY for error in errors):
            raise
        return [bson.decode(batch[error["index"]].raw) for error in errors]
    return []


def _above(bucket: str, floors: Mapping[str, int]) -> bool:
    stream, _, number = bucket.rpartition("/")
    return (int(number) + 1) * SIZE > floors.get(stream, 0)


def _resting(alert: RawBSONDocument) -> Document:
    """A mail that was on its way then is not sent now: nobody knows whether it went out since."""
    document = bson.decode(alert.raw)
    if document.get("state") in ("pending", "sending"):
        reason = "restored from a backup: whether it went out is not known"
        document |= {"state": "unknown", "error": reason, "error_kind": "stopped"}
    return document


def _join_bucket(buckets: Collection[Document], ours: Document) -> bool:
    """Readings that only the backup has join those that are there. False = there were none."""
    while True:
        there = buckets.find_one({"_id": ours["_id"]})
        if there is None:  # expired this moment
            return False
        before = packed_of(there)
        packed = packing.merge(before, packed_of(ours))
        if len(packed.position) == len(before.position):
            return False
        change: Document = sealing(packed, KnownUnits(buckets.database).of(packed.record))
        change["$set"] |= {"w": there["w"]}
        change["$inc"] = {"v": 1}
        change |= {"$min": {"a": ours["a"]}} if "a" in ours else {}
        change |= {"$max": {"z": ours["z"]}} if "z" in ours else {}
        if buckets.update_one({"_id": ours["_id"], "v": there["v"]}, change).modified_count:
            return True


def _join_stream(streams: Collection[Document], ours: Document) -> bool:
    """What is final about a stream stays final: dropped runs, quarantined seqs, the floor."""
    there = streams.find_one({"_id": ours["_id"]}) or {}
    both = [(first, last) for side in (there, ours) for first, last in side.get("dropped") or ()]
    values: Document = {}
    if both:
        values["dropped"] = [list(run) for run in contract.merge_runs(both)][-DROPPED_RUNS:]
    if seqs := {*(there.get("quarantined") or ()), *(ours.get("quarantined") or ())}:
        values["quarantined"] = sorted(seqs)
    if floor := max(there.get("floor") or 0, ours.get("floor") or 0):
        values["floor"] = floor
    if all(there.get(name) == value for name, value in values.items()):
        return False
    streams.bulk_write([UpdateOne({"_id": ours["_id"]}, {"$set": values})])
    return True


def _batches(file: Path) -> Iterator[tuple[str, list[RawBSONDocument]]]:
    """(collection, some of its documents)."""
    current, batch, size = "", list[RawBSONDocument](), 0
    for name, document in _documents(file):
        if batch and (name != current or len(batch) == AT_ONCE or size >= BYTES_AT_ONCE):
            yield current, batch
            batch, size = [], 0
        if name is not None:
            current = name
            batch.append(document)
            size += len(document.raw)
    if batch:
        yield current, batch


def _documents(file: Path) -> Iterator[tuple[str | None, RawBSONDocument]]:
    """(its collection, or None for the file's own, document). Raises Refused."""
    collection: str | None = None
    try:
        with file.open("rb") as plain:
            plain.seek(len(MAGIC))
            inside = _Inside(plain, os.fstat(plain.fileno()).st_size - DIGEST)
            with gzip.GzipFile(fileobj=inside, mode="rb") as packed:  # type: ignore[call-overload]
                while head := packed.read(4):
                    length = struct.unpack("<i", head)[0]
                    if not 5 <= length <= MOST:
                        raise Refused(f"{file} is damaged: a document of {length} bytes")
                    document = RawBSONDocument(head + packed.read(length - 4), RAW)
                    if collection is None or _is_ours(document):
                        yield None, document
                        collection = document.get("collection")
                    else:
                        yield collection, document
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error, BSONError) as problem:
        raise Refused(f"{file} is damaged: {problem}") from problem


def _is_ours(document: RawBSONDocument) -> bool:
    """The file's own marks have no `_id`; every stored document has one."""
    return "_id" not in document


def when(created: float) -> str:
    return f"{datetime.fromtimestamp(created, UTC):%Y-%m-%d %H:%M} UTC"


class _Hashed:
    """Passes on what is written and digests it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class _Inside:
    """A file that ends before its checksum."""

    def __init__(self, file: IO[bytes], end: int) -> None:
        self._file, self._end = file, end

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

"""`python -m cloud backup FILE` and `restore FILE`: everything that must not be lost, in one file.

    "VGB2", then gzip of BSON documents, then a MAC (32 bytes) of all before it

The MAC is HMAC-SHA256 under a key derived from VIGIE_KEY: a restore refuses a file that somebody else wrote
or changed. "VGB1" is the same with a plain SHA-256, which does not prove who wrote the file: a restore takes
it only with --unsigned.

The first document names the database; a document with a collection's name comes before that collection's
documents; the last document counts them. Neither side holds more than a batch in memory. A restore reads the
whole file before it writes anything, and only adds: what the database has stays. So a person may repeat it,
and boards may send meanwhile.
"""

import gzip
import hashlib
import hmac
import os
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from cloud.contract import keys
from cloud.store import packing
from cloud.store.agreement import KnownUnits
from cloud.store.database import COLLECTIONS, Document
from cloud.store.packing import SIZE
from cloud.store.sealing import packed_of, sealing
from cloud.store.update_documents import NAMED_SEQS
from cloud.store.writer import DUPLICATE_KEY, joined_runs

MAGIC, UNSIGNED = b"VGB2", b"VGB1"
MAC = 32
PIECE = 1 << 20  # bytes read at once
MOST = 16 * 1024 * 1024 + 16 * 1024  # bytes of one document: MongoDB's own limit
AT_ONCE, BYTES_AT_ONCE = 200, 4 << 20  # documents written at once: whichever comes first
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
# Not worth saving: who watches now, events that watch has yet to take, values that are measured each minute.
PASSING = frozenset({"lease", "events", "status"})

Progress = Callable[[str, int], None]  # collection, documents so far


class BackupRefused(Exception):
    """This file cannot be restored, and nothing was written. `str()` says why."""


class BackupSummary(NamedTuple):
    database: str
    created: float  # Unix s
    counts: dict[str, int]  # documents by collection


class Restored(NamedTuple):
    added: dict[str, int]  # documents by collection that were missing
    joined: int  # documents that both sides had a part of
    kept: int  # documents that the database had already


def backup(
    database: Database[Document], file: Path, master: bytes, progress: Progress = lambda name, count: None
) -> BackupSummary:
    """Write `file`, signed under `master` and readable only by its owner; it appears once it is complete.

    Raises FileExistsError, OSError, PyMongoError.
    """
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
            hashed = _Signed(plain, keys.backup_key(master))
            hashed.write(MAGIC)
            with gzip.GzipFile(fileobj=hashed, mode="wb", filename="", mtime=0) as packed:
                packed.write(bson.encode({"vigie": 1, "database": database.name, "created": created}))
                names = (COLLECTIONS - PASSING).intersection(database.list_collection_names())
                for name in sorted(names, key=lambda name: (name != "models", name)):  # buckets need models
                    packed.write(bson.encode({"collection": name}))
                    counts[name] = 0
                    for document in stored[name].find().batch_size(AT_ONCE):
                        packed.write(document.raw)
                        counts[name] += 1
                        progress(name, counts[name])
                packed.write(bson.encode({"end": dict(counts)}))
            plain.write(hashed.mac.digest())
            plain.flush()
            os.fsync(plain.fileno())
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return BackupSummary(database.name, created, dict(counts))


def read(file: Path, masters: Sequence[bytes], *, unsigned: bool = False) -> BackupSummary:
    """Check the whole file, which must carry the MAC of one of `masters`.

    `unsigned` also accepts a file of the older kind, which anybody may have written. Raises OSError, and
    BackupRefused when the file is foreign, changed or damaged.
    """
    _check_mac(file, masters, unsigned=unsigned)
    counts: Counter[str] = Counter()
    head: Mapping[str, Any] = {}
    end: Mapping[str, Any] | None = None
    for name, document in _documents(file):
        if name is not None:
            counts[name] += 1
        elif "vigie" in document:
            head = dict(document)
        elif "collection" in document:
            if document["collection"] not in COLLECTIONS:
                raise BackupRefused(f"{file} holds a collection that Vigie does not have")
            counts[document["collection"]] += 0
        elif "end" in document:
            end = dict(document["end"])
    if head.get("vigie") != 1 or end is None or end != dict(counts):
        raise BackupRefused(
            f"{file} does not hold what it says: it was written by another version, or is damaged"
        )
    return BackupSummary(str(head["database"]), float(head["created"]), dict(counts))


def _check_mac(file: Path, masters: Sequence[bytes], *, unsigned: bool) -> None:
    """Raises BackupRefused when no key of `masters` signed `file`."""
    with file.open("rb") as plain:
        magic = plain.read(len(MAGIC))
        if magic == UNSIGNED and not unsigned:
            raise BackupRefused(
                f"{file} was made by an older Vigie that did not sign backups: anybody may have written it; "
                "so add --unsigned only if you know where it comes from"
            )
        if magic not in (MAGIC, UNSIGNED):
            raise BackupRefused(f"{file} is no backup of Vigie, or one of a newer version")
        seals: list[hashlib._Hash | hmac.HMAC] = [hashlib.sha256(magic)] if magic == UNSIGNED else []
        if magic == MAGIC:
            seals += [hmac.new(keys.backup_key(master), magic, "sha256") for master in masters]
        left = os.fstat(plain.fileno()).st_size - len(MAGIC) - MAC
        while left > 0 and (piece := plain.read(min(left, PIECE))):
            for seal in seals:
                seal.update(piece)
            left -= len(piece)
        mac = plain.read(MAC)
        if left or not any(hmac.compare_digest(mac, seal.digest()) for seal in seals):
            raise BackupRefused(
                f"{file} was changed, is damaged or cut short, or was made under another VIGIE_KEY: "
                "take an older one, or set OLD_VIGIE_KEY to the key of that time"
            )


def restore(
    database: Database[Document],
    file: Path,
    masters: Sequence[bytes],
    progress: Progress = lambda name, count: None,
    *,
    unsigned: bool = False,
) -> Restored:
    """Add what the database lacks; make its indexes first (cloud.store.database.prepare). Raises
    BackupRefused, OSError, PyMongoError."""
    read(file, masters, unsigned=unsigned)
    added: Counter[str] = Counter()
    joined = kept = 0
    floors = {
        row["_id"]: row["floor"] for row in database["streams"].find({"floor": {"$gt": 0}}, {"floor": 1})
    }
    for name, whole in _batches(file):
        # Readings that have expired or become hourly values since stay deleted.
        batch = [entry for entry in whole if name != "buckets" or _above(entry["_id"], floors)]
        kept += len(whole) - len(batch)
        present = _insert(database[name], name, batch)
        added[name] += len(batch) - len(present)
        for document in present:
            join = {"buckets": _join_bucket, "streams": _join_stream, "latest": _join_latest}.get(name)
            if join is not None and join(database[name], document):
                joined += 1
            else:
                kept += 1
        progress(name, added[name])
    return Restored(dict(added), joined, kept)


def _insert(collection: Collection[Document], name: str, batch: list[RawBSONDocument]) -> list[Document]:
    """Insert the documents that are missing; returns those whose key is taken."""
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
    """A mail that was waiting at the time of the backup is not sent now: it may have gone out since."""
    document = bson.decode(alert.raw)
    if document.get("state") in ("pending", "sending"):
        reason = "restored from a backup: whether it went out is not known"
        document |= {"state": "unknown", "error": reason, "error_kind": "stopped"}
    return document


def _join_bucket(buckets: Collection[Document], ours: Document) -> bool:
    """Add the readings that only the backup has. False = there were none."""
    while True:
        there = buckets.find_one({"_id": ours["_id"]})
        if there is None:  # it expired this moment
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
    """Join what is final: seqs that were dropped (and why), quarantined, in conflict, past their time.

    False = the database had all of it."""
    there = streams.find_one({"_id": ours["_id"]}) or {}
    causes = [side.get("dropped_why") or {} for side in (there, ours)]
    values = {
        "dropped": joined_runs(there.get("dropped"), ours.get("dropped")),
        "dropped_why": {
            why: joined_runs(*(side.get(why) for side in causes)) for why in {**causes[0], **causes[1]}
        },
        "floor": max(there.get("floor") or 0, ours.get("floor") or 0),
    }
    for name in ("quarantined", "conflicts"):
        values[name] = sorted({*(there.get(name) or ()), *(ours.get(name) or ())})[-NAMED_SEQS:]
    values = {name: value for name, value in values.items() if value}
    if all(there.get(name) == value for name, value in values.items()):
        return False
    streams.bulk_write([UpdateOne({"_id": ours["_id"]}, {"$set": values})])
    return True


def _join_latest(latest: Collection[Document], ours: Document) -> bool:
    """Keep that a board has sent version 2: the backend never believes it in version 1 again."""
    if ours.get("contract") != 2:
        return False
    change = {"$set": {"contract": 2}}
    return latest.update_one({"_id": ours["_id"], "contract": {"$ne": 2}}, change).modified_count > 0


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
    """(collection, or None for the file's own marks; document). Raises BackupRefused."""
    collection: str | None = None
    try:
        with file.open("rb") as plain:
            plain.seek(len(MAGIC))
            inside = _Inside(plain, os.fstat(plain.fileno()).st_size - MAC)
            with gzip.GzipFile(fileobj=inside, mode="rb") as packed:  # type: ignore[call-overload]
                while head := packed.read(4):
                    length = struct.unpack("<i", head)[0]
                    if not 5 <= length <= MOST:
                        raise BackupRefused(f"{file} is damaged: a document of {length} bytes")
                    document = RawBSONDocument(head + packed.read(length - 4), RAW)
                    if collection is None or "_id" not in document:  # every stored document has one
                        yield None, document
                        collection = document.get("collection")
                    else:
                        yield collection, document
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error, BSONError) as problem:
        raise BackupRefused(f"{file} is damaged: {problem}") from problem


class _Signed:
    """Writes to `file` and computes the MAC of what it writes."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        self._file = file
        self.mac = hmac.new(key, digestmod="sha256")

    def write(self, data: bytes) -> int:
        self.mac.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


class _Inside:
    """A file that ends before its MAC."""

    def __init__(self, file: IO[bytes], end: int) -> None:
        self._file, self._end = file, end

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

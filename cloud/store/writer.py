"""Writing: readings into buckets, and beside them what the other parts of the cloud need.

A reading is kept under (stream, seq): the first write of a position wins, open or sealed, in any order, from
any number of workers. Every call may be repeated; it returns only when everything is majority-committed and
journaled.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from pymongo import ReplaceOne, ReturnDocument, UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError, WriteConcernError

from cloud.contract import messages
from cloud.contract.messages import Reading, State
from cloud.store import packing
from cloud.store.claims import Claims, Sign
from cloud.store.database import Document, StreamKey, bucket_id, device_id, stream_id
from cloud.store.entries import NOBODY, PAYLOAD_KEPT, Bucket, Counts, JudgedReading, Quarantined
from cloud.store.events import event_updates, is_abnormal, report
from cloud.store.packing import SIZE
from cloud.store.sealing import opened_of, packed_of
from cloud.store.update_documents import (
    FIELDS,
    NAMES,
    addition,
    contested_update,
    newness,
    remember,
    replace_latest,
)
from device import codes

KNOWN_SECONDS = 60.0  # how long a worker trusts what it knows of floors and of unknown flag bits
QUARANTINE_KEPT = 500  # newest entries of each ring: whoever sends rubbish pushes out only their own
STREAMS_A_DAY = 20  # new ones of a board in 24 hours; a stream is one install, made when a flash is new
STRANGERS_A_DAY = 200  # ... of all boards together that are new to the backend and send no mac
DAY = 86400
DROPPED_RUNS = 1000
CAUSES, OTHER_CAUSE = 8, "other"  # causes of drops kept for each stream; further ones share one name
LAST_KNOWN = 20_000  # buckets of which a worker remembers its last addition
STEADY = 60  # s over which a period is measured
DUPLICATE_KEY = 11000
# `settings` is kept as text, `dropped_why` by stream.
KEPT_OF_STATE = sorted(set(State.__struct_fields__) - {"v", "dropped_why", "settings"})


class Store:
    """All writes of an ingest worker. Raises pymongo.errors.PyMongoError; nothing is acknowledged then."""

    def __init__(self, database: Database[Document], clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock
        self._buckets = database["buckets"]
        self._concern = database.write_concern.document
        self._floors: dict[str, int] = {}
        self._masks: dict[str, int] = {}  # by device: which flag bits are abnormal, where some are unknown
        self._known_until = 0.0
        # By device: its stream, and two readings a minute apart that this worker wrote.
        self._steps: dict[str, tuple[str, Reading, Reading]] = {}
        self._streams: set[StreamKey] = set()  # known to the database
        self._last: dict[str, tuple[int, bytes]] = {}  # by bucket: the last position that was added by us
        self._claims = Claims()

    def write(self, entries: Sequence[JudgedReading]) -> Counts:
        """Store readings. When it returns, each of them may be acknowledged."""
        counts = Counts()
        if not entries:
            return counts
        floors, masks = self._known()
        buckets: dict[str, Bucket] = {}
        conflicts: list[JudgedReading] = []
        # Readings of a message stand together: what they share is looked up once.
        owner, bucket = ("", "", ""), Bucket("", "", "", -1)
        floor, number, mask = 0, -1, codes.ABNORMAL
        for entry in entries:
            reading = entry.reading
            if entry[:3] != owner:
                owner, number = entry[:3], -1
                floor = floors.get(stream_id(*owner), 0)
                mask = masks.get(device_id(*owner[:2]), codes.ABNORMAL)
            if reading.seq < floor:
                counts.expired += 1
                continue
            place, position = divmod(reading.seq, SIZE)
            if place != number:
                number = place
                key = bucket_id(*owner, number)
                bucket = buckets.get(key) or buckets.setdefault(key, Bucket(*owner, number, mask))
            first = bucket.readings.setdefault(position, entry)
            if first is not entry and first.reading.measured != reading.measured:
                conflicts.append(entry)
            else:
                counts.kept += 1
        if buckets:
            now = int(self.clock())
            packed = {key: bucket.packed() for key, bucket in buckets.items()}
            contested = self._add(buckets, packed, now)
            lost, events = self._look_back(buckets, packed, contested)
            conflicts += lost
            counts.kept -= len(lost)
            counts.events = len(events)
            if events:
                self.database["events"].bulk_write(events, ordered=False)
            counts.periods = self._update_latest(buckets, contested)
        if conflicts:
            counts.conflicts = len(conflicts)
            why = "this seq is stored with other sensor values"
            rejected = (Quarantined(*e[:3], e.reading.seq, why, str(e.reading)) for e in conflicts)
            self.quarantine(rejected, known_as="conflicts")
        self._tell_claims(buckets.values(), conflicts)
        return counts

    def quarantine(self, items: Iterable[Quarantined], *, known_as: str = "quarantined") -> None:
        """Put what cannot be stored into quarantine, with the reason, and remember its seqs.

        `known_as`: the field of the stream that remembers them; "conflicts" are seqs that are stored with
        other values. Raises PyMongoError.
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        items = list(items)
        rings = self._rings(items)
        documents: dict[str, list[Document]] = defaultdict(list)
        seqs: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        for item, ring in zip(items, rings, strict=True):
            documents[ring].append({**item._asdict(), "at": now, "content": item.content[:PAYLOAD_KEPT]})
            if item.site and item.device and item.stream and item.seq is not None:
                seqs[item.site, item.device, item.stream].add(item.seq)
        if documents:
            self.database["quarantine"].bulk_write(
                [put for ring, entries in documents.items() for put in self._into_ring(ring, entries)]
            )
        if seqs:
            self.database["streams"].bulk_write(
                [remember(known_as, *key, numbers) for key, numbers in seqs.items()]
            )

    def _rings(self, items: Sequence[Quarantined]) -> list[str]:
        """The ring of each item. A board's readings, which are acknowledged, have another ring than its
        refused messages, which anybody may have sent. Messages under names that were never heard share one
        ring."""
        owners = [
            device_id(item.site, item.device) if item.site and item.device else NOBODY for item in items
        ]
        whole = {owner for owner, item in zip(owners, items, strict=True) if item.seq is None}
        heard = self._heard(whole)
        return [
            owner if item.seq is not None else f"{owner}/refused" if owner in heard else NOBODY
            for owner, item in zip(owners, items, strict=True)
        ]

    def _into_ring(self, ring: str, entries: Sequence[Document]) -> list[ReplaceOne[Document]]:
        """A ring has QUARANTINE_KEPT places; the newest entries take the places of the oldest."""
        counted = self.database["shares"].find_one_and_update(
            {"_id": ring},
            {"$inc": {"quarantined": len(entries)}},
            {"quarantined": 1},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        first = (counted or {}).get("quarantined", 0) - len(entries)
        newest = list(enumerate(entries, first))[-QUARANTINE_KEPT:]
        return [
            ReplaceOne({"_id": f"{ring}/{number % QUARANTINE_KEPT:03d}"}, entry, upsert=True)
            for number, entry in newest
        ]

    def surplus(
        self, streams: Iterable[StreamKey], unsigned: Collection[tuple[str, str]] = ()
    ) -> set[StreamKey]:
        """The new ones of `streams` that are too many for their board today; the others are recorded.

        So made-up streams do not grow the database without end. `unsigned`: the boards (site, device) that
        are believed without a mac. Streams begun in their name never keep out the board itself once it
        signs. Unsigned boards that were never heard before share one number, because anybody can make up
        names.
        """
        unknown = {stream_id(*each): each for each in streams if each not in self._streams}
        if not unknown:
            return set()
        known = self.database["streams"].find({"_id": {"$in": list(unknown)}}, {"_id": 1})
        for document in known:
            self._streams.add(unknown.pop(document["_id"]))
        now = self.clock()
        doubtful = {device_id(*each[:2]) for each in unknown.values() if each[:2] in unsigned}
        strangers = doubtful - self._heard(doubtful)
        left: dict[str, int] = {}
        new: list[UpdateOne] = []
        for key, (site, device, name) in list(unknown.items()):
            owner = device_id(site, device)
            how: Document = {"stranger": True} if owner in strangers else {}
            if owner not in doubtful:
                how = {"signed": True}
            shares = {owner: ({"d": owner, **how}, STREAMS_A_DAY)}
            if owner in strangers:
                shares["strangers"] = (how, STRANGERS_A_DAY)
            for share, (which, most) in shares.items():
                if share not in left:
                    lately = {**which, "since": {"$gt": now - DAY}}
                    left[share] = most - self.database["streams"].count_documents(lately)
            if all(left[share] > 0 for share in shares):
                for share in shares:
                    left[share] -= 1
                whose = {"d": owner, "site": site, "device": device, "stream": name, "since": now, **how}
                new.append(UpdateOne({"_id": key}, {"$setOnInsert": whose}, upsert=True))
                self._streams.add(unknown.pop(key))
        if new:
            self.database["streams"].bulk_write(new, ordered=False)
        if len(self._streams) > LAST_KNOWN:
            self._streams.clear()
        return set(unknown.values())

    def _heard(self, boards: Collection[str]) -> set[str]:
        """Those of `boards` (keys) from which the backend has accepted something before."""
        if not boards:
            return set()
        documents = self.database["latest"].find({"_id": {"$in": list(boards)}}, {"_id": 1})
        return {document["_id"] for document in documents}

    def flood(self, site: str, device: str, why: str, times: float) -> None:
        """Tell `watch` that this board sends too much: "messages", `times` what it may, or "streams"."""
        flood = report("flood", (site, device), self.clock(), why=why, times=times)
        self.database["events"].bulk_write([flood])

    def states(self, states: Sequence[tuple[str, str, State]]) -> None:
        """Keep `state` messages, in their order; thousands come at once when a backend connects.

        `states`: (site, device, state). Readings that a board says it dropped are final from now on.
        Raises PyMongoError.
        """
        for each in states:
            self._add_dropped(*each)
        if states:
            self.database["latest"].bulk_write([self._newer_state(*each) for each in states])

    def _newer_state(self, site: str, device: str, state: State) -> UpdateOne:
        document = {name: msgspec.to_builtins(getattr(state, name)) for name in KEPT_OF_STATE}
        document |= {"at": self.clock(), "settings": state.settings_text}
        if state.state == "offline":  # a last will knows nothing but that: keep what is known of the board
            document = {name: document[name] for name in ("boot", "stream", "state", "at")}
        # The will of an older boot can come after the newer boot is back, and a broker may repeat an old
        # message: neither says anything new. The newest seq on a board's flash only grows.
        this_stream = {"$eq": ["$state.stream", state.stream]}
        same = {"$and": [this_stream, {"$eq": ["$state.boot", state.boot]}]}
        stale: Document = {"$and": [this_stream, {"$gt": ["$state.boot", state.boot]}]}
        repeated: Document = {"$literal": False}
        if state.newest is not None:
            repeated = {"$and": [same, {"$eq": ["$state.newest", state.newest]}]}
            stale = {"$or": [stale, {"$and": [same, {"$gt": ["$state.newest", state.newest]}]}]}
        # A retained message comes again with each connection to the broker: the will, or the state of a
        # sleeping board, is then no new sign of life.
        known: Document = {"$literal": False}
        if state.state in ("offline", "sleeping"):
            waking = [{"$eq": ["$state.next", state.next]}] if state.state == "sleeping" else []
            known = {"$and": [{"$eq": ["$state.state", state.state]}, same, *waking]}
        merged = {"$mergeObjects": ["$state", {"$literal": document}]}
        heard = {
            "$cond": [
                {"$or": [stale, known, repeated]},
                {"$ifNull": ["$received", self.clock()]},
                {"$max": ["$received", self.clock()]},
            ]
        }
        newer = {"$cond": [{"$or": [stale, known]}, "$state", merged]}
        values = {"site": site, "device": device, "received": heard, "state": newer}
        return UpdateOne({"_id": device_id(site, device)}, [{"$set": values}], upsert=True)

    def authentic(self, boards: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of `boards` (site, device) that have sent version 2 of the contract before."""
        asked = {"_id": {"$in": [device_id(*board) for board in boards]}, "contract": 2}
        return {
            (document["site"], document["device"]) for document in self.database["latest"].find(asked, NAMES)
        }

    def remember_authentic(self, boards: Iterable[tuple[str, str]]) -> None:
        """Record that these boards have sent version 2, before anything else of theirs is stored."""
        new = set(boards) - self.authentic(boards)
        updates = []
        for site, device in sorted(new):
            first = {"site": site, "device": device, "received": self.clock()}
            change = {"$set": {"contract": 2}, "$setOnInsert": first}
            updates.append(UpdateOne({"_id": device_id(site, device)}, change, upsert=True))
        if updates:
            self.database["latest"].bulk_write(updates, ordered=False)

    def answers(self) -> bool:
        """Whether the database can be reached now."""
        try:
            self.database.client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def _known(self) -> tuple[dict[str, int], dict[str, int]]:
        """The floors of streams, and the masks of boards that have flag bits which are not known here."""
        now = time.monotonic()
        if now >= self._known_until:
            low = self.database["streams"].find({"floor": {"$gt": 0}}, {"floor": 1})
            self._floors = {document["_id"]: document["floor"] for document in low}
            newer = {"state.abnormal": {"$bitsAnySet": messages.UNKNOWN}}
            self._masks = {
                document["_id"]: messages.abnormal_bits(document["state"]["abnormal"])
                for document in self.database["latest"].find(newer, {"state.abnormal": 1})
            }
            self._known_until = now + KNOWN_SECONDS
        return self._floors, self._masks

    def _add(
        self, buckets: Mapping[str, Bucket], packed: Mapping[str, dict[int, bytes]], now: int
    ) -> set[str]:
        """Write the readings; returns the buckets in which some position was already taken.

        Nearly always all readings are new and their bucket is open: a plain update has that as its condition.
        Where it does not hold, the upsert fails on the bucket's own key, and a pipeline checks each reading.
        """
        keys = list(buckets)
        taken = self._upsert(
            "buckets", [addition(key, buckets[key], packed[key], now) for key in keys], self._concern
        )
        contested = {keys[place] for place in taken}
        if contested:
            self._buckets.bulk_write(
                [contested_update(key, buckets[key], packed[key], now) for key in sorted(contested)],
                ordered=False,
            )
        return contested

    def _upsert(self, collection: str, updates: list[Document], concern: Document) -> list[int]:
        """Run the updates in any order; returns the places of those that failed on their key.

        One plain command: pymongo's own bulk takes as long to check the updates as all the rest together.
        Raises PyMongoError.
        """
        reply = self.database.command(
            {"update": collection, "updates": updates, "ordered": False, "writeConcern": concern}
        )
        if problem := reply.get("writeConcernError"):
            raise WriteConcernError(problem["errmsg"], problem["code"], problem)
        for error in (errors := reply.get("writeErrors", [])):
            if error["code"] != DUPLICATE_KEY:
                raise OperationFailure(error["errmsg"], error["code"], error)
        return [error["index"] for error in errors]

    def _look_back(
        self, buckets: Mapping[str, Bucket], packed: Mapping[str, dict[int, bytes]], contested: set[str]
    ) -> tuple[list[JudgedReading], list[UpdateOne]]:
        """What is really stored now: readings that lost against other values, and events to be written."""
        there: dict[str, dict[int, bytes]] = {}
        asked: list[str] = []
        calm: set[str] = set()  # buckets to which only normal readings were added, and all of them were
        wanted: Document = {"k": 1, "p": 1}
        for key, own in packed.items():
            if key in contested:
                there[key] = {}
                places = {near for position in own for near in (position - 1, position, position + 1)}
                places -= {-1, SIZE}
            else:
                there[key] = dict([self._last[key]] if key in self._last else ()) | own
                entries = buckets[key].readings.items()
                mask = buckets[key].mask
                abnormal = {position for position, entry in entries if entry.reading.flags & mask}
                if not abnormal:
                    calm.add(key)
                places = {position - 1 for position in own.keys() - abnormal}
                places |= {position + 1 for position in abnormal}
                places -= there[key].keys() | {-1, SIZE}
            if places:
                asked.append(key)
                wanted |= {FIELDS[place]: 1 for place in places}
            newest = max(own)
            self._last[key] = (newest, own[newest])
        for document in self._buckets.find({"_id": {"$in": asked}}, wanted) if asked else ():
            there[document["_id"]] |= (
                opened_of(document) if "p" not in document else packing.scatter(packed_of(document))
            )
        for key in contested:
            del self._last[key]
        if len(self._last) > LAST_KNOWN:
            self._last.clear()

        lost: list[JudgedReading] = []
        events: list[UpdateOne] = []
        at = datetime.fromtimestamp(self.clock(), UTC)
        for key, bucket in buckets.items():
            stored = there[key]
            if key in calm and 0 not in stored:
                others = stored.keys() - bucket.readings.keys()
                if not any(is_abnormal(stored[position], bucket.mask) for position in others):
                    continue  # nearly always: nothing but normal readings after a normal one
            for position, entry in bucket.readings.items():
                if position not in stored:  # expired between the write and this look
                    continue
                if key in contested and packing.measured(stored[position]) != entry.reading.measured:
                    lost.append(entry)
                    continue
                events += event_updates(bucket, stored, position, at)
        return lost, events

    def _update_latest(self, buckets: Mapping[str, Bucket], contested: set[str]) -> dict[str, float]:
        """Returns the periods of the boards, as far as they are known."""
        newest: dict[tuple[str, str], JudgedReading] = {}
        now = self.clock()
        for bucket in buckets.values():
            entry = bucket.readings[max(bucket.readings)]
            key = (entry.site, entry.device)
            if key not in newest or newness(entry, now) > newness(newest[key], now):
                newest[key] = entry
        # A lost `latest` is made good by the next reading, so the primary's word is enough.
        periods = {device_id(*key): self._period(entry) for key, entry in newest.items()}
        updates = [replace_latest(entry, periods[device_id(*key)], now) for key, entry in newest.items()]
        if outdone := self._upsert("latest", updates, {"w": 1}):
            # The stored reading is newer, so only the time when the board was heard changes. Readings that
            # were stored before do not count: a broker may repeat those of a board that is long silent.
            keys = list(newest)
            fresh = {(each.site, each.device) for key, each in buckets.items() if key not in contested}
            heard = [device_id(*keys[place]) for place in outdone if keys[place] in fresh]
            if heard:
                self.database["latest"].update_many({"_id": {"$in": heard}}, {"$max": {"received": now}})
        return {owner: period for owner, period in periods.items() if period is not None}

    def _period(self, entry: JudgedReading) -> float | None:
        """Seconds a reading, over the last minute or two of one boot; None = not known.

        `up` counts whole seconds: over a few readings of half a second each that would be a guess.
        """
        reading = entry.reading
        key = device_id(entry.site, entry.device)
        stream, before, later = self._steps.get(key, ("", reading, reading))
        if len(self._steps) > LAST_KNOWN:
            self._steps.clear()
        if stream != entry.stream or before.boot != reading.boot or later.seq >= reading.seq:
            self._steps[key] = (entry.stream, reading, reading)
            return None
        period = (reading.up - before.up) / (reading.seq - before.seq)
        if reading.up - later.up >= STEADY:
            self._steps[key] = (stream, later, reading)
        return period

    def _tell_claims(self, buckets: Iterable[Bucket], conflicts: Sequence[JudgedReading]) -> None:
        """Tell `watch` of names that two boards seem to use, once in REPORT_EVERY."""
        now = self.clock()
        claims_of: dict[tuple[str, str], tuple[Sign, JudgedReading]] = {}
        for bucket in buckets:
            owner = device_id(bucket.site, bucket.device)
            ends = min(bucket.readings), max(bucket.readings)
            for entry in (bucket.readings[position] for position in dict.fromkeys(ends)):
                reading = entry.reading
                if sign := self._claims.contradicts(owner, entry.stream, reading.boot, reading.seq, now):
                    claims_of[entry[:2]] = sign, entry
        claims_of |= {entry[:2]: ("seqs", entry) for entry in conflicts}
        if claims_of:
            claims = [
                report("claim", entry[:2], now, stream=entry.stream, seq=entry.reading.seq, why=sign)
                for sign, entry in claims_of.values()
            ]
            self.database["events"].bulk_write(claims, ordered=False)

    def _add_dropped(self, site: str, device: str, state: State) -> None:
        if not state.dropped:
            return
        streams = self.database["streams"]
        key = stream_id(site, device, state.stream)
        whose = {"d": device_id(site, device), "site": site, "device": device, "stream": state.stream}
        while True:
            known = streams.find_one({"_id": key}, {"dropped": 1, "dropped_why": 1}) or {}
            old, old_why = known.get("dropped"), known.get("dropped_why")
            why = dict(old_why or {})
            for name in state.causes:
                place = name if name in why or len(why) < CAUSES else OTHER_CAUSE
                why[place] = joined_runs(why.get(place), state.dropped)
            new = {"dropped": joined_runs(old, state.dropped), "dropped_why": why}
            if new == {"dropped": old, "dropped_why": old_why or {}}:
                return
            try:  # only if nobody changed it meanwhile: another worker may write the same stream
                streams.update_one(
                    {"_id": key, "dropped": old, "dropped_why": old_why},
                    {"$set": {**new, **whose}},
                    upsert=True,
                )
            except DuplicateKeyError:
                continue
            return


def joined_runs(*sides: Iterable[Sequence[int]] | None) -> list[list[int]]:
    """All these runs of seqs, as a stream keeps them."""
    runs = ((first, last) for side in sides for first, last in side or ())
    return [list(run) for run in messages.merge_runs(runs)][-DROPPED_RUNS:]

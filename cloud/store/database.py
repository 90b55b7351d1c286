"""The database: its collections, their indexes, and how keys are made."""

import secrets
from collections.abc import Callable
from typing import Any

from bson.codec_options import TypeDecoder, TypeRegistry
from bson.int64 import Int64
from pymongo import ASCENDING, DESCENDING, MongoClient, ReturnDocument, WriteConcern, monitoring
from pymongo.client_session import ClientSession
from pymongo.database import Database

Document = dict[str, Any]
Board = tuple[str, str]  # site, device
StreamKey = tuple[str, str, str]  # site, device, stream

# buckets           360 readings each; _id "<site>/<device>/<stream>/<seq // 360>"; writer.py writes them
#   d device key · v version · w last write · a, z first and last date (Unix s) · r open readings by position
#   sealed: p packed · n count · k runs of positions in p · t, h [min, sum, max] · m measured, if not all are
#   g, s, x: cloud.store.agreement
# streams           one install of one board: since when, dropped runs, quarantined seqs, floor
# shares            how many entries each board has put into the quarantine, which all boards share
# quarantine        what could not be stored, and why: a ring for each board; cloud.store.writer writes it
# latest            one a device: newest reading, last `state`
# events            abnormal readings and returns to normal, for `watch`; forgotten after three days
# watched           what `watch` knows of a device between two events
# siblings          what is known of a board beside the others of its site; cloud.siblings.look writes it
# hourly            what became of the oldest buckets when the quota was near; cloud.store.quota writes them
#   d device key · h the hour (Unix s) · n good readings · t_min t_sum t_max h_min h_sum h_max · e abnormal
# status            storage, the backend's settings that a dashboard may know, client ids
# episodes alerts models labels acknowledgements lease
# learning          what is known of each board's next model; cloud.learning.book writes it
# wanted            what each board should have over the air; cloud.updates.wanted writes it
# releases          the application as its owner signed it; cloud.updates.releases writes it
# rollouts          what is rolled out to many boards, wave by wave; cloud.updates.rollouts writes it
# policy            one document: what cloud.alerts.policy remembers
# mail_days         mails handed over by UTC day
COLLECTIONS = (
    frozenset(("buckets", "streams", "shares", "quarantine", "latest", "events", "watched", "siblings"))
    | {"hourly", "status", "episodes", "alerts", "models", "labels", "acknowledgements", "lease", "learning"}
    | {"wanted", "releases", "rollouts", "policy", "mail_days"}
)
EVENT_SECONDS = 3 * 86400
SEALED, OPEN = "sealed", "open"  # indexes of the buckets; a re-opened bucket is in both


class _PlainInt(TypeDecoder):
    """Numbers past 2**31 (seqs of a board, dates from 2038 on) come as plain ints, which msgspec knows."""

    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


class Operations(monitoring.CommandListener):
    """Counts the operations of the database: Atlas M0 allows 100 a second."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.count += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def connect(
    uri: str, database: str, *, timeout: float = 10.0, operations: Operations | None = None
) -> Database[Document]:
    """A database handle; nothing is sent before its first use. `timeout` (s) bounds every operation.

    Writes are majority-committed and journaled before they return.
    """
    client: MongoClient[Document] = MongoClient(
        uri,
        appname="vigie",
        serverSelectionTimeoutMS=int(timeout * 1000),
        timeoutMS=int(timeout * 1000),
        tz_aware=True,
        type_registry=TypeRegistry([_PlainInt()]),
        event_listeners=[operations] if operations else [],
    )
    return client.get_database(database, write_concern=WriteConcern(w="majority", j=True))


def in_transaction(database: Database[Document], act: Callable[[ClientSession], None]) -> None:
    """Run `act`, again if need be, in one transaction that is majority-committed and journaled."""
    with database.client.start_session() as session:
        session.with_transaction(act, write_concern=WriteConcern(w="majority", j=True))


def prepare(database: Database[Document]) -> None:
    """Make the indexes; several workers may, again and again. Raises PyMongoError."""
    # A field that changes with every reading must not be in an index: half of the index's pages would stay
    # empty for ever. So an open bucket is only listed under its device; its dates are indexed once it is
    # sealed.
    database["buckets"].create_index(
        [("d", ASCENDING), ("z", ASCENDING)], partialFilterExpression={"p": {"$exists": True}}, name=SEALED
    )
    database["buckets"].create_index(
        [("d", ASCENDING)], partialFilterExpression={"r": {"$exists": True}}, name=OPEN
    )
    database["streams"].create_index([("d", ASCENDING)])
    database["events"].create_index([("at", ASCENDING)], expireAfterSeconds=EVENT_SECONDS)
    database["events"].create_index([("taken", ASCENDING), ("at", ASCENDING)])
    database["episodes"].create_index([("d", ASCENDING), ("opened", DESCENDING)])
    database["episodes"].create_index([("opened", DESCENDING)])
    database["alerts"].create_index([("state", ASCENDING), ("due", ASCENDING)])
    database["alerts"].create_index([("created", DESCENDING)])
    database["alerts"].create_index([("episodes", ASCENDING)])
    database["acknowledgements"].create_index([("at", ASCENDING)])
    for name in ("acknowledgements", "labels"):
        database[name].create_index([("episodes", ASCENDING)])
    database["wanted"].create_index([("at", ASCENDING)])
    database["rollouts"].create_index(
        [("running", ASCENDING)], unique=True, partialFilterExpression={"running": True}
    )
    database["models"].create_index([("site", ASCENDING), ("device", ASCENDING), ("created", DESCENDING)])


def client_id(database: Database[Document], name: str) -> str:
    """The MQTT client id: `name` and a random part, so that nobody can guess it and take over the session.

    It is the same at each start, because the broker keeps the messages that wait in that session.
    Raises PyMongoError.
    """
    which = {"_id": f"client id {name}"}
    kept = database["status"].find_one(which) or database["status"].find_one_and_update(
        which,
        {"$setOnInsert": {"random": secrets.token_hex(8)}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    assert kept is not None  # it is there now
    return f"{name}-{kept['random']}"


def device_id(site: str, device: str) -> str:
    return f"{site}/{device}"


def name_of(board: Board) -> str:
    return device_id(*board)


def board_of(name: str) -> Board:
    """The board with this device_id()."""
    site, _, device = name.partition("/")
    return site, device


def stream_id(site: str, device: str, stream: str) -> str:
    return f"{site}/{device}/{stream}"


def bucket_id(site: str, device: str, stream: str, number: int) -> str:
    """Unique by construction and in order: neither site nor device holds a "/", numbers have one width."""
    return f"{site}/{device}/{stream}/{number:08d}"

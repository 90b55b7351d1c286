"""The database as the backend and the dashboard meet it: address, login, rights, clock, room.

The doctor tests rights with commands that change nothing: an update that matches nothing, an insert that
cannot be stored. When the database refuses them for any reason but the user, the user has the right.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from cloud.contract import keys
from cloud.doctor.lines import Finding
from cloud.process.failure import ATLAS, FULL, UNAUTHORIZED, is_full, of_database
from cloud.read.reader import Reader
from cloud.read.rows import Latest
from cloud.settings import DatabaseSettings
from cloud.store import database as databases
from cloud.store.database import Document
from cloud.store.quota import level

TIMEOUT = 8.0  # s
BEHIND, WRONG = 5.0, 60.0  # s by which the two clocks differ: more is a warning; more is an error

Try = Callable[[Database[Document], str], Any]
NAMED = 5  # boards in one line
NOTHING = {"_id": "vigie doctor: there is no such document"}


def findings(
    settings: DatabaseSettings,
    quota: int = 0,
    key: bytes | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """Test what the backend needs. `quota`: bytes, 0 = none. `key`: the master secret, None = not set yet."""
    yield from _examined(settings, clock, lambda database: _backend(database, quota, key))


def of_the_dashboard(settings: DatabaseSettings, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Test what the dashboard needs: it reads all, inserts labels and acknowledgements, and nothing else."""
    yield from _examined(settings, clock, _dashboard)


def _examined(
    settings: DatabaseSettings,
    clock: Callable[[], float],
    rights: Callable[[Database[Document]], Iterator[Finding]],
) -> Iterator[Finding]:
    try:
        database = databases.connect(settings.uri, settings.name, timeout=TIMEOUT)
        yield from _reached(database, clock)
    except PyMongoError as problem:
        yield Finding("database", of_database(problem), "bad")
        return
    yield from rights(database)


def _backend(database: Database[Document], quota: int, key: bytes | None) -> Iterator[Finding]:
    wanted = [(act, name) for name in ("buckets", "models") for act in ("find", "insert", "update", "remove")]
    lacking = [f"{act} on {name}" for act, name in wanted if not _may(database, act, name)]
    whole = ("createIndex", "listCollections", "collStats", "dbStats")
    lacking += [act for act in whole if not _may(database, act, "buckets")]
    if lacking:
        cure = "give its user the rights of the table in docs/security.md, or run: python -m tools roles"
        yield Finding("role", f"it may not {', '.join(lacking)}: {cure}", "bad")
    else:
        yield Finding("role", "it can read and write what the backend needs")
    yield from _too_much(database, ("drop",))
    if _is_full(database):
        yield Finding("room", FULL, "bad")
    if "dbStats" not in lacking:
        yield _room(database, quota)
    if key and "find on models" not in lacking:
        yield from _models(database, key)
        yield from _boards(Reader(database).latest())


def _dashboard(database: Database[Document]) -> Iterator[Finding]:
    for act, name, what, cure in (
        ("find", "buckets", "read", "find on all collections"),
        ("insert", "labels", "add to labels", "insert on it"),
        ("insert", "acknowledgements", "add to acknowledgements", "insert on it"),
    ):
        if _may(database, act, name):
            yield Finding("role", f"it can {what}")
        else:
            yield Finding("role", f"it may not {what}: give its user {cure}", "bad")
    lacking = [act for act in ("collStats", "dbStats") if not _may(database, act, "buckets")]
    if lacking:
        cure = "give its user the rights of the table in docs/security.md"
        yield Finding("role", f"it may not {', '.join(lacking)}, so the page Usage fails: {cure}", "bad")
    yield from _too_much(database, ("insert", "update", "remove", "drop"))


def _reached(database: Database[Document], clock: Callable[[], float]) -> Iterator[Finding]:
    began = clock()
    hello = database.client.admin.command("hello")
    took = clock() - began
    status = database.command("connectionStatus")
    version = database.client.server_info()["version"]
    users = [user["user"] for user in status["authInfo"]["authenticatedUsers"]]
    yield Finding("database", f"MongoDB {version} answers; the database is {database.name}")
    if users:
        yield Finding("login", f"as {', '.join(users)}")
    elif not _may(database, "find", "buckets"):
        cure = "write it as mongodb://USER:PASSWORD@…"
        yield Finding("login", f"MONGODB_URI names no user, and this database asks for one: {cure}", "bad")
    else:
        yield Finding("login", "none is asked for: whoever reaches this database can change it", "warn")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        cure = "start mongod with --replSet and run rs.initiate() once; one member will do"
        yield Finding("database", f"it is no replica set, and Vigie needs transactions: {cure}", "bad")
    there = hello["localTime"].replace(tzinfo=UTC).timestamp()
    off = began + took / 2 - there
    if abs(off) <= BEHIND + took:
        yield Finding("clock", "this computer and the database agree")
    else:
        ahead = "ahead of" if off > 0 else "behind"
        cure = "set its time by NTP (timedatectl set-ntp true)"
        text = f"this computer is {abs(off):.0f} s {ahead} the database: {cure}"
        yield Finding("clock", text, "bad" if abs(off) > WRONG else "warn")


TRIES: dict[str, Try] = {
    "find": lambda database, name: database[name].find_one(NOTHING, {"_id": 1}),
    "insert": lambda database, name: database[name].insert_one({"_id": ["no key can be a list"]}),
    "update": lambda database, name: database[name].update_one(NOTHING, {"$set": {"x": 1}}),
    "remove": lambda database, name: database[name].delete_one(NOTHING),
    "drop": lambda database, name: database.command("drop", f"doctor_{secrets.token_hex(8)}"),
    # It is there, or is made as the backend would make it.
    "createIndex": lambda database, name: database.command(
        "createIndexes", name, indexes=[{"key": {"_id": 1}, "name": "_id_"}]
    ),
    "listCollections": lambda database, name: database.list_collection_names(filter={"name": name}),
    "collStats": lambda database, name: database.command("collStats", name),
    "dbStats": lambda database, name: database.command("dbStats"),
    "users": lambda database, name: database.command("usersInfo"),
    "elsewhere": lambda database, name: database.client["vigie_doctor"]["other"].find_one(NOTHING),
}


def _may(database: Database[Document], act: str, collection: str, *, if_full: bool = True) -> bool:
    """Whether this user has the right; `if_full` when a full database hides that. Changes nothing."""
    try:
        TRIES[act](database, collection)
    except OperationFailure as refusal:
        if is_full(refusal, database):
            return if_full
        return refusal.code not in (UNAUTHORIZED, ATLAS)
    return True


def _is_full(database: Database[Document]) -> bool:
    try:
        TRIES["update"](database, "buckets")
    except OperationFailure as refusal:
        return is_full(refusal, database)
    return False


def _too_much(database: Database[Document], acts: tuple[str, ...]) -> Iterator[Finding]:
    words = {
        "insert": "change readings",
        "update": "change readings",
        "remove": "delete readings",
        "drop": "drop collections",
        "users": "see its users",
        "elsewhere": "read other databases",
    }
    rights = [
        words[act] for act in (*acts, "users", "elsewhere") if _may(database, act, "buckets", if_full=False)
    ]
    surplus = ", ".join(dict.fromkeys(rights))
    if surplus:
        yield Finding("role", f"it can also {surplus}: give its user less (docs/security.md)", "warn")
    else:
        yield Finding("role", "it can do nothing beyond that")


def _room(database: Database[Document], quota: int) -> Finding:
    stats = database.command("dbStats")
    used = float(stats["dataSize"] + stats["indexSize"])
    if not quota:
        return Finding("room", f"{used / 1e6:.0f} MB used, no limit set (STORAGE_QUOTA_MB)")
    text = f"{used / 1e6:.0f} of {quota / 1e6:.0f} MB used"
    if level(used, quota) == "fine":
        return Finding("room", text)
    cure = "measure less often, lower RETENTION_DAYS or buy more"
    text += f", and a cluster's limit counts its other databases too: {cure}"
    return Finding("room", text, "warn")


def _boards(latest: list[Latest]) -> Iterator[Finding]:
    """Whether all boards sign their messages, so that a broker password is not enough to forge them."""
    old = [f"{board.site}/{board.device}" for board in latest if not board.authentic]
    if old:
        names = ", ".join(old[:NAMED]) + (f" and {len(old) - NAMED} more" if len(old) > NAMED else "")
        cure = "they speak version 1 of the contract; make deploy updates one"
        yield Finding(
            "boards", f"{len(old)} of {len(latest)} are not authenticated ({names}): {cure}", "warn"
        )
    elif latest:
        yield Finding("boards", f"all {len(latest)} sign what they send")
    runs = Counter[str]()
    for board in latest:
        release = board.state.get("app")
        runs[f"{board.state.get('version') or '?'}{f' (release {release})' if release else ''}"] += 1
    if runs:
        counted = (f"{what} on {count}" for what, count in runs.most_common(NAMED))
        yield Finding("version", f"{', '.join(counted)}; the dashboard's page System names the boards")


def _models(database: Database[Document], key: bytes) -> Iterator[Finding]:
    """Whether the stored models were signed under this VIGIE_KEY."""
    newest = database["models"].find_one({"cloud": {"$exists": True}}, {"cloud": 1}, sort=[("created", -1)])
    if newest is None:
        return
    if keys.open_model(bytes(newest["cloud"]), key) is not None:
        yield Finding("key", "VIGIE_KEY is the one that the stored models were made under")
    else:
        cure = "set the one they were made under, or bring them over: python -m cloud rekey"
        yield Finding("key", f"the stored models were made under another VIGIE_KEY: {cure}", "bad")

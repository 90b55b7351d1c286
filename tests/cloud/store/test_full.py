"""A full Atlas cluster: it refuses every write with code 8000, still reads, and still deletes."""

import threading
import time

import pymongo
import pytest
from pymongo.errors import OperationFailure

from cloud import service, settings
from cloud.ingest.rescore import Models, Rescorer
from cloud.ingest.worker import TRIES_TOGETHER, Inbox, Ingest, received
from cloud.process.failure import FULL, is_full, of_database
from cloud.read.reader import Reader
from cloud.store import database as databases
from cloud.store.packing import SIZE
from cloud.store.quota import Keeper
from cloud.store.sealing import Sealer
from cloud.store.writer import Store
from tests.cloud.conftest import MASTER, SHORT_TRANSACTIONS, entry, said_by, up, wait_for
from tests.cloud.store.test_quota import fill, used
from tests.cloud.test_doctor import ask, only_wrong
from tools.local.database.mongod import Database

WRITES = ["insert", "update", "findAndModify", "createIndexes", "create"]
DAY = 86400


@pytest.fixture(scope="module")
def mongod(tmp_path_factory):
    """One that takes orders to refuse."""
    folder = tmp_path_factory.mktemp("mongod")
    arguments = (*SHORT_TRANSACTIONS, "--setParameter", "enableTestCommands=1")
    made = Database(folder / "db", folder / "log", arguments=arguments)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def fill_up(mongod):
    """Makes it full, as Atlas is, or takes that back."""
    client = pymongo.MongoClient(mongod.uri)

    def switch(full=True, commands=WRITES, times=None):
        mode = {"times": times} if times else "alwaysOn" if full else "off"
        data = {"errorCode": 8000, "failCommands": commands, "appName": "vigie"}
        client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    yield switch
    switch(full=False)
    client.close()


@pytest.fixture
def house(monkeypatch, database):
    """Keeps house in a thread, several rounds a second."""
    monkeypatch.setattr(service, "SEAL_EVERY", 0.1)
    stop = threading.Event()
    threads = []

    def keep(keeper=None, days=30):
        arguments = (Sealer(database), keeper, days, stop)
        threads.append(threading.Thread(target=service.keep_house, args=arguments))
        threads[-1].start()

    yield keep
    stop.set()
    for thread in threads:
        thread.join(20)


def keys_of(database):
    return [bucket["_id"] for bucket in database["buckets"].find({}, {"_id": 1})]


def floors(database):
    return {
        stream["_id"]: stream["floor"] for stream in database["streams"].find({"floor": {"$exists": True}})
    }


def test_a_full_database_is_known_by_its_words_or_by_what_it_still_does(database, fill_up):
    text = "you are over your space quota, using 513 MB of 512 MB"
    assert is_full(OperationFailure(text, 8000, {"ok": 0, "errmsg": text, "code": 8000}), database)
    for refusal in ("bad auth : authentication failed", "user is not allowed to do action [insert]"):
        assert not is_full(OperationFailure(refusal, 8000, {"code": 8000, "errmsg": refusal}), database)
    fill_up()
    with pytest.raises(OperationFailure) as caught:
        database["buckets"].insert_one({"_id": "x"})
    assert is_full(caught.value, database)
    fill_up(commands=[*WRITES, "find", "delete"])  # then it is the login that is refused
    assert not is_full(caught.value, database)
    assert of_database(OperationFailure(text, 8000)) == FULL


def test_what_is_past_its_time_goes_although_nothing_can_be_sealed(database, fill_up, house):
    now = int(time.time())
    Store(database, clock=lambda: now - 40 * DAY).write(
        [entry(i, ts=now - 40 * DAY + i) for i in range(SIZE)]
    )
    Sealer(database).seal(0)
    Store(database).write([entry(i, ts=now - 5000 + i, device="C002") for i in range(9)])
    database["buckets"].update_many({"r": {"$exists": True}}, {"$set": {"w": now - 3000}})
    database["events"].delete_many({})
    whose = {"site": "demo", "device": "C002"}
    database["events"].insert_many([{"_id": str(i), "taken": i < 2, **whose} for i in range(3)])
    fill_up()
    house(Keeper(database, 500_000_000))
    wait_for(lambda: [key.split("/")[1] for key in keys_of(database)] == ["C002"], "the old bucket to go")
    wait_for(
        lambda: [e["_id"] for e in database["events"].find()] == ["2"], "the events that were looked at to go"
    )
    assert not floors(database)
    fill_up(full=False)
    wait_for(lambda: list(floors(database).values()) == [SIZE], "the floor of what was deleted")
    wait_for(
        lambda: not database["buckets"].count_documents({"r": {"$exists": True}}), "the rest to be sealed"
    )


def test_the_oldest_go_first_and_their_hours_are_written_with_the_room(database, fill_up, house, monkeypatch):
    fill(database, 40)
    before = Reader(database).readings("demo", "C001")
    monkeypatch.setattr("cloud.store.quota.FULL_ROUNDS", 1)
    fill_up()
    house(Keeper(database, int(used(database) / 0.99)))
    wait_for(lambda: len(keys_of(database)) < 40, "the oldest buckets to go")
    assert not len(Reader(database).hours("demo", "C001"))
    fill_up(full=False)
    wait_for(lambda: len(Reader(database).hours("demo", "C001")), "their hours")

    def hours_hold_them():
        deleted = before.ts < Reader(database).readings("demo", "C001").ts[0]
        return (
            Reader(database).hours("demo", "C001").readings.sum() == (deleted & (before.t == before.t)).sum()
        )

    wait_for(hours_hold_them, "hours of all deleted readings")
    wait_for(lambda: set(floors(database).values()) == {(40 - len(keys_of(database))) * SIZE}, "the floor")


def test_what_others_of_the_cluster_fill_costs_no_board_its_last_week(database, fill_up, house):
    now = int(time.time())
    Store(database).write([entry(i, ts=now - 3 * DAY + i) for i in range(SIZE)])
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    kept = keys_of(database)
    fill_up()
    keeper = Keeper(database, 500_000_000)
    assert keeper.look() == 0 and keys_of(database) == kept


def test_the_start_waits_and_goes_on_as_soon_as_there_is_room(environment, database, fill_up, caplog):
    known, stop, ids = settings.load(environment), threading.Event(), []

    def start():
        ids.append(service._prepare(database, known, stop))

    fill_up()
    thread = threading.Thread(target=start, daemon=True)
    thread.start()  # nothing of ours is there yet
    wait_for(lambda: caplog.text.count(FULL) >= 3, "tries")
    assert thread.is_alive()
    fill_up(full=False)
    thread.join(20)
    fill_up()
    start()  # indexes and client id are there: it goes on, and keeps house
    assert ids[0] and ids[0] == ids[1]


def test_the_doctor_says_full_and_nothing_of_roles(environment, fill_up):
    databases.prepare(databases.connect(environment["MONGODB_URI"], environment["MONGODB_DATABASE"]))
    fill_up()
    assert only_wrong(ask(environment, "database")) == f"room: {FULL}"


def test_a_message_that_a_full_database_refused_is_stored_later_and_not_put_aside(
    database, fill_up, monkeypatch, caplog
):
    acks = []
    worker = Ingest(
        Inbox(), Store(database), Rescorer(Models(database, MASTER)), MASTER, lambda *ack: acks.append(ack)
    )
    monkeypatch.setattr("cloud.ingest.worker.FIRST_PAUSE", 0.01)
    message = received("vigie/1/demo/C001/up", said_by("C001", up([0, 1, 2])), lambda: None)
    fill_up()
    thread = threading.Thread(target=worker.settle, args=([message], threading.Event()), daemon=True)
    thread.start()
    wait_for(lambda: worker.totals.retries > TRIES_TOGETHER + 1, "tries of the message alone")
    fill_up(full=False)
    thread.join(20)
    assert len(Reader(database).readings("demo", "C001")) == 3 and acks
    assert not database["quarantine"].count_documents({})

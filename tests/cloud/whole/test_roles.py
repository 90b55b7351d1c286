"""The database's users, on a mongod that asks for passwords: each can do its work, and nothing else."""

import time

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from cloud.commands import audit
from cloud.read.reader import Reader
from cloud.settings import AlertSettings
from cloud.store import database as databases
from cloud.store.sealing import Sealer
from cloud.store.writer import Store
from cloud.watch.watch import Watch
from device import codes
from tests.cloud.conftest import entry, wait_for
from tests.cloud.watch.test_watch import MAIL
from tests.guarded import guarded_mongod, uris
from tools.local.database import roles
from tools.process.child import ToolFailed

UNAUTHORIZED, FAILED = 13, 18


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A mongod with authentication on, and the URIs of its three users."""
    with guarded_mongod(tmp_path_factory.mktemp("guarded")) as made:
        yield made


@pytest.fixture
def backend_database(guarded):
    made = databases.connect(guarded["vigie-backend"], "vigie")
    databases.prepare(made)
    yield made
    made.client.close()


@pytest.fixture
def dashboard_database(guarded, backend_database):
    made = databases.connect(guarded["vigie-dashboard"], "vigie")
    yield made
    made.client.close()


def test_the_backend_can_do_all_of_its_work(backend_database):
    store = Store(backend_database)
    store.write([entry(seq, flags=codes.ZSCORE) for seq in range(5)])
    store.write([entry(1, t=1)])  # a conflict goes to quarantine
    later = Sealer(backend_database, clock=lambda: time.time() + 40 * 86400)
    assert later.seal() == 1
    watch = Watch(backend_database, MAIL, AlertSettings())
    assert watch.lease.hold()
    watch.step()
    watch.lease.release()
    assert Reader(backend_database).episodes()
    assert later.expire(30) == 1


def test_the_dashboard_can_read_everything(dashboard_database, backend_database):
    Store(backend_database).write([entry(seq, device="C002") for seq in range(5)])
    reader = Reader(dashboard_database)
    assert len(reader.readings("demo", "C002")) == 5
    assert reader.latest() and reader.summary().readings == 5 and reader.undelivered() == []
    assert reader.episodes() is not None and reader.agreement() and audit.audit(reader)


@pytest.mark.parametrize("name", ["labels", "acknowledgements"])
def test_the_dashboard_can_insert_labels_and_acknowledgements_and_not_change_them(dashboard_database, name):
    collection = dashboard_database[name]
    made = collection.insert_one({"by": "somebody"}).inserted_id
    assert collection.find_one({"_id": made})
    for attempt in (
        lambda: collection.update_one({"_id": made}, {"$set": {"by": "me"}}),
        lambda: collection.delete_one({"_id": made}),
        lambda: collection.drop(),
    ):
        with pytest.raises(OperationFailure) as refused:
            attempt()
        assert refused.value.code == UNAUTHORIZED


@pytest.mark.parametrize(
    "name",
    [
        "buckets",
        "latest",
        "streams",
        "events",
        "watched",
        "episodes",
        "alerts",
        "models",
        "quarantine",
        "lease",
    ],
)
def test_the_dashboard_can_write_nothing_else(dashboard_database, name):
    collection = dashboard_database[name]
    attempts = {
        "insert": lambda: collection.insert_one({"_id": "x"}),
        "update": lambda: collection.update_many({}, {"$set": {"x": 1}}),
        "upsert": lambda: collection.update_one({"_id": "x"}, {"$set": {"x": 1}}, upsert=True),
        "remove": lambda: collection.delete_many({}),
        "drop": lambda: collection.drop(),
        "index": lambda: collection.create_index("x"),
        "copy": lambda: list(dashboard_database["latest"].aggregate([{"$out": name}])),
    }
    for what, attempt in attempts.items():
        with pytest.raises(OperationFailure) as refused:
            attempt()
        assert refused.value.code == UNAUTHORIZED, what


@pytest.mark.parametrize("user", ["vigie-backend", "vigie-dashboard"])
def test_neither_can_see_other_databases_or_rule_this_one(guarded, user):
    with MongoClient(guarded[user]) as client:
        attempts = (
            lambda: client["vigie"].command("createUser", "me", pwd="x", roles=[]),
            lambda: client["vigie"].command("grantRolesToUser", user, roles=["readWrite"]),
            lambda: client.drop_database("vigie"),
            lambda: client["other"]["things"].find_one(),
            lambda: client["local"]["oplog.rs"].find_one(),
            lambda: client.admin.command("shutdown"),
        )
        for attempt in attempts:
            with pytest.raises(OperationFailure) as refused:
                attempt()
            assert refused.value.code == UNAUTHORIZED


def test_made_anew_the_old_passwords_end(guarded):
    old = dict(guarded)
    guarded.update(uris(guarded["admin"]))
    for user in roles.RIGHTS:
        with MongoClient(old[user]) as client, pytest.raises(OperationFailure) as refused:
            client["vigie"]["latest"].find_one()
        assert refused.value.code == FAILED
        with MongoClient(guarded[user]) as client:
            client["vigie"]["latest"].find_one()


def test_the_script_says_what_to_put_where_and_only_an_administrator_can_run_it(guarded, capsys):
    assert roles.main([], {"MONGODB_URI": guarded["admin"]}) == 0
    printed = capsys.readouterr().out
    for user in roles.RIGHTS:
        guarded[user] = printed.split(f"{user}:  MONGODB_URI=")[1].splitlines()[0]
        with MongoClient(guarded[user]) as client:
            client["vigie"]["latest"].find_one()
    with pytest.raises(ToolFailed, match="administrator"):
        roles.main([], {"MONGODB_URI": guarded["vigie-backend"]})


def test_the_whole_backend_runs_with_its_user(guarded, backend, board):
    running = backend("ingest", MONGODB_URI=guarded["vigie-backend"], MONGODB_DATABASE="vigie")
    running.wait_for_line("listening")
    c003 = board("C003")
    c003.send(range(5))
    wait_for(lambda: c003.acked == set(range(5)), "the acks")
    assert running.stop() == 0
    refused = backend(MONGODB_URI=guarded["vigie-dashboard"], MONGODB_DATABASE="vigie")
    refused.wait_for_line("check MONGODB_URI")
    assert refused.process.wait(20) == 1

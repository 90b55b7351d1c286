"""What is stored about a board or a person goes when it is asked for, and nothing else does."""

import time

import bson

from cloud.alerts.courier import pending
from cloud.alerts.policy import Letter
from cloud.commands import forget
from cloud.store.entries import refused_item
from cloud.store.sealing import Sealer
from cloud.store.writer import Store
from device import codes
from tests.cloud.conftest import entry

OWN, OTHER = "demo/C001/9f3a1c07/3", "demo/C0011/9f3a1c07/3"
BOTH = ("a@example.org", "b@example.org")


def furnish(database):
    """Two boards whose names begin alike, each with something in every collection."""
    store = Store(database)
    for device in ("C001", "C0011"):
        store.write([entry(seq, device=device, flags=codes.RANGE if seq == 3 else 0) for seq in range(400)])
        store.write([entry(5, device=device, t=1)])  # a conflict: quarantined
        store.quarantine([refused_item(f"vigie/1/demo/{device}/up", b"x", "no board said it")])
        database["watched"].insert_one({"_id": f"demo/{device}"})
        database["hourly"].insert_one({"_id": f"demo/{device}/0500000", "d": f"demo/{device}", "h": 0})
        database["models"].insert_one({"_id": device, "site": "demo", "device": device})
        database["episodes"].insert_one({"_id": f"demo/{device}/9f3a1c07/3", "d": f"demo/{device}"})
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    followed = {name: {"id": name} for name in (OWN, OTHER)}
    times = {"demo/C001": {"at": 1.0}, "demo/C0011": {"at": 1.0}}
    spent = {"demo/C001": 1.0, "demo/C0011": 1.0}
    database["policy"].insert_one(
        {"_id": "desk", "desk": {"followed": followed, "told": times, "spent_by": spent}}
    )
    for name, episodes in (("own", [OWN]), ("other", [OTHER]), ("both", [OWN, OTHER])):
        letter = Letter("opening", "severe", tuple(episodes))
        database["alerts"].insert_one(pending(name, letter, BOTH, "a subject", time.time()))
        database["labels"].insert_one({"_id": name, "episodes": episodes, "by": "A@example.org"})
        database["acknowledgements"].insert_one({"_id": name, "episodes": episodes, "by": "keeper"})


def everything(database):
    return {
        name: sorted(bson.encode(document) for document in database[name].find())
        for name in database.list_collection_names()
    }


def speak_of(database, key):
    """The collections in which `key`, as a name of its own, still stands."""
    names = set()
    for name in database.list_collection_names():
        for document in database[name].find():
            text = str(document)
            if f"{key}/" in text or f"'{key}'" in text or document.get("device") == key.split("/")[1]:
                names.add(name)
    return names


def test_a_forgotten_board_stands_nowhere_and_the_others_are_as_before(database):
    furnish(database)
    others = {name: database[name].count_documents({}) for name in database.list_collection_names()}
    steps = forget.board(database, "demo", "C001")
    counts = {step.what: step.count for step in steps}
    assert counts["episodes"] == counts["models"] == counts["latest"] == 1
    assert counts["quarantine"] == counts["shares"] == 2
    list(forget.carry_out(steps))
    assert speak_of(database, "demo/C001") == set()
    assert {"buckets", "episodes", "models", "latest", "watched", "hourly"} <= speak_of(
        database, "demo/C0011"
    )
    assert database["buckets"].count_documents({}) == others["buckets"] // 2
    assert {alert["_id"] for alert in database["alerts"].find()} == {"other"}
    assert {alert["_id"] for alert in database["labels"].find()} == {"other", "both"}
    assert forget.board(database, "demo", "C001") == []


def test_a_forgotten_person_stands_nowhere_and_the_others_get_their_mails(database):
    furnish(database)
    database["alerts"].insert_one(
        {**pending("alone", Letter("digest", "warning", ()), ["A@Example.org"], "x", 0.0), "error": None}
    )
    text = "550 <a@example.org> is not known here"
    database["alerts"].update_one({"_id": "own"}, {"$set": {"error": text}})
    list(forget.carry_out(forget.person(database, "a@example.ORG")))
    assert "a@example.org" not in str([list(database[name].find()) for name in everything(database)]).lower()
    assert {alert["_id"]: alert["to"] for alert in database["alerts"].find()} == {
        name: ["b@example.org"] for name in ("own", "other", "both")
    }
    assert database["labels"].count_documents({"by": forget.FORGOTTEN}) == 3


def test_a_dry_run_counts_and_deletes_nothing_and_a_wrong_word_neither(database, backend):
    furnish(database)
    before = everything(database)
    counted = backend("forget", "C001", "--dry-run", MONGODB_DATABASE=database.name)
    assert counted.process.wait(60) == 0
    counted.wait_for_line("nothing was deleted")
    refused = backend("forget", "C001", MONGODB_DATABASE=database.name)  # nobody types anything
    assert refused.process.wait(60) == 1
    assert everything(database) == before

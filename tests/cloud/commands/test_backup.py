"""Backups of a real mongod: everything comes back, nothing is lost or doubled, no bad file is let in."""

import gzip
import hashlib
import hmac
import re
import resource
import time
from pathlib import Path

import bson
import pytest
from bson.binary import Binary

from cloud.commands import backup
from cloud.commands.backup import BackupRefused
from cloud.contract import keys
from cloud.read.reader import Reader
from cloud.store import database as databases
from cloud.store.packing import SIZE
from cloud.store.sealing import Sealer, raise_floor
from cloud.store.writer import Store
from device import codes
from tests.cloud.conftest import MASTER, entry


@pytest.fixture
def other(database, mongod):
    """A second, empty database."""
    made = databases.connect(mongod.uri, database.name + "_b")
    databases.prepare(made)
    yield made
    made.client.drop_database(made.name)
    made.client.close()


@pytest.fixture
def filled(database):
    """Sealed, open and re-opened buckets, a model, a label, an episode, mails, a gap that is final."""
    store = Store(database)
    store.write([entry(seq) for seq in range(2 * SIZE)])
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    store.write([entry(seq) for seq in range(2 * SIZE, 2 * SIZE + 50)])  # open
    store.write([entry(seq, device="C002") for seq in range(40)])
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    store.write([entry(seq, device="C002", flags=codes.ZSCORE) for seq in (50, 52)])  # re-opened
    store.write([entry(seq, device="C003") for seq in range(30)])  # open
    store.write([entry(3, t=1)])  # quarantined
    database["models"].insert_one(
        {"_id": "8b7da160", "site": "demo", "device": "C001", "bundle": b"\0" * 999}
    )
    database["labels"].insert_one({"_id": "a/real", "episodes": ["x"], "at": time.time()})
    database["episodes"].insert_one({"_id": "x", "d": "demo/C001", "opened": time.time()})
    for name, state in (("1", "pending"), ("2", "sending"), ("3", "sent")):
        database["alerts"].insert_one({"_id": name, "state": state, "text": "", "due": 0.0})
    database["streams"].update_one(
        {"_id": "demo/C003/9f3a1c07"}, {"$set": {"d": "demo/C003", "dropped": [[40, 49]]}}, upsert=True
    )
    return database


def content(database, *leave_out):
    names = set(database.list_collection_names()) - {*backup.PASSING, *leave_out}
    return {name: sorted(map(bson.encode, database[name].find())) for name in names}


def table(database, device):
    readings = Reader(database).readings("demo", device)
    return list(zip(readings.seq.tolist(), readings.t.tolist(), readings.edge_flags.tolist()))


def restored(database, file):
    databases.prepare(database)
    return backup.restore(database, file, [MASTER])


def test_everything_comes_back_and_a_second_time_changes_nothing(filled, other, tmp_path):
    file = tmp_path / "vigie.backup"
    made = backup.backup(filled, file, MASTER)
    assert made.counts["models"] == made.counts["labels"] == 1 and made.counts["buckets"] == 5
    assert file.stat().st_mode & 0o777 == 0o600
    done = restored(other, file)
    assert content(other, "alerts") == content(filled, "alerts")
    for device in ("C001", "C002", "C003"):
        assert table(other, device) == table(filled, device) != []
    assert done.kept == done.joined == 0
    again = restored(other, file)
    assert sum(again.added.values()) == again.joined == 0 and again.kept == sum(made.counts.values())
    assert content(other, "alerts") == content(filled, "alerts")


def test_mails_that_were_on_their_way_are_not_sent_again(filled, other, tmp_path):
    backup.backup(filled, tmp_path / "b", MASTER)
    restored(other, tmp_path / "b")
    assert {alert["_id"]: alert["state"] for alert in other["alerts"].find()} == {
        "1": "unknown",
        "2": "unknown",
        "3": "sent",
    }
    assert other["events"].count_documents({}) == 0  # nor judged again


def test_a_restore_joins_what_boards_have_sent_since_the_loss(filled, other, tmp_path):
    backup.backup(filled, tmp_path / "b", MASTER)
    later = Store(other)
    later.write([entry(seq) for seq in range(2 * SIZE + 30, 2 * SIZE + 90)])  # overlaps, and goes on
    later.write(
        [entry(5, device="C003", t=1111)]
    )  # the first write of a position wins: this one is first here
    other["streams"].insert_one({"_id": "demo/C003/9f3a1c07", "d": "demo/C003", "dropped": [[60, 69]]})
    done = restored(other, tmp_path / "b")
    assert done.joined == 3
    assert [seq for seq, *_ in table(other, "C001")] == list(range(2 * SIZE + 90))
    assert [t for seq, t, _ in table(other, "C003") if seq in (4, 5)] == [21.0, 11.11]
    assert other["streams"].find_one({"_id": "demo/C003/9f3a1c07"})["dropped"] == [[40, 49], [60, 69]]
    assert restored(other, tmp_path / "b").joined == 0
    assert later.write([entry(2 * SIZE + 100)]).kept == 1  # and the bucket can be written to again
    assert table(other, "C001")[-1][0] == 2 * SIZE + 100


def test_why_readings_were_dropped_and_which_conflicted_is_known_after_a_restore(filled, other, tmp_path):
    name = "demo/C003/9f3a1c07"
    known = {"dropped_why": {"flash was full": [[40, 44]], "damaged": [[45, 49]]}, "conflicts": [3, 5]}
    filled["streams"].update_one({"_id": name}, {"$set": known})
    backup.backup(filled, tmp_path / "b", MASTER)
    since = {"dropped": [[60, 69]], "dropped_why": {"damaged": [[60, 69]]}, "conflicts": [5, 9]}
    other["streams"].insert_one({"_id": name, "d": "demo/C003", **since})
    restored(other, tmp_path / "b")
    document = other["streams"].find_one({"_id": name})
    assert document["dropped_why"] == {"flash was full": [[40, 44]], "damaged": [[45, 49], [60, 69]]}
    assert document["conflicts"] == [3, 5, 9]
    assert restored(other, tmp_path / "b").joined == 0


def test_a_board_that_had_sent_version_2_is_not_believed_in_version_1_after_a_restore(
    filled, other, tmp_path
):
    Store(filled).remember_authentic([("demo", "C001"), ("demo", "C009")])
    backup.backup(filled, tmp_path / "b", MASTER)
    Store(other).write([entry(5), entry(5, device="C003")])  # as in version 1, since the loss
    restored(other, tmp_path / "b")
    boards = [("demo", name) for name in ("C001", "C003", "C009")]
    assert Store(other).authentic(boards) == {("demo", "C001"), ("demo", "C009")}


def test_what_expired_since_stays_gone(filled, tmp_path):
    backup.backup(filled, tmp_path / "b", MASTER)
    filled["buckets"].delete_one({"_id": "demo/C001/9f3a1c07/00000000"})
    filled["streams"].bulk_write([raise_floor("demo/C001/9f3a1c07", SIZE)])
    done = restored(filled, tmp_path / "b")
    assert done.added["buckets"] == 0
    assert table(filled, "C001")[0][0] == SIZE


@pytest.mark.parametrize("harm", ["flip", "cut", "cut to the bone", "foreign", "empty", "appended"])
def test_a_damaged_or_foreign_file_writes_nothing(filled, other, tmp_path, harm):
    file = tmp_path / "b"
    backup.backup(filled, file, MASTER)
    whole = file.read_bytes()
    middle = len(whole) // 2
    file.write_bytes(
        {
            "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "cut": whole[:-1],
            "cut to the bone": whole[:20],
            "foreign": b"PK\x03\x04" + whole[4:],
            "empty": b"",
            "appended": whole + b"\0",
        }[harm]
    )
    before = content(other)
    with pytest.raises(BackupRefused, match=str(file)):
        backup.restore(other, file, [MASTER])
    assert content(other) == before


def written(file, collection, documents, seal):
    """A file in the form of a backup that holds these documents, under a seal of somebody's own."""
    parts = [{"vigie": 1, "database": "vigie", "created": 0.0}, {"collection": collection}, *documents]
    parts.append({"end": {collection: len(documents)}})
    body = gzip.compress(b"".join(map(bson.encode, parts)))
    file.write_bytes(seal(body))
    return file


def signed(key):
    return lambda body: b"VGB2" + body + hmac.digest(keys.backup_key(key), b"VGB2" + body, "sha256")


def unsigned(body):
    return b"VGB1" + body + hashlib.sha256(b"VGB1" + body).digest()


POISON = [{"_id": "2026-11-30", "used": 10**9}]  # no mail would go out any more


@pytest.mark.parametrize("seal", [signed(b"\1" * 32), unsigned], ids=["another key", "a checksum alone"])
def test_a_file_that_somebody_else_wrote_writes_nothing(other, tmp_path, seal):
    file = written(tmp_path / "b", "mail_days", POISON, seal)
    with pytest.raises(BackupRefused, match=str(file)):
        backup.restore(other, file, [MASTER])
    assert other["mail_days"].count_documents({}) == 0


def test_a_file_of_the_older_kind_is_restored_when_a_person_trusts_it(other, tmp_path):
    file = written(tmp_path / "b", "mail_days", POISON, unsigned)
    assert backup.restore(other, file, [MASTER], unsigned=True).added == {"mail_days": 1}


def test_a_file_made_under_the_key_before_is_restored_with_both_keys(filled, other, tmp_path):
    backup.backup(filled, tmp_path / "b", b"\2" * 32)
    assert backup.restore(other, tmp_path / "b", [MASTER, b"\2" * 32]).added["models"] == 1


def test_a_foreign_collection_is_refused_before_anything_is_written(other, tmp_path):
    file = written(tmp_path / "b", "system.js", [{"_id": "x", "value": 1}], signed(MASTER))
    before = set(other.list_collection_names())
    with pytest.raises(BackupRefused, match="a collection that Vigie does not have"):
        backup.restore(other, file, [MASTER])
    assert set(other.list_collection_names()) == before


def test_every_collection_that_the_code_names_is_in_a_backup():
    sources = (Path(backup.__file__).parent).rglob("*.py")
    named = {name for path in sources for name in re.findall(r'database\["(\w+)"\]', path.read_text())}
    assert named <= databases.COLLECTIONS


def test_a_file_is_not_written_over_and_a_broken_one_is_not_left_behind(filled, tmp_path, monkeypatch):
    file = tmp_path / "b"
    file.write_text("precious")
    with pytest.raises(FileExistsError):
        backup.backup(filled, file, MASTER)
    assert file.read_text() == "precious"
    with pytest.raises(FileNotFoundError):
        backup.backup(filled, tmp_path / "nowhere" / "b", MASTER)

    def stop(name, count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.backup(filled, tmp_path / "c", MASTER, stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_memory_is_bounded_however_much_there_is(database, other, tmp_path):
    body = Binary(bytes(range(256)) * 4096)  # 1 MB
    for number in range(200):
        database["models"].insert_one({"_id": f"{number:08x}", "cloud": body})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    backup.backup(database, tmp_path / "b", MASTER)
    restored(other, tmp_path / "b")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB, of 200 MB
    assert other["models"].count_documents({}) == 200


def test_the_commands_say_what_they_did(filled, other, backend, tmp_path):
    file = tmp_path / "vigie.backup"
    saved = backend("backup", str(file), MONGODB_DATABASE=filled.name)
    assert saved.process.wait(60) == 0
    saved.wait_for_line("documents of")
    checked = backend("restore", "--check", str(file), MONGODB_DATABASE=other.name)
    assert checked.process.wait(60) == 0 and other["buckets"].count_documents({}) == 0
    back = backend("restore", str(file), MONGODB_DATABASE=other.name)
    assert back.process.wait(60) == 0
    assert table(other, "C001") == table(filled, "C001")
    again = backend("backup", str(file), MONGODB_DATABASE=filled.name)
    assert again.process.wait(60) == 2
    again.wait_for_line("choose another name")
    file.write_bytes(file.read_bytes()[:-3])
    refused = backend("restore", str(file), MONGODB_DATABASE=other.name)
    assert refused.process.wait(60) == 1
    refused.wait_for_line("nothing was written")
    assert MASTER.hex() not in "\n".join(line for each in (saved, back, refused) for line in each.lines)

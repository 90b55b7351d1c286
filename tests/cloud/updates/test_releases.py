"""A release on its way through the cloud: read, kept, told, fetched in parts by any board, rolled out."""

import json
import time

import pytest

from cloud.updates.releases import NoRelease, Release, Releases, read
from cloud.updates.rollouts import Rollouts
from cloud.updates.wanted import Wanted
from tests.cloud.commands.test_update_commands import say
from tests.cloud.conftest import MASTER
from tests.cloud.updates.test_answers import STATE, Worker
from tests.device.update.signing import release

__all__ = ["say"]
ESP32, C3 = 11014, 12038
FILES = [("device/app.mpy", bytes(range(256)) * 12), ("safe.mpy", b"safe")]
SOON = time.time() + 86400


def file(folder, number, mpy=ESP32, **facts):
    path = folder / f"{number}.release"
    path.write_bytes(release(number, FILES, mpy=mpy, **{"expires": SOON, **facts}))
    return path


def test_a_file_that_is_none_damaged_or_cut_short_is_refused_with_its_name(tmp_path):
    path = file(tmp_path, 7)
    release, blob = read(path)
    assert release == Release(7, "9.9.9", ESP32, SOON) and blob == path.read_bytes()
    for changed in (
        blob[:-1],
        blob + b"x",
        blob[:-5] + b"other",
        blob[:100],
        b"",
        b"VGS1" + blob[4:],
        blob[:9],
    ):
        path.write_bytes(changed)
        with pytest.raises(NoRelease, match=r"7\.release"):
            read(path)
    with pytest.raises(NoRelease, match="No such file"):
        read(tmp_path / "none")


def test_a_release_is_kept_once_and_its_number_is_nobody_elses(tmp_path, database):
    releases = Releases(database)
    release, blob = read(file(tmp_path, 7))
    releases.publish(release, blob)
    releases.publish(release, blob)
    with pytest.raises(NoRelease, match="another release 7"):
        releases.publish(*read(file(tmp_path, 7, version="other")))
    releases.publish(*read(file(tmp_path, 9, C3)))
    assert [each.number for each in releases.all()] == [9, 7]
    assert releases.newest(ESP32).number == 7 and releases.newest(C3).number == 9
    assert releases.newest(2822) is None and releases.newest(None) is None and releases.blob(8) is None


def test_every_board_gets_a_release_in_parts_from_any_worker_and_is_told_until_it_has_it(tmp_path, database):
    release, blob = read(file(tmp_path, 7))
    Releases(database).publish(release, blob)
    workers = Worker(database), Worker(database)
    n = Wanted(database).want(("demo", "C001"), "app", 7, time.time())
    workers[0].hear({**STATE, "app": 0}, "state")
    assert workers[0].last_want() == {"n": n, "app": 7}
    received = b""
    while len(received) < len(blob):
        total, data = workers[len(received) // 1024 % 2].get("app", "00000007", len(received))
        assert total == len(blob) and len(data) <= 1024
        received += data
    assert received == blob and workers[0].get("app", "00000007", 0, "C002") == (len(blob), blob[:1024])
    assert workers[0].get("app", "00000008", 0) == (0, b"")
    for state in ({"app": 7}, {"app": 0, "updates": [["app", "00000007", "it has expired"]]}):
        workers[0].hear({**STATE, **state}, "state")
        assert workers[0].last_want() is None


def board(database, device="C001", **state):
    known = {"state": "online", "app": 0, "mpy": ESP32, "version": "0.1.0", **state}
    document = {"site": "demo", "device": device, "received": time.time()}
    change = {"$set": {**document, **{f"state.{name}": value for name, value in known.items()}}}
    database["latest"].update_one({"_id": f"demo/{device}"}, change, upsert=True)


def test_a_board_is_given_a_release_and_what_became_of_it_is_shown(say, tmp_path, database):
    board(database)
    code, output = say("app", "C001", str(file(tmp_path, 7)))
    assert (
        code == 0 and "release 7, version 9.9.9, is meant for demo/C001, which hears of it within" in output
    )
    assert database["wanted"].find_one()["want"] == {"app": 7}
    code, output = say("app", "C001")
    assert (
        code == 0
        and "runs version 0.1.0: what the cable brought" in output
        and "release 7: under way" in output
    )
    board(database, updates=[["app", "00000007", "3 starts without an acknowledgement: OSError: 5"]])
    assert "release 7: not in use: 3 starts without an acknowledgement: OSError: 5" in say("app", "C001")[1]
    board(database, app=7, version="9.9.9")
    code, output = say("app", "C001")
    assert "runs version 9.9.9: release 7" in output and "release 7: in use" in output
    assert say("app", "C001", str(file(tmp_path, 7)))[1] == "demo/C001 runs release 7 already\n"


def test_what_the_board_would_refuse_is_refused_here(say, tmp_path, database):
    board(database, app=8)
    for made, why in (
        (file(tmp_path, 7), "newer release 8"),
        (file(tmp_path, 9, C3), "another chip or firmware"),
        (file(tmp_path, 10, expires=1000), "it has expired"),
        (tmp_path / "none", "No such file"),
    ):
        code, output = say("app", "C001", str(made))
        assert code == 1 and why in output
    board(database, mpy=None)
    assert "make deploy" in say("app", "C001", str(file(tmp_path, 11)))[1]
    assert database["wanted"].count_documents({}) == 0 and database["releases"].count_documents({}) == 0


def test_a_rollout_gives_each_board_the_file_for_its_chip_and_waits_until_it_is_kept(say, tmp_path, database):
    board(database)
    board(database, "C002", mpy=C3)
    board(database, "C003", mpy=2822)
    for_esp32, for_c3 = str(file(tmp_path, 7)), str(file(tmp_path, 8, C3))
    code, output = say("rollout", "start", "app", for_esp32, for_c3, "--yes")
    assert code == 0 and "demo/C003 is left out: there is no release for its chip" in output
    assert "demo/C001: version 0.1.0 -> 9.9.9, release 7" in output and "release 8" in output
    now = [time.time()]
    rollouts = Rollouts(database, MASTER, lambda: now[0])
    rollouts.step()
    assert database["wanted"].find_one({"_id": "demo/C001"})["want"] == {"app": 7}
    board(database, app=7)
    rollouts.step()
    assert not rollouts.newest()["begun"]["demo/C001"]["settled"], "it is on trial"
    board(database, app=7, updates=[["app", "00000007", ""]])
    rollouts.step()
    assert rollouts.newest()["begun"]["demo/C001"]["settled"]
    board(database, app=0, updates=[["app", "00000007", "3 starts without an acknowledgement"]])
    assert "3 starts" in rollouts.step().halt
    assert rollouts.newest()["state"] == "halted"
    code, output = say("rollout", "back")
    assert code == 1 and "sign the tree from before again" in output
    assert "no release for its chip" in say("rollout", "start", "app", for_esp32, "--board", "C002")[1]
    assert json.dumps(database["wanted"].find_one({"_id": "demo/C002"})) == "null"

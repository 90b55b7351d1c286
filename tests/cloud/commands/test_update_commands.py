"""`python -m cloud config` and `model`: shown, checked, agreed to, sealed; no password is kept open."""

import io
import json
import subprocess
import time

import pytest

from cloud.__main__ import main
from cloud.contract import keys
from cloud.updates import settings
from device.config import config as on_board
from device.update.settings import merged, mixed, opened
from tests.cloud.conftest import MASTER
from tools.virtual_board.virtual_board import find_micropython

TOLD = {
    "period_ms": 10000,
    "wifi": {"ssid": "home"},
    "broker": {"host": "broker.example", "port": 8883, "user": "demo-C001", "ca": "/ca.der"},
    "sensor": {"kind": "dht22", "pin": 4},
}
ON_BOARD = {
    "v": 1, "site": "demo", "device": "C001", "key": "ab" * 32, **TOLD,
    "wifi": {"ssid": "home", "password": "old word"},
    "broker": {**TOLD["broker"], "password": "secret"},
}  # fmt: skip
KEY = keys.device_key(MASTER, "demo", "C001")


@pytest.fixture
def say(database, mongod, monkeypatch, tmp_path, capsys):
    """Says a command, with `typed` at its questions; (exit code, what it said)."""
    for name, value in {
        "MONGODB_URI": mongod.uri, "MONGODB_DATABASE": database.name, "VIGIE_KEY": MASTER.hex(),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    state = {"state": "online", "config": 0, "model": "0000000a", "settings": json.dumps(TOLD)}
    database["latest"].insert_one(
        {"_id": "demo/C001", "site": "demo", "device": "C001", "state": state, "received": 0.0}
    )

    def run(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        code = main([*words])
        streams = capsys.readouterr()
        return code, streams.out + streams.err

    return run


def sealed(database):
    """What the board would make of its settings, and the number."""
    document = database["wanted"].find_one({"_id": "demo/C001"})
    assert document["want"]["config"] == document["settings"]["number"] == document["n"]
    number, change = opened(bytes(document["settings"]["sealed"]), KEY)
    assert number == document["n"]
    return merged(ON_BOARD, change)


def test_a_change_is_shown_agreed_to_and_is_what_the_board_then_has(say, database):
    code, output = say("config", "C001", "--set", "t_max=8", "--set", "period_ms=20000", typed="y\n")
    assert code == 0 and "limits.t_max: none -> 8" in output and "period_ms: 10000 -> 20000" in output
    made = sealed(database)
    assert made["limits"] == {"t_max": 8} and made["period_ms"] == 20000
    assert made["wifi"] == ON_BOARD["wifi"] and on_board.check(made)


def test_nothing_is_sent_without_a_yes(say, database):
    code, output = say("config", "C001", "--set", "t_max=8", typed="\n")
    assert code == 1 and "nothing was changed" in output
    assert database["wanted"].count_documents({}) == 0


def test_later_changes_carry_the_earlier_ones(say, database):
    say("config", "C001", "--set", "t_max=8", "--yes")
    first = database["wanted"].find_one()["n"]
    say("config", "C001", "--set", "for_minutes=10", "--set", "sensor.pin=5", "--yes")
    made = sealed(database)
    assert made["limits"] == {"t_max": 8, "for_minutes": 10} and made["sensor"] == {"kind": "dht22", "pin": 5}
    assert database["wanted"].find_one()["n"] > first
    say("config", "C001", "--set", 'sensor={"kind":"bme280"}', "--set", "limits=none", "--yes")
    made = sealed(database)
    assert made["sensor"] == {"kind": "bme280"} and "limits" not in made


def test_what_a_board_took_back_does_not_come_again_with_the_next_change(say, database):
    say("config", "C001", "--set", "t_max=8", "--yes")
    good = database["wanted"].find_one()["n"]
    database["latest"].update_one({}, {"$set": {"state.config": good}})
    say("config", "C001", "--set", "wifi.password", "--yes", typed="wrong word\n")
    bad = database["wanted"].find_one()["n"]
    assert sealed(database)["wifi"]["password"] == "wrong word"
    why = ["config", f"{bad:08x}", "wifi: wrong password"]
    database["latest"].update_one({}, {"$set": {"state.updates": [why]}})
    say("config", "C001", "--set", "period_ms=20000", "--yes")
    made = sealed(database)
    assert made["wifi"] == ON_BOARD["wifi"]
    assert made["limits"] == {"t_max": 8} and made["period_ms"] == 20000


def test_a_password_is_asked_for_and_stands_nowhere_in_the_database(say, database):
    code, output = say("config", "C001", "--set", "wifi.password", "--yes", typed="a new word\n")
    assert code == 0 and "wifi.password: a new one" in output
    assert sealed(database)["wifi"] == {"ssid": "home", "password": "a new word"}
    assert "a new word" not in output and "a new word" not in str(database["wanted"].find_one())
    code, output = say("config", "C001", "--set", "wifi.password=shown", "--yes")
    assert code == 2 and "it is asked for" in output


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("t_max=hot", "limits.t_max"),
        ("period_ms=5", "period_ms"),
        ("tmax=8", "tmax is unknown"),
        ("wifi.ssid=none", "wifi.ssid is missing"),
        ("key=" + "0" * 64, "only make provision"),
        ("device=C002", "only make provision"),
        ("t_max", "NAME=VALUE"),
        ("sleep=yes", "write true or false"),
        ("wifi.ssid=" + "\N{GRINNING FACE}" * 9, "wifi.ssid has 36 bytes"),
        ('wifi2={"ssid":"second","password":"short"}', "wifi2.password has 5 bytes"),
        ("broker.host=localhost", "which for the board is the board"),
        ("broker.host=https://broker.example", "more than a name"),
        ('ntp=["127.0.0.1:123"]', "which for the board is the board"),
        ("wifi.ssid=caf\udce9", "wifi.ssid is no text in UTF-8"),
        ("t_max=NaN", "limits.t_max"),
        ("t_max=1e999", "limits.t_max"),
        ("broker.user=" + "x" * 5000, "more than 4096 bytes"),
    ],
)
def test_what_the_board_would_refuse_is_refused_here(say, database, change, why):
    code, output = say("config", "C001", "--set", change, "--yes")
    assert code == 2 and why in output and "nothing was changed" in output
    assert database["wanted"].count_documents({}) == 0


@pytest.mark.parametrize(
    "ssid", ["12345678", "true", "null und nichtig", "[]", 'a "b" \\ c', "\N{GRINNING FACE} café"]
)
def test_a_name_is_text_whatever_it_looks_like_and_a_board_reads_it_as_it_was_typed(say, database, ssid):
    assert say("config", "C001", "--set", f"wifi.ssid={ssid}", "--yes")[0] == 0
    assert sealed(database)["wifi"]["ssid"] == ssid
    blob = bytes(database["wanted"].find_one()["settings"]["sealed"])
    change = mixed(blob[24:-32], KEY, blob[8:24])
    assert as_a_board_reads(change)["wifi"]["ssid"] == ssid


def as_a_board_reads(text):
    """What MicroPython makes of a JSON text, told in UTF-8."""
    program = [find_micropython(), "-c", "import json, sys; print(json.dumps(json.load(sys.stdin)))"]
    return json.loads(subprocess.run(program, input=text, capture_output=True, check=True, timeout=20).stdout)


def test_what_a_board_has_already_keeps_nothing_else_from_being_changed(say, database):
    local = {**TOLD, "broker": {**TOLD["broker"], "host": "localhost"}}
    database["latest"].update_one({}, {"$set": {"state.settings": json.dumps(local)}})
    assert say("config", "C001", "--set", "t_max=8", "--yes")[0] == 0


def test_what_became_of_a_change_is_told(say, database):
    say("config", "C001", "--set", "t_max=8", "--yes")
    number = database["wanted"].find_one()["n"]
    assert f"settings {number}: under way" in say("config", "C001")[1]
    why = ["config", f"{number:08x}", "wifi: wrong password"]
    database["latest"].update_one({}, {"$set": {"state.updates": [why]}})
    text = say("config", "C001")[1]
    assert f"settings {number}: not in use: wifi: wrong password; the same command asks" in text
    why = ["config", f"{number:08x}", "no reading was acknowledged", number, True]
    database["latest"].update_one({}, {"$set": {"state.updates": [why]}})
    assert "the board is asked once more within the hour" in say("config", "C001")[1]
    say("config", "C001", "--set", "period_ms=20000", "--yes")
    assert sealed(database)["limits"]["t_max"] == 8, "nothing says that the limit was at fault"
    number = database["wanted"].find_one()["n"]
    database["latest"].update_one({}, {"$set": {"state.config": number}})
    assert f"settings {number}: in use" in say("config", "C001")[1]


def test_only_the_board_reads_its_settings_and_a_changed_byte_is_noticed():
    blob = settings.seal(KEY, 7, {"wifi": {"password": "a new word"}})
    assert b"new word" not in blob and opened(blob, KEY) == (7, {"wifi": {"password": "a new word"}})
    with pytest.raises(ValueError, match="another board"):
        opened(blob, keys.device_key(MASTER, "demo", "C002"))
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1
        with pytest.raises(ValueError, match="board|no settings"):
            opened(bytes(changed), KEY)


def test_a_board_is_given_a_model_that_was_trained_for_it_and_the_one_before_again(say, database):
    for age, name in enumerate(("0000000c", "0000000b", "0000000a")):
        created = time.time() - age
        database["models"].insert_one({"_id": name, "site": "demo", "device": "C001", "created": created})
    database["models"].insert_one({"_id": "0000000d", "site": "demo", "device": "C002", "created": 0})
    code, output = say("model", "C001")
    assert code == 0 and "0000000a" in output and "judges now" in output and "0000000d" not in output
    assert say("model", "C001", "0000000d")[0] == 1
    assert say("model", "C001", "0000000a") == (0, "demo/C001 judges with 0000000a already\n")
    assert say("model", "C001", "newest")[0] == 0
    first = database["wanted"].find_one()
    assert first["want"]["model"] == "0000000c"
    database["latest"].update_one({}, {"$set": {"state.model": "0000000c"}})
    assert say("model", "C001", "--back")[0] == 0
    second = database["wanted"].find_one()
    assert second["want"]["model"] == "0000000a" and second["n"] > first["n"]


def test_a_rollout_is_shown_agreed_to_and_can_be_halted(say, database):
    database["latest"].insert_one({
        "_id": "demo/C002", "site": "demo", "device": "C002", "received": 0.0,
        "state": {"state": "online", "config": 0, "settings": json.dumps(TOLD)},
    })  # fmt: skip
    assert say("rollout", "show") == (0, "there was no roll-out yet\n")
    assert say("rollout", "start")[0] == 2
    assert say("rollout", "start", "config", "--set", "t_max=8", typed="no\n")[0] == 1
    assert database["rollouts"].count_documents({}) == 0
    code, output = say("rollout", "start", "config", "--set", "t_max=8", "--yes")
    assert code == 0 and "first demo/C001" in output and "then demo/C002" in output and "none -> 8" in output
    assert say("rollout", "start", "config", "--set", "t_max=9", "--yes")[0] == 1
    assert "wave 2  demo/C002" in say("rollout", "show")[1]
    assert say("rollout", "halt")[1].startswith("halted") and say("rollout", "halt")[1].startswith(
        "no roll-out"
    )
    assert "halted: a person has halted it" in say("rollout", "show")[1]
    code, output = say("rollout", "start", "config", "--set", "wifi.password", "--yes", typed="some word\n")
    assert code == 2 and "board by board" in output

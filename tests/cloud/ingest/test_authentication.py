"""Only the board can speak for the board: what is believed in version 2, and what in version 1."""

import json

import pytest
from bson import encode as bson

from cloud.contract import keys, messages
from cloud.contract.messages import Forged
from cloud.ingest.authentication import REMEMBERED, Authenticator
from cloud.read.reader import Reader
from cloud.store.writer import Store
from tests.cloud.conftest import MASTER, said_by, up
from tests.cloud.ingest.test_ingest import Wire

UP = "vigie/1/demo/C001/up"
STATE = "vigie/1/demo/C001/state"
KEY = keys.device_key(MASTER, "demo", "C001")


def old(message):
    """The same as a board of version 1 says it."""
    message = {**message, "v": 1}
    message.pop("sensor", None)
    return message


def state(**more):
    return {"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "online", **more}


@pytest.fixture
def wire(database):
    return Wire(database)


def hear(wire, *messages, topic=UP):
    wire.ingest.handle([wire.message(message, topic) for message in messages])


def stored(database, device="C001"):
    return sorted(Reader(database).readings("demo", device).seq.tolist())


def dropped(database):
    return [
        run
        for stream in Reader(database).streams("demo", "C001").values()
        for run in stream.get("dropped", ())
    ]


def forgeries():
    """Messages that C001's broker password allows, without C001's key."""
    good = said_by("C001", up([1, 2]))
    other_stream = good.replace(b'"stream":"9f3a1c07"', b'"stream":"0f3a1c07"')
    return {
        "another stream": other_stream,
        "another key": messages.signed(bytes(32), UP, up([1, 2])),
        "another board's key": messages.signed(keys.device_key(MASTER, "demo", "C002"), UP, up([1, 2])),
        "another board's topic": said_by("C002", up([1, 2])),
        "another leaf": said_by("C001", up([1, 2]), "state"),
        "no mac": messages.encode(up([1, 2])),
        "an empty mac": messages.encode({**up([1, 2]), "mac": ""}),
        "a mac that is not the last": messages.encode({"mac": json.loads(good)["mac"], **up([1, 2])}),
        "a second mac before it": b'{"mac":"' + good[-18:-2] + b'",' + good[1:],
        "a second mac behind it": good[:-1] + b',"mac":"' + good[-18:-2] + b'"}',
        "a second stream behind it": good[:-1] + b',"stream":"ffffffff"}',
        "a blank before it": good[:-26] + b" " + good[-26:],
        "a blank in it": good[:-26] + b', "mac":' + good[-19:],
        "a blank behind it": good + b" ",
        "in capitals": good[:-18] + good[-18:-2].upper().replace(b"0", b"A") + b'"}',
        "cut short": good[:-10] + b'"}',
        "called version 1": good.replace(b'"v":2', b'"v":1'),
        "called version 1, and signed": messages.signed(KEY, UP, old(up([1, 2]))),
    }


@pytest.mark.parametrize("name", forgeries())
def test_a_message_that_the_board_did_not_send_is_put_aside_whole_and_never_acknowledged(
    wire, database, name
):
    hear(wire, up([9]))
    wire.acks.clear()
    hear(wire, forgeries()[name])
    assert stored(database) == [9] and wire.acks == []
    assert wire.ingest.totals.refused == 1 and len(wire.pubacks) == 2
    (kept,) = database["quarantine"].find()
    assert (kept["device"], kept["seq"]) == ("C001", None) and "mac" in kept["reason"]


def test_a_forgery_is_counted(wire):
    hear(wire, up([9]))
    hear(wire, forgeries()["another key"], forgeries()["no mac"])
    assert wire.ingest.totals.forged == 2


def test_a_message_that_is_not_read_by_anybody_else_makes_no_board_authentic(wire, database):
    hear(wire, forgeries()["another key"], old(up([1])))
    assert wire.acked() == {1} and stored(database) == [1]


def test_a_forged_state_changes_nothing(wire, database):
    hear(wire, state(last_error="its own"), topic=STATE)
    lie = messages.signed(bytes(32), STATE, state(dropped=[[0, 99]], last_error="a lie"))
    hear(wire, lie, said_by("C001", up([5]), "up"), topic=STATE)
    (latest,) = Reader(database).latest()
    assert latest.state["last_error"] == "its own" and dropped(database) == []
    assert wire.acks == []


def test_an_older_board_goes_on_in_version_1_and_is_told_apart(wire, database):
    hear(wire, old(up([1, 2])))
    hear(wire, old(state()), topic=STATE)
    hear(wire, up([1]), topic="vigie/1/demo/C002/up")
    assert wire.acked() == {1, 2} and stored(database) == [1, 2]
    assert {each.device: each.authentic for each in Reader(database).latest()} == {
        "C001": False,
        "C002": True,
    }


def test_a_board_that_once_spoke_version_2_is_never_believed_in_version_1_again(wire, database):
    hear(wire, old(up([1])))
    hear(wire, up([2]))
    for later in (wire, Wire(database), Wire(database)):  # here, in another worker, after a start
        hear(later, old(up([3])))
        hear(later, old(state(dropped=[[0, 99]])), topic=STATE)
        assert 3 not in later.acked() and later.ingest.totals.forged == 2
    assert stored(database) == [1, 2] and dropped(database) == []


def test_a_worker_that_knew_a_board_in_version_1_learns_of_version_2_from_another(wire, database):
    other = Wire(database)
    hear(other, old(up([1])))
    hear(wire, up([2]))
    hear(other, old(up([3])))
    assert stored(database) == [1, 2] and other.acked() == {1}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_where_both_versions_meet_in_one_batch_only_the_second_is_believed(wire, database, order):
    by_version = {1: old(up([1])), 2: up([2])}
    hear(wire, *(by_version[version] for version in order))
    assert stored(database) == [2] and wire.acked() == {2}


def test_that_a_board_is_authentic_is_on_the_disk_before_its_message_is_believed(wire, database, monkeypatch):
    seen = []
    write = wire.store.write

    def writing(entries):
        majority = database["latest"].with_options(read_concern=database.read_concern.__class__("majority"))
        seen.append(majority.find_one({"_id": "demo/C001"})["contract"])
        return write(entries)

    monkeypatch.setattr(wire.store, "write", writing)
    hear(wire, up([1]))
    assert seen == [2]


def test_what_a_worker_remembers_is_asked_anew_after_a_while(database):
    now = [0.0]
    authenticator = Authenticator(Store(database), MASTER, lambda: now[0])
    good, plain = said_by("C001", up([1])), messages.encode(old(up([1])))
    assert [each.version for each in authenticator.examine([(UP, good)])] == [2]
    database["latest"].delete_many({})  # a person had the board forgotten
    assert isinstance(authenticator.examine([(UP, plain)])[0], Forged)
    now[0] += REMEMBERED
    assert [each.version for each in authenticator.examine([(UP, plain)])] == [1]
    authenticator.examine([(UP, good)])
    assert database["latest"].find_one({"_id": "demo/C001"})["contract"] == 2


@pytest.mark.parametrize("topic", [STATE, STATE.replace("state", "get")])
def test_a_cleared_retained_state_and_the_doctors_empty_get_are_no_forgeries(wire, database, topic):
    hear(wire, up([1]))
    hear(wire, b"", topic=topic)
    assert database["quarantine"].count_documents({}) == 0 and wire.ingest.totals.refused == 0


def test_an_old_message_sent_again_by_the_broker_turns_nothing_back(wire, database):
    first, before = said_by("C001", up([1, 2])), said_by("C001", state(boot=7, last_error="then"), "state")
    hear(wire, first, up([3], boot=8))
    hear(wire, before, said_by("C001", state(boot=8, last_error="now"), "state"), topic=STATE)
    was = stored(database), Reader(database).latest()[0]
    hear(wire, first)
    hear(wire, before, said_by("C001", state(boot=7, state="offline"), "state"), topic=STATE)
    now = stored(database), Reader(database).latest()[0]
    assert now[0] == was[0] == [1, 2, 3] and wire.acked() == {1, 2, 3}
    assert (now[1].seq, now[1].state["last_error"]) == (3, "now") and now[1].online


def test_no_word_of_a_board_makes_the_cloud_sign_for_readings_that_it_does_not_have(wire):
    """Who has the broker password alone once had the next readings acknowledged before they were sent."""
    hear(wire, old(state(dropped=[[0, 9]])), topic="vigie/1/demo/C002/state")  # it never spoke version 2
    assert wire.acks == []
    hear(wire, state(dropped=[[20, 29]]), topic=STATE)
    assert wire.acked() == set() and [ack["dropped"] for _, ack in wire.acks] == [[[20, 29]]]


# What comes through has its bounds.

HUGE = (
    2**31,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    2**200,
    -1,
    -(2**63),
    -(2**64),
    1.5,
    1e300,
    True,
    "7",
    [],
)


@pytest.mark.parametrize("name", ["features", "next", "abnormal", "boot", "v"])
@pytest.mark.parametrize("value", HUGE, ids=repr)
def test_any_number_in_a_state_fits_the_database_or_is_left_out(name, value):
    body = json.dumps(state(dropped=[[1, 4]], **{name: value})).encode()
    try:
        read = messages.decode_state(body)
    except messages.MessageRefused:
        assert name in ("boot", "v")
        return
    bson(
        {"state": {name: getattr(read, name) for name in ("boot", "features", "next", "abnormal", "counts")}}
    )
    assert read.dropped == [(1, 4)]  # what is right beside it stays


def test_numbers_and_names_that_are_counted_have_their_bounds():
    for counts in ({"a": 2**53}, {"a": -1}, {"$set": 1}, {"a.b": 1}, {"a" * 65: 1}, {"\x1b": 1}):
        assert messages.decode_state(json.dumps(state(counts=counts)).encode()).counts == {}
    counts = {"acks refused: another stream": 3}
    assert messages.decode_state(json.dumps(state(counts=counts)).encode()).counts == counts


def test_lists_in_a_state_have_their_bounds():
    for name, entry in (("refused", 1), ("dropped", [1, 1]), ("refused", 2**32), ("dropped", [1, 2**32])):
        many = [entry] * (1 if isinstance(entry, int) and entry > 1 or entry == [1, 2**32] else 1001)
        assert getattr(messages.decode_state(json.dumps(state(**{name: many})).encode()), name) == []


@pytest.mark.parametrize("name", ["version", "reset", "learning", "last_error"])
def test_a_text_is_cut_and_holds_nothing_that_a_terminal_or_a_mail_would_act_on(name):
    text = "\x1b]0;pwn\x07 a\r\nBcc: b\x00\u202e\u2028" + "é" * 5000
    (read,) = [getattr(messages.decode_state(json.dumps(state(**{name: text})).encode()), name)]
    assert read.isprintable() and "Bcc: b" in read and len(read) <= 512


def test_the_sensors_of_a_board_are_kept():
    channel = {"quantity": "temperature", "unit": "°C", "scale": 0.01, "offset": 0}
    sensor = {"index": 0, "name": "cellar", "kind": "dht22", "channels": [channel]}
    (read,) = messages.decode_state(json.dumps(state(sensors=[sensor])).encode()).sensors
    assert (read.name, read.channels[0].unit, read.channels[0].scale) == ("cellar", "°C", 0.01)
    for name, value in (("index", 2**70), ("name", "a\nb"), ("channels", [channel] * 17), ("kind", "x" * 33)):
        assert (
            messages.decode_state(json.dumps(state(sensors=[{**sensor, name: value}])).encode()).sensors == []
        )


def test_the_users_own_limits_are_kept_and_have_bounds():
    limits = {"t_max": 800, "for_s": 600}
    read = messages.decode_state(json.dumps(state(limits=limits)).encode()).limits
    assert (read.t_min, read.t_max, read.h_max, read.for_s) == (None, 800, None, 600)
    for name, value in (("t_max", 2**15), ("h_min", "dry"), ("for_s", -1), ("for_s", 86401)):
        assert (
            messages.decode_state(json.dumps(state(limits={**limits, name: value})).encode()).limits is None
        )


@pytest.mark.parametrize("why", ["hot", "a\nBcc: evil@example", "\x1b[31m", "", "no answer ", "😀" * 64, 7])
def test_a_reason_that_the_contract_does_not_know_puts_its_reading_aside(why):
    message = up([1, 2, 3], x=[[1] * 8, None, None], why=[None, why, "no answer"])
    read = messages.decode_up("demo", "C001", json.dumps(message).encode(), 2e9)
    assert [reading.seq for reading in read.readings] == [1, 3] and [
        reading.seq for reading in read.unfit
    ] == [2]
    assert read.unfit[0].reason.isprintable() and read.unfit[0].values.isprintable()


@pytest.mark.parametrize("raw", ["9" * 5000, "9" * 100, "1e999", "-1e999", "[" * 200 + "]" * 200])
@pytest.mark.parametrize("column", ["ts", "up", "x", "flags", "score"])
def test_a_value_beyond_all_bounds_puts_its_reading_aside_and_no_other(column, raw):
    message = up([1, 2], **{column: ["THIS", up([2])[column][0]]})
    body = json.dumps(message).replace('"THIS"', raw).encode()
    read = messages.decode_up("demo", "C001", body, 2e9)
    assert [reading.seq for reading in read.readings] == [2] and [reading.seq for reading in read.unfit] == [
        1
    ]


def test_a_state_with_numbers_that_no_database_holds_costs_no_second_try(wire, database):
    hear(wire, *(state(features=2**63 + k) for k in range(20)), topic=STATE)
    hear(wire, up([1]))
    assert wire.ingest.totals.retries == 0 and wire.acked() == {1}
    assert Reader(database).latest()[0].online

"""What is taken from the wire, what is put aside, what is refused; what an ack names."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.contract import keys, messages
from cloud.contract.messages import MessageRefused
from tests.cloud.conftest import up

NOW = 1_800_000_000


def decode(message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return messages.decode_up("demo", "C001", body, NOW)


def with_dates(seqs, **columns):
    return up(seqs, **{"ts": NOW, **columns})


def test_good_readings_come_through_as_they_were_sent():
    message = with_dates(
        [5, 6], x=[[1, 2, 3, 4, 5, 6, 7, 8], None], why=[None, "no answer"], flags=[1 << 15, 256]
    )
    good, failed = decode(message).readings
    assert good.x == (1, 2, 3, 4, 5, 6, 7, 8) and good.measured == (1, 2) and good.flags == 1 << 15
    assert failed.x is None and failed.measured is None and failed.why == "no answer"


@pytest.mark.parametrize(
    "column, value",
    [
        ("x", [40000] + [0] * 7),
        ("x", [0] * 7),
        ("x", "hot"),
        ("x", [1.5] * 8),
        ("flags", 65536),
        ("flags", -1),
        ("flags", 10**30),
        ("score", 2**31),
        ("score", "low"),
        ("up", -1),
        ("up", None),
        ("why", "x" * 65),
        ("why", 7),
        ("ts", 1.5e300),
        ("ts", True),
    ],
)
def test_one_bad_value_puts_only_its_reading_aside(column, value):
    message = with_dates([1, 2, 3])
    message[column][1] = value
    decoded = decode(message)
    assert [reading.seq for reading in decoded.readings] == [1, 3]
    (unfit,) = decoded.unfit
    assert unfit.seq == 2 and unfit.reason


@pytest.mark.parametrize(
    "date", [NOW + 301, NOW + 365 * 86400, messages.EARLIEST - 1, 0, -5, 2**40, -(2**63)]
)
def test_a_reading_whose_date_cannot_be_is_undated_and_keeps_what_it_said(date):
    message = with_dates([1, 2, 3])
    message["ts"][1] = date
    decoded = decode(message)
    assert not decoded.unfit
    assert [(reading.seq, reading.ts) for reading in decoded.readings] == [(1, NOW), (2, None), (3, NOW)]
    assert decoded.readings[1].said == min(max(date, 0), 2**32 - 1)
    assert decoded.readings[0].said is decoded.readings[2].said is None


@pytest.mark.parametrize(
    "change",
    [
        {"v": 1},
        {"v": 3},
        {"sensor": 1},
        {"features": 2},
        {"stream": "9F3A1C07"},
        {"stream": "9f3a1c07\n"},
        {"stream": 7},
        {"boot": -1},
        {"model": "9f3a1c0"},
        {"seq": [1, 2**32]},
        {"seq": [1, -1]},
        {"seq": [1, True]},
        {"seq": [1, "2"]},
        {"seq": [1]},
        {"seq": []},
        {"flags": [0]},
        {"why": "no"},
    ],
)
def test_a_message_that_cannot_be_read_as_a_whole_is_refused(change):
    with pytest.raises(MessageRefused):
        decode({**with_dates([1, 2]), **change})


def test_more_than_forty_readings_are_refused():
    with pytest.raises(MessageRefused, match="41 readings"):
        decode(with_dates(range(41)))


def test_a_megabyte_is_refused_unread():
    with pytest.raises(MessageRefused, match="1000000 bytes"):
        decode(b"[" * 1_000_000)


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_any_bytes_are_read_or_refused(payload):
    for read in (decode, messages.decode_state):
        try:
            read(payload)
        except MessageRefused as reason:
            assert str(reason)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_change_of_a_good_message_is_read_put_aside_or_refused(data):
    message = with_dates(range(3))
    anything = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=9)
        | st.lists(st.integers())
    )
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(message)))
        if isinstance(message[name], list) and message[name] and data.draw(st.booleans()):
            message[name][data.draw(st.integers(0, len(message[name]) - 1))] = data.draw(anything)
        else:
            message[name] = data.draw(anything)
    try:
        decoded = decode(message)
    except MessageRefused:
        return
    assert sorted([r.seq for r in decoded.readings] + [u.seq for u in decoded.unfit]) == sorted(
        message["seq"]
    )


@pytest.mark.parametrize(
    "topic",
    [
        "vigie/1/demo/C001",
        "vigie/1/demo/C001/up/",
        "vigie/2/demo/C001/up",
        "vigie/1//C001/up",
        "vigie/1/demo/C 1/up",
        "vigie/1/demo/C001/ack",
        "vigie/1/demo/" + "C" * 33 + "/up",
        "vigie/1/demo/é/up",
        "vigie/1/demo/C001/up\n",
    ],
)
def test_other_topics_are_refused(topic):
    with pytest.raises(MessageRefused):
        messages.parse_topic(topic)


def test_a_topic_names_site_device_and_leaf():
    assert messages.parse_topic("vigie/1/demo/C001/state") == ("demo", "C001", "state")


@given(st.sets(st.integers(0, 100)))
def test_runs_name_exactly_the_seqs_that_were_seen(seqs):
    runs = messages.runs_of(seqs)
    named = [seq for first, last in runs for seq in range(first, last + 1)]
    assert named == sorted(seqs)
    assert all(a[1] + 1 < b[0] for a, b in zip(runs, runs[1:]))


def test_an_ack_is_authentic_and_short_enough_for_a_board():
    key = keys.device_key(bytes(32), "demo", "C001")
    payloads = messages.acks(key, "9f3a1c07", [(2 * k, 2 * k) for k in range(20)])
    acks = [json.loads(payload) for payload in payloads]
    assert [len(ack["runs"]) for ack in acks] == [16, 4]
    for ack in acks:
        assert ack["mac"] == keys.ack_mac(key, "9f3a1c07", [tuple(run) for run in ack["runs"]])
        assert len(ack["mac"]) == 16


def test_the_board_and_the_cloud_make_the_same_mac():
    from device.auth import hmac_sha256

    key = hmac_sha256(bytes(32), (b"vigie/1/demo/C001",))
    assert key == keys.device_key(bytes(32), "demo", "C001")
    mac = hmac_sha256(key, (b"ack:9f3a1c07:1-4,6-6",))[:8].hex()
    assert mac == keys.ack_mac(key, "9f3a1c07", [(1, 4), (6, 6)])


def test_a_state_keeps_what_the_contract_names():
    state = messages.decode_state(
        b'{"v":2,"stream":"9f3a1c07","boot":7,"state":"online","dropped":[[1,4]],'
        b'"counts":{"acks bad":2},"more":[1]}'
    )
    assert state.dropped == [(1, 4)] and state.counts == {"acks bad": 2} and state.version is None


def test_a_state_with_a_strange_detail_still_says_whether_the_board_is_online():
    state = messages.decode_state(b'{"v":2,"stream":"9f3a1c07","boot":7,"state":"online","counts":{"$a":1}}')
    assert state.state == "online" and state.counts == {}


@pytest.mark.parametrize("bad", ['"state":"gone"', '"state":"online","dropped":[[4,1]]', '"state":7'])
def test_a_state_that_is_wrong_is_refused(bad):
    with pytest.raises(MessageRefused):
        messages.decode_state(b'{"v":2,"stream":"9f3a1c07","boot":7,' + bad.encode() + b"}")


def test_a_sleeping_board_says_when_it_will_be_back():
    sleeping = {"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "sleeping", "next": 1_800_000_000}
    assert messages.decode_state(json.dumps(sleeping).encode()).next == 1_800_000_000

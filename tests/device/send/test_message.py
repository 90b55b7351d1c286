import gc
import json
import sys
from array import array
from binascii import hexlify

from device import codes
from device.auth import hmac_sha256, mac
from device.outbox.outbox import Outbox
from device.send.ack import read_ack
from device.send.queue import MOST, ROOM
from device.send.up import Writer
from tests.device import scratch
from tests.device.outbox.test_outbox import ROOMY, fill, x_of

KEY = bytes(range(32))
TOPIC = b"vigie/1/home/C001/up"
STREAM = b"\x9f\x3a\x1c\x07"


def writer(box):
    return Writer(box, KEY, TOPIC, memoryview(bytearray(ROOM)))


def test_an_up_message_says_what_the_records_hold():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY, random=lambda n: STREAM[:n])
        box.model = b"\x01\x02\xab\xcd"
        box.append(10, x_of(-2150), codes.ZSCORE | codes.CLOCK_UNSET, 0, 70000)
        box.append(20, None, codes.SENSOR_ERROR, codes.NO_ANSWER, -1)
        box.append(30, array("h", [-32768, 32767, 0, 0, 0, 0, 0, 0]), 0x8000, 0, 0)
        box.flush()
        box.journal.anchor(1, 15, 836000000)
        payload, last = writer(box).up(0, 2)
        assert last == 2
        text = bytes(payload)
        head = text[: text.index(b',"mac":')]
        mac = hexlify(hmac_sha256(KEY, (b"up:" + TOPIC + b":" + head,))[:8]).decode()
        assert text == head + b',"mac":"%s"}' % mac.encode()
        assert json.loads(text) == {
            "v": 2,
            "stream": "9f3a1c07",
            "boot": 1,
            "sensor": 0,
            "model": "0102abcd",
            "features": 1,
            "seq": [0, 1, 2],
            "ts": [1782684795, 1782684805, 1782684815],
            "up": [10, 20, 30],
            "x": [[-2150, 4500, 1, -2, 3, 4, 5, 6], None, [-32768, 32767, 0, 0, 0, 0, 0, 0]],
            "flags": [1028, 256, 32768],
            "score": [70000, None, 0],
            "why": [None, "no answer", None],
            "mac": mac,
        }


def test_without_a_date_and_a_model_it_says_null():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 1)
        message = json.loads(bytes(writer(box).up(0, 0)[0]))
        assert message["ts"] == [None]
        assert message["model"] is None


def test_only_waiting_records_travel_and_a_damaged_one_is_reported():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        fill(box, 6)
        path = folder + "/0000000000-1.seg"
        data = bytearray(scratch.read(path))
        data[32 + 2 * 32 + 5] ^= 4
        scratch.write(path, data)
        box.ack(4, 4)
        message = json.loads(bytes(writer(box).up(0, 5)[0]))
        assert message["seq"] == [0, 1, 3, 5]
        assert box.damaged == 1
        assert box.journal.dropped == [[2, 2]]
        box.ack(0, 5)
        assert writer(box).up(0, 5)[0] is None


def test_most_readings_fit_and_the_widest_ones_are_cut_where_they_no_longer_do():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        ordinary = array("h", (2155, 4530, -12, 105, -33, 210, 145, 320))
        for n in range(MOST):
            box.append(7654321 + n, ordinary, codes.WARMING_UP, 0, 52341)
            box.flush()
        payload, last = writer(box).up(0, MOST - 1)
        assert last == MOST - 1
        wide = array("h", [-32768] * 8)
        for n in range(MOST):
            box.append(1 << 29, wide, 0xFFFF, codes.DRIVER_ERROR, 1 << 29)
            box.flush()
        first, seen = MOST, []
        while first < 2 * MOST:
            payload, last = writer(box).up(first, 2 * MOST - 1)
            seen += json.loads(bytes(payload))["seq"]
            first = last + 1
        assert seen == list(range(MOST, 2 * MOST))


def test_a_segment_that_had_to_make_room_gives_no_message():
    with scratch.Folder() as folder:
        box = Outbox(folder, ROOMY)
        assert writer(box).up(0, 3) == (None, 3)


def test_the_mac_of_a_message_takes_a_kilobyte_of_heap_at_most():
    if sys.implementation.name != "micropython":
        return
    body = memoryview(bytearray(1900))
    mac(KEY, b"up:", TOPIC, body)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    mac(KEY, b"up:", TOPIC, body)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken <= 2048, taken  # on this interpreter objects take twice a chip's bytes


def ack(covered, stream=STREAM, key=KEY, kind="ack", **more):
    name = hexlify(stream).decode()
    text = "%s:%s:%s" % (kind, name, ",".join("%d-%d" % (a, b) for a, b in covered))
    mac = hexlify(hmac_sha256(key, (text.encode(),))[:8]).decode()
    return dict({"stream": name, "runs" if kind == "ack" else "dropped": covered, "mac": mac}, **more)


def refused(payload):
    try:
        read_ack(payload, STREAM, KEY)
    except ValueError as error:
        return str(error)
    return None


def test_an_ack_made_with_the_key_is_believed():
    payload = json.dumps(ack([[3, 7], [9, 9]])).encode()
    assert read_ack(payload, STREAM, KEY) == ([[3, 7], [9, 9]], False)


def test_what_was_dropped_is_acknowledged_by_a_text_of_its_own():
    payload = json.dumps(ack([[3, 7]], kind="drop")).encode()
    assert read_ack(payload, STREAM, KEY) == ([[3, 7]], True)
    # Neither passes for the other, whatever it is called.
    for kind, name in (("ack", "dropped"), ("drop", "runs")):
        an_ack = ack([[3, 7]], kind=kind)
        assert (
            refused(json.dumps({"stream": an_ack["stream"], name: [[3, 7]], "mac": an_ack["mac"]}).encode())
            == "wrong mac"
        )
    both = dict(ack([[3, 7]]), dropped=[[8, 9]])
    assert refused(json.dumps(both).encode()) == "wrong mac"


def test_an_ack_that_cannot_be_believed_says_why():
    assert refused(json.dumps(ack([[3, 7]], key=bytes(32))).encode()) == "wrong mac"
    assert refused(json.dumps(ack([[3, 7]], runs=[[3, 8]])).encode()) == "wrong mac"
    assert refused(json.dumps(ack([[3, 7]], stream=b"\0\0\0\0")).encode()) == "another stream"
    assert refused(b" " * 5000) == "too long"
    malformed = [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff\xfe{}",
        b"[" * 300,
        b'{"a":' * 90,
        b'"\\ud800"',
        b'{"stream":"9f3a1c07","runs":[[' + b"9" * 400 + b',2]],"mac":""}',
        b'{"stream":"9f3a1c07","runs":[[1e400,2]],"mac":""}',
        b'{"stream":"9f3a1c07"}',
        json.dumps(ack([], mac=None)).encode(),
        json.dumps(ack([], mac="\u00e9" * 16)).encode(),
        json.dumps(ack([], runs=None)).encode(),
        json.dumps(ack([], runs=[[1]])).encode(),
        json.dumps(ack([], runs=[[1, "2"]])).encode(),
        json.dumps(ack([], runs=[[1, 2.0]])).encode(),
        json.dumps(ack([], runs=[[True, True]])).encode(),
        json.dumps(ack([], runs=[1, 2])).encode(),
        json.dumps(ack([], runs=[[1, 2]] * 17)).encode(),
    ]
    for payload in malformed:
        assert refused(payload) in ("malformed", "wrong mac"), payload
    assert refused(malformed[0]) == "malformed"

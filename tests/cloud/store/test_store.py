"""Buckets: idempotent by position, open or sealed, under races, duplicates and disorder. On a real mongod."""

import random
import threading
import time

import pytest

from cloud.contract import messages
from cloud.read.reader import Reader
from cloud.store.entries import Quarantined, refused_item
from cloud.store.packing import SIZE
from cloud.store.sealing import Sealer
from cloud.store.writer import DAY, QUARANTINE_KEPT, STREAMS_A_DAY, Store
from device import codes
from tests.cloud.conftest import entry


def seal(database):
    return Sealer(database, clock=lambda: time.time() + 5).seal(0)


def values(readings):
    return dict(zip(readings.seq.tolist(), readings.t.tolist()))


def test_the_first_write_of_a_position_wins(store, reader, database):
    store.write([entry(1, t=2100), entry(2, t=2200)])
    counts = store.write([entry(1, t=9999), entry(2, t=2200), entry(3, t=2300)])
    assert values(reader.readings("demo", "C001")) == {1: 21.0, 2: 22.0, 3: 23.0}
    assert counts.kept == 2 and counts.conflicts == 1
    (aside,) = database["quarantine"].find()
    assert aside["seq"] == 1 and "other sensor values" in aside["reason"]


def test_the_first_write_wins_within_one_batch_too(store, reader):
    counts = store.write([entry(1, t=2100), entry(1, t=2100), entry(1, t=2200)])
    assert (counts.kept, counts.conflicts) == (2, 1)
    assert values(reader.readings("demo", "C001")) == {1: 21.0}


def test_a_failed_read_and_a_good_one_for_one_seq_are_a_conflict(store):
    store.write([entry(1, failed="no answer", flags=codes.SENSOR_ERROR)])
    assert store.write([entry(1)]).conflicts == 1


def test_a_repeat_of_a_sealed_position_does_not_open_the_bucket(store, database, reader):
    store.write([entry(seq) for seq in range(10)])
    assert seal(database) == 1
    sealed = database["buckets"].find_one()
    counts = store.write([entry(seq, ts=None) for seq in range(10)])
    assert counts.kept == 10 and database["buckets"].find_one() == sealed
    assert store.write([entry(3, t=9999)]).conflicts == 1
    assert database["buckets"].find_one() == sealed


def test_a_late_new_reading_opens_a_sealed_bucket_and_it_is_sealed_again(store, database, reader):
    store.write([entry(seq, t=seq) for seq in range(10) if seq != 4])
    seal(database)
    store.write([entry(4, t=4), entry(5, t=5)])
    bucket = database["buckets"].find_one()
    assert list(bucket["r"]) == ["4"] and "p" in bucket
    assert values(reader.readings("demo", "C001")) == {seq: seq / 100 for seq in range(10)}
    assert seal(database) == 1
    bucket = database["buckets"].find_one()
    assert "r" not in bucket and bucket["n"] == 10 and bucket["t"] == [0, 45, 9]
    assert values(reader.readings("demo", "C001")) == {seq: seq / 100 for seq in range(10)}


def test_a_write_between_reading_and_sealing_is_not_lost(store, database, reader):
    store.write([entry(1)])

    class Racing(Sealer):
        def _sealing(self, bucket):
            update = super()._sealing(bucket)
            if bucket["v"] == 1:
                store.write([entry(2)])
            return update

    racing = Racing(database, clock=lambda: time.time() + 5)
    assert racing.seal(0) == 1  # the first try loses, the second sees both
    assert reader.readings("demo", "C001").seq.tolist() == [1, 2]
    assert database["buckets"].find_one()["n"] == 2


def test_streams_and_devices_never_meet(store, reader):
    store.write(
        [
            entry(1, t=1, device="C001"),
            entry(1, t=2, device="C002"),
            entry(1, t=3, device="C001", stream="00000000"),
        ]
    )
    assert sorted(reader.readings("demo", "C001").t.tolist()) == [0.01, 0.03]
    assert reader.readings("demo", "C002").t.tolist() == [0.02]
    assert len(reader.readings("demo", "C001", stream="00000000")) == 1


def test_races_disorder_and_duplicates_leave_each_reading_once(mongod, database, reader):
    """Four writers in disorder, each reading two or three times, while a sealer seals all the time."""
    from cloud.store import database as databases

    chance = random.Random(1)
    seqs = list(range(3 * SIZE)) * 2 + chance.choices(range(3 * SIZE), k=SIZE)
    chance.shuffle(seqs)
    now = int(time.time()) - 3600
    done = threading.Event()
    problems = []

    def write(part):
        try:
            handle = databases.connect(mongod.uri, database.name)
            store = Store(handle)
            for first in range(0, len(part), 25):
                store.write([entry(s, t=s, ts=now + s) for s in part[first : first + 25]])
            handle.client.close()
        except Exception as problem:
            problems.append(problem)

    def keep_sealing():
        try:
            while not done.is_set():
                seal(database)
        except Exception as problem:
            problems.append(problem)

    writers = [threading.Thread(target=write, args=(seqs[k::4],)) for k in range(4)]
    sealer = threading.Thread(target=keep_sealing)
    for thread in (sealer, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    sealer.join()
    assert not problems
    seal(database)
    readings = reader.readings("demo", "C001")
    assert readings.seq.tolist() == list(range(3 * SIZE))
    assert readings.t.tolist() == [s / 100 for s in range(3 * SIZE)]
    assert readings.ts.tolist() == [now + s for s in range(3 * SIZE)]
    assert database["quarantine"].count_documents({}) == 0
    assert [bucket["n"] for bucket in database["buckets"].find()] == [SIZE] * 3


def kinds(database):
    return [(e["seq"], e["kind"]) for e in database["events"].find().sort([("seq", 1)])]


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 1, 4, 0, 2], [2, 3, 2, 1, 0, 4, 4]])
def test_events_are_the_abnormal_readings_and_each_return_whatever_the_order(store, database, order):
    flags = {11: 0, 12: codes.ZSCORE, 13: codes.ZSCORE, 14: 0, 15: 0}
    for k in order:
        store.write([entry(11 + k, flags=flags[11 + k])])
    assert kinds(database) == [(12, "abnormal"), (13, "abnormal"), (14, "normal")]


def test_a_sealed_neighbour_counts_too(store, database):
    store.write([entry(12, flags=codes.ZSCORE)])
    seal(database)
    store.write([entry(13)])
    assert kinds(database) == [(12, "abnormal"), (13, "normal")]


def test_warming_up_is_no_event(store, database):
    store.write([entry(5, flags=codes.WARMING_UP | codes.CLOCK_UNSET)])
    assert kinds(database) == []


def test_a_period_below_a_second_is_told_although_uptimes_are_whole_seconds(store, reader):
    now = int(time.time())
    for seq in range(0, 601, 9):  # messages of nine readings each half second
        store.write([entry(seq, ts=now + seq // 2, up=seq // 2)])
    assert abs(reader.latest()[0].period - 0.5) < 0.01


def test_latest_is_replaced_only_by_what_is_newer(store, reader):
    now = int(time.time())
    store.write([entry(7, ts=now, t=7)])
    store.write([entry(6, ts=now + 50, t=6), entry(3, ts=None)])
    (latest,) = reader.latest()
    assert (latest.seq, latest.t) == (7, 0.07)
    store.write([entry(0, ts=now - 100, stream="00000000")])
    assert reader.latest()[0].seq == 7
    store.write([entry(1, ts=now + 100, stream="00000000", up=10)])
    store.write([entry(3, ts=now + 120, stream="00000000", up=30)])
    assert reader.latest()[0].seq == 3 and reader.latest()[0].period == 10


def state(**more):
    return messages.State(**{"v": 2, "stream": "9f3a1c07", "boot": 7, "state": "online", **more})


def test_a_state_first_does_not_hide_the_readings(store, reader):
    store.states([("demo", "C001", state())])
    store.write([entry(7)])
    assert reader.latest()[0].seq == 7 and reader.latest()[0].online


def test_a_will_of_an_older_boot_says_nothing(store, reader):
    store.states([("demo", "C001", state(boot=8, version="1.2", counts={"acks": 3}))])
    store.states([("demo", "C001", state(boot=7, state="offline"))])
    assert reader.latest()[0].online
    store.states([("demo", "C001", state(boot=8, state="offline"))])
    latest = reader.latest()[0]
    assert (
        latest.online is False and latest.state["version"] == "1.2" and latest.state["counts"] == {"acks": 3}
    )


def test_dropped_runs_grow_together(store, reader):
    store.states([("demo", "C001", state(dropped=[(1, 5), (9, 9)]))])
    store.states([("demo", "C001", state(dropped=[(4, 8)]))])
    store.states([("demo", "C001", state())])
    assert reader.streams("demo", "C001")["9f3a1c07"]["dropped"] == [[1, 9]]


def test_quarantine_remembers_the_seqs(store, database, reader):
    store.quarantine([Quarantined("demo", "C001", "9f3a1c07", seq, "bad", "{}") for seq in (4, 2, 4)])
    store.quarantine([refused_item("vigie/1/demo/C001/up", b"x" * 300_000, "too long")])
    assert reader.streams("demo", "C001")["9f3a1c07"]["quarantined"] == [2, 4]
    (whole,) = database["quarantine"].find({"seq": None})
    assert len(whole["content"]) == 4096 and "300000 bytes, SHA-256" in whole["reason"]


def test_a_board_that_sends_rubbish_pushes_out_only_its_own(store, database):
    store.quarantine([Quarantined("demo", "C002", "9f3a1c07", 7, "bad", "{}")])
    for first in range(0, 3000, 300):
        rubbish = [
            refused_item("vigie/1/demo/C001/up", b"x" * 5000, str(k)) for k in range(first, first + 300)
        ]
        store.quarantine(rubbish)
    kept = [item["reason"].split()[0] for item in database["quarantine"].find({"device": "C001"})]
    assert sorted(map(int, kept)) == list(range(3000 - QUARANTINE_KEPT, 3000))
    assert database["quarantine"].count_documents({"device": "C002"}) == 1


def test_a_database_whose_quarantine_is_capped_goes_on(store, database):
    """As versions before made it."""
    database.create_collection("quarantine", capped=True, size=1 << 20)
    for reason in ("short", "much longer " * 50):
        entries = range(QUARANTINE_KEPT)
        store.quarantine([Quarantined("demo", "C001", "9f3a1c07", k, reason, "{}") for k in entries])
    assert database["quarantine"].count_documents({"reason": "much longer " * 50}) == QUARANTINE_KEPT


def test_streams_that_are_made_up_end_for_the_day(store, database):
    """And the board's own goes on, also in a worker that never heard of it."""
    own = ("demo", "C001", "9f3a1c07")
    assert store.surplus([own]) == set()
    made_up = [("demo", "C001", f"{k:08x}") for k in range(200)]
    assert len(store.surplus(made_up)) == 200 - (STREAMS_A_DAY - 1)
    assert store.surplus([own, ("demo", "C002", "00000000")]) == set()
    assert Store(database).surplus([own, made_up[-1]]) == {made_up[-1]}
    assert database["streams"].count_documents({"d": "demo/C001"}) == STREAMS_A_DAY
    tomorrow = Store(database, clock=lambda: time.time() + DAY + 1)
    assert tomorrow.surplus([made_up[-1]]) == set()


def test_expired_buckets_leave_a_floor(store, database, reader):
    old = int(time.time()) - 40 * 86400
    Store(database, clock=lambda: old).write([entry(seq, ts=old) for seq in range(5)])
    store.write([entry(SIZE + 1)])
    seal(database)
    assert Sealer(database).expire(30) == 1
    assert reader.readings("demo", "C001").seq.tolist() == [SIZE + 1]
    counts = Store(database).write([entry(3, ts=old), entry(SIZE + 2)])
    assert (counts.expired, counts.kept) == (1, 1)
    assert reader.readings("demo", "C001").seq.tolist() == [SIZE + 1, SIZE + 2]


def test_a_damaged_bucket_does_not_stop_the_sealing(store, database):
    store.write([entry(1, device="C001"), entry(1, device="C002")])
    database["buckets"].update_one({"d": "demo/C001"}, {"$set": {"p": b"\x01rubbish"}})
    sealer = Sealer(database, clock=lambda: time.time() + 5)
    assert sealer.seal(0) == 1
    (note,) = database["quarantine"].find()
    assert "bucket demo/C001/9f3a1c07/00000000 is damaged" in note["reason"] and note["device"] == "C001"
    again = Sealer(database, clock=lambda: time.time() + 5)
    assert again.seal(0) == 0 and database["quarantine"].count_documents({}) == 1
    assert len(Reader(database).readings("demo", "C001")) == 0  # and nobody who reads is stopped
    assert len(Reader(database).readings("demo", "C002")) == 1


def test_a_will_that_comes_again_tells_no_new_time(store, reader):
    store.clock = lambda: 1000.0
    store.states([("demo", "C001", messages.State(1, "9f3a1c07", 7, "offline"))])
    store.clock = lambda: 5000.0
    store.states([("demo", "C001", messages.State(1, "9f3a1c07", 7, "offline"))])
    (latest,) = reader.latest()
    assert (latest.received, latest.state["at"], latest.online) == (1000.0, 1000.0, False)
    store.states([("demo", "C001", messages.State(1, "9f3a1c07", 8, "online"))])
    (latest,) = reader.latest()
    assert (latest.received, latest.online) == (5000.0, True)


def test_a_sleeping_boards_word_that_comes_again_is_no_sign_of_life(store, reader):
    asleep = messages.State(1, "9f3a1c07", 7, "sleeping", next=1_800_000_000)
    store.clock = lambda: 1000.0
    store.states([("demo", "C001", asleep)])
    store.clock = lambda: 5000.0
    store.states([("demo", "C001", asleep)])
    (latest,) = reader.latest()
    assert (latest.received, latest.state["at"], latest.online) == (1000.0, 1000.0, True)
    store.states([("demo", "C001", messages.State(1, "9f3a1c07", 7, "sleeping", next=1_800_000_600))])
    (latest,) = reader.latest()
    assert (latest.received, latest.state["next"]) == (5000.0, 1_800_000_600)


NEWER = 1 << 12  # a flag bit that no board of this version sets


def test_an_unknown_flag_bit_is_kept_and_is_abnormal_only_when_its_board_says_so(database, reader):
    def events(device):
        return [
            (event["kind"], event["seq"]) for event in database["events"].find({"device": device}).sort("seq")
        ]

    Store(database).states([("demo", "C002", state(abnormal=codes.ABNORMAL | NEWER | codes.WARMING_UP))])
    Store(database).states([("demo", "C003", state(abnormal=codes.ABNORMAL | codes.WARMING_UP))])
    store = Store(database)
    for device in ("C001", "C002", "C003"):
        store.write([entry(1, device=device), entry(2, flags=NEWER, device=device)])
        store.write([entry(3, flags=codes.WARMING_UP, device=device)])
    assert events("C001") == events("C003") == []
    assert events("C002") == [("abnormal", 2), ("normal", 3)]
    for device in ("C001", "C002", "C003"):
        readings = reader.readings("demo", device)
        assert readings.edge_flags.tolist() == [0, NEWER, codes.WARMING_UP]
        assert readings.edge_abnormal.tolist() == [False, device == "C002", False]
    store.write([entry(4, flags=NEWER, device=name) for name in ("C001", "C002")])
    assert {event.device: event.abnormal for event in reader.latest() if event.seq == 4} == {
        "C001": False,
        "C002": True,
    }


def test_a_state_that_a_broker_repeats_shows_nothing_old_and_no_sign_of_life(database, reader):
    now = [1_800_000_000.0]
    store = Store(database, lambda: now[0])

    def shown():
        (latest,) = reader.latest()
        return latest.state["last_error"], latest.received - 1_800_000_000

    store.states([("demo", "C001", state(newest=5, last_error="then"))])
    now[0] += 100
    store.states([("demo", "C001", state(newest=9, last_error="now"))])
    assert shown() == ("now", 100)
    now[0] += 100
    for again in (state(newest=5, last_error="then"), state(newest=9, last_error="now")):
        store.states([("demo", "C001", again)])
        assert shown() == ("now", 100)
    store.states(
        [("demo", "C001", state(newest=9, last_error="newer"))]
    )  # it may have measured nothing since
    assert shown() == ("newer", 100)
    store.states([("demo", "C001", state(newest=10, last_error="newest"))])
    assert shown() == ("newest", 200)


def test_readings_that_a_broker_repeats_are_no_sign_of_life(database, reader):
    now = [1_800_000_000.0]
    store = Store(database, lambda: now[0])
    store.write([entry(1, ts=1_799_999_000), entry(2, ts=1_799_999_010)])
    now[0] += 100
    Store(database, lambda: now[0]).write([entry(1, ts=1_799_999_000)])  # another worker, or after a start
    assert reader.latest()[0].received == 1_800_000_000
    store.write([entry(0, ts=1_799_998_990)])  # old, but new: the board is there
    assert reader.latest()[0].received == 1_800_000_100

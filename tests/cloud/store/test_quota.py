"""A database near its quota: first a warning, then the oldest readings become hours; nothing fails."""

import random
import time

import numpy as np
import pytest

from cloud.read.reader import Reader
from cloud.store.packing import SIZE
from cloud.store.quota import Keeper, level
from cloud.store.sealing import Sealer
from cloud.store.writer import Store
from device import codes
from tests.cloud.conftest import entry

HOUR = 3600
MIDNIGHT = int(time.time()) // 86400 * 86400 - 20 * 86400


def fill(database, buckets=10, device="C001"):
    """`buckets` full and sealed ones, 10 s apart, one reading in a hundred abnormal, one in fifty failed."""
    store, chance = Store(database), random.Random(1)
    for first in range(0, buckets * SIZE, SIZE):
        store.write(
            [
                entry(
                    seq,
                    t=chance.randrange(-4000, 8000),  # so that it takes some room
                    ts=MIDNIGHT + 10 * seq,
                    device=device,
                    flags=codes.ZSCORE if seq % 100 == 0 else 0,
                    failed="no answer" if seq % 50 == 7 else None,
                )
                for seq in range(first, first + SIZE)
            ]
        )
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    database["events"].delete_many({})  # `watch` would have taken them
    database.client.admin.command("fsync")  # or indexes grow by what was written, in the middle of a test


def used(database):
    return Keeper(database, 1)._measure()


@pytest.mark.parametrize(
    "share, word", [(0.5, "fine"), (0.8, "warning"), (0.94, "warning"), (0.95, "reducing")]
)
def test_the_level_follows_from_the_share(share, word):
    assert level(share * 1000, 1000) == word


def test_at_eighty_percent_it_warns_and_keeps_everything(database, caplog):
    fill(database)
    keeper = Keeper(database, int(used(database) / 0.85))
    assert keeper.look() == 0
    assert "storage is 85 % full" in caplog.text
    assert len(Reader(database).readings("demo", "C001")) == 10 * SIZE
    assert database["status"].find_one({"_id": "storage"})["level"] == "warning"
    caplog.clear()
    keeper.look()
    assert not caplog.records  # told once


def test_at_ninety_five_percent_the_oldest_readings_become_hours(database):
    fill(database, 120)
    before = Reader(database).readings("demo", "C001")
    reduced = Keeper(database, int(used(database) / 0.955)).look()
    assert 0 < reduced < 120
    reader = Reader(database)
    left = reader.readings("demo", "C001")
    assert left.seq[0] == reduced * SIZE and left.seq[-1] == 120 * SIZE - 1
    hours = reader.hours("demo", "C001")
    thinned = before.ts < left.ts[0]
    assert hours.begin.tolist() == [MIDNIGHT + k * HOUR for k in range(reduced)]
    assert hours.readings.sum() == (thinned & ~np.isnan(before.t)).sum()
    assert hours.board.sum() == (thinned & before.edge_abnormal).sum()
    first = before.t[:SIZE][~np.isnan(before.t[:SIZE])]
    assert (hours.t_low[0], hours.t_high[0]) == (first.min(), first.max())
    assert hours.t_mean[0] == pytest.approx(first.mean())
    assert len(reader.hours("demo", "C001", start=MIDNIGHT + HOUR, end=MIDNIGHT + 2 * HOUR)) == 1


def test_what_became_hours_is_acknowledged_and_not_stored_again(database):
    fill(database, 40)
    reduced = Keeper(database, int(used(database) / 0.96)).look()
    counts = Store(database).write([entry(3), entry(40 * SIZE)])
    assert (counts.expired, counts.kept) == (1, 1)
    assert 0 < reduced < 40 and Reader(database).readings("demo", "C001").seq[0] == reduced * SIZE


def test_a_late_reading_meanwhile_loses_nothing(database, monkeypatch):
    """A bucket that is opened between the look and the change stays for another round."""
    fill(database, 3)
    keeper = Keeper(database, int(used(database) / 0.96))
    monkeypatch.setattr("cloud.store.quota.ROUNDS", 1)
    replace = Keeper._replace

    def racing(self, buckets, session):
        database["buckets"].update_one({"_id": buckets[0]["_id"]}, {"$inc": {"v": 1}})
        return replace(self, buckets, session)

    monkeypatch.setattr(Keeper, "_replace", racing)
    keeper.look()
    assert len(Reader(database).readings("demo", "C001")) == 3 * SIZE
    assert len(Reader(database).hours("demo", "C001")) == 0


def test_old_hours_expire_too(database):
    fill(database, 40)
    Keeper(database, int(used(database) / 0.96)).look()
    Sealer(database, clock=lambda: time.time() + 60 * 86400).expire(30)
    assert len(Reader(database).hours("demo", "C001")) == 0


def flood(database, buckets):
    """C001 begins bucket after bucket, now, with a reading in each: what grows fastest."""
    now = int(time.time())
    for first in range(0, buckets, 400):
        places = range(first, min(first + 400, buckets))
        Store(database).write([entry(number * SIZE, ts=now, device="C001", t=number) for number in places])
    Sealer(database, clock=lambda: time.time() + 5).seal(0)
    database["events"].delete_many({})


def test_one_boards_flood_costs_another_none_of_its_detail(database):
    """C002's readings are older than all that C001 sends."""
    fill(database, 40, device="C002")
    fill(database, 10, device="C003")
    flood(database, 4000)
    before = len(Reader(database).readings("demo", "C002"))
    keeper = Keeper(database, int(used(database) / 0.96))
    assert keeper.look() > 0 and keeper.used < 0.9 * keeper.quota
    reader = Reader(database)
    assert (
        len(reader.readings("demo", "C002")) == before and len(reader.readings("demo", "C003")) == 10 * SIZE
    )
    assert len(reader.hours("demo", "C002")) == 0 and len(reader.hours("demo", "C001")) == 1


def test_the_last_days_of_a_board_stay_while_it_takes_no_more_than_its_part(database, caplog):
    """Something else fills the database."""
    global MIDNIGHT
    before, MIDNIGHT = MIDNIGHT, int(time.time()) - 6 * 86400
    try:
        fill(database, 12, device="C001")
        fill(database, 12, device="C002")
    finally:
        MIDNIGHT = before
    database["models"].insert_one({"_id": "x", "cloud": b"x" * 4_000_000})
    assert Keeper(database, int(used(database) / 0.97)).look() == 0
    assert "no bucket is left to make smaller" in caplog.text
    assert len(Reader(database).readings("demo", "C002")) == 12 * SIZE

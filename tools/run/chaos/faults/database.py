"""The replica set: another primary, a disk without room, and a storage quota that is reached."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from pymongo import ReplaceOne
from pymongo.errors import PyMongoError

from cloud.contract.messages import Reading
from cloud.store.database import Document, device_id
from cloud.store.packing import SIZE, gather, pack
from cloud.store.sealing import sealing
from tools.run.chaos.faults.fault import Observed, fixed
from tools.run.chaos.world import QUOTA_MB, World

NO_ROOM = 4096  # bytes that a file may have: less than all of them have already
STEP_DOWN_S = 5
HOARDER = "X999"  # a board whose readings fill the storage
DAYS_AGO = 20 * 86400


@contextmanager
def stepped_down(world: World, name: str, random: Random) -> Iterator[Observed]:
    before = world.members.primary()
    if before is None:
        yield fixed(False)
        return
    try:
        world.members.step_down(before, STEP_DOWN_S)
    except PyMongoError:
        pass  # it has closed our connection, or is gone: the next line tells

    def another() -> bool:
        now = world.members.primary()
        return now is not None and now is not before

    yield another


@contextmanager
def disk_full(world: World, name: str, random: Random) -> Iterator[Observed]:
    """No file of this mongod can grow any more, so it ends, as it does when its disk is full."""
    child = world.member(name).child
    if child is None or not child.running:
        yield fixed(False)
        return
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (NO_ROOM, resource.RLIM_INFINITY))
    try:
        yield lambda: not child.running
    finally:
        if child.running:
            child.kill()
        world.start_member(name)


@contextmanager
def quota_reached(world: World, name: str, random: Random) -> Iterator[Observed]:
    """One board has filled the storage: its own readings become hourly values, and nobody else's."""
    bucket = _sealed_bucket(device_id(world.site, HOARDER), random)
    stats = world.do(lambda database: database.command("dbStats"))
    room = QUOTA_MB * 1_000_000 - stats["dataSize"] - stats["indexSize"]
    first = random.randrange(10**7)
    names = [f"{bucket['d']}/0badf00d/{first + n:08d}" for n in range(max(1, int(room / len(bucket["p"]))))]
    fill = [ReplaceOne({"_id": name}, bucket, upsert=True) for name in names]
    try:
        world.do(lambda database: database["buckets"].bulk_write(fill, ordered=False))
        yield lambda: world.reader.database["hourly"].find_one({"d": bucket["d"]}) is not None
    finally:
        mine = {"d": bucket["d"]}
        world.do(lambda database: [database[kind].delete_many(mine) for kind in ("buckets", "hourly")])


def _sealed_bucket(owner: str, random: Random) -> Document:
    """What such a board has in the storage, 360 readings of twenty days ago; all but its `_id`."""
    begin = int(time.time()) - DAYS_AGO

    def reading(seq: int) -> Reading:
        x = (random.randrange(2**15), random.randrange(10_000), 0, 0, 0, 0, 0, 0)
        return Reading(seq, 1, begin + seq, seq, x, 0, random.randrange(2**31), None, None)

    packed = gather({seq: pack(reading(seq), 0, None) for seq in range(SIZE)})
    dates = {"a": begin, "z": begin + SIZE - 1, "w": begin + SIZE}
    return {"d": owner, "v": 1, **dates, **sealing(packed, {})["$set"]}

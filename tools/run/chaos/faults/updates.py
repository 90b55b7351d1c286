"""Settings, models and releases over the air, during other faults; only an update that finishes counts."""

import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from random import Random

import numpy as np
from pymongo.database import Database

from cloud.contract import keys
from cloud.store.database import Document
from cloud.training import bundle
from cloud.training.forest.assemble import IsolationForestAssembler
from cloud.training.forest.interpret_packed import PackedForest, PackedInterpreter
from cloud.updates import change
from cloud.updates.releases import Release, Releases
from cloud.updates.standing import state_of
from cloud.updates.wanted import Wanted, identity
from device import VERSION
from device.judge.params import DEFAULTS, MEANS, WEIGHTS
from tools.board.release import signed
from tools.mpy import build
from tools.run.chaos.faults.fault import Observed
from tools.run.chaos.world import World
from tools.virtual_board.virtual_board import architecture, find_micropython

PATIENCE = 180.0  # s
ARCH = architecture(find_micropython())


@contextmanager
def settings(world: World, name: str, random: Random) -> Iterator[Observed]:
    """A limit that no reading reaches: the board fetches it, starts anew, and keeps it."""
    board = (world.site, name)
    key = keys.device_key(world.secrets.master_key, *board)
    asked = {"limits": {"t_max": random.randrange(80, 120)}}
    number = world.do(
        lambda database: change.want_settings(database, board, key, state_of(database, board), asked)
    )
    yield lambda: _board_says(world, name, "config", identity(number))


@contextmanager
def model(world: World, name: str, random: Random) -> Iterator[Observed]:
    """A new model, whose forest calls nothing abnormal; the board goes on without a start."""
    data = _model(keys.device_key(world.secrets.master_key, world.site, name), random.randrange(1 << 30))
    chosen = bundle.model_id(data)

    def want(database: Database[Document]) -> int:
        runs = state_of(database, (world.site, name)).get("model")
        document = {"site": world.site, "device": name, "created": time.time(), "bundle": data}
        database["models"].update_one({"_id": chosen}, {"$setOnInsert": document}, upsert=True)
        return change.want_model(database, (world.site, name), chosen, runs)

    world.do(want)
    yield lambda: _board_says(world, name, "model", chosen)


@contextmanager
def app(world: World, name: str, random: Random) -> Iterator[Observed]:
    """A release, signed with the owner's key: the application that runs, and one small file more."""
    number = next(world.releases)
    application = {**build.application(ARCH), "device/release.txt": b"%d" % number}
    del application[build.LIST]
    application[build.LIST] = build.listed(application)
    release = Release(number, VERSION, build.mpy_of(ARCH), int(time.time()) + 86400)
    blob = signed(world.owner, application, {**asdict(release), "firmware": [1, 23, 0]})

    def want(database: Database[Document]) -> None:
        Releases(database).publish(release, blob)
        Wanted(database).want((world.site, name), "app", number, change.now(database))

    world.do(want)
    yield lambda: _board_says(world, name, "app", identity(number))


def _board_says(world: World, name: str, what: str, identity_: str) -> bool:
    """Whether the board reports this update as installed."""
    state = state_of(world.reader.database, (world.site, name))
    return any(each[:3] == [what, identity_, ""] for each in state.get("updates") or ())


def _model(key: bytes, number: int) -> bytes:
    """The bundle for the board whose key this is."""
    forest, x = _forest()
    params = bytes(array("i", DEFAULTS)) + bytes(4 * (MEANS + WEIGHTS))
    return bundle.build(key, forest=forest, threshold=0, params=params, x=x, meta={"number": number})


@cache
def _forest() -> tuple[PackedForest, np.ndarray]:
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415  it takes its time to load

    x = np.random.default_rng(1).integers(-500, 500, (500, 8)).astype(np.int16)
    fitted = IsolationForest(n_estimators=16, max_samples=64, random_state=0).fit(x.astype(np.float32))
    return PackedInterpreter().interpret(IsolationForestAssembler(fitted).assemble()), x

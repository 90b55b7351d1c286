"""The faults. Each does its harm, sees whether it took effect, and mends what it broke.

A fault is a function (world, name, random, hold) -> whether its effect was observed. `name`: of the board or
wire that it is for. `hold`: about how many seconds it lasts.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tools.broker import Broker
from tools.chaos.repeater import repeat
from tools.chaos.world import World, is_stopped, until
from tools.child import Child, Failed
from tools.database import Database

PATIENCE = 10.0  # s in which an effect must show
RAM_MS = 1200  # a full flash as long as a board's RAM holds, above the batch that it may hold already
LIES = (-400 * 86400, -3600, -120, 90, 240, 3600, 86400, 4000 * 86400)  # s
Act = Callable[[World, str, Random, float], bool]


@dataclass(frozen=True)
class Fault:
    """`needs`: what nobody else may harm meanwhile: "board" and "wire" stand for those of one board.

    `often`: how many times it comes while most come once.
    """

    kind: str
    needs: str
    act: Act
    often: int = 1


FAULTS: list[Fault] = []


def fault(kind: str, needs: str, often: int = 1) -> Callable[[Act], Act]:
    def keep(act: Act) -> Act:
        FAULTS.append(Fault(kind, needs, act, often))
        return act

    return keep


# Processes


@fault("broker killed", "broker")
def broker_killed(world: World, name: str, random: Random, hold: float) -> bool:
    gone = _kill(world.broker.child)
    time.sleep(hold)
    _again(world.broker)
    return gone


@fault("broker stopped", "broker")
def broker_stopped(world: World, name: str, random: Random, hold: float) -> bool:
    return _stop(world.broker.child, hold)


@fault("database killed", "database")
def database_killed(world: World, name: str, random: Random, hold: float) -> bool:
    gone = _kill(world.database.child)
    time.sleep(hold)
    _again(world.database)
    return gone


@fault("database stopped", "database")
def database_stopped(world: World, name: str, random: Random, hold: float) -> bool:
    return _stop(world.database.child, hold)


@fault("backend killed", "backend")
def backend_killed(world: World, name: str, random: Random, hold: float) -> bool:
    world.backend_wanted = False
    gone = _kill(world.backend)
    time.sleep(hold)
    world.start_backend(wait=False)
    world.backend_wanted = True
    return gone


@fault("backend stopped", "backend")
def backend_stopped(world: World, name: str, random: Random, hold: float) -> bool:
    return _stop(world.backend, hold)


@fault("board killed", "board", often=3)
def board_killed(world: World, name: str, random: Random, hold: float) -> bool:
    board = world.boards[name]
    there = board.pid is not None
    board.power_off()
    gone = board.pid is None
    time.sleep(hold)
    board.power_on()
    return there and gone


@fault("board stopped", "board")
def board_stopped(world: World, name: str, random: Random, hold: float) -> bool:
    child = world.boards[name].child
    began = time.time()
    try:
        return _stop(child, hold)
    finally:
        world.frozen[name].append((began, time.time()))


def _again(part: Broker | Database, tries: int = 4) -> None:
    """Start it; a busy machine may need more time than a start is given."""
    for left in reversed(range(tries)):
        try:
            part.start()
        except Failed:
            part.stop()
            if not left:
                raise
        else:
            return


def _kill(child: Child | None) -> bool:
    if child is None or not child.running:
        return False
    child.kill()
    return not child.running and child.exit_code == -signal.SIGKILL


def _stop(child: Child | None, hold: float) -> bool:
    if child is None or not child.running:
        return False
    child.send(signal.SIGSTOP)
    try:
        stopped = until(lambda: is_stopped(child.pid), 2)
        time.sleep(hold)
        return stopped and child.running
    finally:
        child.send(signal.SIGCONT)


# Flash, power, clocks


@fault("power cut in a write", "board", often=6)
def power_cut_in_write(world: World, name: str, random: Random, hold: float) -> bool:
    """Of the next write to the outbox a part arrives, sometimes with rubbish behind it."""
    rubbish = random.choice((0, 0, random.randrange(1, 64)))
    return _ask(world, name, f"tear {random.randrange(1001)} {rubbish}", "torn ")


@fault("flash full", "board")
def flash_full(world: World, name: str, random: Random, hold: float) -> bool:
    return _ask(world, name, f"full {random.randrange(1, RAM_MS)}", "refused ")


@fault("clock chip jumps", "board")
def clock_chip_jumps(world: World, name: str, random: Random, hold: float) -> bool:
    return world.boards[name].tell(f"rtc {random.choice(LIES)}", PATIENCE)


@fault("time server lies", "time")
def time_server_lies(world: World, name: str, random: Random, hold: float) -> bool:
    """One of the servers is wrong, and every board asks for the time. Boards that start meanwhile ask too."""
    liar = random.choice(world.times)
    before = liar.answered
    liar.offset = random.choice(LIES)
    try:
        for board in world.boards.values():
            board.tell("ask")
        time.sleep(hold)
        return until(lambda: liar.answered > before, PATIENCE)
    finally:
        liar.offset = 0.0


@fault("time server silent", "time")
def time_server_silent(world: World, name: str, random: Random, hold: float) -> bool:
    mute = random.choice(world.times)
    before = mute.asked
    mute.silent = True
    try:
        for board in world.boards.values():
            board.tell("ask")
        time.sleep(hold)
        return until(lambda: mute.asked > before, PATIENCE)
    finally:
        mute.silent = False


def _ask(world: World, name: str, command: str, effect: str) -> bool:
    before = world.events(name)
    return (
        world.boards[name].tell(command, PATIENCE)
        and world.await_event(name, effect, before, PATIENCE) is not None
    )


# Wires


def _black_hole(world: World, name: str, random: Random, hold: float) -> bool:
    wire = world.wires[name]
    before = wire.seen["held"]
    wire.black_hole()
    try:
        time.sleep(hold)
        return until(lambda: wire.seen["held"] > before, PATIENCE)
    finally:
        wire.heal(forget=random.random() < 0.5)


def _delayed(world: World, name: str, random: Random, hold: float) -> bool:
    wire = world.wires[name]
    before = wire.seen["delayed"]
    wire.delay(random.uniform(0.2, 2.0))
    try:
        time.sleep(hold)
        return until(lambda: wire.seen["delayed"] > before, PATIENCE)
    finally:
        wire.heal()


def _refused(world: World, name: str, random: Random, hold: float) -> bool:
    wire = world.wires[name]
    until(wire.carries, PATIENCE)  # a board that rests between two tries has nothing to lose
    before = wire.seen["cut"]
    wire.refuse()
    try:
        time.sleep(hold)
        return wire.seen["cut"] > before
    finally:
        wire.heal()


def _scarred(kind: str) -> Act:
    def act(world: World, name: str, random: Random, hold: float) -> bool:
        wire = world.wires[name]
        before = wire.seen[kind]
        wire.scar(kind)
        try:
            return until(lambda: wire.seen[kind] > before, PATIENCE)
        finally:
            wire.heal()

    return act


_WIRE_FAULTS: tuple[tuple[str, Act], ...] = (
    ("black hole", _black_hole),
    ("delayed", _delayed),
    ("refused", _refused),
    ("cut in a packet", _scarred("cut")),
    ("byte flipped", _scarred("flip")),
    ("bytes dropped", _scarred("drop")),
    ("bytes duplicated", _scarred("duplicate")),
)
for what, act in _WIRE_FAULTS:
    fault(f"board's wire: {what}", "wire")(act)
for what, act in _WIRE_FAULTS[:5]:
    fault(f"backend's wire: {what}", "backend wire")(act)
# MongoDB's wire has no TLS here, so nothing would notice a changed byte: on Atlas it has.
for what, act in _WIRE_FAULTS[:4]:
    fault(f"database's wire: {what}", "database wire")(act)


# Messages


@fault("messages repeated", "messages")
def messages_repeated(world: World, name: str, random: Random, hold: float) -> bool:
    try:
        return repeat(world.broker, hold, random) > 0
    except OSError:
        return False  # no broker just now

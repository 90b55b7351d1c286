"""Puts the parts of a real board together. Imported only for that, and forgotten afterwards."""

import gc
import os
import sys

from . import VERSION
from .chip import log
from .chip.board import Board
from .chip.lazy import Shelf, borrow
from .chip.clock import Clock
from .chip.compat import const
from .starts import CRASH, STOPPED_S

_CONNECT_S = const(15)
_2100 = const(3155760000)
_HOUR_S = const(3600)
_DAY_S = const(86400)
_FIRMWARE = const("array binascii errno hashlib json os select socket ssl struct time")


def start():
    """The Node of this board at work; None when its configuration is wrong, which the console then says."""
    for name in _FIRMWARE.split():
        # MicroPython looks on flash for a file of that name with each import, unless it knows the module.
        sys.modules[name] = __import__(name)
    _put_up_shelf()
    trial = _trial()
    config = _configuration(trial)
    if config is None:
        return None
    board = Board(config["led_pin"])
    if trial:
        why = board.reset_reason != "deep sleep" and trial.starts()
        if why and _back(trial, why):
            board.reset("settings taken back")
        trial = None if trial.over else trial
    try:
        return build(config, board, trial)
    except KeyboardInterrupt:
        board.watch(STOPPED_S)
        raise


def _put_up_shelf():
    """From now on, borrowed modules leave no names in RAM."""
    package = sys.modules[__name__.partition(".")[0]]
    Shelf.folder, package.__path__ = package.__path__, "/lent"
    os.mount(Shelf(), "/lent")


def _trial():
    """The Trial of new settings that this start is part of, or None."""
    return borrow("update.trial").begin()


def _back(trial, why):
    """Whether the settings from before are in place again."""
    log.error("update", "new settings taken back: " + why)
    try:
        trial.back(why)
    except OSError:
        return False  # flash refuses
    return True


def _configuration(trial):
    config = borrow("config.config")
    try:
        try:
            return config.load("/config.json")
        except config.ConfigError as error:
            if not trial or trial.release or not _back(trial, "; ".join(error.problems)):
                raise
            trial.over = True
            return config.load("/config.json")
    except config.ConfigError as error:
        if trial and trial.release:
            raise  # main.py counts it as one of its starts
        for problem in error.problems:
            log.error("config", problem)
        return None


def build(config, board, trial=None):
    """The Node for the checked `config` on `board`. The order of imports and of work is what heap allows."""
    sleeper = None
    if config["sleep"]:
        sleeper = borrow("sleep.sleeper").Sleeper(config, board, network)
    clock = log.clock = Clock(sleeper and sleeper.ticks)
    text = "Vigie %s on %s/%s, after %s, %d KB of heap free"
    name = (VERSION, config["site"], config["device"], board.reset_reason, gc.mem_free() // 1024)
    log.info("boot", text % name)
    from .outbox.outbox import Outbox

    outbox = Outbox("/outbox", config["outbox_bytes"])
    from .node import Node

    sensor = borrow("sensors").open(config["sensor"], clock, board)
    node = Node(config, clock, sensor, None, outbox, board)
    node.crash = _read(CRASH)
    node.sleeper = sleeper
    node.trial = trial
    board.watch()
    if sleeper and sleeper.woke:
        judge(node, config)
        if sleeper.wake(node):
            return node
    text = "boot %d of stream %s, %d readings kept"
    log.info("outbox", text % (outbox.boot, outbox.stream.hex(), outbox.kept()))
    if outbox.damaged:
        text = "%d readings on flash cannot be read. The cloud will know. If that goes on, flash is worn"
        log.error("outbox", text % outbox.damaged)
    clock.floor = max(outbox.journal.seen, _provisioned())
    if clock.floor:
        board.set_rtc(clock.floor)  # until NTP answers: certificates need a date
    network(node, config)
    # The TLS handshake takes 30 KB for a moment: before the model takes them for good.
    node.connect(_CONNECT_S)
    judge(node, config)
    if sleeper:
        sleeper.start(node)
    return node


def network(node, config):
    """Give `node` its way to the broker and to the date; the radio goes on."""
    from .net.dates import Dates
    from .link.link import Link

    board = node.board
    clock = node.clock
    node.ntp = Dates(config["ntp"], clock, board)
    # A reset that did not bring the network back cost the windows of the detectors: the next waits a day.
    patience = _DAY_S if board.reset_reason.startswith("link:") else _HOUR_S

    def state(online):  # not node.state itself: that would keep in RAM what is seldom needed
        return node.state(online)

    node.link = Link(config, board, clock, log, state=state, on_ack=node.on_ack, patience_s=patience)


def judge(node, config):
    """Give `node` its judge, with the model in the active slot."""
    from .judge.judge import Judge

    gc.collect()
    model = _model(node.key)
    try:
        node.judge = Judge(model)
    except ValueError as error:  # of a version that this one does not read
        log.error("model", "refused: %s" % error)
        model = None
        node.judge = Judge()
    if model:
        model.params = None  # the judge has taken what it needs
        node.outbox.model = model.id
        if node.link:
            node.link.publish_state()  # what was said on connecting knew no model yet


def _model(key):
    """The active model, or None: rules and Z-score work without one."""
    model, problem = borrow("model.bundle").load_active(key)
    if problem:
        log.error("model", problem)
    elif model:
        log.info("model", "%s loaded" % model.id.hex())
    else:
        log.info("model", "none yet: the rules and the Z-score watch alone")
    return model


def _provisioned():
    """The date at which `make provision` wrote to this board (seconds since 2000); 0 when it is not known."""
    try:
        date = int(_read("/date.txt"))
    except (TypeError, ValueError):
        return 0
    return date if 0 < date < _2100 else 0


def _read(path):
    try:
        with open(path) as file:
            return file.read(500)
    except (OSError, ValueError):
        return None  # none, or no text

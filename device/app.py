"""Wires the parts of a real board together and runs them."""

import gc
import os
import sys

from . import VERSION, log
from .board import Board
from .clock import Clock
from .compat import const

_GOOD_S = const(60)  # a start that lives so long was a good one
_CONNECT_S = const(15)
_HOUR_S = const(3600)
_DAY_S = const(86400)
_STOPPED_S = const(3600)  # time for a person, or a deployment, at the REPL
STARTS = "/starts"  # boot.py counts starts in it
CRASH = "/last_error.txt"  # main.py writes what ended the last start
stopped = None


def main():
    """Run until something breaks; a wrong configuration is told, and leads to the REPL."""
    config = _configuration()
    if config is None:
        _remove(STARTS)  # another start would not help
        return
    board = Board(config["led_pin"])
    try:
        run(build(config, board))
    except KeyboardInterrupt:
        board.watch(_STOPPED_S)
        raise


def _configuration():
    from .config import ConfigError, load

    try:
        return load("/config.json")
    except ConfigError as error:
        for problem in error.problems:
            log.error("config", problem)
        return None
    finally:
        _let_go("config")
        _let_go("choices")


def run(node):
    """Let `node` work until something breaks, or Ctrl-C stops it: then `stopped` is it, for the console."""
    global stopped
    stopped = None
    sleeper = node.sleeper
    good = told = bool(sleeper)  # which sees to both itself
    try:
        while True:
            node.step()
            if sleeper:
                sleeper.rest(node)
            if not good and node.clock.uptime() >= _GOOD_S:
                good = True
                good_start()
            if good and not told and node.link.ready():
                told = True
                forget_crash(node)
    except KeyboardInterrupt:
        stopped = node
        node.board.watch(_STOPPED_S)
        raise
    finally:
        node.close()


def build(config, board):
    """The Node for the checked `config` on `board`. The order of imports and of work is what heap allows."""
    sleeper = None
    if config["sleep"]:
        from .sleep import Sleeper

        sleeper = Sleeper(config, board, sys.modules[__name__])
    clock = log.clock = Clock(sleeper and sleeper.ticks)
    text = "Vigie %s on %s/%s, after %s, %d KB of heap free"
    name = (VERSION, config["site"], config["device"], board.reset_reason, gc.mem_free() // 1024)
    log.info("boot", text % name)
    from .outbox import Outbox

    outbox = Outbox("/outbox", config["outbox_bytes"])
    _let_go("recovery")
    from . import sensors
    from .node import Node

    node = Node(config, clock, sensors.open(config["sensor"], clock, board), None, outbox, board)
    node.crash = _read(CRASH)
    node.sleeper = sleeper
    board.watch()
    if sleeper and sleeper.woke:
        judge(node, config)
        if sleeper.wake(node):
            return node
    text = "boot %d of stream %s, %d readings kept"
    log.info("outbox", text % (outbox.boot, outbox.stream.hex(), outbox.kept()))
    clock.floor = outbox.journal.seen
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
    from .link import Link
    from .ntp import Ntp

    board = node.board
    clock = node.clock
    node.ntp = Ntp(config["ntp"], clock, board.wifi_dns)
    # A reset that did not bring the network back cost the windows of the detectors: the next waits a day.
    patience = _DAY_S if board.reset_reason.startswith("link:") else _HOUR_S
    node.link = Link(config, board, clock, log, state=node.state, on_ack=node.on_ack, patience_s=patience)


def judge(node, config):
    """Give `node` its judge, with the model in the active slot."""
    from .verdict import Judge

    gc.collect()
    model = _model(bytes.fromhex(config["key"]))
    if model:
        node.outbox.model = model.id
        if node.link:
            node.link.publish_state()  # what was said on connecting knew no model yet
    node.judge = Judge(model, config["period_ms"])


def good_start():
    """This start was a good one: boot.py may forget those before it."""
    _remove(STARTS)


def forget_crash(node):
    """`state` has carried what ended the last start."""
    node.crash = None
    _remove(CRASH)


def _model(key):
    """The active model, or None: rules and Z-score work without one."""
    slot = _read("/model/active")
    if slot is None:
        log.info("model", "none yet: the rules and the Z-score watch alone")
        return None
    from .model import load as load_model

    model, problem = load_model("/model/%s.bin" % slot.strip(), key)
    if problem:
        log.error("model", problem)
    else:
        log.info("model", "%s loaded" % model.id.hex())
    return model


def _let_go(name):
    """What ran once and runs no more gives its heap back."""
    package = __name__.rpartition(".")[0]
    del sys.modules[package + "." + name]
    delattr(sys.modules[package], name)


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it was not there

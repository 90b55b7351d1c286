"""What a Node tells people, once a minute or when something changes. Functions of a Node."""

import gc
from array import array

from .chip import log
from .chip.lazy import borrow
from .codes import TOPIC, WHY
from .chip.compat import const
from .outbox.outbox import NO_MODEL
from .send.queue import ROOM, Sender
from .node import TURN_MS
from .starts import CRASH, STARTS, remove

_STATE_S = const(900)
_LEARN_H = const(24)  # of readings before a first model is worth having


def begin(node, config, clock, sensor, judge, outbox, board):  # noqa: PLR0917 - the parts of a board
    node.period_ms = config["period_ms"]
    node.clock = clock
    node.sensor = sensor
    node.judge = judge
    node.outbox = outbox
    node.board = board
    node.link = node.ntp = None
    node.sender = Sender(outbox, min(60, max(5, 6 * node.period_ms // 1000)))
    node.counts = {}
    node.sleeper = None  # device/sleep/, where the board sleeps between samples
    node.crash = None  # what ended the last start, for `state`
    node.update = None  # a Pull, while something is fetched (device/update/)
    node.good = False  # whether this start has lived for a minute
    node.trial = None  # a Trial, while settings are on trial
    node.number = config["number"]  # of the settings
    node.key = bytes.fromhex(config["key"])
    node._topic = (TOPIC % (config["site"], config["device"], "up")).encode()
    node.kind = config["sensor"]["kind"]
    node._message = memoryview(bytearray(ROOM))
    node._out = array("h", (0, 0))
    node.since_good = 0  # periods
    node.bounds = None
    node.limits = config["limits"]
    if node.limits:
        node.bounds = borrow("judge.limits").Bounds(node.limits)
    node._flags = 0  # what the console last called abnormal
    node._calm = 0
    node._blink = False
    node._abnormal_up = 0
    node._sensor_error = None
    now = clock.ms()
    node.next = now
    node._flush_by = now
    node.minute_up = node._state_up = 0
    node.online_up = None  # when the broker was first there
    node._was_ready = False
    node._told = None
    node._firsts = []  # lines that the console prints once


def connect(node, seconds):
    """Let the network begin, for `seconds` at most, before there is anything to sample."""
    end = node.clock.after(node.clock.ms(), seconds * 1000)
    while node.clock.until(end) > 0 and not node._was_ready:
        node.clock.tick()
        node.board.feed()
        node._talk(TURN_MS)
    node.next = node.clock.ms()


def _update(node, what, *given):
    """Call the function `what` of device/update/hooks.py."""
    getattr(borrow("update.hooks"), what)(node, *given)


def _dated(node, sec):
    """NTP answered with the date `sec`."""
    clock = node.clock
    first = not clock.is_set()
    if not clock.set(sec):
        node.ntp.soon()
        doubt = clock.doubted(sec)
        if doubt:
            log.error("clock", doubt)
        return
    journal = node.outbox.journal
    date = journal.date(node.outbox.boot, clock.uptime())
    if date is None or abs(date - sec) > 1:
        sure = journal.seen
        journal.anchor(node.outbox.boot, clock.uptime(), sec)
        if clock.wild:
            journal.see(sure)  # a date that was believed only after a doubt is not noted as known
        node.board.set_rtc(sec)
    if first:
        log.info("clock", "set by NTP")


def state(node, online, more=None):
    """The payload of `state`; the members in `more` go before its own."""
    return borrow("send.report").of_node(node, online, more)


def forget_crash(node):
    """`state` has carried what ended the last start."""
    node.crash = None
    remove(CRASH)


def learning(node):
    """How far a board without a model is, in words; None once it has one."""
    outbox = node.outbox
    if outbox.model != NO_MODEL:
        return None
    hours = min((outbox.newest() + 1) * node.period_ms // 3600000, _LEARN_H)
    return "%d h of %d; watching range, stuck, jumps" % (hours, _LEARN_H)


def _begins(node, bad, why):
    node._flags = bad
    node._abnormal_up = node.clock.uptime()
    log.warn("node", "ABNORMAL %s: %s" % (", ".join(borrow("judge.table").names(bad)), _values(node, why)))


def _ends(node, why):
    node._flags = 0
    lasted = node.clock.uptime() - node._abnormal_up
    log.info("node", "normal again after %d s: %s" % (lasted, _values(node, why)))


def _values(node, why):
    if why:
        return WHY[why]
    t, h = node._out
    return "%s%d.%02d degC %d.%02d %%RH" % (
        "-" if t < 0 else "",
        abs(t) // 100,
        abs(t) % 100,
        h // 100,
        h % 100,
    )


def _minute(node):
    """Once a minute: one quiet line, the last known date, news for `state`."""
    up = node.clock.uptime()
    node.minute_up = up
    if node.trial:
        _update(node, "doubt")
    if not node.sleeper:  # which sees to both itself
        if not node.good:  # it lives for a minute
            node.good = True  # choice.py may forget the starts before this one
            remove(STARTS)
        if node.crash and node._was_ready:
            node.forget_crash()
    gc.collect()
    if node.clock.is_set() and not node.clock.wild:
        node.outbox.journal.see(node.clock.now())
    free = " | %d KB free" % (gc.mem_free() // 1024) if hasattr(gc, "mem_free") else ""
    hours = learning(node)
    more = " | learning, " + hours if hours else ""
    text = "%s | %d of %d not acknowledged%s%s"
    log.info("node", text % (_values(node, 0), node.outbox.waiting(), node.outbox.kept(), free, more))
    news = (node.outbox.journal.dropped, sorted(node.sender.refused), log.last_error)
    if news != node._told or up - node._state_up >= _STATE_S:
        node._told = news
        node._state_up = up
        node.link.publish_state()

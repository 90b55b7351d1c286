"""A board that sleeps between samples: wake, restore, sample, judge, keep; connect when it is worth it.

Imported only where the configuration says `sleep`. What must outlive the sleep goes into RTC memory
(snapshot.py); readings are on flash before the board sleeps. What does not fit together again, being damaged
or of other settings, is a fresh start: counted, and a boot of its own.
"""

import gc
import json
from binascii import crc32

from .. import VERSION
from ..chip import log
from ..chip.compat import const
from ..chip.lazy import borrow
from ..outbox.segment import COUNT, FIRST
from ..starts import STARTS, remove

snapshot = borrow("sleep.snapshot")

_ONLINE_MS = const(45000)  # for Wi-Fi, TLS, sending and acknowledgements
_NTP_MS = const(8000)  # of them, for NTP to answer
_GOODBYE_MS = const(5000)
_SHORTEST_MS = const(500)  # a shorter sleep is none
_GOOD_S = const(60)
_RUNS = const(16)  # of acknowledged readings that are remembered
_SLACK = const(20)  # the RTC's oscillator may be off by a part in so many


class Radio:
    """Stands for the link and for NTP while the radio is off."""

    def __init__(self, clock):
        self._clock = clock

    def step(self, ms=0):
        if ms:
            self._clock.sleep(ms)

    def ready(self):
        return False

    def counts(self):
        return {}

    def last_error(self):
        return "asleep between samples"

    def publish_state(self):
        pass

    def soon(self):
        pass


class Sleeper:
    """The sleeper of one start. `woke`: the chip woke from deep sleep. `ticks`: the clock's source.

    network(node, config) gives a node its link and NTP.
    """

    def __init__(self, config, board, network, source=None):
        self.ticks = borrow("chip.ticks").Ticks(source)
        self._network = network
        self._config = config
        self._board = board
        self._duty = borrow("sleep.duty").Duty(config["period_ms"])
        self._facts = self._data = self._slot = self._by = self._since = None
        self._refused = None
        self.woke = board.reset_reason == "deep sleep"
        if self.woke:
            try:
                self._data = board.rtc_memory()
                self._facts = snapshot.peek(self._data)
                self.ticks.woke(*self._facts[:3])
            except ValueError as error:
                self._refused = error

    def wake(self, node):
        """Restore `node`, which has its judge; False when it must start afresh."""
        if not self._facts or not self._restored(node):
            node.counts["sleeps forgotten"] = 1
            log.warn("sleep", "a fresh start: RTC memory is %s" % (self._refused or "of other settings"))
            return False
        clock = node.clock
        clock.tick()
        clock.slack += 1 + self._facts[2] // 1000 // _SLACK
        node.link = node.ntp = Radio(clock)
        self._duty.late(-clock.until(node.next))
        self._data = self._facts = None
        self._slot = node.next
        return True

    def start(self, node):
        """A fresh start of `node`, whose link is already connecting."""
        self._slot = node.next
        self._online(node)

    def _online(self, node):
        self._since = node.clock.ms()
        self._by = node.clock.after(self._since, _ONLINE_MS)

    def rest(self, node):
        """After each turn of the loop: connect or sleep when it is time. Does not return from a sleep."""
        if node.next == self._slot:
            return  # its sample is still to come
        clock = node.clock
        if self._by is None:
            if self._duty.wants(clock.uptime(), node.sender.is_urgent()):
                self._network(node, self._config)
                self._online(node)
                return
        elif not self._over(node):
            return
        left = clock.until(node.next) - self._duty.lead_ms
        node.outbox.flush()
        if left < _SHORTEST_MS or node.outbox.pending():
            return  # what flash does not take is lost in a sleep: go on awake
        if self._by is not None:
            self._goodbye(node)
            left = clock.until(node.next) - self._duty.lead_ms
            if left < _SHORTEST_MS:
                return
        self._sleep(node, left)

    def _over(self, node):
        """Whether there is nothing left to do online."""
        clock = node.clock
        if clock.until(self._by) <= 0:
            return True
        if not node.link.ready() or node.outbox.pending() or node.outbox.waiting() or node.update:
            return False
        return (clock.is_set() and not clock.slack) or -clock.until(self._since) >= _NTP_MS

    def _goodbye(self, node):
        """Tell when the board is due again, and hang up; the radio goes off."""
        clock = node.clock
        duty = self._duty
        clock.tick()
        tick = clock.uptime() + (clock.until(node.next) - duty.period_ms) // 1000
        done = node.link.ready() and not node.outbox.waiting()
        at = duty.connected(tick, done)
        sent = False
        if node.link.ready():
            more = {"state": "sleeping"}
            if clock.is_set():
                from ..chip.clock import UNIX_2000

                more["next"] = clock.now() + max(0, at - clock.uptime()) + UNIX_2000
            sent = node.link.close(_GOODBYE_MS, node.state(True, more))
        else:
            node.link.close(0)
        if done and not sent:
            duty.connected(tick, False)  # the broker will call it offline: come back soon
        if sent and node.crash:
            node.forget_crash()
        counts = node.link.counts()
        for name in counts:
            node.counts[name] = node.counts.get(name, 0) + counts[name]
        self._board.wifi_off()
        node.link = node.ntp = Radio(clock)
        self._by = None
        gc.collect()

    # RTC memory

    def _sleep(self, node, ms):
        clock = node.clock
        part = node.outbox.find(node.outbox.newest())
        if part is None:
            return  # nothing was ever measured
        if clock.uptime() >= _GOOD_S:
            node.good = True
            remove(STARTS)
        clock.tick()
        self._board.led(False)
        first, count, boot, _ = part
        facts = (self.ticks.wall_ms(), clock.ms(), ms, boot, first, count)
        things = self._things(node)
        self._duty.next = node.next
        self._duty.since_good = node.since_good
        self._duty.online_up = node.online_up
        self._duty.minute_up = node.minute_up
        text = self._text(node)
        data = self._packed(node, facts, things, text)
        if len(data) > snapshot.MOST:
            text.update(acked=[], counts={"counts forgotten": len(text["counts"])})
            data = self._packed(node, facts, things, text)
        log.info("sleep", "for %d ms" % ms)
        self._board.rtc_memory(data)
        self._board.deepsleep(ms)

    def _restored(self, node):
        things = self._things(node)
        boot, first, count = self._facts[3:]
        if not snapshot.fits(self._data, self._stamp(node), node.judge, things):
            return False
        if not node.outbox.resume(boot, first, count):
            self._refused = "not what flash says"
            return False
        text = json.loads(snapshot.unpack(self._data, node.judge, things))
        node.next = self._duty.next
        node.since_good = self._duty.since_good
        node.online_up = self._duty.online_up
        node.minute_up = self._duty.minute_up
        outbox = node.outbox
        node.counts.update(text["counts"])
        outbox.dropped, outbox.damaged, outbox.unkept, outbox.failures = text["outbox"]
        self._board.reset_reason = text["reset"]
        log.last_error = text.get("error")
        for run in text.get("acked", ()):
            outbox.ack(*run)
        return True

    def _things(self, node):
        duty = self._duty
        duty.next = duty.since_good = duty.online_up = duty.minute_up = 0
        bounds = node.bounds
        things = (duty, node.clock, node.sensor, bounds, bounds and bounds.severe)
        return [thing for thing in things if thing]

    def _stamp(self, node):
        """A text of program, settings and model: a snapshot fits only where this is the same."""
        settings = json.dumps(self._config) + VERSION
        return b"%08x" % crc32(settings.encode()) + node.outbox.model

    def _packed(self, node, facts, things, text):
        return snapshot.pack(self._stamp(node), facts, node.judge, things, json.dumps(text).encode())

    def _text(self, node):
        outbox = node.outbox
        text = {
            "counts": {name: node.counts[name] for name in node.counts if node.counts[name]},
            "outbox": (outbox.dropped, outbox.damaged, outbox.unkept, outbox.failures),
            "reset": self._board.reset_reason[:64],
            "acked": _acknowledged(outbox),
        }
        if log.last_error:
            text["error"] = log.last_error[:120]
        return text


def _acknowledged(outbox):
    """Runs [first, last] of readings on flash that the cloud has, without those given up (`state` has them).

    All runs of the newest segment, of older ones the run at their beginning: what is forgotten is sent again.
    """
    runs = []
    newest = part = outbox.find(outbox.newest())
    while part and len(runs) < _RUNS:
        seq = part[FIRST]
        end = seq + part[COUNT]
        while seq < end:
            waiting = outbox.next_waiting(seq)
            stop = end if waiting < 0 else min(end, waiting)
            if stop > seq:
                runs.append([seq, stop - 1])
            seq = stop if part is newest else end
            while seq < end and outbox.is_waiting(part, seq):
                seq += 1
        part = outbox.find(part[FIRST] - 1)
    dropped = outbox.journal.dropped
    return [run for run in runs[:_RUNS] if not any(a <= run[1] and run[0] <= b for a, b in dropped)]

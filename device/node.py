"""The loop: sample on the grid, judge, keep, send. Everything it works with is handed in."""

import gc
from array import array

from .chip import log
from .chip.lazy import let_go, seldom
from .codes import ABNORMAL, CLOCK_UNSET, DRIVER_ERROR, WHY, names
from .chip.compat import const
from .send.ack import read_ack
from .send.up import Writer
from .outbox.outbox import NO_MODEL
from .send.queue import Sender

_TURN_MS = const(100)  # the network gets the time between two samples in such pieces
_EACH_MS = const(5000)  # at this period and above each record is flushed; below, batches this long
_HOLD_S = const(600)  # how long readings wait, once the broker is there, for the clock to be set
_HOLD_URGENT_S = const(60)
_CALM = const(5)  # good readings in a row that end an abnormal time, on the console
_MINUTE_S = const(60)
_STATE_S = const(900)
_BRACE = const(123)  # what JSON begins with
_LEARN_H = const(24)  # of readings before a first model is worth having


class Node:
    """One board at work. `link` and `ntp` are set before the first step(); `judge` may be replaced before it.

    config: device/config.py. clock, sensor, judge, outbox, board: as their modules say.
    link: step(ms), free(), publish(topic, payload), publish_state(), counts(), last_error().
    ntp: a Dates; step() gives seconds since 2000 or None, soon() asks again.
    """

    @seldom
    def __init__(self, config, clock, sensor, judge, outbox, board):  # noqa: PLR0917 - the parts of a board
        self.period_ms = config["period_ms"]
        self.clock = clock
        self.sensor = sensor
        self.judge = judge
        self.outbox = outbox
        self.board = board
        self.link = self.ntp = None
        self.sender = Sender(outbox, min(60, max(5, 6 * self.period_ms // 1000)))
        self.counts = {}
        self.sleeper = None  # device/sleep/, where the board sleeps between samples
        self.crash = None  # what ended the last start, for `state`
        self.update = None  # a Pull, while something is fetched (device/update/)
        self.trial = None  # a Trial, while settings are on trial
        self.number = config["number"]  # of the settings
        self.key = bytes.fromhex(config["key"])
        self._topic = ("vigie/1/%s/%s/up" % (config["site"], config["device"])).encode()
        self.kind = config["sensor"]["kind"]
        self._writer = Writer(outbox, self.key, self._topic)
        self._out = array("h", (0, 0))
        self.since_good = 0  # periods
        self.bounds = None
        self.limits = config["limits"]
        if self.limits:
            from .judge.limits import Bounds

            self.bounds = Bounds(self.limits)
        self._flags = 0  # what the console last called abnormal
        self._calm = 0
        self._blink = False
        self._abnormal_up = 0
        self._sensor_error = None
        now = clock.ms()
        self.next = now
        self._flush_by = now
        self.minute_up = self._state_up = 0
        self.online_up = None  # when the broker was first there
        self._was_ready = False
        self._told = None
        self._firsts = []  # the lines that are told once

    def step(self):
        """One turn: sample if it is time, else let the network work until the next sample is due."""
        clock = self.clock
        clock.tick()
        self.board.feed()
        try:
            if clock.until(self.next) <= 0:
                self._schedule()
                self.sample()
            self._keep()
            self._talk(max(0, min(self.clock.until(self.next), _TURN_MS)))
            if clock.uptime() - self.minute_up >= _MINUTE_S:
                self._minute()
        except MemoryError:
            gc.collect()
            self._count("out of memory")

    @seldom
    def connect(self, seconds):
        """Let the network begin, for `seconds` at most, before there is anything to sample."""
        end = self.clock.after(self.clock.ms(), seconds * 1000)
        while self.clock.until(end) > 0 and not self._was_ready:
            self.clock.tick()
            self.board.feed()
            self._talk(_TURN_MS)
        self.next = self.clock.ms()

    def close(self):
        """Put what is in RAM onto flash."""
        self.outbox.flush()

    # Sampling

    def _schedule(self):
        """The next sample is on the grid that began with the first; ticks that were missed are counted."""
        late = -self.clock.until(self.next)
        missed = late // self.period_ms
        if missed:
            self._count("ticks missed", missed)
        self.since_good += 1 + missed
        self.next = self.clock.after(self.next, (1 + missed) * self.period_ms)

    def sample(self):
        """One reading: read, judge, keep in RAM; at once onto flash when it is abnormal."""
        out = self._out
        judge = self.judge
        why = self._read(out)
        if why:
            flags = judge.failed()
            x = None
            score = -1
        else:
            half = self.clock.now() // 1800 % 48 if self.clock.is_set() else -1
            flags = judge.reading(out[0], out[1], self.since_good, half)
            self.since_good = 0
            x = judge.x
            score = judge.score
            if self.bounds:
                flags |= self.bounds.flags(out[0], out[1], self.clock.uptime())
        if not self.clock.is_set():
            flags |= CLOCK_UNSET
        outbox = self.outbox
        if not outbox.pending():
            self._flush_by = self.clock.after(self.clock.ms(), _EACH_MS - self.period_ms)
        seq = outbox.append(self.clock.uptime(), x, flags, why, score)
        if flags & ABNORMAL:
            self._flush_by = self.clock.ms()
            self.sender.urgent(seq)
        self._show(flags, why)

    def _read(self, out):
        try:
            return self.sensor.read(out)
        except Exception as error:  # a driver may raise anything; that is one failed read
            self._count("sensor exceptions")
            text = "%s: %s" % (type(error).__name__, error)
            if text != self._sensor_error:
                self._sensor_error = text
                log.error("sensor", text)
            return DRIVER_ERROR

    def _keep(self):
        """Flush on time; what flash refuses stays in RAM and is tried again at the next sample."""
        outbox = self.outbox
        if outbox.pending() and self.clock.until(self._flush_by) <= 0:
            if outbox.flush():
                return
            self._flush_by = self.next
            if outbox.failures == 1:
                log.error("outbox", "flash refuses to write: is it full or worn out?")

    # Network

    def _talk(self, ms):
        ready = False
        sec = None
        try:
            ready = self.link.step(ms)
            sec = self.ntp.step()
        except Exception as error:  # a mistake in there must not end the sampling
            self._count("link exceptions")
            log.error("link", "%s: %s" % (type(error).__name__, error))
            self.clock.sleep(ms)
        self.clock.tick()
        up = self.clock.uptime()
        if sec is not None:
            self._dated(sec)
        if ready and not self._was_ready:
            self.sender.again(up)
            if self.online_up is None:
                self.online_up = up
        self._was_ready = ready
        if ready and self.link.free():
            self._send(up)
            if self.update and self.link.free():
                self.update.step(self)
                if self.update.over:
                    self._update("fetched")

    def _send(self, up):
        hold = False
        if not self.clock.is_set():
            hold = up - self.online_up < (_HOLD_URGENT_S if self.sender.is_urgent() else _HOLD_S)
        run = self.sender.take(up, hold)
        if not run:
            return
        first, last = run
        try:
            payload, last = self._writer.up(first, last)
        except OSError:
            # As if the cloud had not answered: tried again later, so it blocks nobody; in the end given up.
            self._count("flash reads failed")
            if not self.sender.unread(first, last, up):
                return
            payload, last = self._writer.up(first, last, False)
        if payload is None:
            self.sender.skip(first, last)
            self.sender.sweep()
        elif self.link.publish(self._topic, payload):
            self.sender.sent(first, last, up)
            self._first("first readings sent")

    def on_ack(self, payload):
        """The link received an `ack`, or a `part` of what is fetched."""
        if payload[0] != _BRACE:
            if self.update:
                self.update.part(payload)
            return
        if b'"want"' in payload:
            self._update("meant", payload)
            return
        try:
            runs, dropped = read_ack(payload, self.outbox.stream, self.key)
        except ValueError as error:
            self._count("acks refused: %s" % error)
            return
        for first, last in runs:
            if dropped:
                self.outbox.journal.settle(first, last)
            elif self.sender.acked(first, last, self.clock.uptime()) < 0:
                self._count("acks refused: no such readings")
            elif self.trial and last >= self.outbox.boot_first:
                self._update("proven")
        self._first("first readings acknowledged")

    @seldom
    def _update(self, what, *given):
        """Something about updates: `what` of device/update/hooks.py."""
        from .update import hooks

        getattr(hooks, what)(self, *given)
        let_go("hooks")

    def topic(self, leaf):
        """This board's topic `leaf` (bytes)."""
        return self._topic[:-2] + leaf

    def _first(self, text):
        """A line for the person who watches the board start; once."""
        if text not in self._firsts:
            self._firsts.append(text)
            log.info("node", text)

    @seldom
    def _dated(self, sec):
        """NTP answered."""
        clock = self.clock
        first = not clock.is_set()
        if not clock.set(sec):
            self.ntp.soon()
            told = clock.doubted(sec)
            if told:
                log.error("clock", told)
            return
        journal = self.outbox.journal
        date = journal.date(self.outbox.boot, clock.uptime())
        if date is None or abs(date - sec) > 1:
            sure = journal.seen
            journal.anchor(self.outbox.boot, clock.uptime(), sec)
            if clock.wild:
                journal.see(sure)  # the next boot shall not know better than this one
            self.board.set_rtc(sec)
        if first:
            log.info("clock", "set by NTP")

    # What people see

    @seldom
    def state(self, online, more=None):
        """The payload of `state`; the members in `more` go before its own."""
        from .send.report import of_node

        let_go("report", "state")
        return of_node(self, online, more)

    @seldom
    def learning(self):
        """How far a board without a model is, in words; None once it has one."""
        outbox = self.outbox
        if outbox.model != NO_MODEL:
            return None
        hours = min((outbox.newest() + 1) * self.period_ms // 3600000, _LEARN_H)
        return "%d h of %d; watching range, stuck, jumps" % (hours, _LEARN_H)

    def _show(self, flags, why):
        """The LED (on: abnormal, blinking: no broker), and a line when an abnormal time begins or ends."""
        bad = flags & ABNORMAL
        if bad:
            self._calm = 0
            if not self._flags:
                self._begins(bad, why)
        elif self._flags:
            self._calm += 1
            if self._calm == _CALM:
                self._ends(why)
        self._blink = not self._blink
        self.board.led(self._flags or (self._blink and not self._was_ready))

    @seldom
    def _begins(self, bad, why):
        self._flags = bad
        self._abnormal_up = self.clock.uptime()
        log.warn("node", "ABNORMAL %s: %s" % (", ".join(names(bad)), self._values(why)))

    @seldom
    def _ends(self, why):
        self._flags = 0
        lasted = self.clock.uptime() - self._abnormal_up
        log.info("node", "normal again after %d s: %s" % (lasted, self._values(why)))

    @seldom
    def _values(self, why):
        if why:
            return WHY[why]
        t, h = self._out
        return "%s%d.%02d degC %d.%02d %%RH" % (
            "-" if t < 0 else "",
            abs(t) // 100,
            abs(t) % 100,
            h // 100,
            h % 100,
        )

    @seldom
    def _minute(self):
        """Once a minute: one quiet line, the last known date, news for `state`."""
        up = self.clock.uptime()
        self.minute_up = up
        if self.trial:
            self._update("doubt")
        gc.collect()
        if self.clock.is_set() and not self.clock.wild:
            self.outbox.journal.see(self.clock.now())
        free = " | %d KB free" % (gc.mem_free() // 1024) if hasattr(gc, "mem_free") else ""
        learning = self.learning()
        more = " | learning, " + learning if learning else ""
        text = "%s | %d of %d not acknowledged%s%s"
        log.info("node", text % (self._values(0), self.outbox.waiting(), self.outbox.kept(), free, more))
        news = (self.outbox.journal.dropped, sorted(self.sender.refused), log.last_error)
        if news != self._told or up - self._state_up >= _STATE_S:
            self._told = news
            self._state_up = up
            self.link.publish_state()

    def _count(self, name, by=1):
        self.counts[name] = self.counts.get(name, 0) + by

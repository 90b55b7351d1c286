"""The loop: sample on the grid, judge, keep, send. Everything it works with is handed in."""

import gc

from .chip import log
from .chip.lazy import begun, borrow, lent
from .codes import ABNORMAL, CLOCK_UNSET, DRIVER_ERROR
from .chip.compat import const

TURN_MS = const(100)  # the network gets the time between two samples in such pieces
_EACH_MS = const(5000)  # at this period and above each record is flushed; below, batches this long
_HOLD_S = const(600)  # how long readings wait, once the broker is there, for the clock to be set
_HOLD_URGENT_S = const(60)
_CALM = const(5)  # good readings in a row that end an abnormal time, on the console
_MINUTE_S = const(60)
_BRACE = const(123)  # what JSON begins with


class Node:
    """One board at work. `link` and `ntp` are set before the first step(); `judge` may be replaced before it.

    config: device/config.py. clock, sensor, judge, outbox, board: as their modules say.
    link: step(ms), free(), publish(topic, payload), publish_state(), counts(), last_error().
    ntp: a Dates; step() gives seconds since 2000 or None, soon() asks again.
    """

    lender = "tell"  # connect, forget_crash, learning, state, _update, _dated, _begins, _ends, _minute
    __init__ = begun  # (config, clock, sensor, judge, outbox, board)
    __getattr__ = lent

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
            self._talk(max(0, min(self.clock.until(self.next), TURN_MS)))
            if clock.uptime() - self.minute_up >= _MINUTE_S:
                self._minute()
        except MemoryError:
            gc.collect()
            self._count("out of memory")

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
        writer = borrow("send.up").Writer(self.outbox, self.key, self._topic, self._message)
        try:
            payload, last = writer.up(first, last)
        except OSError:
            # As if the cloud had not answered: tried again later, so it blocks nobody; in the end given up.
            self._count("flash reads failed")
            if not self.sender.unread(first, last, up):
                return
            payload, last = writer.up(first, last, False)
        if payload is None:
            self.sender.skip(first, last)
            self.sender.sweep()
        elif self.link.publish(self._topic, payload):
            self.sender.sent(first, last, up)
            self._first("first readings sent")

    def on_ack(self, payload):
        """The link received an `ack`, or a `part` of what is fetched."""
        if payload[0] == _BRACE:
            borrow("send.ack").take(self, payload)
        elif self.update:
            self.update.part(self, payload)

    def topic(self, leaf):
        """This board's topic `leaf` (bytes)."""
        return self._topic[:-2] + leaf

    def _first(self, text):
        """A line for the person who watches the board start; once."""
        if text not in self._firsts:
            self._firsts.append(text)
            log.info("node", text)

    # What people see

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

    def _count(self, name, by=1):
        self.counts[name] = self.counts.get(name, 0) + by

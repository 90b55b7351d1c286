"""What a person can ask at the prompt; main.py puts these functions there when Vigie was stopped by Ctrl-C.

Each prints something worth reading. `go()` lets Vigie run on where it was.
"""

import gc
import os
import struct

from .. import VERSION, codes
from ..chip.lazy import borrow
from ..outbox import segment
from ..outbox.segment import BOOT, SIZE

HELP = 'Ask: status() last(5) selftest() inject("spike") outbox() wifi() model(); go() runs on'


class Console:
    """`node`: the Node that was stopped."""

    def __init__(self, node):
        self._node = node

    def names(self):
        """What goes into the prompt's namespace."""
        commands = ("status", "last", "selftest", "inject", "outbox", "wifi", "model", "go")
        return {name: getattr(self, name) for name in commands}

    def status(self):
        """Version, times, memory, and what was counted."""
        node = self._node
        gc.collect()
        node.clock.tick()
        up = node.clock.uptime()
        print("Vigie %s, up %d h %02d min, boot %d" % (VERSION, up // 3600, up // 60 % 60, node.outbox.boot))
        print("date     %s" % (_date(node.clock.now()) or "not known yet"))
        print("reset    %s" % node.board.reset_reason)
        self._broker()
        print("heap     %d KB free" % (gc.mem_free() // 1024))
        print("judged   %d readings" % node.judge.good)
        counts = node.link.counts()
        counts.update(node.counts)
        for name in sorted(counts):
            if counts[name]:
                print("counted  %d %s" % (counts[name], name))

    def last(self, count=5):
        """The newest readings on flash."""
        if not isinstance(count, int) or count < 1:
            print("last(5) shows the newest 5 readings: say how many")
            return
        outbox = self._node.outbox
        newest = outbox.newest()
        names = borrow("judge.table").names
        record = memoryview(bytearray(SIZE))
        for seq in range(max(0, newest - count + 1), newest + 1):
            part = outbox.find(seq)
            if part is None:
                continue
            outbox.read(part, seq, record)
            up, t, h = struct.unpack_from("<I2h", record)
            flags, why, kind = struct.unpack_from("<HBB", record, segment.FLAGS)
            what = codes.WHY[why] if kind == segment.FAILED else "%s degC %s %%RH" % (_centi(t), _centi(h))
            date = _date(outbox.journal.date(part[BOOT], up)) or "up %d s" % up
            state = "sent" if not outbox.is_waiting(part, seq) else "waits"
            print("%6d  %s  %s  %s  %s" % (seq, date, what, state, ", ".join(names(flags)) or "normal"))

    def selftest(self):
        """Sensor, flash, model, clock and network, one line each; in selftest.py."""
        borrow("console.selftest").run(self._node)

    def inject(self, kind="spike", seconds=60):
        """Let the simulated sensor fail once Vigie runs on."""
        sensor = self._node.sensor
        if not hasattr(sensor, "inject"):
            print("only the simulated sensor fails on command; this one is real")
            return
        try:
            sensor.inject(kind, seconds)
        except (TypeError, ValueError) as error:
            print('%s: try inject("spike", 60)' % error)
            return
        print("%s from the next reading on; go() to see it" % kind)

    def outbox(self):
        """The readings that wait on flash."""
        outbox = self._node.outbox
        outbox.flush()
        free = os.statvfs("/")
        print("stream   %s, newest reading %d" % (outbox.stream.hex(), outbox.newest()))
        print("kept     %d readings, %d of them not acknowledged" % (outbox.kept(), outbox.waiting()))
        print("lost     %d dropped, %d damaged, %d unkept" % (outbox.dropped, outbox.damaged, outbox.unkept))
        print("flash    %d KB free, %d failures" % (free[0] * free[3] // 1024, outbox.failures))

    def wifi(self):
        """The radio, the address, the broker."""
        node = self._node
        up = node.board.wifi_up()
        print("Wi-Fi    %s" % ("up, %d dBm" % node.board.wifi_rssi() if up else node.board.wifi_problem()))
        if up:
            print("DNS      %s" % (node.board.wifi_dns() or "none"))
        self._broker()

    def model(self):
        """The model that judges."""
        judge = self._node.judge
        model = self._node.outbox.model
        print("model    %s" % (model.hex() if any(model) else "none: rules and Z-score alone"))
        print("last     %s" % (", ".join(borrow("judge.table").names(judge.flags)) or "normal"))
        print("features %s" % list(judge.x))
        print("score    %s" % (judge.score if judge.score >= 0 else "no forest ran"))

    def _broker(self):
        print("broker   %s" % (trouble(self._node) or "connected"))

    def go(self):
        """Run on; the readings that were not taken meanwhile are counted as missed."""
        from ..app import run

        self._node.board.watch()
        try:
            run(self._node)
        except KeyboardInterrupt:
            print("Stopped again, for an hour at most")


def trouble(node):
    """Why the broker is not connected now; None when it is. Notices that the broker has hung up meanwhile."""
    link = node.link
    if link.ready():
        link.step()
    if not node.board.wifi_up():
        return "not connected: no Wi-Fi (%s)" % node.board.wifi_problem()
    if link.ready():
        return None
    last = link.last_error()
    return "not connected; go() goes on" + (". Last trouble: " + last if last else "")


def _centi(value):
    return "%s%d.%02d" % ("-" if value < 0 else "", abs(value) // 100, abs(value) % 100)


def _date(sec):
    """Seconds since 2000 as text, None for None."""
    if sec is None:
        return None
    from time import gmtime

    if gmtime(0)[0] == 1970:  # the unix port's epoch; an ESP32 counts from 2000
        sec += 946684800
    return "%d-%02d-%02d %02d:%02d:%02d" % gmtime(sec)[:6]

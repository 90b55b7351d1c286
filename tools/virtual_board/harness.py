"""The first thing a virtual board's interpreter runs; it does what the chip's firmware does, in its order.

    micropython harness.py FLASH FIRMWARE READINGS COMMANDS RTC EVENTS CAUSE NAME

FLASH becomes `/`, FIRMWARE (the stand-ins and umqtt, which a chip has built in) becomes `/lib`; boot.py and
main.py run. Beside that it keeps the sensor's own log: one line in READINGS for each time that the sensor was
asked, written before anybody else sees the values, and one for each flush that returned. It obeys the lines
of COMMANDS: `inject KIND SECONDS`, `unplug SECONDS`, `door SECONDS` (it stands open), `stop`, `start`,
`wifi off`, `tear THOUSANDTHS RUBBISH`, `full MS`, `spoil SUFFIX HOW` (failing_flash.py), `rtc SECONDS` (the
clock chip jumps), `ask` (for the time), `outbox` (what is in it). Nothing in device/ knows of it.
"""

import builtins
import sys
import time

from failing_flash import Flash, power_on, run

_flash, _firmware, _readings, _commands, _rtc, _events, _cause, _name = sys.argv[1:9]
_readings = open(_readings, "ab")
_obeyed = _commands + ".obeyed"  # how many bytes of them
_commands = open(_commands, "rb")
if _cause == "deep sleep":
    with open(_obeyed) as _file:
        _commands.seek(int(_file.read()))
else:
    _commands.seek(0, 2)  # commands to an earlier boot are not for this one
_obeyed = open(_obeyed, "w")
_rtc = open(_rtc, "r+b")
_events = open(_events, "w")

try:
    _schedule = open("/proc/self/schedstat")  # before there is another root
except OSError:
    _schedule = None  # only Linux has it
_flash = Flash(_flash)
power_on(_flash, _firmware)

import chip  # noqa: E402  it lies in FIRMWARE

chip.begin(_events, _cause, _name, _rtc)


def _note(text):
    """One write to an unbuffered file: a kill between two lines loses neither."""
    _readings.write(("{%s}\n" % text).encode())


def _starved_ms():
    """How long this process has waited for a processor of the host since its start: no chip does that."""
    if _schedule is None:
        return 0
    _schedule.seek(0)
    return int(_schedule.read().split()[1]) // 1000000


def _note_obeyed():
    _obeyed.seek(0)
    _obeyed.write("%d" % _commands.tell())
    _obeyed.flush()


_note_obeyed()


def _power_fails():
    chip.tell("reset power on")
    chip.halt()


_flash.kept = lambda count: _note('"kept":%d' % count)
_flash.tell = chip.tell
_flash.die = _power_fails


class _Harness:
    def __init__(self):
        self.sampling = True
        self.unplugged = None  # ticks until which the sensor's cable is out
        self.door = None  # (ticks, ms): opened then, for so long
        self._started = time.ticks_ms()
        self._rest = b""
        self._node = self._sensor = None

    def wrap(self, Node):
        """Stand between Node and its sensor, for every node that will be made."""
        sample = Node.sample

        def watched(node, *args):
            if node is not self._node:
                self._node = node
                outbox = node.outbox
                text = '"stream":"%s","number":%d,"first":%d'
                _note(text % (outbox.stream.hex(), outbox.boot, outbox.boot_first))
            self._obey(node.sensor)
            if not self.sampling:
                return None
            if node.sensor is not self._sensor:
                self._sensor = node.sensor
                self._log(node.sensor)
            return sample(node, *args)

        Node.sample = watched

    def _log(self, sensor):
        """Have each answer of `sensor` noted before anybody else sees it."""
        read = sensor.read

        def noted(out):
            try:
                why = read(out)
            except Exception:
                self.note(7, out)  # the driver failed: codes.DRIVER_ERROR
                raise
            if self.is_unplugged():
                why = 1  # codes.NO_ANSWER
            elif self.door and not why:
                self._let_in(out)
            self.note(why, out)
            return why

        sensor.read = noted

    def _let_in(self, out):
        """Air that is 0.38 degC colder and 0.95 %RH damper, little by little, while a door is open."""
        opened, length = self.door
        part = time.ticks_diff(time.ticks_ms(), opened) * 100 // length
        if part >= 100:
            self.door = None
            return
        percent = min(100, 4 * part, 3 * (100 - part))
        out[0] -= 38 * percent // 100
        out[1] = min(10000, out[1] + 95 * percent // 100)

    def is_unplugged(self):
        if self.unplugged is not None and time.ticks_diff(self.unplugged, time.ticks_ms()) <= 0:
            self.unplugged = None
        return self.unplugged is not None

    def note(self, why, out):
        up = time.ticks_diff(time.ticks_ms(), self._started)
        values = (
            '"t":%d,"h":%d,"why":null' % (out[0], out[1]) if not why else '"t":null,"h":null,"why":%d' % why
        )
        text = '"up_ms":%d,"starved_ms":%d,"host_ts":%.3f,%s'
        _note(text % (up, _starved_ms(), time.time(), values))

    def _obey(self, sensor):
        more = _commands.read()
        if not more:
            return
        lines = (self._rest + more).split(b"\n")
        self._rest = lines.pop()
        _note_obeyed()
        for line in lines:
            words = line.decode().split()
            if words[0] == "inject":
                sensor.inject(words[1], seconds=int(words[2]))
            elif words[0] == "unplug":
                self.unplugged = time.ticks_add(time.ticks_ms(), int(words[1]) * 1000)
            elif words[0] == "door":
                self.door = (time.ticks_ms(), int(words[1]) * 1000)
            elif words[0] in ("stop", "start"):
                self.sampling = words[0] == "start"
            elif words[0] == "wifi":
                import network

                network.WLAN.in_reach = words[1] == "on"
            elif words[0] == "tear":
                _flash.tear(int(words[1]), int(words[2]))
            elif words[0] == "full":
                _flash.fill(int(words[1]))
            elif words[0] == "spoil":
                _flash.spoil(words[1], words[2])
            elif words[0] == "rtc":
                import machine

                machine.RTC.jump(int(words[1]))
            elif words[0] == "ask":
                self._node.ntp.soon(0)
            elif words[0] == "outbox":
                outbox = self._node.outbox
                chip.tell("outbox %d %d" % (outbox.pending(), outbox.waiting()))
            chip.tell("done " + line.decode())


_import = builtins.__import__


def _imported(name, *more):
    """Wait for the import of device.app, then wrap Node: the class in it with a method `sample`."""
    module = _import(name, *more)
    if name == "device.app":
        builtins.__import__ = _import
        for thing in sys.modules[name].__dict__.values():
            if isinstance(thing, type) and hasattr(thing, "sample"):
                _Harness().wrap(thing)
    return module


_main = {"__name__": "__main__"}  # boot.py and main.py share their names, as on the chip


def _power_on():
    _note('"boot":"%s","host_ts":%.3f' % (_cause, time.time()))
    try:
        run("/boot.py", _main)
        builtins.__import__ = _imported
        run("/main.py", _main)
        chip.tell("ended")
    except SystemExit:
        chip.tell("reset soft")  # sys.exit() is a soft reset on a board
    except BaseException as error:
        sys.print_exception(error)
        chip.tell("ended")
    chip.halt()  # a chip would wait at its prompt now


_power_on()

"""The first thing a virtual board's interpreter runs; it does what the chip's firmware does, in its order.

    micropython harness.py FLASH FIRMWARE READINGS COMMANDS EVENTS CAUSE NAME

FLASH becomes `/`, FIRMWARE (the stand-ins and umqtt, which a chip has built in) becomes `/lib`; boot.py and
main.py run. Beside that it keeps the sensor's own log: one line in READINGS for each time that the sensor was
asked, written before anybody else sees the values, and it obeys the lines of COMMANDS: `inject KIND SECONDS`,
`unplug SECONDS`, `stop`, `start`, `wifi off`. Nothing in device/ knows of it.
"""

import os
import sys
import time

import vfs

_flash, _firmware, _readings, _commands, _events, _cause, _name = sys.argv[1:8]
_readings = open(_readings, "ab")
_commands = open(_commands, "rb")
_commands.seek(0, 2)  # what was said to an earlier boot is not for this one
_events = open(_events, "w")


class _Flash:
    """VfsPosix with a rename() that works: with a root, MicroPython's own takes the new path for both."""

    def __init__(self, root):
        self._root = root
        self._files = vfs.VfsPosix(root)
        self._host = vfs.VfsPosix()

    def rename(self, old, new):
        self._host.rename(self._root + old, self._root + new)

    def __getattr__(self, name):
        return getattr(self._files, name)


vfs.umount("/")
vfs.mount(_Flash(_flash), "/")
vfs.mount(vfs.VfsPosix(_firmware), "/lib")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
del sys.argv[1:]
sys.argv[0] = ""

import chip  # noqa: E402  it lies in FIRMWARE

chip.begin(_events, _cause, _name)


class _Harness:
    def __init__(self):
        self.sampling = True
        self.unplugged = None  # ticks until which the sensor's cable is out
        self._started = time.ticks_ms()
        self._rest = b""

    def wrap(self, Node):
        """Stand between Node and its sensor, for every node that will be made."""
        sample = Node.sample

        def watched(node, *args):
            self._obey(node.sensor)
            if not self.sampling:
                return None
            if type(node.sensor) is not _Logged:
                node.sensor = _Logged(node.sensor, self)
            return sample(node, *args)

        Node.sample = watched

    def is_unplugged(self):
        if self.unplugged is not None and time.ticks_diff(self.unplugged, time.ticks_ms()) <= 0:
            self.unplugged = None
        return self.unplugged is not None

    def note(self, why, out):
        up = time.ticks_diff(time.ticks_ms(), self._started)
        values = (
            '"t":%d,"h":%d,"why":null' % (out[0], out[1]) if not why else '"t":null,"h":null,"why":%d' % why
        )
        # One write to an unbuffered file: a kill between two lines loses neither.
        _readings.write(('{"up_ms":%d,"host_ts":%.3f,%s}\n' % (up, time.time(), values)).encode())

    def _obey(self, sensor):
        more = _commands.read()
        if not more:
            return
        lines = (self._rest + more).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            words = line.decode().split()
            if words[0] == "inject":
                sensor.inject(words[1], seconds=int(words[2]))
            elif words[0] == "unplug":
                self.unplugged = time.ticks_add(time.ticks_ms(), int(words[1]) * 1000)
            elif words[0] in ("stop", "start"):
                self.sampling = words[0] == "start"
            elif words[0] == "wifi":
                import network

                network.WLAN.in_reach = words[1] == "on"
            chip.tell("done " + line.decode())


class _Logged:
    """A sensor whose every answer is noted first. All else is the sensor's own."""

    def __init__(self, sensor, harness):
        self._sensor = sensor
        self._harness = harness

    def read(self, out):
        try:
            why = self._sensor.read(out)
        except Exception:
            self._harness.note(7, out)  # the driver failed: codes.DRIVER_ERROR
            raise
        if self._harness.is_unplugged():
            why = 1  # codes.NO_ANSWER
        self._harness.note(why, out)
        return why

    def __getattr__(self, name):
        return getattr(self._sensor, name)


_main = {"__name__": "__main__"}  # boot.py and main.py share their names, as on the chip


def _run(path):
    try:
        with open(path) as file:
            code = file.read()
    except OSError:
        return
    exec(compile(code, path, "exec"), _main)


def _power_on():
    _readings.write(('{"boot":"%s","host_ts":%.3f}\n' % (_cause, time.time())).encode())
    try:
        _run("/boot.py")
        try:
            from device.node import Node

            _Harness().wrap(Node)
        except (
            ImportError
        ) as error:  # a board without the application, or with a broken one, boots all the same
            print("harness: no sensor log:", error)
        _run("/main.py")
        chip.tell("ended")
    except SystemExit:
        chip.tell("reset soft")  # sys.exit() is a soft reset on a board
    except BaseException as error:
        sys.print_exception(error)
        chip.tell("ended")
    chip.halt()  # a chip would wait at its prompt now


_power_on()

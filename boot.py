"""First thing after a reset: a way out for people, and a count of starts. Needs nothing from device/.

For two seconds, while the LED flickers, Ctrl-C or the BOOT button leads to the REPL with no watchdog running.
A start that lives for a minute deletes /boot/starts; after four that did not, and that power did not end,
main.py goes into safe mode. A board that wakes from deep sleep looks at the button once, and counts nothing.
"""

import json
import os
import sys
import time

import machine

starts = 1
woke = machine.reset_cause() == machine.DEEPSLEEP_RESET


def count_starts():
    """How often the board has started since the last good start, this one included."""
    count = 1
    try:
        if machine.reset_cause() != machine.PWRON_RESET:
            count += int(json.load(open("/boot/starts")))
    except Exception:
        pass  # it is the first one, or the file is damaged: MicroPython runs no main.py after an error here
    try:
        os.mkdir("/boot")  # of its own: a change lengthens its folder's log, and each import reads that of /
    except OSError:
        pass  # it is there
    try:
        with open("/boot/starts", "w") as file:
            file.write(str(count))
    except OSError:
        pass  # flash is full or broken: measuring matters more than counting
    return count


def read_more():
    """Mount the flash anew, for reads of 512 bytes: MicroPython's 128 make an import take 3 times as long.

    Whoever comes to the REPL in these two seconds finds the board as MicroPython made it.
    """
    try:
        from flashbdev import bdev
    except ImportError:
        return  # not a chip
    os.umount("/")
    try:
        os.mount(os.VfsLfs2(bdev, readsize=128), "/")
    except OSError:
        os.mount(bdev, "/")  # it holds another file system


def wants_repl():
    """Wait two seconds for Ctrl-C or the BOOT button (low while it is held)."""
    chip = sys.implementation._machine
    button = machine.Pin(9 if "C3" in chip or "C6" in chip else 0, machine.Pin.IN, machine.Pin.PULL_UP)
    if woke:
        return not button.value()
    try:
        led = machine.Pin(json.load(open("/config.json")).get("led_pin", 2), machine.Pin.OUT).value
    except Exception:
        led = bool  # no configuration, a broken one, or no LED: does nothing
    print("Vigie starts in 2 s: Ctrl-C or the BOOT button for a REPL")
    for i in range(40):
        led(~i & 1)
        if not button.value():
            return True
        time.sleep_ms(50)
    return False


def person_came():
    """Nothing counts towards safe mode any more: a start that a person ends has not failed."""
    try:
        os.remove("/boot/starts")
    except OSError:
        pass  # none was counted


try:
    repl = wants_repl()
    if not repl:
        read_more()
        if not woke:
            starts = count_starts()
except KeyboardInterrupt:  # pressed before those two seconds, in them, or just after
    repl = True
if repl:
    person_came()
    print("REPL: Vigie does not run, no watchdog. Ctrl-D starts again")
# main.py goes on in the same namespace: they would stay in RAM.
del count_starts, person_came, read_more, wants_repl

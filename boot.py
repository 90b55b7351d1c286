"""First thing after a reset: a way out for people, and a count of starts. Needs nothing from device/.

For two seconds Ctrl-C leads to the REPL with no watchdog running; so does holding the BOOT button. A start
that lives for a minute deletes /starts; after four that did not, main.py goes into safe mode. A start that
power ended was not a bad one.
"""

import os
import sys
import time

import machine

starts = 1
repl = False


def count_starts():
    """How often the board has started since the last good start, this one included."""
    count = 1
    try:
        if machine.reset_cause() != machine.PWRON_RESET:
            with open("/starts") as file:
                count += int(file.read())
    except (OSError, ValueError):
        pass  # it is the first one
    try:
        with open("/starts.new", "w") as file:
            file.write(str(count))
        os.rename("/starts.new", "/starts")
    except OSError:
        pass  # flash is full or broken: measuring matters more than counting
    return count


def wants_repl():
    """Wait two seconds for Ctrl-C or the BOOT button (low while it is held)."""
    chip = sys.implementation._machine
    button = machine.Pin(9 if "C3" in chip or "C6" in chip else 0, machine.Pin.IN, machine.Pin.PULL_UP)
    try:
        print("Vigie starts in 2 s: Ctrl-C or the BOOT button for a REPL")
        for _ in range(40):
            if not button.value():
                return True
            time.sleep_ms(50)
    except KeyboardInterrupt:
        return True
    return False


repl = wants_repl()
if repl:
    print("REPL: Vigie does not run, no watchdog. Ctrl-D starts again")
else:
    starts = count_starts()

"""First thing after a reset: a way out for people. Needs nothing else, whatever the board holds.

For two seconds, while the LED flickers, Ctrl-C or the BOOT button leads to the REPL with no watchdog running.
A board that wakes from deep sleep looks at the button once. main.py goes on, in the same namespace.
"""

import json
import os
import sys
import time

import machine

woke = machine.reset_cause() == machine.DEEPSLEEP_RESET


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


try:
    repl = wants_repl()
except KeyboardInterrupt:  # pressed before those two seconds, in them, or just after
    repl = True
if repl:
    try:
        os.remove("/boot/starts")  # a start that a person ends has not failed: none counts towards safe mode
    except OSError:
        pass  # none was counted
    print("REPL: Vigie does not run, no watchdog. Ctrl-D starts again")
del wants_repl  # it would stay in RAM

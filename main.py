"""Starts Vigie; whatever happens, the board comes back."""

import os
import sys
import time

starts = globals().get("starts", 1)  # of boot.py: both run in one namespace
repl = globals().get("repl", False)

SAFE_STARTS = 4
SAFE_S = 600


def restart(seconds):
    """Reset after `seconds`; Ctrl-C leads to the REPL instead."""
    import machine  # here because device/ may be what is broken

    print("Restart in %d s; Ctrl-C for a REPL" % seconds)
    time.sleep(seconds)
    machine.reset()


def keep(error):
    """Write `error` down for the next start's `state`."""
    sys.print_exception(error)
    try:
        with open("/last_error.txt", "w") as file:
            file.write("%s: %s" % (type(error).__name__, error))
    except OSError:
        pass  # flash is full or broken: it was printed


def person_came():
    """A start that a person ends has not failed, however young: nothing counts towards safe mode."""
    try:
        os.remove("/starts")
    except OSError:
        pass  # none was counted


def safe_mode():
    """No application: Wi-Fi is up, the cloud is told why; one more try in ten minutes."""
    print("Safe mode: %d starts failed. See /last_error.txt" % (starts - 1))
    try:
        from device.safe import run

        run(SAFE_S, starts - 1)
    except Exception as error:
        sys.print_exception(error)
        restart(SAFE_S)
    restart(0)


def console():
    """The functions that a person can use at the prompt now."""
    from device import app

    if app.stopped:
        from device.console import HELP, Console

        globals().update(Console(app.stopped).names())
        print(HELP)


def start():
    try:
        if starts > SAFE_STARTS and starts % 2:
            safe_mode()
        from device import app

        app.main()
    except KeyboardInterrupt:
        person_came()
        print("Stopped; a watchdog that runs resets in an hour. Ctrl-D starts again")
        console()
    except Exception as error:
        keep(error)
        restart(2 ** min(starts, 5))


if repl:
    person_came()
else:
    start()

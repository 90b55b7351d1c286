"""Starts Vigie; whatever happens, the board comes back.

All of this stays in RAM while Vigie works, so it holds only what a board needs whose device/ is broken.
"""

import os
import sys

starts = globals().get("starts", 1)  # of boot.py: both run in one namespace
SAFE_STARTS = 4


def restart(seconds):
    """Reset after `seconds`; Ctrl-C leads to the REPL instead."""
    import time

    import machine  # here because device/ may be what is broken

    print("Restart in %d s; Ctrl-C for a REPL" % seconds)
    time.sleep(seconds)
    machine.reset()


def stopped():
    """A person came: no start that they end has failed, however young. Where Vigie ran they may ask it."""
    try:
        os.remove("/boot/starts")
    except OSError:
        pass  # none was counted
    print("Stopped; a watchdog that runs resets in an hour. Ctrl-D starts again")
    app = sys.modules.get("device.app")
    if app and app.stopped:
        from device.console import HELP, Console

        globals().update(Console(app.stopped).names())
        print(HELP)


def start():
    """Run Vigie, or after four failed starts safe mode; every second one of these tries Vigie again."""
    try:
        if starts > SAFE_STARTS and starts % 2:
            from device.safe import run

            restart(run(starts - 1))
        from device.app import main

        main()
    except KeyboardInterrupt:
        stopped()
    except Exception as error:
        sys.print_exception(error)
        try:
            with open("/last_error.txt", "w") as file:  # for the next start's `state`
                file.write("%s: %s" % (type(error).__name__, error))
        except OSError:
            pass  # flash is full or broken: it was printed
        restart(2 ** min(starts, 5))


if not globals().get("repl"):
    start()

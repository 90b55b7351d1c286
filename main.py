"""Runs the application in the slot that choice.py chooses; whatever happens, the board comes back.

All of this stays in RAM while Vigie works: a function can be deleted, but not its code while this file runs.
"""

import gc
import os
import sys

SAFE_STARTS = 4
RESCUE = ("memory.mpy", "safe.mpy")  # the application runs without them
starts = 1


def keep(error):
    """For `state`, and for whoever looks."""
    try:
        with open("/last_error.txt", "w") as file:
            file.write(error)
    except OSError:
        pass  # flash is full or broken: it was printed


def chosen():
    """(the slot to run, starts, damaged files)."""
    try:
        from choice import made

        del sys.modules["choice"]
        return made(globals().get("woke"))  # of boot.py: both run in one namespace
    except Exception as error:
        sys.print_exception(error)
        text = "damaged (make deploy mends this): /choice.py"
        print("         E files  " + text)
        keep(text)
        try:
            with open("/app/active") as file:
                return "b" if file.read(1) == "b" else "a", 1, []
        except (OSError, ValueError):
            return "a", 1, []


def make_room():
    """Python's second piece of memory: before a large file fills the first, or Wi-Fi gets none."""
    global second_piece
    gc.collect()  # what compiling this file left
    from memory import share

    second_piece = share()
    del sys.modules["memory"]


def restart(seconds):
    """Reset after `seconds`; Ctrl-C leads to the REPL instead."""
    import time

    import machine  # here because device/ may be what is broken

    print("Restart in %d s; Ctrl-C for a REPL" % seconds)
    time.sleep(seconds)
    machine.reset()


def stopped():
    """A person pressed Ctrl-C: this start does not count as failed. Where Vigie ran they may ask it."""
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
    """Run Vigie. Safe mode instead where a file of it is damaged and no slot is sound, or after four failed
    starts; then every second start tries Vigie again."""
    global starts
    try:
        slot, starts, bad = chosen()
        sys.path[0] = folder = "/app/" + slot
        here = [path[len("/app/a/") :] for path in bad if path.startswith(folder)]
        ends = [path for path in here if path not in RESCUE]
        if "memory.mpy" not in here:
            make_room()
        if ends or (starts > SAFE_STARTS and starts % 2):
            if "safe.mpy" not in here:
                from safe import run

                restart(run("files are damaged" if ends else "%d starts failed" % (starts - 1)))
            elif ends:
                restart(600)
        from device.app import main

        main()
    except KeyboardInterrupt:
        stopped()
    except Exception as error:
        sys.print_exception(error)
        keep("%s: %s" % (type(error).__name__, error))
        restart(2 ** min(starts, 5))


if not globals().get("repl"):
    start()

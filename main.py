"""Starts Vigie; whatever happens, the board comes back.

All of this stays in RAM while Vigie works, so it holds only what a board needs whose device/ is broken.
"""

import gc
import os
import sys

starts = globals().get("starts", 1)  # of boot.py: both run in one namespace
SAFE_STARTS = 4
LIST = "/device/sha256.txt"  # of the files as they were built: "SHA-256 path" a line, its own is the last
RESCUE = ("/boot.py", "/main.py", "/memory.mpy", "/safe.mpy")  # Vigie measures without them


def damaged():
    """The files that are not as they were built, told before any of them is imported: it may end the chip."""
    from binascii import hexlify
    from hashlib import sha256

    bad = []
    buffer = memoryview(bytearray(512))
    own = sha256()
    try:
        with open(LIST, "rb") as lines:
            while line := lines.readline(256):  # no line of it is so long; a damaged one may have no end
                good, path = line.split()
                path = path.decode()
                if path == LIST:
                    if hexlify(own.digest()) == good:
                        return bad
                    break
                own.update(line)
                sha = sha256()
                try:
                    with open(path, "rb") as file:
                        while count := file.readinto(buffer):
                            sha.update(buffer[:count])
                except OSError:
                    pass  # it is missing, or flash does not give it
                if hexlify(sha.digest()) != good:
                    bad.append(path)
    except (OSError, ValueError):
        pass
    return [LIST]  # itself, so nobody knows of the others


def keep(error):
    """For `state`, and for who looks."""
    try:
        with open("/last_error.txt", "w") as file:
            file.write(error)
    except OSError:
        pass  # flash is full or broken: it was printed


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
    """Run Vigie. Safe mode instead where a file of it is damaged, or after four failed starts; then every
    second start tries Vigie again."""
    try:
        bad = [] if globals().get("woke") else damaged()
        del globals()["damaged"]
        if bad:
            more = ", and %d more" % (len(bad) - 4) if len(bad) > 4 else ""
            error = "damaged (make deploy mends this): " + ", ".join(bad[:4]) + more
            print("         E files  " + error)
            keep(error)
        broken = [path for path in bad if path not in RESCUE]
        if "/memory.mpy" not in bad:
            make_room()
        if broken or (starts > SAFE_STARTS and starts % 2):
            if "/safe.mpy" not in bad:
                from safe import run

                restart(run("files are damaged" if broken else "%d starts failed" % (starts - 1)))
            elif broken:
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

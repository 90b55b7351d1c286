"""Chooses the slot of the application, looks at its files, runs it; whatever happens, the board comes back.

/app/active says which slot runs: "a"; "b trial ID STARTS" while the release ID is on trial there; "a back ID
WHY" once that one was taken back. A start that lives for a minute deletes /boot/starts; after four that did
not, and that power did not end, comes safe mode. All this stays in RAM, but for what only the choice needs.
"""

import gc
import os
import sys

ACTIVE = "/app/active"
STARTS = "/boot/starts"
CRASH = "/last_error.txt"
SAFE_STARTS = 4
TRIAL_STARTS = 3
FOR_CHOICE = "read_more count_starts choose on_trial other back sound damaged compared broken tell"
starts = 1
woke = globals().get("woke")  # of boot.py: both run in one namespace


def read(path):
    try:
        with open(path) as file:
            return file.read(300)
    except (OSError, ValueError):
        return ""  # none, or no text


def write(path, text):
    """In one step: power may go."""
    try:
        with open(path + ".new", "w") as file:
            file.write(text)
        os.rename(path + ".new", path)
    except OSError:
        pass  # flash is full or broken: measuring matters more


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass  # it is not there


# What the choice needs; a board that wakes from deep sleep counts nothing and looks at no file.


def read_more():
    """Mount the flash anew, for reads of 512 bytes: MicroPython's 128 make an import take 3 times as long."""
    try:
        from flashbdev import bdev
    except ImportError:
        return  # not a chip
    os.umount("/")
    try:
        os.mount(os.VfsLfs2(bdev, readsize=128), "/")
    except OSError:
        os.mount(bdev, "/")  # it holds another file system


def count_starts():
    """How often the board has started since the last good start, this one included."""
    import machine

    count = 1
    try:
        if machine.reset_cause() != machine.PWRON_RESET:
            count += int(read(STARTS))
    except ValueError:
        pass  # it is the first one, or the file is damaged
    try:
        os.mkdir("/boot")  # of its own: a change lengthens its folder's log, and each import reads that of /
    except OSError:
        pass  # it is there
    write(STARTS, str(count))
    return count


def choose():
    """The slot to run. A release on trial that has started too often gives way to the one before it."""
    words = read(ACTIVE).split(" ", 3)
    slot = words[0] if words[0] in ("a", "b") else "a"
    if woke or not on_trial():
        return slot
    tried = int(words[3]) if words[3].isdigit() else TRIAL_STARTS
    if tried < TRIAL_STARTS:
        write(ACTIVE, "%s trial %s %d" % (slot, words[2], tried + 1))
        return slot
    return back(slot, "%d starts without an acknowledgement: %s" % (tried, read(CRASH) or "no error"))


def on_trial():
    words = read(ACTIVE).split(" ", 3)
    return len(words) == 4 and words[1] == "trial"


def other(slot):
    return "b" if slot == "a" else "a"


def back(slot, why):
    """The release on trial in `slot` is taken back: the other slot runs again, and tells why."""
    print("         E update release taken back: " + why)
    write(ACTIVE, "%s back %s %s" % (other(slot), read(ACTIVE).split(" ")[2], why[:150]))
    remove(STARTS)  # those that failed were the release's
    return other(slot)


def damaged(slot):
    """The files of a slot that are not as they were built, told before any is imported: it may end a chip."""
    folder = "/app/%s/" % slot
    return compared(folder + "sha256.txt", folder)


def compared(listed, folder):
    """The files in `folder` that differ from the list: "SHA-256 size path" a line, its own the last one."""
    from binascii import hexlify
    from hashlib import sha256

    bad = []
    buffer = memoryview(bytearray(512))
    own = sha256()
    try:
        with open(listed, "rb") as lines:
            while line := lines.readline(256):  # no line of it is so long; a damaged one may have no end
                good, _, path = line.split()
                path = folder + path.decode()
                if path == folder + "sha256.txt":
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
    return [listed]  # itself, so nobody knows of the others


def broken(bad):
    """Whether the application cannot run: it measures without safe mode, and without more memory."""
    return [path for path in bad if path[len("/app/a/") :] not in ("memory.mpy", "safe.mpy")]


def sound(slot):
    """(the slot to run, damaged files): the other one instead, where that is sound and this one is not."""
    bad = damaged(slot)
    if broken(bad):
        if on_trial():
            slot = back(slot, "damaged: " + bad[0])
            bad = damaged(slot)
        elif not broken(damaged(other(slot))):
            slot = other(slot)
    return slot, bad


def tell(bad):
    more = ", and %d more" % (len(bad) - 4) if len(bad) > 4 else ""
    error = "damaged (make deploy mends this): " + ", ".join(bad[:4]) + more
    print("         E files  " + error)
    write(CRASH, error)


# What stays.


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
    remove(STARTS)
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
        read_more()
        slot = choose()
        bad = []
        if not woke:
            starts = count_starts()
            slot, bad = sound(slot)
            bad += compared("/boot/sha256.txt", "/")
        if bad:
            tell(bad)
        if on_trial():
            from machine import WDT

            WDT(timeout=60000)  # it may hang before it has a watchdog of its own
        sys.path[0] = folder = "/app/" + slot
        bad = [path for path in bad if path.startswith(folder)]
        ends = broken(bad)
        for name in FOR_CHOICE.split():
            del globals()[name]
        if folder + "/memory.mpy" not in bad:
            make_room()
        if ends or (starts > SAFE_STARTS and starts % 2):
            if folder + "/safe.mpy" not in bad:
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
        write(CRASH, "%s: %s" % (type(error).__name__, error))
        restart(2 ** min(starts, 5))


if not globals().get("repl"):
    start()

"""First thing after a reset: a way out for people, then the choice of the slot. Needs nothing else.

For two seconds, while the LED flickers, Ctrl-C or the BOOT button leads to the REPL with no watchdog running.
/app/active says which slot runs: "a"; "b trial ID STARTS" while the release ID is on trial there; "a back ID
WHY" once that one was taken back. A start that lives for a minute deletes /boot/starts; after four that did
not, and that power did not end, comes safe mode. A board that wakes from deep sleep looks at the button once,
counts nothing and looks at no file. main.py goes on, in the same namespace; what is needed here alone does
not stay in RAM.
"""

import json
import os
import sys
import time

import machine

ACTIVE = "/app/active"
STARTS = "/boot/starts"
CRASH = "/last_error.txt"
TRIAL_STARTS = 3
HERE = (  # what main.py needs nothing of
    "ACTIVE STARTS CRASH TRIAL_STARTS wants_repl read write remove read_by count_starts choose on_trial other"
    " back sound damaged compared broken tell choice HERE name"
)

woke = machine.reset_cause() == machine.DEEPSLEEP_RESET
starts = 1
slot = "a"
bad = []  # files that are not as they were built


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


def read_by(size):
    """Mount the flash anew, for reads of 4 * `size` bytes: 128, as MicroPython does, is 3 times as slow."""
    try:
        from flashbdev import bdev
    except ImportError:
        return  # not a chip
    os.umount("/")
    try:
        os.mount(os.VfsLfs2(bdev, readsize=size), "/")
    except OSError:
        os.mount(bdev, "/")  # it holds another file system


def count_starts():
    """How often the board has started since the last good start, this one included."""
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


def choice():
    """(the slot to run, starts, damaged files)."""
    read_by(128 if woke else 1024)  # which takes 12 KB for now, and looks at all files in a third of the time
    chosen, count, files = choose(), 1, []
    if not woke:
        count = count_starts()
        chosen, files = sound(chosen)
        files += compared("/boot/sha256.txt", "/")
        if files:
            tell(files)
        read_by(128)
    if on_trial():
        machine.WDT(timeout=60000)  # it may hang before it has a watchdog of its own
    return chosen, count, files


try:
    repl = wants_repl()
    if not repl:
        slot, starts, bad = choice()
except KeyboardInterrupt:  # pressed before those two seconds, in them, or after
    repl = True
except Exception as error:  # MicroPython would not run main.py
    sys.print_exception(error)
    repl = False
if repl:
    remove(STARTS)  # a start that a person ends has not failed: none counts towards safe mode
    print("REPL: Vigie does not run, no watchdog. Ctrl-D starts again")
for name in HERE.split():
    del globals()[name]

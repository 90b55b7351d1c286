"""Chooses the slot of the application and looks at its files. main.py imports this, and forgets it.

/app/active says which slot runs: "a"; "b trial ID STARTS" while the release ID is on trial there; "a back ID
WHY" once that one was taken back. A start that lives for a minute deletes /boot/starts; after four that did
not, and that no power cut ended, safe mode runs.
"""

import os

import machine

ACTIVE = "/app/active"
STARTS = "/boot/starts"
CRASH = "/last_error.txt"
TRIAL_STARTS = 3


def made(woke):
    """(the slot to run, starts, damaged files). A board that `woke` counts nothing and looks at no file."""
    read_by(128 if woke else 1024)  # which takes 12 KB, and looks at all files in a third of the time
    slot, count, bad = choose(woke), 1, []
    if not woke:
        count = count_starts()
        slot, bad = sound(slot)
        bad += compared("/boot/sha256.txt", "/")
        if bad:
            tell(bad)
        read_by(128)
    if on_trial():
        machine.WDT(timeout=60000)  # it may hang before it has a watchdog of its own
    return slot, count, bad


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
    from micropython import kbd_intr

    kbd_intr(-1)  # Ctrl-C in between would leave no flash at all
    os.umount("/")
    try:
        os.mount(os.VfsLfs2(bdev, readsize=size), "/")
    except OSError:
        os.mount(bdev, "/")  # it holds another file system
    finally:
        kbd_intr(3)


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


def choose(woke=False):
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
    """Take the release on trial in `slot` back: the other slot runs again, and says why."""
    print("         E update release taken back: " + why)
    write(ACTIVE, "%s back %s %s" % (other(slot), read(ACTIVE).split(" ")[2], why[:150]))
    remove(STARTS)  # those that failed were the release's
    return other(slot)


def damaged(slot):
    """The files of a slot that are not as built, known before any is imported: one may crash the chip."""
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
    return [listed]  # the list is damaged, so nobody knows of the others


def broken(bad):
    """Whether the application cannot run: it needs neither safe.mpy nor memory.mpy."""
    return [path for path in bad if path[len("/app/a/") :] not in ("memory.mpy", "safe.mpy")]


def sound(slot):
    """(the slot to run, damaged files): the other slot, where that is sound and `slot` is not."""
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

"""The flash of a virtual board: a folder that fails as flash does, when harness.py gets the command.

Power may go in the middle of a write, the file system may be full, a file may be unreadable from now on
(`….bad` beside the folder remembers it). It also knows what is safe: how many records of this boot are in
segments whose flush() has returned.
"""

import os
import sys
import time

import vfs

_ENOENT, _EIO, _ENOSPC = 2, 5, 28
_OUTBOX = "/outbox/"
_HEADER = _RECORD = 32  # bytes


def power_on(flash, firmware):
    """`flash` becomes `/` and the host's folder `firmware` becomes `/lib`, as a chip finds them."""
    vfs.umount("/")
    vfs.mount(flash, "/")
    vfs.mount(vfs.VfsPosix(firmware), "/lib")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    del sys.argv[1:]
    sys.argv[0] = ""


def run(path, names):
    """Run a file of the flash with the globals `names`, as a chip does at its start; it may be missing."""
    try:
        with open(path) as file:
            code = file.read()
    except OSError:
        return
    exec(compile(code, path, "exec"), names)


class Flash:
    """VfsPosix on the folder `root`, and a rename() that works: with a root, its own takes one path for both.

    `kept(count)` is called after each flush of a segment, `tell(event)` when a fault has shown its effect,
    `die()` once power is gone.
    """

    def __init__(self, root):
        self._root = root
        self._files = vfs.VfsPosix(root)
        self._host = vfs.VfsPosix()
        self._tear = None  # (part of the next write that still arrives, in thousandths; bytes of rubbish)
        self._full_ms = None  # how long it is full, from the first write that it refuses
        self._full_until = None
        self._room = 0  # bytes that can be written while it is full: what was deleted since
        self._safe = 0  # records of this boot in earlier segments
        self._segment = None
        self.kept = self.tell = self.die = None
        self._ctrl_c = False
        self._bad = {}  # path -> what of it fails: "open", "read" or "stat"
        try:
            with self._host.open(root + ".bad", "r") as file:
                self._bad = dict(line.split() for line in file)
        except OSError:
            pass

    def spoil(self, suffix, how):
        """The newest file of the outbox whose name ends so cannot be read from now on."""
        names = sorted(entry[0] for entry in self._files.ilistdir(_OUTBOX) if entry[0].endswith(suffix))
        if names:
            self._bad[_OUTBOX + names[-1]] = how
            self._remember_bad()

    def _remember_bad(self):
        with self._host.open(self._root + ".bad", "w") as file:
            for path in self._bad:
                file.write("%s %s\n" % (path, self._bad[path]))

    def _good_again(self, path):
        if self._bad.pop(path, None):
            self._remember_bad()

    def _fail(self, path, how):
        if self._bad.get(path) == how:
            self.tell("unreadable %s: %s fails" % (path, how))
            raise OSError(_EIO)

    def stat(self, path):
        """An import takes any exception here for "no such file": a Ctrl-C waits for the next `open`."""
        try:
            self._fail(path, "stat")
            return self._files.stat(path)
        except KeyboardInterrupt:
            self._ctrl_c = True
            self._fail(path, "stat")
            return self._files.stat(path)

    def tear(self, thousandths, rubbish):
        """Power fails in the next write to the outbox: so much of it is left, and random bytes."""
        self._tear = (thousandths, rubbish)

    def fill(self, ms):
        """Full from now on, until `ms` after the first write that it refused."""
        self._full_ms, self._full_until, self._room = ms, None, 0

    def rename(self, old, new):
        self._host.rename(self._root + old, self._root + new)
        self._good_again(new)

    def remove(self, path):
        size = self._files.stat(path)[6]
        self._files.remove(path)
        self._good_again(path)
        self._room += size

    def open(self, path, mode="r", *more):
        if self._ctrl_c:
            self._ctrl_c = False
            raise KeyboardInterrupt
        if "r" in mode:
            self._fail(path, "open")
        file = self._files.open(path, mode, *more)
        if "w" not in mode and "a" not in mode:
            return _Unreadable(self, file, path) if self._bad.get(path) == "read" else file
        written = _WrittenBytes(self, file, path)
        if "a" in mode:
            written.size = _HEADER  # what this boot adds counts, as in a file of its own
        if path.endswith(".seg"):
            if self._segment:
                self._safe += self._segment.safe
            self._segment = written
        return written

    def write(self, file, path, data):
        """Write to `file` what power and room allow."""
        if self._tear and path.startswith(_OUTBOX):
            thousandths, rubbish = self._tear
            count = len(data) * thousandths // 1000
            file.write(data[:count])
            file.write(os.urandom(rubbish))
            file.flush()
            self.tell("torn %s after %d of %d bytes, %d of rubbish" % (path, count, len(data), rubbish))
            self.die()
        if self._full_ms is not None:
            now = time.ticks_ms()
            if self._full_until is not None and time.ticks_diff(now, self._full_until) >= 0:
                self._full_ms = None
            elif len(data) > self._room:
                if self._full_until is None:
                    self._full_until = time.ticks_add(now, self._full_ms)
                file.write(data[: self._room])
                self._room = 0
                self.tell("refused %d bytes to %s" % (len(data), path))
                raise OSError(_ENOSPC)
            else:
                self._room -= len(data)
        return file.write(data)

    def flushed(self, written):
        """A flush of the file `written` has returned."""
        if written is self._segment:
            written.safe = (written.size - _HEADER) // _RECORD
            self.kept(self._safe + written.safe)

    def __getattr__(self, name):
        return getattr(self._files, name)


class _File:
    """A file of the flash, as the application has it open."""

    def __init__(self, flash, file, path):
        self._flash = flash
        self._file = file
        self._path = path

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


class _Unreadable(_File):
    """A file that can be opened but not read."""

    def _read(self, *arguments):
        self._flash._fail(self._path, "read")

    read = readinto = _read


class _WrittenBytes(_File):
    """A file that is being written: `size` bytes so far, `safe` records that a flush put there."""

    size = safe = 0

    def write(self, data):
        count = self._flash.write(self._file, self._path, data)
        self.size += count
        return count

    def flush(self):
        self._file.flush()
        self._flash.flushed(self)

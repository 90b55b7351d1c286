"""A release comes into the slot that does not run, file by file; then the board starts with it, on trial.

Its head comes first, as any other whole. /app/<slot>/number says which release the slot is filled with. A
file grows as /app/<slot>/part and gets its name once its hash is right: so what has its name is whole, and a
power cut costs nothing. What the running slot has already is copied from there.
"""

import os
from binascii import hexlify
from hashlib import sha256

from ..chip.clock import UNIX_2000
from ..chip.compat import const
from ..chip.lazy import borrow
from ..starts import at, good_start, remove

notes = borrow("update.notes")

KEY = "/release.key"  # the modulus of the owner's key; `make provision` writes it
LIST = "sha256.txt"
_BLOCK = const(4096)  # flash is taken in blocks
_PIECE = const(1024)  # bytes that are copied or hashed in one step


class Install:
    """`have`: so many bytes of the release are on flash, from its beginning on. `whole`: none is missing."""

    def __init__(self, node, path, name):
        self._node = node
        self._head = path
        self._name = name
        self._folder = at("/app/%s/" % notes.other(notes.running()))
        self.whole = False
        self._file = self._end = self._line = None
        try:
            self.have = os.stat(path)[6]
        except OSError:
            self.have = 0

    def add(self, data):
        """`data` follows what is there. ValueError when the release can be of no use."""
        if self._line is None:
            if not self.have:
                self._end = _head_size(data)
            self.have += _append(self._head, data[: self._end - self.have])
            return
        while len(data):
            if self.whole:
                raise ValueError("it is longer than what was signed")
            count = _append(self._folder + "part", data[: self._size - self._done])
            self._sha.update(data[:count])
            self._done += count
            self._hashed += count
            self.have += count
            data = data[count:]
            if self._done < self._size:
                return
            self._close()
            self._next()
            if self._file is None or self._source or self._done:
                return  # what follows in `data` is there, or is not needed

    def step(self):
        """A piece of what needs no part; False when one is needed, or nothing is left to do."""
        if self._line is None:
            return self._begin()
        if self.whole:
            return False
        if self._strays:
            self._strays = self._tidy()
        elif self._file is None:
            self._next()
        elif self._hashed < self._done:
            self._hashed += self._read(self._folder + "part", self._hashed)
        elif self._done == self._size:
            self._close()
        elif self._source:
            count = self._read(self._source, self._done, self._folder + "part")
            if not count:
                raise OSError(5)
            self._done += count
            self._hashed += count
            self.have += count
        else:
            return False
        return True

    def _begin(self):
        """Once the head is whole: is it the owner's, and meant for this board?"""
        if self._end is None and self.have:
            with open(self._head, "rb") as file:
                self._end = _head_size(file.read(8))
        if self._end is None or self.have < self._end:
            return False
        if self.have > self._end:
            raise ValueError("flash does not keep what it was given")
        release = borrow("update.release")
        try:
            with open(at(KEY), "rb") as file:
                modulus = file.read(release.RSA + 1)
        except OSError:
            raise ValueError("this board knows no owner's key: make provision") from None
        with open(self._head, "rb") as file:
            facts = release.verified(file, modulus)
            self._first = self._line = file.tell()
        if "%08x" % facts["number"] != self._name:
            raise ValueError("this is release %d" % facts["number"])
        clock = self._node.clock
        release.fit(facts, notes.Notes().app, clock.now() + UNIX_2000)
        self._strays = notes.number(self._folder) != facts["number"]
        if self._strays:
            remove(self._folder + "number")
        self._number = facts["number"]
        return True

    def _tidy(self):
        """Remove one file of what the slot held before; True while there are more."""
        for folder in ("/app", self._folder[len(at("")) : -1], self._folder[len(at("")) :] + "device"):
            try:
                os.mkdir(at(folder))
            except OSError:
                pass  # it is there
        for folder in ("device/", ""):
            for entry in os.ilistdir(self._folder + folder):
                if not entry[1] & 0x4000:
                    os.remove(self._folder + folder + entry[0])
                    return True
        with open(self._head, "rb") as file:
            file.seek(self._line)
            left = 0
            while (line := file.readline(256)) and not line.endswith(b" sha256.txt\n"):
                left += (int(line.split()[1]) // _BLOCK + 1) * _BLOCK
        if left > notes.free():
            raise ValueError("%d bytes are more than fits" % left)
        with open(self._folder + "number", "w") as file:
            file.write("%d" % self._number)
        return False

    def _next(self):
        """The next file of the list, if it is not whole: what there is of it, and where to get the rest."""
        with open(self._head, "rb") as file:
            file.seek(self._line)
            line = file.readline(256)
        good, size, path = line.split()
        self._line += len(line)
        self._file = path.decode()
        self._size = int(size)
        self._good = good
        if self._file == LIST:
            self.whole = True
            return
        try:
            os.stat(self._folder + self._file)
        except OSError:
            self._sha = sha256()
            self._hashed = 0
            self._source = self._twin(good)
            try:
                self._done = os.stat(self._folder + "part")[6]
            except OSError:
                self._done = 0  # nothing of it came yet
            if self._done > self._size:  # of another file, or flash was torn
                remove(self._folder + "part")
                self._done = 0
            self.have += self._done
            return
        self.have += self._size
        self._file = None

    def _twin(self, good):
        """The file of the running slot that is the same."""
        folder = at("/app/%s/" % notes.running())
        try:
            with open(folder + LIST, "rb") as file:
                while line := file.readline(256):
                    if line.startswith(good):
                        return folder + line.split()[2].decode()
        except (OSError, ValueError, IndexError):
            pass
        return None

    def _read(self, path, offset, target=None):
        """Hash a piece of `path`, and append it to `target`; its bytes."""
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read(min(_PIECE, (self._size if target else self._done) - offset))
        self._sha.update(data)
        if target:
            _append(target, data)
        return len(data)

    def _close(self):
        """The file is whole: it gets its name."""
        if hexlify(self._sha.digest()) != self._good:
            remove(self._folder + "part")
            raise ValueError("%s is damaged, or of another release" % self._file)
        os.rename(self._folder + "part", self._folder + self._file)
        self._file = None

    def take(self):
        """Start with the release, on trial. ValueError when it is not whole."""
        if not self.whole:
            raise ValueError("it is shorter than what was signed")
        with open(self._head, "rb") as file:
            file.seek(self._first)
            left = self._line - self._first
            with open(self._folder + LIST, "wb") as copy:
                while left:
                    left -= copy.write(file.read(min(left, 256)))
        if not self._node.outbox.flush():
            raise OSError(28)
        good_start()  # no start from before counts towards safe mode: three of the release's may fail
        notes.activate("%s trial %s 0" % (self._folder[-2], self._name))
        remove(self._head)
        self._node.board.reset("release %d" % self._number)


def _head_size(data):
    release = borrow("update.release")
    return sum(release.sizes(data)) + release.START_SIZE + release.RSA


def _append(path, data):
    with open(path, "ab") as file:
        if file.write(data) != len(data):
            raise OSError(28)
    return len(data)

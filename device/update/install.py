"""A release comes into the slot that does not run, file by file; then the board starts with it, on trial.

Its head comes first, as a model or settings would. /app/<slot>/number says which release the slot is filled
with. A file grows as /app/<slot>/part and gets its name once its hash is right: so each file with its own
name is whole, and a power cut costs nothing. What the running slot has already is copied from there.
"""

import os
from binascii import hexlify

from ..chip.compat import const
from ..chip.lazy import begun, lent
from ..starts import remove

_PIECE = const(1024)  # bytes that are copied or hashed in one step


class Install:
    """`have`: so many bytes of the release are on flash, from its beginning on. `whole`: none is missing."""

    lender = "update.installing"  # _sized, _verify, _tidy, _next, take
    __init__ = begun  # (path, name): where its head is, its id
    __getattr__ = lent

    def add(self, data):
        """`data` follows what is there. ValueError when the release can be of no use."""
        if self._line is None:
            if not self.have:
                self._sized(data)
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

    def step(self, node):
        """Do a piece of the work that needs no part; False when a part is needed, or all is done."""
        if self._line is None:
            if self._end is None or self.have < self._end:
                return False
            self._verify(node)
        elif self.whole:
            return False
        elif self._strays:
            self._tidy()
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


def _append(path, data):
    with open(path, "ab") as file:
        if file.write(data) != len(data):
            raise OSError(28)
    return len(data)

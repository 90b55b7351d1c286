"""Modules that are needed for a moment: read from flash, used, and forgotten."""

import os
import sys

_PACKAGE = __name__.partition(".")[0] + "."


class Shelf:
    """A board's folder of modules as a file system in which `lent.mpy` is whatever module is being borrowed.

    The path of each file that is imported stays in RAM for ever, and so does its module's name: this way all
    that are borrowed share one. start.py mounts it at /lent.
    """

    folder = None  # where they are; None while no shelf is mounted
    lent = None
    _stopped = False  # by a Ctrl-C during a look

    def mount(self, readonly, mkfs):
        pass

    def stat(self, path):
        """An import takes every exception in here for "no such file": a Ctrl-C waits for `open`."""
        try:
            return self._stat(path)
        except KeyboardInterrupt:
            self._stopped = True
            return self._stat(path)

    def _stat(self, path):
        if path == "/lent.mpy":
            return (0x8000,) + (0,) * 9  # a file
        if path.startswith("/lent"):
            raise OSError
        return os.stat(Shelf.folder + path)

    def open(self, path, mode):
        if self._stopped:
            self._stopped = False
            raise KeyboardInterrupt
        return open(Shelf.folder + ("/%s.mpy" % Shelf.lent if path == "/lent.mpy" else path), mode)


def borrow(name):
    """The module `name` ("link.explain"), which is not kept: the next borrow() reads it from flash again.

    That takes tens of milliseconds and memory: do not use it for sampling, nor where memory has run out.
    """
    path = _PACKAGE + name
    if path in sys.modules:
        return sys.modules[path]
    if Shelf.folder:
        Shelf.lent = name
        path = _PACKAGE + "lent"
        sys.modules.pop(path, None)  # a module that is being borrowed may borrow another one
    room, _, own = path.rpartition(".")
    try:
        return __import__(path, None, None, (own,))
    finally:  # nor does a module stay that failed half-way
        sys.modules.pop(path, None)
        if hasattr(sys.modules.get(room), own):
            delattr(sys.modules[room], own)


def lent(self, name):
    """`__getattr__` of a class: methods that it seldom needs are functions of the module `lender`."""
    function = getattr(borrow(self.lender), name)
    return lambda *given, **named: function(self, *given, **named)


def begun(self, *given, **named):
    """`__init__` of a class: it is `begin` of the module `lender`."""
    borrow(self.lender).begin(self, *given, **named)

"""Modules that are needed for a moment: read from flash, used, and forgotten."""

import sys

_PACKAGE = __name__.partition(".")[0] + "."


def borrow(name):
    """The module `name` ("link.explain"), which is not kept: the next borrow() reads it from flash again.

    That takes tens of milliseconds and needs room: not for sampling, nor for what cures a lack of room.
    """
    name = _PACKAGE + name
    if name not in sys.modules:
        room, _, own = name.rpartition(".")
        try:
            __import__(name)
            return sys.modules[name]
        finally:  # half a module is none
            sys.modules.pop(name, None)
            if hasattr(sys.modules.get(room), own):
                delattr(sys.modules[room], own)
    return sys.modules[name]


def lent(self, name):
    """`__getattr__` of a class: the methods that it needs seldom are functions of the module `lender`."""
    function = getattr(borrow(self.lender), name)
    return lambda *given, **named: function(self, *given, **named)


def begun(self, *given, **named):
    """`__init__` of a class: it is `begin` of the module `lender`."""
    borrow(self.lender).begin(self, *given, **named)

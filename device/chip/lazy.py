"""What is needed for a moment gives its heap back: modules, and methods under `@seldom`."""

import sys


def let_go(*names):
    """Forget the modules `names` of this package; the next import reads them from flash again."""
    package = __name__.partition(".")[0] + "."
    for key in list(sys.modules):
        room, _, name = key.rpartition(".")
        if name in names and key.startswith(package):
            del sys.modules[key]
            if room in sys.modules:
                delattr(sys.modules[room], name)


def seldom(method):
    """Marks a method that stays on flash and is read when it is called: tools/mpy/seldom.py parts the file.

    It may take tens of milliseconds and needs room: not for sampling, nor for what cures a lack of room.
    """
    return method


def missing(self, name):
    """`__getattr__` of a class with seldom methods: the method `name`, whose file is forgotten at once."""
    file = self.__file__
    rest = __import__(__name__.partition(".")[0] + "." + file, None, None, (file,)).Rest
    let_go(file)
    method = getattr(rest, name)
    return lambda *given, **named: method(self, *given, **named)


def begin(self, *given, **named):
    """`__init__` of such a class, where that is seldom too."""
    missing(self, "__init__")(*given, **named)

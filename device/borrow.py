"""What is needed for a moment gives its heap back: modules, and methods under `@seldom`."""

import sys


def let_go(*names):
    """Forget the modules `names` of this package; the next import reads them from flash again."""
    package = __name__.rpartition(".")[0]
    for name in names:
        if sys.modules.pop(package + "." + name, None):
            delattr(sys.modules[package], name)


def seldom(method):
    """Marks a method that stays on flash and is read when it is called: tools/board/seldom.py parts the file.

    It may take tens of milliseconds and needs room: not for sampling, nor for what cures a lack of room.
    """
    return method


def missing(self, name):
    """`__getattr__` of a class with seldom methods: the method `name`, whose file is forgotten at once."""
    package = __name__.rpartition(".")[0]
    file = self.__file__
    rest = __import__(package + "." + file, None, None, (file,)).Rest
    let_go(file)
    method = getattr(rest, name)
    return lambda *given, **named: method(self, *given, **named)


def begin(self, *given, **named):
    """`__init__` of such a class, where that is seldom too."""
    missing(self, "__init__")(*given, **named)

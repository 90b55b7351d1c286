"""Modules that are needed for a moment give their heap back."""

import sys


def let_go(*names):
    """Forget the modules `names` of this package; the next import reads them from flash again."""
    package = __name__.rpartition(".")[0]
    for name in names:
        if sys.modules.pop(package + "." + name, None):
            delattr(sys.modules[package], name)

"""A model that was fetched becomes the one that judges: into the idle slot, tested there, then switched.

The old one stays in its slot, one step away.
"""

import gc
import os
from binascii import hexlify
from hashlib import sha256

from ..chip.lazy import borrow
from ..starts import at, remove
from ..chip.compat import const

_FOLDER = const("/model")
_ACTIVE = const("/model/active")
_HEADER, _MAC = 12, 32  # bytes before and after what the id is made of


def active():
    """The slot in use: "a" or "b"; None when there is none."""
    try:
        with open(at(_ACTIVE)) as file:
            slot = file.read(8).strip()
    except (OSError, ValueError):
        slot = None
    return slot if slot in ("a", "b") else None


def idle():
    """The path of the slot that is not in use."""
    return at("/model/%s.bin" % ("b" if active() == "a" else "a"))


def find(name):
    """Whether the idle slot holds the model with the id `name`."""
    sha = sha256()
    buffer = memoryview(bytearray(256))
    try:
        left = os.stat(idle())[6] - _HEADER - _MAC
        with open(idle(), "rb") as file:
            file.read(_HEADER)
            while left > 0:
                count = file.readinto(buffer[: min(left, 256)])
                if not count:
                    break
                sha.update(buffer[:count])
                left -= count
    except OSError:
        return False
    return hexlify(sha.digest()[:4]).decode() == name


def take(node, path, name):
    """Judge with the model `name` at `path`, or in the idle slot, from the next reading on.

    ValueError says why not, OSError why not now; then the old one goes on.
    """
    from ..judge.judge import Judge

    try:
        os.mkdir(at(_FOLDER))
    except OSError:
        pass  # it is there
    slot = idle()
    try:
        os.rename(path, slot)
    except OSError:
        pass  # it is in the slot already; if it is nowhere, _read() says so
    try:
        model = _read(slot, node.key, name)
    except (OSError, ValueError):
        remove(slot)
        raise
    if not node.outbox.flush():
        model.forest.file.close()
        raise OSError(28)
    judge = Judge(model)
    judge.take_over(node.judge)
    with open(at(_ACTIVE + ".new"), "w") as file:
        file.write(slot[-5])
    os.rename(at(_ACTIVE + ".new"), at(_ACTIVE))
    old = node.judge.model
    node.outbox.turn(model.id)
    node.judge = judge
    if old and old.forest:
        old.forest.file.close()


def _read(slot, key, name):
    """The model in `slot`, whose file stays open."""
    gc.collect()
    file = open(slot, "rb")
    try:
        model = borrow("model.bundle").read(file, os.stat(slot)[6], key)
        if hexlify(model.id).decode() != name:
            raise ValueError("it is another model")
        return model
    except MemoryError:
        file.close()
        raise OSError("no room on the heap") from None
    except (OSError, ValueError):
        file.close()
        raise

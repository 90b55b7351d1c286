"""The methods that an Install seldom needs: it begins, goes to the next file, starts the board with all."""

import os
from hashlib import sha256

from ..chip.clock import UNIX_2000
from ..chip.compat import const
from ..chip.lazy import borrow
from ..starts import STARTS, at, remove

_KEY = const("/release.key")  # the modulus of the owner's key; `make provision` writes it
_LIST = const("sha256.txt")
_BLOCK = const(4096)  # flash is taken in blocks


def begin(install, path, name):
    notes = borrow("update.notes")
    install._head = path
    install._name = name
    install._folder = at("/app/%s/" % notes.other(notes.running()))
    install.whole = False
    install.have = 0
    install._file = install._line = install._end = None
    try:
        with open(path, "rb") as file:
            install._sized(file.read(8))
        install.have = os.stat(path)[6]
    except (OSError, ValueError):
        remove(path)  # nothing of it came yet, or power went with its first bytes


def _sized(install, start):
    """How long the head is, from its first bytes."""
    release = borrow("update.release")
    install._end = sum(release.sizes(start)) + release.START_SIZE + release.RSA


def _verify(install, node):
    """The head is whole: is it the owner's, and meant for this board? ValueError says why not."""
    notes = borrow("update.notes")
    release = borrow("update.release")
    try:
        with open(at(_KEY), "rb") as file:
            modulus = file.read(release.RSA + 1)
    except OSError:
        raise ValueError("this board knows no owner's key: make provision") from None
    with open(install._head, "rb") as file:
        facts = release.verified(file, modulus)
        install._first = install._line = file.tell()
    if "%08x" % facts["number"] != install._name:
        raise ValueError("this is release %d" % facts["number"])
    newest = max(notes.Notes().app, notes.release())  # notes may be lost
    release.fit(facts, newest, node.clock.now() + UNIX_2000)
    install._strays = notes.number(install._folder) != facts["number"]
    if install._strays:
        remove(install._folder + "number")
    install._number = facts["number"]


def _tidy(install):
    """Remove one file of what the slot held before; at the end mark it as this release's."""
    for folder in (at("/app"), install._folder[:-1], install._folder + "device"):
        try:
            os.mkdir(folder)
        except OSError:
            pass  # it is there
    for folder in ("device/", ""):
        for entry in os.ilistdir(install._folder + folder):
            if not entry[1] & 0x4000:
                os.remove(install._folder + folder + entry[0])
                return
    with open(install._head, "rb") as file:
        file.seek(install._line)
        left = 0
        while (line := file.readline(256)) and not line.endswith(b" sha256.txt\n"):
            left += (int(line.split()[1]) // _BLOCK + 1) * _BLOCK
    if left > borrow("update.notes").free():
        raise ValueError("%d bytes are more than fits" % left)
    with open(install._folder + "number", "w") as file:
        file.write("%d" % install._number)
    install._strays = False


def _next(install):
    """The next file of the list, if it is not whole: what there is of it, and where to get the rest."""
    with open(install._head, "rb") as file:
        file.seek(install._line)
        line = file.readline(256)
    good, size, path = line.split()
    install._line += len(line)
    install._file = path.decode()
    install._size = int(size)
    install._good = good
    if install._file == _LIST:
        install.whole = True
        return
    try:
        os.stat(install._folder + install._file)
    except OSError:
        install._sha = sha256()
        install._hashed = 0
        install._source = _twin(good)
        try:
            install._done = os.stat(install._folder + "part")[6]
        except OSError:
            install._done = 0  # nothing of it came yet
        if install._done > install._size:  # of another file, or flash was torn
            remove(install._folder + "part")
            install._done = 0
        install.have += install._done
        return
    install.have += install._size
    install._file = None


def _twin(good):
    """The same file in the running slot, or None."""
    notes = borrow("update.notes")
    folder = at("/app/%s/" % notes.running())
    try:
        with open(folder + _LIST, "rb") as file:
            while line := file.readline(256):
                if line.startswith(good):
                    return folder + line.split()[2].decode()
    except (OSError, ValueError, IndexError):
        pass
    return None


def take(install, node):
    """Start with the release, on trial. ValueError when it is not whole."""
    if not install.whole:
        raise ValueError("it is shorter than what was signed")
    with open(install._head, "rb") as file:
        file.seek(install._first)
        left = install._line - install._first
        with open(install._folder + _LIST, "wb") as copy:
            while left:
                left -= copy.write(file.read(min(left, 256)))
    if not node.outbox.flush():
        raise OSError(28)
    remove(STARTS)  # no start from before counts towards safe mode: three of the release's may fail
    borrow("update.notes").activate("%s trial %s 0" % (install._folder[-2], install._name))
    remove(install._head)
    node.board.reset("release %d" % install._number)

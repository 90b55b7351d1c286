"""Fetches what this board should have, part by part, checks and uses it. In RAM only meanwhile.

A part goes onto flash behind those before it: after a power cut the file's length says where to go on.
"""

import struct
from binascii import hexlify

from ..chip.compat import const
from ..chip.lazy import begun, borrow, lent
from ..starts import remove

_WHATS = const(("", "model", "config", "app"))  # by their number in a part
_HEADER = const(">B3x4sII")
_HEADER_SIZE = const(16)
_PACKET = const(1152)  # bytes of a part with its topic
_FIRST_S = const(5)  # until a part is asked for again; doubled each time
_LONGEST_S = const(600)
_SHARE_MS = const(50)  # of a turn, for what needs no part
_NEAR_MS = const(250)  # so close to the next sample nothing is begun


class Pull:
    """Fetches `due`, [(what, id), …], one after the other; `over` once there is nothing left."""

    lender = "update.fetching"  # _next, _fits, _finish, _fail
    __init__ = begun  # (node, due)
    __getattr__ = lent

    def part(self, node, payload):
        """A part came. It lies in the link's own buffer until this returns: a copy would take 1 KB."""
        self._held = payload
        self.step(node)
        self._held = None

    def step(self, node):
        """Go on: called when no reading is due to be sent, and nothing else waits in the link."""
        clock = node.clock
        left = clock.until(node.next)
        if self.over:
            return
        if left < min(_NEAR_MS, node.period_ms // 4):
            if self._held:
                self._ready(clock.uptime())  # there is no time to write it: it is asked for again
            return
        try:
            if self._held:
                self._keep(node)
            elif self._install and self._busy(node):
                return
            elif self._total is not None and self._have >= self._total:
                if left >= node.period_ms // 2:
                    self._finish(node)
            elif clock.uptime() >= self._at_s:
                self._ask(node)
        except OSError as error:
            node._count("update: flash refuses")
            self._fail(node, "it cannot be kept now: %s" % error, True)
        except ValueError as error:
            self._fail(node, str(error))

    def _busy(self, node):
        """Whether copying what the release shares with the running one takes more than this turn."""
        clock = node.clock
        end = clock.after(clock.ms(), _SHARE_MS)
        busy = False
        while not busy and self._install.step(node):
            busy = clock.until(end) <= 0
        self._have = self._install.have
        return busy

    def _ready(self, up):
        """The next part may be asked for, from second `up` on."""
        self._wait_s = _FIRST_S
        self._at_s = up

    def _ask(self, node):
        if not node.link.listens(_PACKET):
            return
        asked = '{"v":2,"what":"%s","id":"%s","offset":%d' % (self.what, self.name, self._have)
        asked = asked.encode()
        signed = asked + b',"mac":"%s"}' % borrow("auth").mac(node.key, b"get:", self._topic, b":", asked)
        if node.link.publish(self._topic, signed, 0) is not None:
            self._at_s = node.clock.uptime() + self._wait_s
            self._wait_s = min(2 * self._wait_s, _LONGEST_S)

    def _keep(self, node):
        """Put the part that came onto flash. ValueError when the whole can be of no use."""
        payload = self._held
        if len(payload) < _HEADER_SIZE:
            node._count("parts refused")
            return
        what, name, offset, total = struct.unpack(_HEADER, payload[:_HEADER_SIZE])
        ours = what < len(_WHATS) and _WHATS[what] == self.what and hexlify(name).decode() == self.name
        if not ours or offset != self._have or self._total not in (None, total):
            node._count("parts refused")  # a repeated one, mostly
            return
        if self._total is None:
            self._fits(total)
        data = memoryview(payload)[_HEADER_SIZE:]
        if self._have > total:  # a flash that was torn: all of it anew
            remove(self._path)
            self._have = 0
        elif self._have + len(data) > total or (not len(data) and self._have < total):
            node._count("parts refused")
            return
        elif self._install and len(data):
            self._install.add(data)
            self._have = self._install.have
        elif len(data):  # there is none where only the length was not known any more
            with open(self._path, "ab") as file:
                if file.write(data) != len(data):
                    raise OSError(28)
            self._have += len(data)
        self._total = total
        self._ready(node.clock.uptime())

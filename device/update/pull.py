"""What is meant for this board is fetched part by part, checked and used. In RAM only while that goes on.

A part goes onto flash behind those before it: after a power cut the file's length says where to go on.
"""

import json
import os
import struct
from binascii import hexlify

from ..auth import mac, same
from ..chip import log
from ..chip.compat import const
from ..chip.lazy import borrow
from ..starts import at, remove

notes_ = borrow("update.notes")

KINDS = ("config", "model", "app")  # what this board knows to use, in this order
_WHATS = ("", "model", "config", "app")  # by their number in a part
_HEADER = ">B3x4sII"
_HEADER_SIZE = const(16)
_PACKET = const(1152)  # bytes of a part with its topic
_MOST = {"config": 8192, "model": 131072, "app": 262144}
_FIRST_S = const(5)  # until a part is asked for again; doubled each time
_LONGEST_S = const(600)
_SHARE_MS = const(50)  # of a turn, for what needs no part
_NEAR_MS = const(250)  # so close to the next sample nothing is begun


def begin(node, payload):
    """The Pull of what the `ack` in `payload` says is meant for this board; None: there is nothing new to do.

    ValueError says why it must not be believed.
    """
    want = read(payload, node.outbox.stream, node.key)
    notes = notes_.Notes()
    if want["n"] < notes.n:
        raise ValueError("older")
    if want["n"] > notes.n:
        notes.n = want["n"]
        notes.save()
    due = []
    for what in KINDS:
        if what in want:
            name = want[what] if what == "model" else "%08x" % want[what]
            has = {"config": node.number, "app": notes_.release()}.get(what)
            later = what == "app" and (node.trial or not node.clock.is_set())
            later = later or (what == "config" and node.trial and node.trial.release)
            if notes.told.get(what, ("",))[0] != name and has != want[what] and not later:
                due.append((what, name))
    if not due or (node.update and node.update.due == due):
        return None  # nothing, or it is being fetched already
    return Pull(node, notes, due)


def read(payload, stream, key):
    """The `want` of an `ack` for `stream`, if it was made with `key`. ValueError says why not."""
    try:
        ack = json.loads(payload)
        name, want, told = ack["stream"], ack["want"], ack["mac"].encode()
        text = ",".join("%s=%s" % (each, want[each]) for each in sorted(want))
        if type(want["n"]) is not int or not isinstance(want.get("model", ""), str):
            raise ValueError
        if not all(type(want.get(each, 0)) is int for each in ("config", "app")):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("malformed") from None
    if name != hexlify(stream).decode():
        raise ValueError("another stream")
    if not same(mac(key, ("want:%s:%s" % (name, text)).encode()), told):
        raise ValueError("wrong mac")
    return want


class Pull:
    """Fetches `due`, [(what, id), …], one after the other; `over` once there is nothing left."""

    def __init__(self, node, notes, due):
        self.over = False
        self._notes = notes
        self.due = due
        self._topic = node.topic(b"get")
        self._node = node
        self._held = None  # a part that came and is not on flash yet
        self._next(node.clock.uptime())

    def _next(self, up):
        """Begin with the first of what is due."""
        self.over = not self.due
        if self.over:
            return
        self.what, self.name = self.due[0]
        self._path = at("/update/%s-%s" % (self.what, self.name))
        self._total = self._install = None
        self._wait_s = _FIRST_S
        self._at_s = up  # when to ask
        try:
            self._have = os.stat(self._path)[6]
        except OSError:
            self._have = 0
            _tidy(self.what)
        if self.what == "model" and borrow("update.slots").find(self.name):
            self._total = self._have  # it is in the idle slot
        if self.what == "app":
            self._install = borrow("update.install").Install(self._node, self._path, self.name)

    def part(self, payload):
        """A part came. It waits until there is time to write it."""
        self._held = payload

    def step(self, node):
        """Go on: called when no reading is due to be sent, and nothing else waits in the link."""
        clock = node.clock
        left = clock.until(node.next)
        if left < min(_NEAR_MS, node.period_ms // 4):
            return
        try:
            if self._held:
                self._keep(node)
            if self._install and self._busy(clock):
                return
            if self._total is not None and self._have >= self._total:
                if left >= node.period_ms // 2:
                    self._finish(node)
            elif clock.uptime() >= self._at_s:
                self._ask(node)
        except OSError as error:
            _count(node, "update: flash refuses")
            self._fail(node, "flash refuses it: %s" % error)
        except ValueError as error:
            self._fail(node, str(error))

    def _busy(self, clock):
        """Whether what a release has in common with the one that runs takes more than this turn."""
        end = clock.after(clock.ms(), _SHARE_MS)
        busy = False
        while not busy and self._install.step():
            busy = clock.until(end) <= 0
        self._have = self._install.have
        return busy

    def _ask(self, node):
        if not node.link.listens(_PACKET):
            return
        asked = '{"v":2,"what":"%s","id":"%s","offset":%d' % (self.what, self.name, self._have)
        asked = asked.encode()
        said = asked + b',"mac":"%s"}' % mac(node.key, b"get:", self._topic, b":", asked)
        if node.link.publish(self._topic, said, 0) is not None:
            self._at_s = node.clock.uptime() + self._wait_s
            self._wait_s = min(2 * self._wait_s, _LONGEST_S)

    def _keep(self, node):
        """Put the part that came onto flash. ValueError when the whole can be of no use."""
        payload = self._held
        self._held = None
        if len(payload) < _HEADER_SIZE:
            _count(node, "parts refused")
            return
        what, name, offset, total = struct.unpack(_HEADER, payload[:_HEADER_SIZE])
        ours = what < len(_WHATS) and _WHATS[what] == self.what and hexlify(name).decode() == self.name
        if not ours or offset != self._have or self._total not in (None, total):
            _count(node, "parts refused")  # a repeated one, mostly
            return
        if not total:
            raise ValueError("the cloud does not have it")
        if total > _MOST[self.what] or (not self._install and total > notes_.free() + self._have):
            raise ValueError("%d bytes are more than fits" % total)
        data = memoryview(payload)[_HEADER_SIZE:]
        if self._have > total:  # a flash that was torn: all of it anew
            remove(self._path)
            self._have = 0
        elif self._have + len(data) > total or (not len(data) and self._have < total):
            _count(node, "parts refused")
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
        self._wait_s = _FIRST_S
        self._at_s = node.clock.uptime()

    def _finish(self, node):
        """All of it is on flash: check it, and use it."""
        if self._install:
            self._install.take()
        elif self.what == "model":
            borrow("update.slots").take(node, self._path, self.name)
        else:
            borrow("update.settings_file").take(node, self._path, self.name)
        self._told(node, "")

    def _fail(self, node, why):
        """Give up on it, and say why."""
        remove(self._path)
        self._told(node, why)

    def _told(self, node, text):
        try:
            self._notes.tell(self.what, self.name, text)
        except OSError:
            _count(node, "update: flash refuses")  # it is tried again after the next start
        if text:
            log.error("update", "%s %s: %s" % (self.what, self.name, text))
        else:
            log.info("update", "%s %s is in use" % (self.what, self.name))
        node.link.publish_state()
        self.due.pop(0)
        self._next(node.clock.uptime())


def _count(node, name):
    node.counts[name] = node.counts.get(name, 0) + 1


def _tidy(what):
    """Remove what is left of another `what`; the folder is there afterwards."""
    try:
        for name in os.listdir(at("/update")):
            if name.startswith(what + "-"):
                os.remove(at("/update/" + name))
    except OSError:
        try:
            os.mkdir(at("/update"))
        except OSError:
            pass  # it is there: what follows will say what is wrong

"""A node on a bench, and a cloud that answers its `get`."""

import json
import struct
from array import array
from binascii import hexlify, unhexlify

from device import starts
from device.auth import mac
from device.judge.params import DEFAULTS
from tests.device.model.test_bundle import VECT, bundle, frst
from tests.device.test_node import KEY, Bench, Network

UP, GET = b"vigie/1/home/C001/up", b"vigie/1/home/C001/get"
WHATS = {"model": 1, "config": 2, "app": 3}
PARM = bytes(array("i", DEFAULTS)) + bytes(4 * 44)


def model(threshold=2000, key=KEY):
    """(id, bundle) of a model."""
    data = bundle([(b"FRST", frst()), (b"PARM", PARM), (b"VECT", VECT), (b"META", b"%d" % threshold)], key)
    from hashlib import sha256

    return hexlify(sha256(data[12:-32]).digest()[:4]).decode(), data


class Air(Network):
    """Answers each `get` from `wholes` at the next step; `deaf`: so many of them are lost."""

    def __init__(self, source):
        Network.__init__(self, source)
        self.wholes = {}
        self.asked = []
        self.deaf = 0
        self.node = self.waiting = None
        self.size = 0

    def listens(self, size):
        self.size = size
        return True

    def publish(self, topic, payload, qos=1):
        if topic == UP:
            return Network.publish(self, topic, payload)
        assert topic == GET and qos == 0
        message = bytes(payload)
        end = message.rindex(b',"mac":')
        assert message[end:] == b',"mac":"%s"}' % mac(KEY, b"get:", GET, b":", message[:end])
        asked = json.loads(message)
        self.asked.append((asked["what"], asked["id"], asked["offset"]))
        if self.deaf:
            self.deaf -= 1
        else:
            self.waiting = part(
                asked["what"], asked["id"], asked["offset"], self.wholes.get(asked["id"], b"")
            )
        return 0

    def step(self, budget_ms=0):
        message, self.waiting = self.waiting, None
        if message:
            self.node.on_ack(message)
        return Network.step(self, budget_ms)


def part(what, name, offset, whole, total=None):
    total = len(whole) if total is None else total
    head = struct.pack(">B3x4sII", WHATS[what], unhexlify(name), offset, total)
    return head + whole[offset : offset + 1024]


class Reset(Exception):
    pass


class House(Bench):
    """A bench whose flash is `folder`: /update, /model, /config.json, /outbox."""

    def __init__(self, folder, **changes):
        import os

        starts.root = folder
        try:
            os.mkdir(folder + "/outbox")
        except OSError:
            pass  # this is not its first start
        Bench.__init__(self, folder + "/outbox", **changes)
        self.node.link = self.network = Air(self.source)
        self.network.node = self.node
        self.board.reset = self.reset
        self.reasons = []

    def reset(self, reason):
        self.reasons.append(reason)
        raise Reset

    def mean(self, key=KEY, stream=None, **want):
        """The cloud says what this board should have."""
        stream = stream or hexlify(self.outbox.stream).decode()
        text = ",".join("%s=%s" % (name, want[name]) for name in sorted(want))
        seal = mac(key, ("want:%s:%s" % (stream, text)).encode()).decode()
        self.node.on_ack(json.dumps({"stream": stream, "want": want, "mac": seal}).encode())

    def until_reset(self, seconds):
        """True when it came to a reset."""
        try:
            self.run(seconds)
        except Reset:
            return True
        return False

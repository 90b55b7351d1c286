"""What the board says about itself: the retained `state` message, which is also its last will."""

import json
from binascii import hexlify

from .. import VERSION
from ..codes import FEATURES
from ..codes import ABNORMAL
from ..outbox.outbox import NO_MODEL
from ..chip.compat import const
from ..chip.lazy import borrow

auth = borrow("auth")

_CAUSES = const(("flash was full", "damaged on flash", "refused by the cloud"))  # bits of outbox/journal.py
# One sensor, in the units of the contract: a value is a number of `x` times `scale`, plus `offset`.
_SENSORS = (
    ',"sensors":[{"index":0,"name":"%s","kind":"%s","channels":['
    '{"quantity":"temperature","unit":"degC","scale":0.01,"offset":0},'
    '{"quantity":"humidity","unit":"%%RH","scale":0.01,"offset":0}]}]'
)


def payload(online, outbox, fields, *, key, topic, kind=None):
    """The JSON of `state` as bytes. Offline it must be short and true for ever: it is the last will.

    key, topic (bytes): what the mac at its end is made of. kind: of the sensor, where one measures.
    """
    state = {
        "v": 2,
        "stream": hexlify(outbox.stream).decode(),
        "boot": outbox.boot,
        "state": "online" if online else "offline",
    }
    if online:
        state["version"] = VERSION
        state["model"] = None if outbox.model == NO_MODEL else hexlify(outbox.model).decode()
        state["features"] = FEATURES
        state["abnormal"] = ABNORMAL
        state["newest"] = max(0, outbox.newest())
        journal = outbox.journal
        state["dropped"] = journal.dropped
        if journal.why:
            state["dropped_why"] = [_CAUSES[i] for i in range(len(_CAUSES)) if journal.why >> i & 1]
        state.update(fields)
    payload = bytearray(json.dumps(state), "utf-8")
    end = len(payload) - 1  # of its members
    if online and kind:
        payload[end:] = (_SENSORS % (kind, kind)).encode()
        end = len(payload)
    payload[end:] = b',"mac":"%s"}' % auth.mac(key, b"state:", topic, b":", memoryview(payload)[:end])
    return payload

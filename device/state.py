"""What the board says about itself: the retained `state` message, which is also its last will."""

import json
from binascii import hexlify

from . import VERSION, features
from .outbox import NO_MODEL


def payload(online, outbox, fields):
    """The JSON of `state` as bytes. Offline it must be short and true for ever: it is the last will."""
    state = {
        "v": 1,
        "stream": hexlify(outbox.stream).decode(),
        "boot": outbox.boot,
        "state": "online" if online else "offline",
    }
    if online:
        state["version"] = VERSION
        state["model"] = None if outbox.model == NO_MODEL else hexlify(outbox.model).decode()
        state["features"] = features.VERSION
        state["dropped"] = outbox.journal.dropped
        state.update(fields)
    return json.dumps(state).encode()

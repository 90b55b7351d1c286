"""Checks what the cloud says that this board should have, and compares it with what the board has."""

import json
from binascii import hexlify

from ..chip.lazy import borrow
from ..chip.compat import const

auth = borrow("auth")

KINDS = const(("config", "model", "app"))  # what this board knows to use, in this order


def begin(node, payload):
    """The Pull of what the `ack` in `payload` says is meant for this board; None: there is nothing new to do.

    ValueError says why the board must not believe it.
    """
    want = read(payload, node.outbox.stream, node.key)
    memory = borrow("update.notes")
    notes = memory.Notes()
    if want["n"] < notes.n:
        raise ValueError("older")
    if want["n"] > notes.n:
        notes.n = want["n"]
        notes.save()
    due = []
    for what in KINDS:
        if what in want:
            name = want[what] if what == "model" else "%08x" % want[what]
            has = {"config": node.number, "app": memory.release()}.get(what)
            later = what == "app" and (node.trial or not node.clock.is_set())
            later = later or (what == "config" and node.trial and node.trial.release)
            if has != want[what] and not later and not notes.tried(what, name, want["n"]):
                due.append((what, name))
    if not due or (node.update and node.update.due == due):
        return None  # nothing, or it is being fetched already
    return borrow("update.pull").Pull(node, due)


def read(payload, stream, key):
    """The `want` of an `ack` for `stream`, if it was made with `key`. ValueError says why not."""
    try:
        ack = json.loads(payload)
        name, want, mac = ack["stream"], ack["want"], ack["mac"].encode()
        text = ",".join("%s=%s" % (each, want[each]) for each in sorted(want))
        if type(want["n"]) is not int or not isinstance(want.get("model", ""), str):
            raise ValueError
        if not all(type(want.get(each, 0)) is int for each in ("config", "app")):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("malformed") from None
    if name != hexlify(stream).decode():
        raise ValueError("another stream")
    if not auth.same(auth.mac(key, ("want:%s:%s" % (name, text)).encode()), mac):
        raise ValueError("wrong mac")
    return want

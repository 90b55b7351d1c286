"""What an `ack` of the cloud says (docs/contract.md). Borrowed for each."""

import json
from binascii import hexlify

from ..chip.compat import const
from ..chip.lazy import borrow

auth = borrow("auth")

_LONGEST = const(512)
_MOST_RUNS = const(16)


def take(node, payload):
    """Do what the `ack` in `payload` (bytes) says."""
    if b'"want"' in payload:
        node._update("meant", payload)
        return
    try:
        runs, dropped = read_ack(payload, node.outbox.stream, node.key)
    except ValueError as error:
        node._count("acks refused: %s" % error)
        return
    acked = node.sender.acked
    for first, last in runs:
        if dropped:
            node.outbox.journal.settle(first, last)
        elif acked(first, last, node.clock.uptime()) < 0:
            node._count("acks refused: no such readings")
        elif node.trial and last >= node.outbox.boot_first:
            node._update("proven")
    node._first("first readings acknowledged")


def read_ack(payload, stream, key):
    """(runs, dropped): [[first, last], …] of an `ack` for `stream` (bytes), if it was made with `key`.

    `dropped`: the cloud knows that these readings were dropped; it does not have them. ValueError says why an
    `ack` must not be believed. Whether the seqs make sense is the outbox's business.
    """
    if len(payload) > _LONGEST:
        raise ValueError("too long")
    try:
        ack = json.loads(payload)
        dropped = "dropped" in ack
        name, runs, signature = ack["stream"], ack["dropped" if dropped else "runs"], ack["mac"]
        if not isinstance(signature, str) or not isinstance(runs, list) or len(runs) > _MOST_RUNS:
            raise ValueError
        parts = []
        for first, last in runs:
            if type(first) is not int or type(last) is not int:
                raise ValueError
            parts.append("%d-%d" % (first, last))
    except (ValueError, TypeError, KeyError):
        raise ValueError("malformed") from None
    if name != hexlify(stream).decode():
        raise ValueError("another stream")
    text = "%s:%s:%s" % ("drop" if dropped else "ack", name, ",".join(parts))
    if not auth.same(auth.mac(key, text.encode()), signature.encode()):
        raise ValueError("wrong mac")
    return runs, dropped

"""What a board at work tells of itself in `state`."""

import json
import sys

from ..chip import log
from ..chip.compat import const
from ..chip.lazy import borrow

_MPY = const(0x7FFF)  # version, sub-version and architecture of machine code


def of_node(node, online, more):
    """The payload of `state` of a board at work; the members in `more` go before its own."""
    outbox = node.outbox
    fields = {}
    if online:
        counts = node.link.counts()
        for name in node.counts:
            counts[name] = counts.get(name, 0) + node.counts[name]
        counts["dropped"] = outbox.dropped
        counts["damaged"] = outbox.damaged
        counts["unkept"] = outbox.unkept
        counts["flash failures"] = outbox.failures + outbox.journal.failures
        counts["dates refused"] = node.clock.refused
        counts["waiting"] = outbox.waiting()
        if node.judge and node.judge.model:
            counts["forest unread"] = node.judge.model.forest.failures
        fields["reset"] = node.board.reset_reason
        fields["refused"] = sorted(node.sender.refused)
        fields["learning"] = node.learning()
        fields["counts"] = counts
        if node.limits:
            fields["limits"] = node.limits
        fields["last_error"] = log.last_error or node.link.last_error() or node.crash
        fields.update(more or {})
        notes = borrow("update.notes")
        results = notes.Notes().results
        fields["config"] = node.number
        fields["app"] = notes.release()
        fields["mpy"] = getattr(sys.implementation, "_mpy", 0) & _MPY
        fields["updates"] = [[what] + results[what] for what in results]
        fields["settings"] = _settings()
    return borrow("send.state").payload(
        online, outbox, fields, key=node.key, topic=node.topic(b"state"), kind=node.kind
    )


def _settings():
    """config.json without what is secret, and without what the topic says."""
    try:
        with open("/config.json") as file:
            values = json.load(file)
        for name in ("wifi", "wifi2", "broker"):
            (values.get(name) or {}).pop("password", None)
        for name in ("v", "site", "device", "key", "number"):
            values.pop(name, None)
        return values
    except (OSError, ValueError, AttributeError):
        return {}

"""What mails a board's verdicts would have brought, by the product's own episodes and policy. Pure."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.alerts import episodes, policy
from cloud.alerts.episodes import Action, Changed, Device, Event, Progress
from cloud.alerts.facts import Span, beyond
from cloud.alerts.policy import Followed, PolicyState
from cloud.settings import AlertSettings
from device import codes

Ints = NDArray[np.integer[Any]]

MISSED = -32768  # a temperature that stands for a failed read
START = 1_767_225_600  # Unix s of row 0: 2026-01-01, so that each day of the policy has one digest
RULES = AlertSettings()  # what a person has who set nothing
STREAM = "0" * 8
SEEN_BY_CLOUD = codes.FOREST | codes.ENVELOPE  # to the bit; its other opinions are left out here


@dataclass(frozen=True)
class PastMail:
    """A mail that interrupts: the digest of each morning is not one. `row` of the reading that brought it."""

    row: int
    kind: policy.Kind
    severity: episodes.Severity


def mails(
    flags: Ints,
    t: Ints,
    h: Ints,
    period: float,
    spans: tuple[Span | None, Span | None] = (None, None),
) -> list[PastMail]:
    """The mails about consecutive readings with these edge flags, each stored as soon as it is taken.

    `t`, `h`: hundredths of degC and %RH, MISSED for a failed read; `period`: s between two readings.
    `spans`: the ranges of t (degC) and h (%RH) that the board's model was trained to.
    """
    abnormal = (flags & codes.ABNORMAL) > 0
    rows = np.flatnonzero(abnormal)
    device, state, sent = Device(), PolicyState(digested=float(START)), []
    row = 0
    while row < len(flags):
        if device.episode is None and not abnormal[row] and not (row and abnormal[row - 1]):
            ahead = np.searchsorted(rows, row)
            if ahead == len(rows):
                break
            row = int(rows[ahead])
        now = float(START + row * period)
        actions: list[Action] = []
        if abnormal[row] or (row and abnormal[row - 1]):
            event = _event(row, now, int(flags[row]), int(t[row]), int(h[row]), spans)
            device, actions = episodes.decide(device, event, now)
        if device.episode is not None:
            at = Progress(STREAM, row, now, bool(abnormal[row]))
            device, more = episodes.decide(device, at, now)
            actions = actions + more
        waits = any(math.isinf(followed.release) for followed in state.followed.values())
        news = [action for action in actions if waits or not isinstance(action, Changed)]
        if news or any(_due(followed, now) for followed in state.followed.values()):
            state, letters = policy.decide(state, news, now, RULES)
            sent += [PastMail(row, each.kind, each.severity) for each in letters if each.kind != "digest"]
        row += 1
    return sent


def _event(  # noqa: PLR0917
    row: int, now: float, flags: int, t: int, h: int, spans: tuple[Span | None, Span | None]
) -> Event:
    failed = t == MISSED
    far = 0.0 if failed else max(beyond(value / 100, span) for value, span in zip((t, h), spans, strict=True))
    ct, ch = (None, None) if failed else (t, h)
    return Event("past", "board", STREAM, row, now, flags, flags & SEEN_BY_CLOUD, ct, ch, beyond=far)


def _due(followed: Followed, now: float) -> bool:
    waits = (followed.mailed is None or followed.worse) and followed.release <= now
    return waits or followed.remind <= now

"""The courier: takes alerts, which are documents first, to the mail service, each at most once.

pending -> sending -> sent | failed, or back to pending with a later `due`. An alert found in `sending` by a
courier that begins was in the hands of one that died: nobody knows whether it went out, so it becomes
`unknown` and is never sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.alerts.mail import Mail
from cloud.alerts.sendgrid import Failed, Later, Outcome, Sent, Unknown
from cloud.database import Document

log = logging.getLogger("mail")

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0  # s between two tries


class Sender(Protocol):
    """Anything that can hand over a mail."""

    def send(self, mail: Mail) -> Outcome: ...


def pending(episode_id: str, mail: Mail, now: float) -> Document:
    """A new alert, to be inserted before anything is sent. One for each episode, by its `_id`."""
    return {
        "_id": episode_id,
        "state": "pending",
        "created": now,
        "due": now,
        "tries": 0,
        "to": list(mail.to),
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "category": mail.category,
        "tags": mail.tags,
        "error": None,
    }


class Courier:
    """Delivers what is due. Only the holder of the watch's lease may run one."""

    def __init__(
        self, database: Database[Document], sender: Sender, clock: Callable[[], float] = time.time
    ) -> None:
        self._alerts = database["alerts"]
        self._sender = sender
        self._clock = clock

    def begin(self) -> int:
        """To be called once before the first delivery; returns how many were left in nobody's hands."""
        reason = "the backend stopped while this mail was being handed over"
        lost = self._alerts.update_many({"state": "sending"}, {"$set": {"state": "unknown", "error": reason}})
        if lost.modified_count:
            log.warning("%d mails may or may not have gone out: not sent again", lost.modified_count)
        return lost.modified_count

    def deliver(self) -> int:
        """Try everything that is due, once each; returns how many were tried. Raises PyMongoError."""
        tried = 0
        while (alert := self._claim()) is not None:
            tried += 1
            outcome = self._sender.send(_mail(alert))
            self._settle(alert, outcome)
        return tried

    def run(self, stop: threading.Event, bell: threading.Event, allowed: Callable[[], bool]) -> None:
        """Deliver when `bell` rings, and every second what is due again, while `allowed`."""
        begun = False
        while not stop.is_set():
            bell.wait(1.0)
            bell.clear()
            if stop.is_set():
                return
            if not allowed():
                begun = False
                continue
            try:
                if not begun:
                    self.begin()
                    begun = True
                self.deliver()
            except PyMongoError as problem:
                log.warning("the database does not answer the courier (%s); trying on", problem)
                stop.wait(FIRST_PAUSE)

    def _claim(self) -> Document | None:
        now = self._clock()
        return self._alerts.find_one_and_update(
            {"state": "pending", "due": {"$lte": now}},
            {"$set": {"state": "sending", "started": now}, "$inc": {"tries": 1}},
            sort=[("due", 1)],
            return_document=ReturnDocument.AFTER,
        )

    def _settle(self, alert: Document, outcome: Outcome) -> None:
        now = self._clock()
        subject = alert["subject"]
        match outcome:
            case Sent(id=message):
                change = {"state": "sent", "sent": now, "message": message, "error": None}
                log.info("mail sent to %s: %s", ", ".join(alert["to"]), subject)
            case Later(reason=reason, after=after):
                pause = (
                    min(FIRST_PAUSE * 2 ** (alert["tries"] - 1), LONGEST_PAUSE) if after is None else after
                )
                change = {"state": "pending", "due": now + pause, "error": reason}
                log.warning("mail not sent, next try in %.0f s: %s", pause, reason)
            case Failed(reason=reason):
                change = {"state": "failed", "error": reason}
                log.error("mail given up: %s (%s)", reason, subject)
            case Unknown(reason=reason):
                change = {"state": "unknown", "error": reason}
                log.error("mail may or may not have gone out, not sent again: %s (%s)", reason, subject)
        # Another courier may have called it unknown meanwhile; what we know of it is better.
        mine = {"_id": alert["_id"], "tries": alert["tries"], "state": {"$in": ["sending", "unknown"]}}
        self._alerts.update_one(mine, {"$set": change})


def _mail(alert: Document) -> Mail:
    return Mail(
        to=tuple(alert["to"]),
        subject=alert["subject"],
        text=alert["text"],
        html=alert["html"],
        category=alert["category"],
        tags=alert["tags"],
    )

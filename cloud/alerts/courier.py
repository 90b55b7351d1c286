"""The courier: hands alerts, which are stored as documents first, to the mail service, each at most once.

pending -> sending -> sent | failed | unknown, or back to pending with a later `due`. When a courier starts
and finds an alert in `sending`, an earlier courier died while handing it over: nobody knows whether it went
out. So the alert becomes `unknown` and is never sent again; its content goes into the next mail to the same
people.

The courier writes a mail when it hands it over, so that its content is true at that moment.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError

from cloud.alerts.channels.channel import ErrorKind, Failed, Later, MailSender, SendOutcome, Sent, Unknown
from cloud.alerts.mail_writer import MailWriter, WrittenMail
from cloud.alerts.policy import Letter
from cloud.process.failure import brief, is_general
from cloud.store.database import Document
from cloud.words import Words, plain

log = logging.getLogger("mail")

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0  # s between two tries
DAY = 86400


def pending(name: str, letter: Letter, to: Sequence[str], subject: str, now: float) -> Document:
    """A new alert, to be inserted before anything is sent."""
    return {
        "_id": name,
        "state": "pending",
        "created": now,
        "due": now,
        "tries": 0,
        "to": list(to),
        "subject": subject,  # as known now; text and the final subject are written at the hand-over
        "text": "",
        "kind": letter.kind,
        "severity": letter.severity,
        "episodes": list(letter.episodes),
        "letter": msgspec.to_builtins(letter),
        "error": None,
        "error_kind": None,
        "told": None,  # the id of the later mail that carried this one's content
    }


@dataclass(frozen=True)
class Post:
    """For mails that are about no episode: each is written once, however often somebody asks for it."""

    database: Database[Document]
    to: Sequence[str]
    words: Words
    bell: threading.Event  # wakes the courier
    clock: Callable[[], float]

    def __call__(self, name: str, letter: Letter, subject: str, **more: Any) -> str:
        """Make the alert `name`, which is returned. Raises PyMongoError."""
        document = pending(name, letter, self.to, plain(subject), self.clock())
        try:
            self.database["alerts"].insert_one({**document, **more})
        except DuplicateKeyError:
            pass  # it was asked for before, or another process was quicker
        self.bell.set()
        return name


class Courier:
    """Delivers what is due, at most `per_day` mails a day (UTC); each recipient counts.

    Only the holder of the watch's lease may run one.
    """

    def __init__(
        self,
        database: Database[Document],
        sender: MailSender,
        writer: MailWriter,
        per_day: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._alerts = database["alerts"]
        self._days = database["mail_days"]
        self._sender, self._writer = sender, writer
        self._per_day = per_day
        self._clock = clock
        self.failed = 0  # mails given up since the start
        self.mails = 0  # charged to the day's budget since the start
        self._closed_until = 0.0  # Unix s before which the mail service takes nothing

    def begin(self) -> int:
        """Call once before the first delivery; returns how many mails were left in `sending`."""
        reason = "the backend stopped while this mail was being handed over"
        change = {"state": "unknown", "error": reason, "error_kind": "stopped"}
        lost = self._alerts.update_many({"state": "sending"}, {"$set": change})
        if lost.modified_count:
            log.warning("%d mails may or may not have gone out: not sent again", lost.modified_count)
        return lost.modified_count

    def deliver(self) -> int:
        """Try every mail that is due once; returns how many it tried. Raises PyMongoError."""
        tried = 0
        while (now := self._clock()) >= self._closed_until:
            due = {"state": "pending", "due": {"$lte": now}}
            alert = self._alerts.find_one(due, sort=[("severity", 1), ("due", 1)])  # severe ones first
            if alert is None:
                break
            cost = len(alert["to"])
            if not self._charge(cost, now):
                self._wait_for_tomorrow(alert, now)
                continue
            outcome = None
            try:
                outcome = self._hand_over(alert, now)
            except Exception as problem:  # an error of ours: this mail fails, the others go on
                if is_general(problem):
                    raise
                self._give_up(alert, problem)
            tried += outcome is not None
            if isinstance(outcome, Sent):
                cost = len(outcome.refused)
            if cost and not isinstance(outcome, Unknown):  # the service did not take these
                self._charge(-cost, now)
        return tried

    def run(self, stop: threading.Event, bell: threading.Event, allowed: Callable[[], bool]) -> None:
        """While `allowed`, deliver when `bell` is set, and at least every second, until `stop`."""
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

    def _hand_over(self, alert: Document, now: float) -> SendOutcome | None:
        """The outcome; None when another courier has taken the alert."""
        written = self._writer.write(alert, now)
        # From here on it counts as handed over, whatever happens.
        change = {
            "state": "sending",
            "started": now,
            "subject": written.mail.subject,
            "text": written.mail.text,
        }
        claimed = self._alerts.find_one_and_update(
            {"_id": alert["_id"], "state": "pending", "tries": alert["tries"]},
            {"$set": change, "$inc": {"tries": 1}},
            return_document=ReturnDocument.AFTER,
        )
        if claimed is None:
            return None
        outcome = self._sender.send(written.mail)
        self._settle(claimed, written, outcome)
        return outcome

    def _give_up(self, alert: Document, problem: Exception) -> None:
        """Mark the alert as failed, with the reason; the next mail to these people carries it."""
        subject = alert["subject"]
        log.exception("mail given up: it could not be written or sent: %s", subject)
        self.failed += 1
        reason = f"it could not be written or sent ({brief(problem)}): see the backend's log"
        text = {"$cond": [{"$eq": ["$text", ""]}, {"$literal": subject}, "$text"]}
        trouble = {name: {"$literal": value} for name, value in _trouble("unwritten", reason).items()}
        mine = {"_id": alert["_id"], "state": {"$in": ["pending", "sending"]}}
        self._alerts.update_one(mine, [{"$set": {"state": "failed", "text": text, **trouble}}])

    def _charge(self, cost: int, now: float) -> bool:
        """Charge `cost` mails to today's budget; False when it has no room."""
        day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
        room: dict[str, Any] = {"_id": day}
        if cost > 0:
            room["used"] = {"$not": {"$gt": self._per_day - cost}}
        try:
            self._days.update_one(room, {"$inc": {"used": cost}}, upsert=True)
        except DuplicateKeyError:  # today's document is there, and has no room
            return False
        self.mails += cost
        return True

    def _wait_for_tomorrow(self, alert: Document, now: float) -> None:
        reason = f"today's {self._per_day} mails are used up: it waits for midnight (UTC)"
        change = {"due": (now // DAY + 1) * DAY, "error": reason, "error_kind": "budget"}
        self._alerts.update_one({"_id": alert["_id"], "state": "pending"}, {"$set": change})
        log.warning("mail not sent, %s: %s", reason, alert["subject"])

    def _settle(self, alert: Document, written: WrittenMail, outcome: SendOutcome) -> None:
        now = self._clock()
        subject = alert["subject"]
        change: dict[str, Any]
        match outcome:
            case Sent(id=message):
                refused = dict(outcome.refused)
                self._part(alert, refused, now)
                to = [address for address in alert["to"] if address not in refused]
                change = {"state": "sent", "sent": now, "message": message, "to": to}
                change |= {"error": None, "error_kind": None}
                log.info("mail sent to %s: %s", ", ".join(to), subject)
            case Later(kind=kind, reason=reason):
                pause = _pause(alert, outcome)
                change = {"state": "pending", "due": now + pause, "error": reason, "error_kind": kind}
                if outcome.for_all:
                    self._closed_until = now + pause
                log.warning("mail not sent, next try in %.0f s: %s", pause, reason)
            case Failed(kind="size", reason=reason) if not alert.get("plain"):
                change = {"state": "pending", "due": now, "plain": True, **_trouble("size", reason)}
                log.warning("mail not sent, next without its chart: %s", reason)
            case Failed(kind=kind, reason=reason):
                change = {"state": "failed", **_trouble(kind, reason)}
                self.failed += 1
                log.error("mail given up: %s (%s)", reason, subject)
            case Unknown(kind=kind, reason=reason):
                change = {"state": "unknown", **_trouble(kind, reason)}
                log.error("mail may or may not have gone out, not sent again: %s (%s)", reason, subject)
        # Another courier may have marked it as unknown meanwhile; this one knows the outcome.
        mine = {"_id": alert["_id"], "tries": alert["tries"], "state": {"$in": ["sending", "unknown"]}}
        self._alerts.update_one(mine, {"$set": change})
        if isinstance(outcome, Sent) and written.carried:
            # Only the recipients of this mail have got the carried content.
            reached = {"$not": {"$elemMatch": {"$nin": change["to"]}}}
            carried = {"_id": {"$in": list(written.carried)}, "to": reached}
            self._alerts.update_many(carried, {"$set": {"told": alert["_id"]}})

    def _part(self, alert: Document, refused: Mapping[str, Later | Failed], now: float) -> None:
        """Give each refused recipient an alert of their own, which is tried again or shown as failed.

        This happens before the others' alert is settled, so a crash in between loses no recipient.
        """
        for place, address in enumerate(alert["to"]):
            why = refused.get(address)
            if why is None:
                continue
            own = {**alert, "_id": f"{alert['_id']}-{place}", "to": [address]}
            own |= {"state": "failed", **_trouble(why.kind, why.reason)}
            if isinstance(why, Later):
                own |= {"state": "pending", "due": now + _pause(alert, why)}
            self._alerts.replace_one({"_id": own["_id"]}, own, upsert=True)
            log.warning("mail not taken for %s, now %s: %s", address, own["state"], why.reason)


def _pause(alert: Document, outcome: Later) -> float:
    """Seconds until the next try."""
    if outcome.after is not None:
        return outcome.after
    return float(min(FIRST_PAUSE * 2 ** (alert["tries"] - 1), LONGEST_PAUSE))


def _trouble(kind: ErrorKind, reason: str) -> dict[str, str]:
    return {"error": reason, "error_kind": kind}

"""`python -m cloud forget DEVICE` and `--person ADDRESS` delete what is stored about a board or a person.

The command counts first, which is all that a dry run does. It may be repeated, and the backend may run
meanwhile. It names what it cannot reach: mails in people's mailboxes, backups, logs, settings.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from pymongo.collection import Collection
from pymongo.database import Database

from cloud.store.database import Document, device_id

FORGOTTEN = "forgotten"  # replaces a person's address in what stays
STILL_SENDS = (
    "Not deleted: earlier backups, mails in people's mailboxes, readings on the board itself. "
    "While the board's credential works at the broker, the backend stores its next readings again."
)
ELSEWHERE = (
    "Not deleted: earlier backups, mails in mailboxes, the backend's log, and the settings MAIL_TO, "
    "MAIL_ESCALATE_TO and DASHBOARD_PEOPLE: remove the address from these."
)

# By the form of their key, "site/device/…", these hold one board's documents and no other's.
_BY_KEY = ("events", "buckets", "streams", "episodes")


@dataclass(frozen=True)
class Deletion:
    """One deletion: its name, how many documents it concerns, and the function that does it."""

    what: str
    count: int
    do: Callable[[], object]


def board(database: Database[Document], site: str, device: str) -> list[Deletion]:
    """What is stored about one board. Raises PyMongoError."""
    key = device_id(site, device)
    own: Document = {"$regex": f"^{re.escape(key)}/"}
    names = ("latest", "watched", "wanted", "siblings", "learning")
    steps = [_deleting(database[name], {"_id": key}) for name in names]
    steps.append(_deleting(database["shares"], {"$or": [{"_id": key}, {"_id": own}]}))
    policy = (database["policy"].find_one({"_id": "desk"}) or {}).get("desk") or {}
    known = [
        f"desk.{part}.{name}"
        for part in ("followed", "lines", "told", "spent_by")
        for name in policy.get(part) or ()
        if f"{name}/".startswith(f"{key}/")
    ]
    if known:
        change = {"$unset": dict.fromkeys(known, "")}
        steps.append(
            Deletion("policy", len(known), lambda: database["policy"].update_one({"_id": "desk"}, change))
        )
    # A mail about several boards is deleted as a whole, because its text names this one.
    named: Document = {"$or": [{"episodes": own}, {"letter.lines.id": own}]}
    steps.append(_deleting(database["alerts"], named))
    for book in (database["acknowledgements"], database["labels"]):
        steps.append(_deleting(book, {"episodes": own}, partial(_answers, book, own)))
    steps += [_deleting(database[name], {"_id": own}) for name in _BY_KEY]
    steps.append(_deleting(database["hourly"], {"d": key}))
    steps += [
        _deleting(database[name], {"site": site, "device": device}) for name in ("models", "quarantine")
    ]
    return [step for step in steps if step.count]


def person(database: Database[Document], address: str) -> list[Deletion]:
    """What is stored about the owner of a mail address; capitals do not count. Raises PyMongoError."""
    whole = re.compile(f"^{re.escape(address)}$", re.IGNORECASE)
    inside = re.compile(re.escape(address), re.IGNORECASE)
    alerts = database["alerts"]
    named = {"$or": [{"to": whole}, {"error": inside}]}
    steps = [_deleting(alerts, named, partial(_recipient, alerts, whole, inside))]
    for book in (database["acknowledgements"], database["labels"]):
        rename = partial(book.update_many, {"by": whole}, {"$set": {"by": FORGOTTEN}})
        steps.append(_deleting(book, {"by": whole}, rename))
    return [step for step in steps if step.count]


def carry_out(steps: list[Deletion]) -> Iterator[Deletion]:
    """Do each step, and yield it when it is done. Raises PyMongoError."""
    for step in steps:
        step.do()
        yield step


def _deleting(
    collection: Collection[Document], about: Document, do: Callable[[], object] | None = None
) -> Deletion:
    """A step for the documents that `about` finds; `do`, if given, replaces their deletion."""
    count = collection.count_documents(about)
    return Deletion(collection.name, count, do or partial(collection.delete_many, about))


def _answers(book: Collection[Document], own: Document) -> None:
    """Delete people's answers about this board's episodes; what the same click said of others stays."""
    book.update_many({"episodes": own}, {"$pull": {"episodes": own}})
    book.delete_many({"episodes": []})


def _recipient(alerts: Collection[Document], whole: re.Pattern[str], inside: re.Pattern[str]) -> None:
    """Delete a mail to this person alone; delete the address from a mail to several."""
    alerts.update_many({"to": whole}, {"$pull": {"to": whole}})
    alerts.delete_many({"to": []})
    for alert in alerts.find({"error": inside}, {"error": 1}):
        alerts.update_one({"_id": alert["_id"]}, {"$set": {"error": inside.sub(FORGOTTEN, alert["error"])}})

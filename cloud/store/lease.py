"""A lease: of all processes that could watch, one does; another takes over once it is silent for ten seconds.

Times are the database's own, so the processes' clocks need not agree. Each new holder gets a higher `fence`:
a holder that slept through its lease sees in its next transaction that its number is old, and writes nothing.
"""

import os
import secrets
import socket

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from cloud.store.database import Document

LENGTH_MS = 10_000


class LeaseLost(Exception):
    """Somebody else holds the lease now."""


class Lease:
    """One named lease, which this process wants. Raises PyMongoError when the database does not answer."""

    def __init__(self, database: Database[Document], name: str) -> None:
        self._leases = database["lease"]
        self._name = name
        self._me = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.fence: int | None = None  # None = not held

    def hold(self) -> bool:
        """Take or renew the lease; False while another process holds it."""
        mine = {"$eq": ["$holder", self._me]}
        free = {"$or": [mine, {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}]}
        taken = {
            "holder": self._me,
            "fence": {"$cond": [mine, "$fence", {"$add": [{"$ifNull": ["$fence", 0]}, 1]}]},
            "at": "$$NOW",
            "until": {"$add": ["$$NOW", LENGTH_MS]},
        }
        change = {"$cond": [free, {"$mergeObjects": ["$$ROOT", taken]}, "$$ROOT"]}
        after = self._leases.find_one_and_update(
            {"_id": self._name},
            [{"$replaceWith": change}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        self.fence = after["fence"] if after and after["holder"] == self._me else None
        return self.fence is not None

    def confirm(self, session: ClientSession) -> None:
        """Inside a transaction: make sure that nobody takes the lease before the commit. Raises LeaseLost."""
        held = self._leases.update_one(
            {"_id": self._name, "holder": self._me, "fence": self.fence},
            [{"$set": {"at": "$$NOW", "until": {"$add": ["$$NOW", LENGTH_MS]}}}],
            session=session,
        )
        if not held.matched_count:
            self.fence = None
            raise LeaseLost

    def release(self) -> None:
        """Let another one take over at once."""
        self._leases.update_one({"_id": self._name, "holder": self._me}, {"$unset": {"until": ""}})
        self.fence = None

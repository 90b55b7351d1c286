"""A replica set of several mongods on this machine, as compose.scale.yaml has it on several.

Members know each other by `hosts`, which may lead through proxies: then a broken wire parts a member from the
others too, as a broken network does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tools.local.database.mongod import SET_NAME, Database, begin_set
from tools.process.part import Part
from tools.process.waiting import insist

START_TIMEOUT = 60.0
ASK_MS = 1000
Client = MongoClient[dict[str, Any]]


class ReplicaSet(Part):
    """`uri` is what clients use: any primary serves them."""

    def __init__(self, folder: Path, log: Path, ports: Sequence[int], hosts: Sequence[str]) -> None:
        self.members = [
            Database(
                folder / str(number),
                log.with_name(f"{log.stem}-{number}{log.suffix}"),
                port=port,
            )
            for number, port in enumerate(ports, 1)
        ]
        self._hosts = hosts
        self.uri = f"mongodb://{','.join(hosts)}/?replicaSet={SET_NAME}"

    def start(self) -> None:
        """Returns when there is a primary. Raises ToolFailed."""
        for member in self.members:
            self.start_member(member)
        with _client(self.members[0]) as client:
            begin_set(client, self._hosts, {"electionTimeoutMillis": 3000, "heartbeatIntervalMillis": 500})
        trouble = f"database: no primary was elected within {START_TIMEOUT:.0f} s: {self.members[0].log}"
        insist(self.primary, START_TIMEOUT, trouble)

    def start_member(self, member: Database) -> None:
        """Returns when it answers; it finds its place in the set by itself. Raises ToolFailed."""
        member.spawn()
        assert member.child is not None
        member.child.wait_until(lambda: _hello(member) is not None, "it answered", START_TIMEOUT)

    def primary(self) -> Database | None:
        """The member that takes writes now."""
        return next(
            (member for member in self.members if (_hello(member) or {}).get("isWritablePrimary")), None
        )

    def step_down(self, member: Database, seconds: int) -> None:
        """Let the primary give its place to another for `seconds` at least. Raises PyMongoError."""
        with _client(member) as client:
            command = {"replSetStepDown": seconds, "secondaryCatchUpPeriodSecs": 2, "force": True}
            client.admin.command(command)

    def stop(self) -> None:
        for member in self.members:
            member.stop()


def _client(member: Database) -> Client:
    return MongoClient(member.uri, serverSelectionTimeoutMS=ASK_MS, socketTimeoutMS=10 * ASK_MS)


def _hello(member: Database) -> dict[str, Any] | None:
    """What a member says of itself; None when it does not answer."""
    try:
        with MongoClient[dict[str, Any]](
            member.uri, serverSelectionTimeoutMS=ASK_MS, socketTimeoutMS=ASK_MS
        ) as client:
            return client.admin.command("hello")
    except PyMongoError:
        return None

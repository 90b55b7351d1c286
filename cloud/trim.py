"""What is beside the readings has an end for each board: events that `watch` has looked at, and old streams.

A board that floods pushes out its own, and nobody else's. Both forget only what nothing hangs on any more.
"""

from __future__ import annotations

from pymongo.database import Database

from cloud.database import Document

EVENTS_KEPT = 20_000  # newest ones of a board that were taken: two days of a board that is abnormal at 10 s
STREAMS_KEPT = 100  # newest ones of a board; older ones stay while readings of them are stored


def trim_events(database: Database[Document]) -> int:
    """Delete the oldest taken events of boards that have too many; returns how many. Raises PyMongoError."""
    events = database["events"]
    if events.estimated_document_count() <= EVENTS_KEPT:
        return 0
    gone = 0
    for board, surplus in _too_many(database, "events", ["site", "device"], EVENTS_KEPT):
        old = events.find({**board, "taken": True}, {"_id": 1}).sort("at", 1).limit(surplus)
        gone += events.delete_many({"_id": {"$in": [event["_id"] for event in old]}}).deleted_count
    return gone


def delete_taken_events(database: Database[Document]) -> int:
    """Delete every event that `watch` has looked at: a full database needs the room. Raises PyMongoError."""
    return database["events"].delete_many({"taken": True}).deleted_count


def trim_streams(database: Database[Document]) -> int:
    """Delete the oldest streams without readings of boards with too many. Raises PyMongoError."""
    streams = database["streams"]
    gone = 0
    for board, surplus in _too_many(database, "streams", ["d"], STREAMS_KEPT):
        empty = []
        for stream in streams.find(board, {"_id": 1}).sort("since", 1):
            name = stream["_id"]
            if not database["buckets"].find_one({"_id": {"$gt": f"{name}/", "$lt": f"{name}0"}}, {"_id": 1}):
                empty.append(name)
            if len(empty) == surplus:
                break
        gone += streams.delete_many({"_id": {"$in": empty}}).deleted_count
    return gone


def _too_many(
    database: Database[Document], collection: str, names: list[str], most: int
) -> list[tuple[Document, int]]:
    """Boards with more than `most` documents: (which, how many too many)."""
    count = {"_id": {name: f"${name}" for name in names}, "n": {"$sum": 1}}
    found = database[collection].aggregate([{"$group": count}, {"$match": {"n": {"$gt": most}}}])
    return [(each["_id"], each["n"] - most) for each in found]

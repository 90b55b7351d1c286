"""Beside its readings, each board may store a limited number of events, streams and episodes.

A board that floods pushes out its own, and nobody else's. Nothing is deleted that something else refers to.
"""

from pymongo.database import Database

from cloud.store.database import Document

EVENTS_KEPT = 20_000  # newest taken ones of a board: two days of a board that is always abnormal at 10 s
EPISODES_KEPT = 5000  # newest closed ones of a board: years of a healthy board, an hour of a made-up one
STREAMS_KEPT = 100  # newest ones of a board; older ones stay while their readings are stored


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
    """Delete every event that `watch` has taken: a full database needs the room. Raises PyMongoError."""
    return database["events"].delete_many({"taken": True}).deleted_count


def trim_episodes(database: Database[Document]) -> int:
    """Delete the oldest closed episodes of boards with too many, but none that a person has labelled.

    Returns how many. Raises PyMongoError.
    """
    episodes = database["episodes"]
    gone = 0
    for board, surplus in _too_many(database, "episodes", ["d"], EPISODES_KEPT):
        labelled = database["labels"].distinct("episodes")
        over = {**board, "closed": {"$ne": None}, "_id": {"$nin": labelled}}
        old = episodes.find(over, {"_id": 1}).sort("opened", 1).limit(surplus)
        gone += episodes.delete_many({"_id": {"$in": [episode["_id"] for episode in old]}}).deleted_count
    return gone


def trim_streams(database: Database[Document]) -> int:
    """Delete a board's oldest surplus streams without readings; returns how many. Raises PyMongoError."""
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
    groups = database[collection].aggregate([{"$group": count}, {"$match": {"n": {"$gt": most}}}])
    return [(each["_id"], each["n"] - most) for each in groups]

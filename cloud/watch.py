"""The watch: turns events into episodes, and episodes into alerts, exactly once each.

Every half second it takes the new events in order of arrival and commits what follows from them (states of
devices, episodes, alerts, that the events are taken) in one transaction. So it can be killed at any moment.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
from pymongo import InsertOne, ReplaceOne, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.alerts import courier, mail
from cloud.alerts.episodes import (
    RULES,
    Action,
    Closed,
    Device,
    Episode,
    Event,
    Opened,
    Progress,
    Rules,
    decide,
)
from cloud.contract import is_abnormal
from cloud.database import Document, device_id
from cloud.ingest import brief
from cloud.lease import Lease, Lost

log = logging.getLogger("watch")

POLL = 0.5  # s
AT_ONCE = 1000  # events a transaction
RENEW = 2.0  # s between two renewals of the lease while nothing happens
PAUSE = 2.0  # s after the database did not answer


class Watch:
    """One watcher; it works while it holds the lease and stands by otherwise."""

    def __init__(
        self,
        database: Database[Document],
        to: tuple[str, ...],
        dashboard: str | None,
        *,
        rules: Rules = RULES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.lease = Lease(database, "watch")
        self._to = to
        self._dashboard = dashboard
        self._rules = rules
        self._clock = clock

    def run(self, stop: threading.Event, bell: threading.Event) -> None:
        """Watch until `stop`; rings `bell` when an alert was made."""
        standing_by = False
        renewed = 0.0
        while not stop.is_set():
            try:
                if self.lease.fence is None or time.monotonic() - renewed > RENEW:
                    held = self.lease.hold()
                    renewed = time.monotonic()
                    if held == standing_by:
                        standing_by = not held
                        log.info("watching" if held else "standing by: another process watches")
                if self.lease.fence is not None:
                    more, alerts = self.step()
                    if alerts:
                        bell.set()
                    if more:
                        continue
            except Lost:
                log.warning("another process has taken over the watch")
            except PyMongoError as problem:
                log.warning("the database does not answer the watch (%s); trying on", brief(problem))
                stop.wait(PAUSE)
            stop.wait(POLL)
        try:
            if self.lease.fence is not None:
                self.lease.release()
        except PyMongoError as problem:
            log.info("the lease could not be given back (%s): it ends by itself", brief(problem))

    def step(self) -> tuple[bool, int]:
        """One look. (whether more events wait, how many alerts were made). Raises Lost, PyMongoError."""
        watched = self.database["watched"]
        going_on = watched.find({"$or": [{"episode": {"$ne": None}}, {"late": {"$ne": None}}]})
        devices = {document.pop("_id"): _device(document) for document in going_on}
        # Asked for before the events: what is abnormal up to there is then among the events found or taken.
        progress = self._progress(list(devices))
        found = list(self.database["events"].find({"taken": False}).sort("at", 1).limit(AT_ONCE))
        others = {device_id(event["site"], event["device"]) for event in found} - set(devices)
        for document in watched.find({"_id": {"$in": sorted(others)}}):
            devices[document.pop("_id")] = _device(document)
        before = dict(devices)

        now = self._clock()
        steps: list[tuple[str, Event | Progress]] = [
            *((device_id(event["site"], event["device"]), _event(event)) for event in found),
            *progress.items(),
        ]
        actions: list[Action] = []
        for owner, event in steps:
            devices[owner], follows = decide(devices.get(owner, Device()), event, now, self._rules)
            actions += follows
        changed = {owner: state for owner, state in devices.items() if before.get(owner) != state}
        episodes = {action.episode.id: action.episode for action in actions}
        opened = [episodes[action.episode.id] for action in actions if isinstance(action, Opened)]
        alerts = [
            courier.pending(episode.id, mail.opening(episode, self._to, self._dashboard), now)
            for episode in opened
        ]
        if found or changed:
            with self.database.client.start_session() as session:
                session.with_transaction(
                    lambda s: self._commit(s, changed, episodes, alerts, found),
                    write_concern=WriteConcern(w="majority", j=True),
                )
        for action in actions:
            _tell(action)
        return len(found) == AT_ONCE, len(opened)

    def _progress(self, owners: list[str]) -> dict[str, Progress]:
        latest = self.database["latest"].find({"_id": {"$in": owners}}, {"reading": 1, "received": 1})
        return {
            document["_id"]: Progress(
                stream=document["reading"]["stream"],
                seq=document["reading"]["seq"],
                when=document["received"] if document["reading"]["ts"] is None else document["reading"]["ts"],
                abnormal=is_abnormal(document["reading"]["edge_flags"]),
            )
            for document in latest
            if "reading" in document
        }

    def _commit(
        self,
        session: ClientSession,
        devices: dict[str, Device],
        episodes: dict[str, Episode],
        alerts: list[Document],
        taken: list[Document],
    ) -> None:
        self.lease.confirm(session)
        database = self.database
        if devices:
            states = [ReplaceOne({"_id": o}, _document(state), upsert=True) for o, state in devices.items()]
            database["watched"].bulk_write(states, session=session)
        if episodes:
            rows = [
                ReplaceOne({"_id": episode.id}, _row(episode), upsert=True) for episode in episodes.values()
            ]
            database["episodes"].bulk_write(rows, session=session)
        if alerts:
            database["alerts"].bulk_write([InsertOne(alert) for alert in alerts], session=session)
        if taken:
            ids = [event["_id"] for event in taken]
            database["events"].update_many({"_id": {"$in": ids}}, {"$set": {"taken": True}}, session=session)


def _event(document: Document) -> Event:
    arrived = document["at"].timestamp()
    when = arrived if document["ts"] is None else document["ts"]
    return Event(
        site=document["site"],
        device=document["device"],
        stream=document["stream"],
        seq=document["seq"],
        when=when,
        edge_flags=document["edge_flags"],
        cloud_flags=document["cloud_flags"],
        t=document["t"],
        h=document["h"],
        why=document["why"],
    )


def _device(document: Document) -> Device:
    return msgspec.convert(document, Device)


def _document(state: Device) -> Document:
    plain: Document = msgspec.to_builtins(state)
    return plain


def _row(episode: Episode) -> Document:
    row: dict[str, Any] = msgspec.to_builtins(episode)
    row["_id"] = row.pop("id")
    row["d"] = device_id(episode.site, episode.device)
    return row


def _tell(action: Action) -> None:
    episode = action.episode
    who = device_id(episode.site, episode.device)
    if isinstance(action, Opened):
        opinion = "agrees" if episode.agreed else "does not agree"
        log.warning("%s abnormal: %s; the cloud %s", who, mail.headline(episode), opinion)
    elif isinstance(action, Closed):
        log.info("%s normal again after %d abnormal readings", who, episode.abnormal)
    elif episode.late and episode.abnormal == 1:
        log.info("%s had abnormal readings that came late: noted, no mail", who)

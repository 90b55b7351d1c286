"""The watch: turns events and silence into episodes, and episodes into alerts, exactly once each.

Every half second it takes the new events in order of arrival and checks which boards are silent. Then it
commits what follows (states of devices, episodes, the state of the policy, alerts, that the events are taken)
in one transaction. So it may be killed at any moment.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

import bson
import msgspec
from pymongo import InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.alerts import courier, facts, letters, policy
from cloud.alerts.episodes import (
    RULES,
    SIGNS,
    Action,
    Again,
    Ahead,
    Closed,
    Decision,
    Device,
    Episode,
    Event,
    Input,
    Opened,
    Progress,
    Sign,
    Worse,
    decide,
)
from cloud.alerts.facts import Span
from cloud.alerts.mail_writer import episode_of
from cloud.alerts.policy import Acknowledged, Happening, Letter, PolicyState
from cloud.contract.messages import abnormal_bits
from cloud.process.alone import Alone
from cloud.process.failure import brief
from cloud.read import settling
from cloud.read.reader import Reader
from cloud.settings import AlertSettings, MailSettings
from cloud.siblings.air import Air
from cloud.store.database import Document, device_id, in_transaction
from cloud.store.lease import Lease, LeaseLost
from cloud.watch import forecast as forecasts
from cloud.watch import stage
from cloud.words import Words, plain
from device import codes

log = logging.getLogger("watch")

POLL = 0.5  # s
AT_ONCE = 1000  # events a transaction
LEAST_AT_ONCE = 10  # ... of one board
RENEW = 2.0  # s between two renewals of the lease while nothing happens
PAUSE = 2.0  # s after the database did not answer
LISTEN = 2.0  # s between two looks for silent boards and for acknowledgements
TRUSTED = 300.0  # s that a board's trained range and its severe limits are trusted
BOARDS = 10_000  # ... of which so many are remembered
FORECAST = 300.0  # s between two looks ahead
STAGE = 900.0  # s of readings before a severe stage's own time that are compared with it
LOOK_BACK = 90  # periods before an episode that show where the values lay
OVERLAP = 60.0  # s by which clocks of those who acknowledge may differ


OVER = {
    "silence": "is heard again",
    "claim": "is the name of only one board again",
    "siblings": "goes with {left} again",
    "flood": "sends no more than its share again",
}


class Watch:
    """One watcher; it works while it holds the lease and stands by otherwise."""

    def __init__(
        self,
        database: Database[Document],
        mail: MailSettings,
        alerts: AlertSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.lease = Lease(database, "watch")
        self._mail, self._alerts = mail, alerts
        self._words = Words(mail.language, mail.zone)
        self._clock = clock
        self._listening = clock()  # since when this process has listened for silence
        self._listened = 0.0
        self._ranges = lru_cache(BOARDS)(self._trained)  # by board and span of TRUSTED seconds
        self._stages = lru_cache(BOARDS)(self._severe_limits)
        self._outside: dict[str, float] = {}  # boards outside their severe stage's limits, and since when
        self._looked_ahead = 0.0
        self.alone = Alone(log)

    def run(self, stop: threading.Event, bell: threading.Event) -> None:
        """Watch until `stop`; sets `bell` when there is a new alert."""
        standing_by = False
        renewed = 0.0
        while not stop.is_set():
            try:
                if self.lease.fence is None or time.monotonic() - renewed > RENEW:
                    held = self.lease.hold()
                    renewed = time.monotonic()
                    if held == standing_by:
                        standing_by = not held
                        self._listening = self._clock()
                        log.info("watching" if held else "standing by: another process watches")
                if self.lease.fence is not None:
                    more, alerts = self.step()
                    if alerts:
                        bell.set()
                    if more:
                        continue
            except LeaseLost:
                log.warning("another process has taken over the watch")
            except PyMongoError as problem:
                log.warning("the database does not answer the watch (%s); trying on", brief(problem))
                stop.wait(PAUSE)
                self._listening = self._clock()  # what came meanwhile could not be stored
            stop.wait(POLL)
        try:
            if self.lease.fence is not None:
                self.lease.release()
        except PyMongoError as problem:
            log.info("the lease could not be given back (%s): it ends by itself", brief(problem))

    def step(self) -> tuple[bool, int]:
        """One look. (whether more events wait, how many alerts were made). Raises Lost, PyMongoError."""
        watched = self.database["watched"]
        open_ones = [
            {name: {"$ne": None}} for name in ("episode", "late", "silence", "claim", "flood", "siblings")
        ]
        devices = self._devices(watched.find({"$or": open_ones}))
        # Read before the events: each abnormal reading up to there is then among the events, new or taken.
        progress = self._progress(
            [owner for owner, s in devices.items() if s.episode or s.late or s.claim or s.flood]
        )
        new_events, more = self._new_events()
        now = self._clock()
        signs: dict[str, Sign] = {}
        acknowledged: list[Acknowledged] = []
        if now - self._listened >= LISTEN:
            self._listened = now
            signs = self._signs(now, [owner for owner, state in devices.items() if state.silence])
            newest = self.database["acknowledgements"].find({"at": {"$gte": now - LISTEN - OVERLAP}})
            acknowledged = [Acknowledged(tuple(each["episodes"])) for each in newest]
        others = {device_id(event["site"], event["device"]) for event in new_events} | set(signs)
        devices |= self._devices(watched.find({"_id": {"$in": sorted(others - set(devices))}}))
        before = dict(devices)

        steps: list[tuple[str, Input | Callable[[], Input]]] = [
            (device_id(each["site"], each["device"]), partial(self._event, each, now)) for each in new_events
        ]
        steps += [*progress.items(), *signs.items()]
        steps += [
            (owner, partial(self._ahead, devices[owner], now)) for owner in self._going_on(devices, now)
        ]
        actions: list[Action] = []
        for owner, event in steps:
            step = partial(self._step, devices.get(owner, Device()), event, now)
            if (decision := self.alone(f"what happened to {owner}", step)) is not None:
                devices[owner], follows = decision
                actions += follows
        changed = {owner: state for owner, state in devices.items() if before.get(owner) != state}
        episodes = {action.episode.id: action.episode for action in actions}
        state, next_state, alerts = self._policy([*actions, *acknowledged], episodes, now)
        if new_events or changed or alerts or next_state != state:
            in_transaction(
                self.database,
                lambda session: self._commit(session, changed, episodes, (next_state, alerts), new_events),
            )
        for action in actions:
            self.alone(f"the line about {action.episode.id}", partial(self._tell, action))
        return more, len(alerts)

    def _new_events(self) -> tuple[list[Document], bool]:
        """The oldest new events, and whether more wait. When there are too many, each board gets its part."""
        events, new = self.database["events"], {"taken": False}
        batch = list(events.find(new).sort("at", 1).limit(AT_ONCE))
        if len(batch) < AT_ONCE:
            return batch, False
        whose = {"_id": {"site": "$site", "device": "$device"}, "at": {"$min": "$at"}, "n": {"$sum": 1}}
        boards = list(events.aggregate([{"$match": new}, {"$group": whose}, {"$sort": {"at": 1}}]))
        part = max(AT_ONCE // len(boards), LEAST_AT_ONCE)
        many = [board["_id"] for board in boards if board["n"] > part][: AT_ONCE // part]
        if many:
            batch = [
                event for board in many for event in events.find({**new, **board}).sort("at", 1).limit(part)
            ]
            batch += events.find({**new, "$nor": many}).sort("at", 1).limit(AT_ONCE)
        return batch, True

    def _devices(self, documents: Iterable[Document]) -> dict[str, Device]:
        """What is remembered of boards; nothing of one whose document cannot be read."""
        rows = list(documents)
        known = self.alone.of(rows, "what is remembered of", lambda each: msgspec.convert(each, Device))
        return {each["_id"]: known.get(each["_id"], Device()) for each in rows}

    def _step(self, state: Device, event: Input | Callable[[], Input], now: float) -> Decision:
        """The decision, if the database can keep it."""
        after, actions = decide(state, event() if callable(event) else event, now)
        if state.episode is None and any(isinstance(action, Opened) for action in actions):
            after, actions = self._looked_back(after, actions)
        bson.encode(msgspec.to_builtins(after))
        for action in actions:
            bson.encode(_row(action.episode))
        return after, actions

    def _going_on(self, devices: dict[str, Device], now: float) -> list[str]:
        """Boards with an open episode of readings, when it is time to look ahead."""
        if now - self._looked_ahead < FORECAST:
            return []
        self._looked_ahead = now
        return [
            owner for owner, state in devices.items() if state.episode and state.episode.kind == "anomaly"
        ]

    def _ahead(self, state: Device, now: float) -> Ahead:
        """When the air will pass the user's limit, as far as anybody can tell."""
        episode = state.episode
        assert episode is not None  # _going_on chose it
        nothing = Ahead(episode.site, episode.device, None)
        latest = self._latest(episode.site, episode.device, "state.limits")
        limits = (latest.get("state") or {}).get("limits") or {}
        both = (("t_max", 1), ("t_min", -1))
        sides = [(limits[name], side) for name, side in both if limits.get(name) is not None]
        if episode.edge_flags & codes.LIMIT or not sides:
            return nothing
        air = self._air(episode.site, episode.device, episode.opened - forecasts.DAY)
        for limit, side in sides:
            at = forecasts.forecast(air.ts, air.t, limit / 100, side, episode.opened)
            if at is not None:
                return Ahead(episode.site, episode.device, at, limit, "severe" in limits)
        return nothing

    def _looked_back(self, state: Device, actions: list[Action]) -> Decision:
        """Add to an episode of readings that has just opened where the values lay before it."""
        opened = state.episode
        if opened is None or opened.late:
            return state, actions
        period = self._latest(opened.site, opened.device, "period").get("period")
        first = opened.opened - LOOK_BACK * (period or facts.UNKNOWN_PERIOD)
        readings = Reader(self.database).readings(
            opened.site, opened.device, start=first, end=opened.last + 1, stream=opened.stream
        )
        span = settling.before(readings, opened.opened)
        newest = None
        if span is not None:
            newest = settling.newest_of_fault(readings, span, opened.opened, opened.stream, opened.last_seq)
        opened = msgspec.structs.replace(opened, before=span, fault_seq=newest)
        updated = [Opened(opened) if isinstance(each, Opened) else each for each in actions]
        return msgspec.structs.replace(state, episode=opened), updated

    def _policy(
        self, happenings: list[Happening], episodes: dict[str, Episode], now: float
    ) -> tuple[PolicyState, PolicyState, list[Document]]:
        """(the policy's state before, its state after, the alerts that follow)."""
        stored = self.database["policy"].find_one({"_id": "desk"}) or {}
        state = msgspec.convert(stored.get("desk", {}), PolicyState)
        lost = {"state": {"$in": ["unknown", "failed"]}, "told": None, "text": {"$ne": ""}}
        unsaid = self.database["alerts"].find_one(lost, {"_id": 1}) is not None
        after, written = self._decide(state, happenings, now, unsaid)
        if not written:
            return state, after, []
        wanted = {name for letter in written for name in letter.episodes} - set(episodes)
        rows = self.database["episodes"].find({"_id": {"$in": sorted(wanted)}})
        known = {**episodes, **self.alone.of(rows, "episode", episode_of)}
        made = [self._alert(letter, known, now, number) for number, letter in enumerate(written)]
        return state, after, made

    def _decide(
        self, state: PolicyState, happenings: list[Happening], now: float, unsaid: bool
    ) -> tuple[PolicyState, list[Letter]]:
        """The policy's decision on all happenings; on an error, without the one that causes it."""

        def asked(about: list[Happening]) -> tuple[PolicyState, list[Letter]]:
            return policy.decide(state, about, now, self._alerts, unsaid=unsaid)

        if (decision := self.alone("all that happened", partial(asked, happenings))) is not None:
            return decision
        good = [
            happening
            for happening in happenings
            if self.alone(f"the mail about {happening}", partial(asked, [happening]))
        ]
        return self.alone("the mails that are due", partial(asked, good)) or (state, [])

    def _alert(self, letter: Letter, known: dict[str, Episode], now: float, number: int) -> Document:
        own = [known[name] for name in letter.episodes if name in known]
        about = partial(letters.subject, letter, own, self._words, now, letters.NO_FACTS)
        subject = self.alone(f"the subject of {letter.episodes}", about) or ", ".join(letter.episodes[:3])
        to = self._mail.second if letter.second else self._mail.to
        return courier.pending(f"{int(now * 1000)}-{number}-{letter.kind}", letter, to, plain(subject), now)

    def _signs(self, now: float, silent: list[str]) -> dict[str, Sign]:
        """The last sign of life of each board that the database finds silent, or nearly so."""
        periods = {"$multiply": [RULES.silent_periods, {"$ifNull": ["$period", 0]}]}
        patience = {"$max": [RULES.silent_seconds, periods]}
        quiet = {"$expr": {"$lt": ["$received", {"$subtract": [now, patience]}]}}
        wanted = {"$or": [{"_id": {"$in": silent}}, {"state.state": {"$nin": ["online", None]}}, quiet]}
        fields = {"site": 1, "device": 1, "received": 1, "period": 1}
        state = {"state.state": 1, "state.at": 1, "state.next": 1}
        latest = self.database["latest"].find(wanted, {**fields, **state})
        return self.alone.of(latest, "the last sign of life of", self._sign)

    def _sign(self, document: Document) -> Sign:
        last = document.get("state") or {}
        return Sign(
            site=document["site"],
            device=document["device"],
            heard=document["received"],
            listening=self._listening,
            offline=last.get("at") if last.get("state") == "offline" else None,
            due=last.get("next") if last.get("state") == "sleeping" else None,
            period=document.get("period"),
        )

    def _event(self, document: Document, now: float) -> Input:
        arrived = document["at"].timestamp()
        if (sign := SIGNS.get(document["kind"])) is not None:
            return msgspec.convert({**document, "when": arrived}, sign)
        ranges = self._ranges(document["site"], document["device"], int(now // TRUSTED))
        far = [
            facts.beyond(None if document[name] is None else document[name] / 100, span)
            for name, span in zip(("t", "h"), ranges, strict=True)
            if span is not None
        ]
        when = arrived if document["ts"] is None else document["ts"]
        judged = {"beyond": max(far, default=None), "staged": self._is_staged(document, now)}
        return msgspec.convert({**document, "when": when, **judged}, Event)

    def _is_staged(self, document: Document, now: float) -> bool:
        """Whether a reading outside the user's limits is not at their severe stage, where there is one.

        Since when it is outside of that is looked up once: each reading outside is an event, and so is the
        first one that is not.
        """
        site, device, when = document["site"], document["device"], document["ts"]
        owner = device_id(site, device)
        if not document["edge_flags"] & codes.LIMIT:
            self._outside.pop(owner, None)
            return False
        severe = self._stages(site, device, int(now // TRUSTED))
        if severe is None or when is None:  # without a date nobody knows how long it has been outside
            return False
        if not stage.is_outside(severe, document["t"], document["h"]):
            self._outside.pop(owner, None)
            return True
        since = self._outside.get(owner)
        if since is None or when < since:
            start = when - severe.get("for_s", 0) - STAGE
            since = stage.outside_since(severe, self._air(site, device, start, when + 1), when)
            since = self._outside[owner] = when if since is None else since
        return bool(when - since < severe.get("for_s", 0))

    def _severe_limits(self, site: str, device: str, _: int) -> stage.Limits | None:
        """The second stage of the user's limits; the last argument is the time in which that is trusted."""
        state = self._latest(site, device, "state.limits.severe").get("state") or {}
        return (state.get("limits") or {}).get("severe")

    def _trained(self, site: str, device: str, _: int) -> tuple[Span | None, Span | None]:
        which = {"site": site, "device": device}
        newest = self.database["models"].find_one(which, {"report.limits": 1}, sort=[("created", -1)])
        return facts.trained(newest)

    def _air(self, site: str, device: str, start: float, end: float | None = None) -> Air:
        readings = Reader(self.database).readings(site, device, start=start, end=end)
        return Air.of(readings.ts, readings.t, readings.h)

    def _latest(self, site: str, device: str, field: str) -> Document:
        return self.database["latest"].find_one({"_id": device_id(site, device)}, {field: 1}) or {}

    def _progress(self, owners: list[str]) -> dict[str, Progress]:
        asked = {"reading": 1, "received": 1, "state.abnormal": 1}
        latest = self.database["latest"].find({"_id": {"$in": owners}}, asked)
        return self.alone.of(
            (each for each in latest if "reading" in each), "the newest reading of", _progress_of
        )

    def _tell(self, action: Action) -> None:
        episode = action.episode
        who = device_id(episode.site, episode.device)
        if isinstance(action, Opened | Again | Worse):
            opinion = "agrees" if episode.agreed else "does not agree"
            judged = f"; the cloud {opinion}" if episode.abnormal else ""
            state = {Opened: episode.severity, Again: "again", Worse: "now severe"}[type(action)]
            text = plain(letters.about(episode, Words("en"), self._clock()))
            log.warning("%s %s: %s%s", who, state, text, judged)
        elif isinstance(action, Closed) and episode.late:
            log.info("%s: %d abnormal readings came late: noted, no alarm", who, episode.abnormal)
        elif isinstance(action, Closed):
            over = OVER.get(episode.kind, "is normal again after {abnormal} abnormal readings")
            log.info("%s %s", who, over.format(abnormal=episode.abnormal, left=", ".join(episode.left)))

    def _commit(
        self,
        session: ClientSession,
        devices: dict[str, Device],
        episodes: dict[str, Episode],
        policy: tuple[PolicyState, list[Document]],
        taken: list[Document],
    ) -> None:
        self.lease.confirm(session)
        database = self.database
        policy_state, alerts = policy
        database["policy"].replace_one(
            {"_id": "desk"}, {"desk": msgspec.to_builtins(policy_state)}, upsert=True, session=session
        )
        if devices:
            states = [
                ReplaceOne({"_id": owner}, msgspec.to_builtins(state), upsert=True)
                for owner, state in devices.items()
            ]
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


def _progress_of(document: Document) -> Progress:
    reading = document["reading"]
    flags = reading["edge_flags"] & abnormal_bits(document.get("state", {}).get("abnormal"))
    when = document["received"] if reading["ts"] is None else reading["ts"]
    return msgspec.convert({**reading, "when": when, "abnormal": flags != 0, "flags": flags}, Progress)


def _row(episode: Episode) -> Document:
    row: dict[str, Any] = msgspec.to_builtins(episode)
    row["_id"] = row.pop("id")
    row["d"] = device_id(episode.site, episode.device)
    return row

"""A worker's answers to boards: what each board should have, and the parts that it asks for.

Nothing here needs a guarantee: a board asks again for what was lost. So a fault here is logged and counted,
and delays no reading and no acknowledgement.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from pymongo.database import Database
from pymongo.errors import PyMongoError

from cloud.contract import messages
from cloud.contract.messages import Get, State
from cloud.process.alone import Alone
from cloud.process.failure import brief
from cloud.store.database import Board, Document, board_of, device_id
from cloud.updates import change
from cloud.updates.releases import Releases
from cloud.updates.wanted import Wanted, given_up, to_tell

log = logging.getLogger("updates")

LOOK_EVERY = 5.0  # s between two looks at what was changed
AGAIN = 60.0  # s until a board that does not have it is told again, because the message may have been lost
LAST_CHANGES = 86400.0  # s for which that goes on; afterwards only the answer to each `state` tells it
ONCE_MORE = 3600.0  # s after which a board may try again what it gave up for a passing reason
OVERLAP = 30.0  # s by which such a look reaches back, because a write takes time
ROOM = 8 * 1024 * 1024  # bytes of what boards fetch that stay in memory
Send = Callable[[str, bytes], None]


class Answers:
    """The answers of one worker. `key`: (site, device) -> that board's key."""

    def __init__(
        self,
        database: Database[Document],
        key: Callable[[str, str], bytes],
        publish: Send,
    ) -> None:
        self._database = database
        self._wanted = Wanted(database)
        self._releases = Releases(database)
        self._key = key
        self._publish = publish
        self._alone = Alone(log)
        self._again_at = time.monotonic() + AGAIN
        self._newest: float | None = None  # when the newest change was made that this worker knows
        self._look_at = time.monotonic() + LOOK_EVERY
        self._announced: dict[Board, int] = {}  # the newest change that this worker told without being asked
        self._wholes: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self.parts = 0

    def states(self, states: Sequence[tuple[str, str, State]]) -> None:
        """Tell the boards that sent these `state` messages what they should have."""
        # Only these hear an answer and can read it.
        listening = [each for each in states if each[2].state == "online" and each[2].v > 1]
        awake = {(site, device): state for site, device, state in listening}
        if awake:
            names = ("stream", "config", "model", "app", "updates")
            known = {
                board: {name: msgspec.to_builtins(getattr(state, name)) for name in names}
                for board, state in awake.items()
            }
            self._try(lambda: self._tell(self._wanted.of(awake), known))

    def changes(self) -> None:
        """Tell the boards that are online what has changed, at most once in LOOK_EVERY seconds."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_EVERY
            self._try(self._look)

    def gets(self, asked: Sequence[tuple[str, str, Get]]) -> None:
        """Send each board the part that it asks for."""
        for site, device, get in asked:
            self._try(partial(self._answer, site, device, get))

    def _try(self, act: Callable[[], None]) -> None:
        try:
            self._alone("what a board should have", act)
        except PyMongoError as problem:
            log.warning("the database has no answer for a board now (%s): it asks again", brief(problem))

    def _look(self) -> None:
        if self._newest is None:  # the answers to their states already told boards of older changes
            self._newest = self._wanted.newest()
        again = time.monotonic() >= self._again_at
        if again:
            self._again_at = time.monotonic() + AGAIN
            self._announced = {}
        changed = self._wanted.since(self._newest - (LAST_CHANGES if again else OVERLAP))
        new = {board: each for board, each in changed.items() if self._announced.get(board, 0) < each["n"]}
        self._announced = {board: each["n"] for board, each in changed.items()}
        self._newest = max([self._newest, *(each["at"] for each in changed.values())])
        if new:
            which = {"_id": {"$in": [device_id(*board) for board in new]}, "state.state": "online"}
            states = self._database["latest"].find(which, {"state": 1})
            self._tell(new, {board_of(each["_id"]): each["state"] for each in states})

    def _tell(self, wanted: Mapping[Board, Document], states: Mapping[Board, Mapping[str, Any]]) -> None:
        for board, state in states.items():
            document = self._once_more(board, wanted.get(board, {}), state)
            if want := to_tell(document, state):
                payload = messages.want_ack(self._key(*board), state["stream"], want)
                self._publish(messages.topic_of("/".join(board), "ack"), payload)

    def _once_more(self, board: Board, document: Document, state: Mapping[str, Any]) -> Document:
        """`document`; an hour after the first try, what the board gave up is wanted once more."""
        for what in given_up(document, state):
            now = change.now(self._database)
            new = now - document["at"] >= ONCE_MORE and self._wanted.once_more(board, what, document, now)
            if new:
                log.info("%s/%s may try %s %s once more", *board, what, document["want"][what])
                document = new
        return document

    def _answer(self, site: str, device: str, get: Get) -> None:
        whole = self._whole(site, device, get)
        if get.offset == 0:
            size = "which is not there" if whole is None else f"{len(whole)} bytes"
            log.info("%s/%s fetches %s %s, %s", site, device, get.what, get.id, size)
        self._publish(messages.topic_of(f"{site}/{device}", "part"), messages.part(get, whole))
        self.parts += 1

    def _whole(self, site: str, device: str, get: Get) -> bytes | None:
        whose = "" if get.what == "app" else device_id(site, device)  # a release is for all
        name = (whose, get.what, get.id)
        if name in self._wholes:
            self._wholes.move_to_end(name)
            return self._wholes[name]
        whole = self._stored(site, device, get)
        if whole is not None:
            self._wholes[name] = whole
            while sum(map(len, self._wholes.values())) > ROOM:
                self._wholes.popitem(last=False)
        return whole

    def _stored(self, site: str, device: str, get: Get) -> bytes | None:
        if get.what == "model":
            which = {"_id": get.id, "site": site, "device": device}
            document = self._database["models"].find_one(which, {"bundle": 1})
            return bytes(document["bundle"]) if document else None
        if get.what == "config":
            settings = self._wanted.settings((site, device))
            return bytes(settings["sealed"]) if settings.get("number") == int(get.id, 16) else None
        return self._releases.blob(int(get.id, 16))

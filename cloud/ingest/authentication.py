"""Authentication: whether a board itself sent a message, before anything else in it is believed.

A message of version 2 ends with a mac under its board's key. Once a board has sent one valid mac, no worker
believes it in version 1 again. The database keeps that, so it holds in every worker and after each restart. A
worker's own memory of it only ever says "never again", and lasts REMEMBERED seconds.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cloud.contract import keys, messages
from cloud.contract.messages import Forged, MessageRefused
from cloud.store.writer import Store

Whose = tuple[str, str]  # site, device

REMEMBERED = 600.0  # s until the database is asked again who speaks version 2
MOST_KEYS = 100_000  # made-up names must not fill the memory


class Origin(NamedTuple):
    """Who sent a message, and the version of the contract in which the backend believes it."""

    site: str
    device: str
    leaf: str  # "up", "state" or "get"
    version: int


class Authenticator:
    """Checks the messages of one worker. `master`: the secret from which each board's key is derived."""

    def __init__(self, store: Store, master: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._master = master
        self._clock = clock
        self._keys: dict[Whose, bytes] = {}
        self._authentic: set[Whose] = set()  # these have sent version 2, as the database knows
        self._until = clock() + REMEMBERED

    @property
    def boards(self) -> int:
        """How many different boards this worker has heard."""
        return len(self._keys)

    def key(self, site: str, device: str) -> bytes:
        """The board's own key."""
        key = self._keys.get((site, device))
        if key is None:
            if len(self._keys) > MOST_KEYS:
                self._keys.clear()
            key = self._keys[site, device] = keys.device_key(self._master, site, device)
        return key

    def examine(self, messages: Sequence[tuple[str, bytes]]) -> list[Origin | MessageRefused]:
        """For each (topic, payload) who sent it, or why it is not believed. Raises PyMongoError."""
        if self._clock() >= self._until:
            self._authentic.clear()
            self._until = self._clock() + REMEMBERED
        results = [self._looked_at(topic, payload) for topic, payload in messages]
        origins = [result for result in results if isinstance(result, Origin)]
        # In this order: if one board has messages of both versions here, only those of version 2 count.
        proven = {result[:2] for result in origins if result.version == 2} - self._authentic
        if proven:
            self._store.remember_authentic(proven)
            self._authentic |= proven
        if unsure := {result[:2] for result in origins if result.version == 1} - self._authentic:
            self._authentic |= self._store.authentic(unsure)
        return [
            Forged("it carries no mac, and this board has sent version 2 before")
            if isinstance(result, Origin) and result.version == 1 and result[:2] in self._authentic
            else result
            for result in results
        ]

    def _looked_at(self, topic: str, payload: bytes) -> Origin | MessageRefused:
        try:
            site, device, leaf = messages.parse_topic(topic)
            messages.check_size(payload)
            version = messages.version_of(self.key(site, device), topic, payload)
        except MessageRefused as reason:
            return reason
        return Origin(site, device, leaf, version)

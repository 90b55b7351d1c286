"""The attacks of somebody who has stolen a board's broker password, and nothing else."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any, Self

from cloud.contract.messages import topic_of
from cloud.store.database import device_id
from tools.local.broker.broker import Broker
from tools.local.users import BACKEND_USER
from tools.run.chaos.faults.fault import Observed, fixed
from tools.run.chaos.world import World

KB = 1024
MANY = 2000  # messages on their way at a time
SIZES = (260 * KB, 900 * KB, 5000 * KB)  # above what the backend reads, above what the broker carries


class Intruder:
    """Logs in as `user`; `answers` counts what the broker said: logins, refusals, PUBACKs, good-byes."""

    def __init__(self, broker: Broker, user: str, *, client_id: str = "", port: int = 0) -> None:
        self.answers = 0
        self.acknowledged = 0
        self._where = "localhost", port or broker.port
        self.connected = threading.Event()
        self._client = broker.client(user, client_id)
        self._client.max_inflight_messages_set(MANY)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_answer
        self._client.on_publish = self._on_publish

    def __enter__(self) -> Self:
        """Without a broker it goes on trying."""
        self._client.connect_async(*self._where, 30)
        self._client.loop_start()
        return self

    def __exit__(self, *error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain)

    @property
    def waiting(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._client._out_messages)

    def _on_connect(self, *about: Any) -> None:
        self.answers += 1
        if not about[3].is_failure:
            self.connected.set()

    def _on_answer(self, *more: Any) -> None:
        self.answers += 1

    def _on_publish(self, *more: Any) -> None:
        self.answers += 1
        self.acknowledged += 1


@contextmanager
def huge(world: World, name: str, random: Random) -> Iterator[Observed]:
    """Messages that no inbox has room for."""
    with Intruder(world.broker, f"{world.site}/{name}") as intruder:
        for size in random.sample(SIZES, 2):
            intruder.publish(_topic(world, name, random.choice(("up", "state"))), bytes(size))
        yield lambda: intruder.answers > 1


@contextmanager
def forged(world: World, name: str, random: Random) -> Iterator[Observed]:
    """Nonsense of each kind, and what would claim, drop or take over readings if it were believed."""
    if not _speaks_for_itself(world, name):
        yield fixed(False)
        return
    forgeries = _forgeries(world, name, random)
    random.shuffle(forgeries)
    with Intruder(world.broker, f"{world.site}/{name}") as intruder:
        for leaf, payload in forgeries:
            intruder.publish(_topic(world, name, leaf), payload)
        yield lambda: intruder.acknowledged > 0


@contextmanager
def flood(world: World, name: str, random: Random) -> Iterator[Observed]:
    """Send as many well-formed messages as the broker takes."""
    if not _speaks_for_itself(world, name):
        yield fixed(False)
        return
    over = threading.Event()
    with Intruder(world.broker, f"{world.site}/{name}") as intruder:

        def pour() -> None:
            seq = 1_000_000
            while not over.wait(0.005):
                for _ in range(min(100, MANY - intruder.waiting)):
                    seq += 1
                    intruder.publish(_topic(world, name, "up"), _json(_up("0badf00d", [seq])))

        thread = threading.Thread(target=pour, daemon=True)
        thread.start()
        try:
            yield lambda: intruder.acknowledged > 200
        finally:
            over.set()
            thread.join()


@contextmanager
def session_claimed(world: World, name: str, random: Random) -> Iterator[Observed]:
    """A board's password, and the client id of a backend's worker: its session holds everybody's readings."""
    board = f"{world.site}/{random.choice(list(world.boards))}"
    own_id = world.worker_settings(name)["MQTT_CLIENT_ID"]
    listeners = {world.broker.port, world.broker.backend_port}
    with ExitStack() as stack:
        made = [Intruder(world.broker, board, client_id=own_id, port=port) for port in listeners]
        intruders = [stack.enter_context(intruder) for intruder in made]
        yield lambda: all(intruder.answers for intruder in intruders)


@contextmanager
def session_lost(world: World, name: str, random: Random) -> Iterator[Observed]:
    """The broker forgets a worker's session: subscriptions, and what waits in it."""
    own_id = world.worker_settings(name)["MQTT_CLIENT_ID"]
    port = world.broker.backend_port
    with Intruder(world.broker, BACKEND_USER, client_id=own_id, port=port) as intruder:
        intruder.connected.wait(5)
    yield intruder.connected.is_set


def _speaks_for_itself(world: World, name: str) -> bool:
    """Whether the cloud has heard the board sign. Until then it believes a thief with the broker password."""
    about = {"_id": device_id(world.site, name), "contract": 2}
    return world.do(lambda database: database["latest"].find_one(about)) is not None


def _topic(world: World, name: str, leaf: str) -> str:
    return topic_of(f"{world.site}/{name}", leaf)


def _forgeries(world: World, name: str, random: Random) -> list[tuple[str, bytes]]:
    """(leaf, payload). The thief knows stream and seqs, as they stood on the flash of a stolen board."""
    life = world.boards[name].lives()[-1]
    stream, boot = life.stream or "00000000", life.number
    newest = life.first + len(life.taken)
    coming = list(range(newest, newest + 40))
    nonsense = [b"", b"[" * 100_000, b'{"v":' * 1000, random.randbytes(700), b"\xff\xfe{}", b"null"]
    forgeries: list[tuple[str, Any]] = [
        ("up", _up(stream, coming, boot=boot)),
        ("up", {**_up(stream, coming, boot=boot + 1), "v": 2, "mac": "0" * 16}),
        ("up", {**_up(stream, [life.first]), "x": [[32000] * 8]}),
        ("up", _up(stream, [2**32 - 1], boot=2**32 - 1)),
        ("state", {**_state(stream, boot), "dropped": [[0, 2**32 - 1]], "counts": {"dropped": 9}}),
        ("state", {**_state(stream, boot + 1), "v": 2, "dropped": [[0, newest]], "mac": "0" * 16}),
        ("state", {**_state(stream, 2**32 - 1), "counts": {str(n): 10**30 for n in range(300)}}),
        ("state", {**_state(stream, boot), "last_error": "=1+1\r\nBcc: thief@example.org\x1b[2J" * 20}),
    ]
    return [
        *((random.choice(("up", "state")), payload) for payload in nonsense),
        *((leaf, _json(message)) for leaf, message in forgeries),
    ]


def _up(stream: str, seqs: list[int], boot: int = 1) -> dict[str, Any]:
    count = len(seqs)
    columns = {"ts": None, "up": 1, "x": [9999] * 8, "flags": 1, "score": None, "why": None}
    head = {"v": 1, "stream": stream, "boot": boot, "model": None, "features": 1, "seq": seqs}
    return {**head, **{name: [value] * count for name, value in columns.items()}}


def _state(stream: str, boot: int) -> dict[str, Any]:
    return {"v": 1, "stream": stream, "boot": boot, "state": "online"}


def _json(message: Any) -> bytes:
    return json.dumps(message).encode()

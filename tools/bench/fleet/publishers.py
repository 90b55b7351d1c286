"""Many boards in one process: each logs in over TLS, says it is online, and sends a reading every PERIOD.

    python -m tools.bench.fleet.publishers FIRST COUNT PORT CA SECONDS

It says "ready" when all are logged in, begins when a line comes, and after SECONDS prints a line of JSON:
how many messages it sent, and after how many milliseconds the cloud acknowledged each.
"""

import asyncio
import json
import ssl
import sys
import time
from itertools import count

import msgspec

from cloud.contract.keys import device_key
from cloud.contract.messages import Ack, signed, topic_of
from tools.bench.fleet.wire import MqttConnection, connect
from tools.local.up_message import CALM, up

MASTER = bytes.fromhex("ab" * 32)
SITE = "fleet"
PERIOD = 10.0  # s
AT_ONCE = 40  # logins
LAST = 20.0  # s that the last acks may take
_ack = msgspec.json.Decoder(Ack)


def user(number: int) -> str:
    return f"{SITE}/B{number:05d}"


def password(number: int) -> str:
    return f"{number:032x}"


class FleetBoard:
    """One board. `waits`: ms from publish to ack."""

    def __init__(self, number: int) -> None:
        self._user, self._number = user(number), number
        self._key = device_key(MASTER, *self._user.split("/"))
        self._stream = f"{0xF1EE0000 + number:08x}"
        self._began = time.time()
        self._sent: dict[int, float] = {}
        self.sent = 0
        self.waits: list[int] = []

    async def login(self, port: int, context: ssl.SSLContext) -> None:
        login = (self._user.replace("/", "-"), self._user, password(self._number))
        self._will = (topic_of(self._user, "state"), self._state("offline"))
        self._wire: MqttConnection = await connect(port, context, login, self._on_message, self._will)
        await self._wire.subscribe(topic_of(self._user, "ack"))
        self._wire.publish(self._will[0], self._state("online"))

    async def live(self, until: float, phase: float) -> None:
        await asyncio.sleep(phase)
        for seq in count():
            if time.monotonic() >= until:
                return
            self._sent[seq] = time.perf_counter()
            self.sent += 1
            self._wire.publish(topic_of(self._user, "up"), self._up(seq))
            await asyncio.sleep(max(0.0, PERIOD - (time.perf_counter() - self._sent[seq])))

    @property
    def waiting(self) -> bool:
        return len(self.waits) < self.sent

    def _on_message(self, body: bytes) -> None:
        now = time.perf_counter()
        for first, last in _ack.decode(body).runs:
            for seq in range(first, last + 1):
                if (at := self._sent.pop(seq, None)) is not None:
                    self.waits.append(round(1000 * (now - at)))

    def _up(self, seq: int) -> bytes:
        now, x = int(time.time()), (2100 + seq % 7, *CALM[1:])
        message = up(self._stream, [seq], ts=[now], up=[int(now - self._began)], x=[x])
        return signed(self._key, topic_of(self._user, "up"), message)

    def _state(self, state: str) -> bytes:
        message = {"v": 2, "stream": self._stream, "boot": 1, "state": state}
        return signed(self._key, topic_of(self._user, "state"), message)


async def main(first: int, many: int, port: int, ca: str, seconds: float) -> None:
    context = ssl.create_default_context(cafile=ca)
    boards = [FleetBoard(number) for number in range(first, first + many)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def login(board: FleetBoard) -> None:
        async with gate:
            await board.login(port, context)

    await asyncio.gather(*map(login, boards))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    until = time.monotonic() + seconds
    await asyncio.gather(*(board.live(until, PERIOD * k / many) for k, board in enumerate(boards)))
    last = time.monotonic() + LAST
    while any(board.waiting for board in boards) and time.monotonic() < last:
        await asyncio.sleep(0.2)
    waits = [wait for board in boards for wait in board.waits]
    report = {"sent": sum(board.sent for board in boards), "waits": waits, "cpu": time.process_time()}
    print(json.dumps(report), flush=True)
    await asyncio.to_thread(sys.stdin.readline)  # until it is killed, as in a power cut


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], float(sys.argv[5])))

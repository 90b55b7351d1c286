"""One board that sends as fast as it can, in each of the ways that cost the cloud most.

    python -m tests.cloud.ingest.flood MODE PORT CA USER PASSWORD

until it is ended. Says how many messages it sent, every second.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any

from cloud.contract.messages import topic_of
from tools.bench.fleet.wire import connect

IN_FLIGHT = 300


def _up(stream: str, seqs: list[int], flags: int, why: str | None) -> bytes:
    count, now = len(seqs), int(time.time())
    columns: dict[str, Any] = {
        "seq": seqs, "ts": [now] * count, "up": list(range(count)), "x": [None] * count,
        "flags": [flags] * count, "score": [None] * count, "why": [why] * count,
    }  # fmt: skip
    return json.dumps({"v": 1, "stream": stream, "boot": 1, "model": None, "features": 1, **columns}).encode()


def _state(stream: str, **more: object) -> bytes:
    return json.dumps({"v": 1, "stream": stream, "boot": 1, "state": "online", **more}).encode()


def _runs() -> list[list[int]]:
    chance = random.randrange
    return [[i * 4_000_000 + chance(1000), i * 4_000_000 + 2_000_000] for i in range(1000)]


def _stream() -> str:
    return f"{random.getrandbits(32):08x}"


def _gaps() -> list[int]:
    return [random.randrange(2**32) // 360 * 360 for _ in range(40)]  # noqa: S311


_seqs = itertools.count(0, 40)
MODES: dict[str, tuple[str, Callable[[], bytes]]] = {  # leaf, message
    "events": ("up", lambda: _up(_stream(), list(range(40)), 256, "n" * 60)),
    "gaps": ("up", lambda: _up(_stream(), _gaps(), 256, None)),
    "dropped": ("state", lambda: _state(_stream(), dropped=_runs())),
    "rubbish": ("up", lambda: os.urandom(200_000)),
    "overflow": ("state", lambda: _state(_stream(), features=2**63)),
    # The same from one stream, which no limit of streams stops.
    "one stream": ("up", lambda: _up("00c0ffee", list(range(first := next(_seqs), first + 40)), 256, None)),
    "one stream's gaps": ("up", lambda: _up("00c0ffee", _gaps(), 256, None)),
}


async def flood(mode: str, port: int, ca: str, user: str, password: str) -> None:
    leaf, message = MODES[mode]
    wire = await connect(
        port, ssl.create_default_context(cafile=ca), (user.replace("/", "-"), user, password)
    )
    sent, printed = 0, time.monotonic()
    while not wire.gone:
        wire.publish(topic_of(user, leaf), message())
        sent += 1
        await wire.room(IN_FLIGHT)
        if sent % 50 == 0:
            await asyncio.sleep(0)  # let what comes in be read
        if time.monotonic() - printed > 1:
            printed = time.monotonic()
            print(sent, flush=True)


if __name__ == "__main__":
    asyncio.run(flood(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))

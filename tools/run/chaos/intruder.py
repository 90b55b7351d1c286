"""Somebody who holds a valid password of the broker and does with it what no board would."""

from __future__ import annotations

import threading
from typing import Any, Self

from tools.local.broker.broker import Broker

MANY = 2000  # messages on their way at a time


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

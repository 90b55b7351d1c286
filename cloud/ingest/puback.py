"""PUBACKs, in the order in which their messages came, as MQTT asks for (4.6.0-2 in its version 3.1.1).

Work on messages ends in another order: boards take turns, and what is held back is done at once. A broker may
hang up on a PUBACK that is not next (rumqttd does), so each waits here for those before it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

PUBACK = 0x40


class Pubacks:
    """Those of one connection. `send(packets)` is called with whole packets, by one thread at a time."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._open: deque[list[int]] = deque()  # [packet id, whether it is done], in the order of arrival
        self._ready = bytearray()
        self.reader = 0  # the thread that reads packets: it calls `flush` after some of them

    def restart(self) -> None:
        """A new connection: the broker sends again what it has no PUBACK for."""
        with self._lock:
            self._open = deque()
            self._ready.clear()

    def expect(self, packet_id: int) -> Callable[[], None]:
        """A message has come; what is returned is called once the broker need not send it again."""
        entry = [packet_id, 0]
        with self._lock:
            mine = self._open
            mine.append(entry)

        def done() -> None:
            entry[1] = 1
            with self._lock:
                if mine is not self._open:
                    return  # that connection is gone
                while mine and mine[0][1]:
                    self._ready += bytes((PUBACK, 2)) + mine.popleft()[0].to_bytes(2, "big")
                if threading.get_ident() != self.reader:
                    self._flush()

        return done

    def flush(self) -> None:
        """Send what is ready."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._ready:
            packets = bytes(self._ready)
            self._ready.clear()
            self._send(packets)

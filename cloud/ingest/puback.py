"""PUBACKs, in the order in which their messages came, as MQTT asks for (4.6.0-2 in its version 3.1.1).

The worker finishes messages in another order: boards take turns, and it is done at once with what it holds
back. A broker may hang up on a PUBACK that is not next (rumqttd does), so each PUBACK waits here for those
before it.
"""

import threading
from collections import deque
from collections.abc import Callable

PUBACK = 0x40


class Pubacks:
    """The PUBACKs of one connection.

    It calls `send(packets)` with whole packets, from one thread at a time.
    """

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._open: deque[list[int]] = deque()  # [packet id, whether it is done], in the order of arrival
        self._ready = bytearray()
        self.reader = 0  # the thread that reads packets: it calls `flush` after some of them

    def restart(self) -> None:
        """Begin a new connection: the broker sends again every message that has no PUBACK."""
        with self._lock:
            self._open = deque()
            self._ready.clear()

    def expect(self, packet_id: int) -> Callable[[], None]:
        """A message has come. Returns the function to call once the broker need not send it again."""
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
        """Send the PUBACKs that are ready."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if self._ready:
            packets = bytes(self._ready)
            self._ready.clear()
            self._send(packets)

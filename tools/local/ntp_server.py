"""A local SNTP server (RFC 4330, server mode 4), to give virtual boards the time without the internet."""

import socket
import struct
import threading
import time
from typing import Self

from tools.process.part import Part

EPOCH_1900 = 2_208_988_800  # Unix time 0, in seconds since 1900
PACKET = struct.Struct("!BBbb3I4Q")
LOCAL_CLOCK = int.from_bytes(b"LOCL", "big")


class NtpServer(Part):
    """Answers from `start` to `stop`. `offset` (s) makes it wrong on purpose, `silent` makes it deaf."""

    def __init__(self, port: int = 0, address: str = "127.0.0.1") -> None:
        self.offset = 0.0
        self.silent = False
        self.asked = self.answered = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(2)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                request, sender = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            except OSError:  # an ICMP complaint about an earlier answer, or our own close
                continue
            self.asked += 1
            reply = answer(request, time.time() + self.offset)
            if reply and not self.silent:
                self.answered += 1
                self._socket.sendto(reply, sender)


def answer(request: bytes, now: float) -> bytes | None:
    """The reply to a client's request at Unix time `now`; None when it is no client request (mode 3)."""
    if len(request) < PACKET.size or request[0] & 7 != 3:
        return None
    version = request[0] >> 3 & 7
    client_transmit = PACKET.unpack(request[: PACKET.size])[-1]
    stamp = _timestamp(now)
    return PACKET.pack(version << 3 | 4, 1, 4, -20, 0, 0, LOCAL_CLOCK, stamp, client_transmit, stamp, stamp)


def _timestamp(now: float) -> int:
    """64-bit NTP time: seconds since 1900 (mod 2^32) and a binary fraction."""
    return (int(now) + EPOCH_1900 & 0xFFFFFFFF) << 32 | int(now % 1 * 2**32)

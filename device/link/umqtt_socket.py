"""What umqtt.simple takes for the module `socket` and for a socket: whole packets in, joined writes out.

umqtt reads with calls that wait. Here they never do: umqtt only gets to read when a whole packet lies ready,
or when it asks for an answer (CONNACK, SUBACK, PUBACK) that the session will read later and promises now.
"""

import errno

from ..chip.compat import const

LONGEST = const(576)  # bytes: an ack of 16 runs on the longest topic takes 530
_FILLS = const(16)  # reads of one receive(): a flood must not hold up the caller


class Wire:
    """Packets of up to 576 bytes, or as resize() says; `oversize` counts longer ones, which are skipped."""

    def __init__(self):
        self._rx = memoryview(bytearray(LONGEST))
        self.oversize = 0
        self.attach(None)

    # -- the session's side

    def attach(self, transport):
        """Begin a new connection on `transport`."""
        self._transport = transport
        self._have = 0  # bytes in _rx
        self._taken = 0  # of them, the packet handed out last
        self._skip = 0  # bytes to throw away: the rest of a packet that is too long
        self.promise(b"")

    def promise(self, answer):
        """Let umqtt read `answer`, for which it would otherwise wait."""
        self._source = answer
        self._at = 0
        self._end = len(answer)

    def receive(self):
        """The first byte of the next packet when it lies ready as a whole for umqtt, else None."""
        self._drop(self._taken)
        self._taken = 0
        for _ in range(_FILLS):
            if self._skip:
                count = min(self._skip, self._have)
                self._drop(count)
                self._skip -= count
            size = 0 if self._skip else self._size()
            if size > len(self._rx):
                self.oversize += 1
                self._skip = size
                continue
            if size and self._have >= size:
                self._taken = size
                self.promise(self._rx)
                self._end = size
                return self._rx[0]
            count = self._transport.read_into(self._rx[self._have :])
            if not count:
                return None
            self._have += count
        return None

    def _drop(self, count):
        self._have -= count
        if count and self._have:
            self._rx[: self._have] = bytes(self._rx[count : count + self._have])

    def _size(self):
        """Bytes of the packet at the start of _rx; 0 while its header is incomplete."""
        size = 0
        for i in range(1, min(self._have, 5)):
            size |= (self._rx[i] & 127) << 7 * (i - 1)
            if self._rx[i] < 128:
                return size + i + 1
        if self._have >= 5:
            raise OSError(errno.EINVAL)  # a length has at most four bytes
        return 0

    def resize(self, size):
        """From now on packets may have `size` bytes, and 576 always."""
        size = max(size, LONGEST, self._have)
        if size != len(self._rx):
            rx = memoryview(bytearray(size))
            rx[: self._have] = self._rx[: self._have]
            self._rx = rx

    # -- umqtt's side: first as its module `socket` …

    def socket(self):
        return self

    def getaddrinfo(self, host, port):
        return ((None,),)

    # … then as the socket that this module gave. The connection exists already, and its deadlines are ours.

    def _nothing(self, *given):
        pass

    connect = settimeout = setblocking = close = _nothing

    def write(self, data, size=None):
        self._transport.write(data if size is None else data[:size])

    def read(self, size):
        start = self._at
        self._at += size
        if size < 0 or self._at > self._end:
            raise OSError(errno.EINVAL)  # the packet's lengths contradict each other
        data = self._source[start : self._at]
        return bytes(data) if size <= LONGEST else data  # a part of an update is used before the next packet

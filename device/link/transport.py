"""A verified TLS connection that never waits: connect, handshake, write and read advance as far as they can.

Waiting happens in `wait()` alone and for as long as the caller says. Whoever uses it owns the deadlines.
"""

import errno
import select

from ..chip.lazy import begun, lent
from ..chip.compat import const

CHUNK = const(1024)  # bytes handed to TLS at once: one record


class Transport:
    """One connection to `address`, whose certificate must carry `name` (sent as SNI) and satisfy `context`.

    Methods raise OSError, or ValueError when the certificate is not acceptable; then close() and forget it.
    """

    lender = "link.handshake"  # connected
    __init__ = begun  # (address, name, context)
    __getattr__ = lent

    def wait(self, ms):
        """Wait until something can go on, at most `ms`."""
        if self._tls:
            # A full socket is waited for too, but not during the handshake: there the peer has to speak.
            sending = self.secure and self.unsent()
            self._poll.modify(self._tls, select.POLLIN | select.POLLOUT if sending else select.POLLIN)
        self._poll.poll(ms)

    def unsent(self):
        """How many bytes wait to be sent."""
        return self._have - self._sent + len(self._lent) - self._taken

    def write(self, data):
        """Put `data` behind what waits to be sent; flush() sends it.

        What is longer than the room for short pieces is lent, not copied: it must stay as it is until nothing
        is unsent, and until then nothing can be put behind it: OSError.
        """
        if self._taken < len(self._lent):
            raise OSError(errno.ENOBUFS)
        end = self._have + len(data)
        if end > CHUNK:
            self._lent = memoryview(data)
            self._taken = 0
        else:
            self._tx[self._have : end] = data
            self._have = end

    def flush(self):
        """Send what the socket takes. True when nothing is left and when something went."""
        moved = False
        while self.unsent():
            count = min(CHUNK - self._have, len(self._lent) - self._taken)
            if count:
                self._tx[self._have : self._have + count] = self._lent[self._taken : self._taken + count]
                self._have += count
                self._taken += count
            self._chunk = self._chunk or self._have - self._sent
            count = self._tls.write(self._tx[self._sent : self._sent + self._chunk])
            if not count:
                return moved
            self.secure = moved = True
            self._sent += count
            self._chunk -= count
            if self._sent == self._have:
                self._sent = self._have = 0
        self._lent = b""
        self._taken = 0
        return moved

    def read_into(self, buffer):
        """Read what is there into `buffer` and return how many bytes, 0 when there are none now."""
        count = self._tls.readinto(buffer)
        if count is None:
            return 0
        if count == 0:
            raise OSError(errno.ECONNRESET)  # the peer closed
        return count

    def close(self):
        """Free the sockets. Never raises."""
        for sock in (self._tls, self._sock):
            try:
                if sock:
                    sock.close()
            except OSError:
                pass  # it is gone either way

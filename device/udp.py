"""One question to one server by UDP and its answers; nothing waits."""

import errno
import socket


def split(server, port):
    """("host", port) of "host" or "host:port"."""
    host, colon, own = server.partition(":")
    return host, int(own) if colon else port


class Question:
    """Sends `question` (bytes) to "address:port"; raises OSError when that cannot be sent."""

    def __init__(self, address, question):
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.connect(address)  # only its answers will be received, and its refusals
            self._sock.send(question)
        except OSError:
            self.close()
            raise

    def answer(self):
        """The next answer (bytes, up to 512) or None; OSError when the server refuses."""
        try:
            return self._sock.recv(512)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return None
            raise

    def close(self):
        self._sock.close()

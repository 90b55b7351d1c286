"""Looks up a host's IPv4 address without waiting (RFC 1035). getaddrinfo would: up to 7 s a name server."""

import errno
import os
import socket

from ..chip.compat import const

_ROUND_MS = const(2000)  # for an answer
_ROUNDS = const(3)


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


def address_of(host, port):
    """The address of `host` for connect(), by the firmware. Blocks unless `host` is numeric."""
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]


class Lookup:
    """Asks the name server `server` ("address" or "address:port") for `host`.

    Numeric hosts and names without a dot or in .local (a table or mDNS, not DNS) go to the firmware, and so
    does every name when there is no server to ask.
    """

    def __init__(self, host, port, server, clock):
        self._host = host
        self._port = port
        self._clock = clock
        self._question = None
        self._rounds = 0
        simple = "." not in host or host.endswith(".local") or host.replace(".", "").isdigit()
        self._server = None if simple or server in (None, "", "0.0.0.0") else split(server, 53)

    def step(self):
        """The address, or None while there is no answer yet. OSError when there is none to be had."""
        if self._server is None:
            return address_of(self._host, self._port)
        if self._question:
            answer = self._question.answer()
            while answer is not None:
                address = _address(answer, self._id)
                if address:
                    self.close()
                    return address_of(address, self._port)
                answer = self._question.answer()
            if self._clock.until(self._deadline) > 0:
                return None
            self.close()
        if self._rounds == _ROUNDS:
            raise OSError(errno.ETIMEDOUT)
        self._rounds += 1
        self._id = os.urandom(2)
        self._question = Question(address_of(*self._server), _query(self._id, self._host))
        self._deadline = self._clock.after(self._clock.ms(), _ROUND_MS)
        return None

    def close(self):
        """Give up; step() may be called again."""
        if self._question:
            self._question.close()
            self._question = None


def _query(number, host):
    """A question for the A records of `host`, recursion desired."""
    query = bytearray(number + b"\x01\0\0\x01\0\0\0\0\0\0")
    for label in host.encode().rstrip(b".").split(b"."):
        query.append(len(label))
        query.extend(label)
    return bytes(query) + b"\0\0\x01\0\x01"


def _address(answer, number):
    """The first IPv4 address in `answer` as text; None when it answers another question; OSError for a no."""
    if len(answer) < 12 or answer[:2] != number or answer[2] < 128:
        return None
    if answer[3] & 15:
        raise OSError(errno.ENOENT)
    try:
        at = _after_name(answer, 12) + 4
        for _ in range(answer[6] << 8 | answer[7]):
            at = _after_name(answer, at)
            size = answer[at + 8] << 8 | answer[at + 9]
            if answer[at : at + 4] == b"\0\x01\0\x01" and size == 4:  # type A, class Internet
                return "%d.%d.%d.%d" % tuple(answer[at + 10 : at + 14])
            at += 10 + size
    except (IndexError, TypeError):
        return None  # cut short
    raise OSError(errno.ENOENT)


def _after_name(answer, at):
    while answer[at]:
        if answer[at] >= 192:  # the rest of the name stands elsewhere
            return at + 2
        at += 1 + answer[at]
    return at + 1

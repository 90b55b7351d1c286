"""A TLS connection begins. Functions of a Transport."""

import errno
import select
import socket

from .transport import CHUNK

_FAILED = select.POLLERR | select.POLLHUP


def begin(transport, address, name, context):
    transport._name = name
    transport._context = context
    transport._tx = memoryview(bytearray(CHUNK))
    transport._have = 0  # bytes in _tx
    transport._sent = 0  # of them, what the socket has taken
    transport._chunk = 0  # bytes of an unfinished write: TLS wants the same length again
    transport._lent = b""  # what did not fit into _tx, and how much of it has gone there since
    transport._taken = 0
    transport.secure = False  # the handshake is done: the peer's certificate was accepted
    transport._tls = None
    transport._sock = socket.socket()
    transport._sock.setblocking(False)
    transport._poll = select.poll()
    transport._poll.register(transport._sock, select.POLLOUT)
    try:
        transport._sock.connect(address)
    except OSError as error:
        if error.errno != errno.EINPROGRESS:
            transport.close()
            raise


def connected(transport):
    """True once TCP has connected."""
    if transport._tls:
        return True
    for _, event in transport._poll.poll(0):
        if event & _FAILED:
            transport._sock.recv(1)  # raises what went wrong
            raise OSError(errno.ECONNRESET)
        _secure(transport)
        return True
    return False


def _secure(transport):
    """Let TLS begin; its handshake goes on whenever something is read or written."""
    transport._poll.unregister(transport._sock)
    transport._tls = transport._context.wrap_socket(
        transport._sock, server_hostname=transport._name, do_handshake_on_connect=False
    )
    transport._tls.setblocking(False)
    transport._poll.register(transport._tls, select.POLLIN)

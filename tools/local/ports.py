"""The port of each part, and the cure when it is taken."""

import fcntl
import os
import secrets
import socket
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

from tools.process.child import ToolFailed

PARTS = ("broker", "database", "dashboard", "mail", "ntp")
# Linux and macOS lend higher ones to connections that go out: such a port may be gone when its part starts.
OWN = range(20_000, 32_000)


def is_free(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> bool:
    """Whether we could listen there, on loopback; binding disturbs nobody, a connection would."""
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port on which nobody listens, and that no process of this user that still runs was given here."""
    while not (is_free(port := secrets.choice(OWN), kind) and _reserve(port)):
        pass
    return port


def _reserve(port: int) -> bool:
    """Lock the byte `port` of a file: the part that will listen there may start only seconds later."""
    try:
        fcntl.lockf(_reserved(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _reserved() -> IO[str]:
    """The file, open as long as this process lives: then its locks end."""
    return Path(tempfile.gettempdir(), f"vigie-ports-{os.getuid()}").open("w")


def choose(defaults: Mapping[str, int], environment: Mapping[str, str] = os.environ) -> dict[str, int]:
    """The port of each part: PORT_… of the environment, else the default given here, else (0) a free one.

    Raises ToolFailed that names every port in trouble at once, with the variable that moves it.
    """
    chosen: dict[str, int] = {}
    trouble: list[str] = []
    for part in PARTS:
        variable = f"PORT_{part.upper()}"
        kind = socket.SOCK_DGRAM if part == "ntp" else socket.SOCK_STREAM
        text = environment.get(variable, "").strip()
        port = defaults.get(part, 0)
        if text:
            if not text.isdecimal() or not 0 <= int(text) <= 65535:
                trouble.append(f"{variable}={text} is not a port: give a number from 1 to 65535")
                continue
            port = int(text)
        if port == 0:
            port = free(kind)
        elif port in chosen.values():
            trouble.append(f"port {port} is wanted twice: change {variable}")
        elif not is_free(port, kind):
            way_out = f"{variable}={free(kind)}"
            trouble.append(f"port {port} ({part}) is in use: free it, or put {way_out} before the command")
        chosen[part] = port
    if trouble:
        raise ToolFailed("\n".join(trouble))
    return chosen

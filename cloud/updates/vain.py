"""Settings that a board accepts but that cannot work, such as a password too short for any Wi-Fi."""

import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any

MOST_SSID = 32  # bytes
LEAST_WORD, MOST_WORD = 8, 63  # bytes of a WPA password


def in_vain(values: Mapping[str, Any]) -> list[str]:
    """A line for each such setting in the `values` of a config.json, with its cure."""
    unreadable = list(_unreadable(values))
    if unreadable:
        return unreadable
    return [*_wifi(values, "wifi"), *_wifi(values, "wifi2"), *_host(values), *_clock(values)]


def _unreadable(values: Mapping[str, Any], place: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _unreadable(value, f"{place}{key}.")
        elif isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            yield f"{place}{key} is no text in UTF-8: type it anew, in a terminal that is set to UTF-8"


def _wifi(values: Mapping[str, Any], which: str) -> list[str]:
    """Names and passwords that no Wi-Fi has: a chip would cut the one and try the other for ever."""
    problems = []
    wifi = values.get(which)
    ssid, password = (wifi.get(key) if isinstance(wifi, Mapping) else None for key in ("ssid", "password"))
    size = len(ssid.encode()) if isinstance(ssid, str) else 0
    if ssid == "":
        problems.append(f"{which}.ssid is empty: the network's name")
    if size > MOST_SSID:
        problems.append(
            f"{which}.ssid has {size} bytes, and a Wi-Fi's name at most {MOST_SSID} "
            "(an umlaut counts 2, an emoji 4): look it up again"
        )
    size = len(password.encode()) if isinstance(password, str) else 0
    whole_key = isinstance(password, str) and re.fullmatch("[0-9a-fA-F]{64}", password)
    if size and not LEAST_WORD <= size <= MOST_WORD and not whole_key:
        problems.append(
            f"{which}.password has {size} bytes, and a Wi-Fi's password {LEAST_WORD} to {MOST_WORD}, "
            'or 64 hex digits: look it up again; "" for a Wi-Fi without one'
        )
    return problems


def _host(values: Mapping[str, Any]) -> list[str]:
    broker = values.get("broker")
    host = broker.get("host") if isinstance(broker, Mapping) else None
    if not isinstance(host, str):
        return []
    if not host:
        return ["broker.host is empty: the broker's name"]
    if not re.fullmatch(r"[\w.-]*", host):
        return ["broker.host is more than a name: write that alone; the port is broker.port"]
    cure = "give the name or address of the broker's machine on your network"
    return [f"broker.host is {host}, which for the board is the board: {cure}"] if _is_oneself(host) else []


def _clock(values: Mapping[str, Any]) -> list[str]:
    """`ntp` is a list of "host" or "host:port"."""
    servers = values.get("ntp")
    servers = servers if isinstance(servers, list) else []
    return [
        f"ntp names {server}, which for the board is the board: give a server on its network or the internet"
        for server in servers
        if isinstance(server, str) and _is_oneself(server.rpartition(":")[0] or server)
    ]


def _is_oneself(host: str) -> bool:
    """Whether a name or address means the machine that uses it: 127.…, 0.0.0.0, localhost."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith((".localhost", "localhost.localdomain")):
        return True
    try:
        return socket.inet_aton(name)[0] in (0, 127)  # which also reads 127.1
    except (OSError, UnicodeError):
        return False

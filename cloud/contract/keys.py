"""Keys: one master secret in the cloud, one key for each device derived from it, and what they sign."""

import hmac
from collections.abc import Mapping, Sequence

MAC_BYTES = 8
MODEL = b"VGC2"  # a model of the cloud's own: this, its mac under the master key (32 bytes), its body


def device_key(master: bytes, site: str, device: str) -> bytes:
    """The 32-byte key of one device: HMAC-SHA256(master, "vigie/1/<site>/<device>")."""
    return hmac.digest(master, f"vigie/1/{site}/{device}".encode(), "sha256")


def message_mac(key: bytes, topic: str, body: bytes) -> bytes:
    """The 16 hex digits that end a board's message to `topic`; `body` is every byte before `,"mac":`."""
    head = f"{topic.rpartition('/')[2]}:{topic}:".encode()
    return hmac.digest(key, head + body, "sha256")[:MAC_BYTES].hex().encode()


def ack_mac(key: bytes, stream: str, runs: Sequence[tuple[int, int]], kind: str = "ack") -> str:
    """16 hex digits over exactly these runs in this order, under the device's own key.

    `kind`: "ack" = these readings are stored; "drop" = it is stored that their board dropped them.
    """
    text = kind + ":" + stream + ":" + ",".join(f"{first}-{last}" for first, last in runs)
    return hmac.digest(key, text.encode(), "sha256")[:MAC_BYTES].hex()


def want_mac(key: bytes, stream: str, want: Mapping[str, str | int]) -> str:
    """16 hex digits over what a board should have, by the order of the names."""
    text = f"want:{stream}:" + ",".join(f"{name}={want[name]}" for name in sorted(want))
    return hmac.digest(key, text.encode(), "sha256")[:MAC_BYTES].hex()


def link_key(master: bytes) -> bytes:
    """The 32-byte key that signs links in mails; the dashboard may know it, but never the master key."""
    return hmac.digest(master, b"vigie/1/links", "sha256")


def backup_key(master: bytes) -> bytes:
    """The 32-byte key that signs backups."""
    return hmac.digest(master, b"vigie/1/backup", "sha256")


def sign_model(master: bytes, body: bytes) -> bytes:
    """The model in its stored form: MODEL, its mac, `body`."""
    return MODEL + hmac.digest(master, MODEL + body, "sha256") + body


def open_model(blob: bytes, master: bytes) -> bytes | None:
    """The body of a stored model; None when it was not signed under this key."""
    mac, body = blob[4:36], blob[36:]
    return body if hmac.compare_digest(mac, hmac.digest(master, blob[:4] + body, "sha256")) else None

"""Settings from the cloud: a change of config.json, sealed under this board's key. The cloud seals with this.

"VGS1", number u32, nonce (16 bytes), the change as JSON, HMAC-SHA256 (32 bytes) of all before it under the
key. The JSON is encrypted: byte by byte with HMAC-SHA256(secret, nonce + block number), where the secret is
HMAC-SHA256(key, "vigie/1/config"). Numbers are big-endian.
"""

import json
import struct

from ..chip.compat import const
from ..chip.lazy import borrow

auth = borrow("auth")

MAGIC = const(b"VGS1")
CABLE = const(("v", "site", "device", "key", "number"))  # what a board is, only a cable changes
_HEADER = const(">4sI16s")
_SIZE = const(24)
_MAC = const(32)


def opened(blob, key):
    """(number, change) of what was sealed under `key`. ValueError says why not."""
    if len(blob) < _SIZE + _MAC or blob[:4] != MAGIC:
        raise ValueError("these are no settings")
    if not auth.same(auth.hmac_sha256(key, (blob[:-_MAC],)), blob[-_MAC:]):
        raise ValueError("they are damaged or for another board")
    _, number, nonce = struct.unpack(_HEADER, blob[:_SIZE])
    return number, json.loads(mixed(blob[_SIZE:-_MAC], key, nonce))


def sealed(number, change, key, nonce):
    """Seal `change` (bytes of JSON) for the board with this key. `nonce`: 16 random bytes."""
    blob = struct.pack(_HEADER, MAGIC, number, nonce) + mixed(change, key, nonce)
    return blob + auth.hmac_sha256(key, (blob,))


def mixed(data, key, nonce):
    """`data` encrypted, or decrypted again."""
    secret = auth.hmac_sha256(key, (b"vigie/1/config",))
    out = bytearray(data)
    block = b""
    for i in range(len(out)):
        if i % 32 == 0:
            block = auth.hmac_sha256(secret, (nonce, struct.pack(">I", i // 32)))
        out[i] ^= block[i % 32]
    return bytes(out)


def merged(values, change):
    """`values` of a config.json with `change` made: null takes a key away, an object changes some of one."""
    made = dict(values)
    for key in change:
        value = change[key]
        old = made.get(key)
        if isinstance(value, dict):
            if not isinstance(old, dict) or value.get("kind", old.get("kind")) != old.get("kind"):
                old = {}  # another sensor has other options
            value = merged(old, value)
        if value is None or value == {}:
            made.pop(key, None)
        else:
            made[key] = value
    return made

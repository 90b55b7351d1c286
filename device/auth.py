"""HMAC-SHA256 (RFC 2104) and a comparison that takes the same time wherever two values differ."""

import hashlib
from binascii import hexlify

from .chip.compat import const

_BLOCK = const(64)  # SHA-256 works on blocks of this many bytes


def hmac_sha256(key, parts):
    """The 32-byte HMAC-SHA256 under `key` of a message in `parts`: a file need not fit the heap."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    inner = bytearray(b"\x36" * _BLOCK)
    outer = bytearray(b"\x5c" * _BLOCK)
    for i in range(len(key)):
        inner[i] ^= key[i]
        outer[i] ^= key[i]
    digest = hashlib.sha256(inner)
    for part in parts:
        digest.update(part)
    outer = hashlib.sha256(outer)
    outer.update(digest.digest())
    return outer.digest()


def mac(key, *parts):
    """The mac of a message (docs/contract.md): 16 hex digits, as bytes, over `parts` together."""
    return hexlify(hmac_sha256(key, parts)[:8])


def same(a, b):
    """True when the bytes `a` and `b` are equal; says nothing, by its duration, about where they differ."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0

"""HMAC-SHA256 (RFC 2104) and a comparison that takes the same time wherever two values differ."""

import hashlib

_BLOCK = 64  # SHA-256 works on blocks of this many bytes


def hmac_sha256(key, message):
    """The 32-byte HMAC-SHA256 of `message` under `key` (both bytes-like)."""
    return hmac_sha256_parts(key, (message,))


def hmac_sha256_parts(key, parts):
    """The same of a message that comes in parts: a file need not fit the heap."""
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


def same(a, b):
    """True when the bytes `a` and `b` are equal; says nothing, by its duration, about where they differ."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0

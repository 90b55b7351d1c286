"""A release: the files of an application update, signed with the owner's own key, which no server has.

    "VGA1", sizes of the next two (u16, big-endian)
    facts, as JSON: number, version, expires (Unix s), mpy, firmware
    list: "SHA-256 size path" a line, the last one of the lines before it
    signature of all before it: RSA-3072 with e = 65537, PKCS#1 v1.5, SHA-256
    the files, in the order of the list

The facts and the list are the head. Its signature covers each byte of each file by its hash.
"""

import json
import struct
import sys
from hashlib import sha256

from ..chip.compat import const
from ..chip.lazy import borrow

auth = borrow("auth")

MAGIC = const(b"VGA1")
START = const(">4sHH")
START_SIZE = const(8)
RSA = const(384)  # bytes of modulus and signature
_EXPONENT = const(65537)
# What says that it is SHA-256.
_INFO = const(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20")
_CHUNK = const(256)
_MPY = const(0x7FFF)  # version, sub-version and architecture in sys.implementation._mpy


def sizes(start):
    """(bytes of the facts, bytes of the list) from the first bytes of a release. ValueError: it is none."""
    if len(start) < START_SIZE or start[:4] != MAGIC:
        raise ValueError("this is no release")
    return struct.unpack(START, start[:START_SIZE])[1:]


def verified(file, modulus):
    """The facts of the release whose head is in the open `file`, if it was signed with the owner's key.

    `file` stands at the list afterwards. ValueError says why not.
    """
    start = file.read(START_SIZE)
    facts, listed = sizes(start)
    head = file.read(facts)
    sha = sha256(start)
    sha.update(head)
    while listed > 0:
        data = file.read(min(listed, _CHUNK))
        if not data:
            break
        sha.update(data)
        listed -= len(data)
    if not signed(sha.digest(), file.read(RSA), modulus):
        raise ValueError("it is not signed with the owner's key")
    file.seek(START_SIZE + facts)
    return json.loads(head)


def signed(digest, signature, modulus):
    """Whether `signature` is one of the SHA-256 `digest` under the key with this `modulus`.

    All of the padded message is compared, so nothing in it can be varied.
    """
    number = int.from_bytes(signature, "big")
    n = int.from_bytes(modulus, "big")
    if len(signature) != RSA or len(modulus) != RSA or number >= n:
        return False
    padded = b"\x00\x01" + b"\xff" * (RSA - 3 - len(_INFO) - len(digest)) + b"\x00" + _INFO + digest
    return auth.same(pow(number, _EXPONENT, n).to_bytes(RSA, "big"), padded)


def fit(facts, newest, now, firmware=None, mpy=None):
    """ValueError says why this board must not take the release with these facts.

    newest: the number of the newest one that it kept. now: Unix s.
    """
    firmware = firmware or tuple(sys.implementation.version[:3])
    mpy = getattr(sys.implementation, "_mpy", 0) & _MPY if mpy is None else mpy
    if facts["number"] <= newest:
        raise ValueError("it is older than release %d, which was kept here" % newest)
    if facts["expires"] < now:
        raise ValueError("it has expired")
    if tuple(facts["firmware"]) > firmware:
        raise ValueError("it needs MicroPython %d.%d.%d: make flash" % tuple(facts["firmware"]))
    if facts["mpy"] not in (mpy, mpy & 0xFF):
        raise ValueError("it is for another chip or firmware")

"""An owner's key for tests, in plain Python because MicroPython runs them too; releases signed with it."""

import json
import struct
from binascii import hexlify
from hashlib import sha256

from device.update.release import MAGIC, RSA, START

# SHA-256 in PKCS#1 v1.5 (RFC 8017, 9.2).
INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
_P = int(
    "eb8ee6eea46aa200b9578bd11f2e9a4a34b2ef760ffa0d63772254ec64594c2c1c49502f0476006ff787a1536d3cfb73"
    "aeeee47b5a415010bdc8f188ed7140e6d8bb48fae583674902223d972339c8aa301f6915862d89924f1bfd20400185a0"
    "e7fbda2f0bf3e78f6c1103560c580f4f1ddd10ef14f8ae1ff73193bb3b1564b5a8ac79476e5ed391a35d26a257e2d488"
    "666faf6ea6305f3a82f78feced7b106d350c585348b915ca8bfcbddcc334b212dcec333eb438fbe381ec09c9f5e1137f",
    16,
)
_Q = int(
    "c3a09fa134b3e01f53790d7c10d2bf3a4a6800cc94b003c2e6a045368c20fba568c6445b9767c2f29e08fc733840497c"
    "73ab529661a77984ce2ce4eadd18833975c4ff181c763de0623e5cb428906b87f416554ca08755a9edd28cc975c01b13"
    "f4e7ce33fc1605035481f34753a5c1e2827a26bbbed562362768c882824ef60a9290ca541eef4a7817a032e289e7ced0"
    "a8332927ac78f9accd0611dec7fa83ba1fb1f4e3eb0afe878d6dcc32f14f18ada1d0d50777958a9f21e3bed056aa0dcf",
    16,
)
MODULUS = (_P * _Q).to_bytes(RSA, "big")
_E = 65537


def _inverse(a, n):
    """Of `a` modulo `n` (Euclid): MicroPython has no pow(a, -1, n)."""
    old, new, left, rest = 0, 1, n, a % n
    while rest > 1:
        whole = left // rest
        old, new = new, old - whole * new
        left, rest = rest, left - whole * rest
    return new % n


_D = _inverse(_E, (_P - 1) * (_Q - 1))


def sign(data, info=INFO, padding=None):
    """The signature of `data`, by the Chinese remainder theorem, which is four times as quick."""
    digest = sha256(data).digest()
    if padding is None:
        padding = b"\x00\x01" + b"\xff" * (RSA - 3 - len(info) - 32) + b"\x00" + info
    number = int.from_bytes(padding + digest, "big")
    a, b = pow(number, _D % (_P - 1), _P), pow(number, _D % (_Q - 1), _Q)
    return (b + (a - b) * _inverse(_Q, _P) % _P * _Q).to_bytes(RSA, "big")


def listed(files):
    """The list of (path, contents)."""
    lines = b"".join(_line(path, data) for path, data in files)
    return lines + _line("sha256.txt", lines)


def _line(path, data):
    return b"%s %d %s\n" % (hexlify(sha256(data).digest()), len(data), path.encode())


def release(number, files, signer=sign, **facts):
    """A release of `files`, [(path, contents), …]; `facts` replace what fits everywhere."""
    stated = {"number": number, "version": "9.9.9", "expires": 2000000000, "mpy": 6, "firmware": [1, 20, 0]}
    stated.update(facts)
    payload = json.dumps(stated).encode()
    listing = listed(files)
    head = struct.pack(START, MAGIC, len(payload), len(listing)) + payload + listing
    return head + signer(head) + b"".join(data for _, data in files)

"""The dashboard's password: only its hash is kept, scrypt with a salt of its own (RFC 7914).

    DASHBOARD_PASSWORD_HASH=scrypt:15:8:1:<salt>:<hash>

The line contains the cost (log2 n, r, p), so a later Vigie can raise it. No character of it has a meaning in
a shell, a .env file or TOML.
"""

import base64
import hashlib
import hmac
import re
import secrets

LEAST = 10  # characters
COST, BLOCK, LANES = 15, 8, 1  # each try takes 32 MB and a tenth of a second
SALT_BYTES, HASH_BYTES = 16, 32

_FORM = re.compile(r"scrypt:(1[4-8]):(8):([1-4]):([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{43})")


def hashed(password: str) -> str:
    """The line's value for `password`. Raises ValueError when it is too short."""
    if len(password) < LEAST:
        raise ValueError(f"a password needs {LEAST} characters or more; this one has {len(password)}")
    salt = secrets.token_bytes(SALT_BYTES)
    made = _scrypt(password, salt, COST, BLOCK, LANES)
    return f"scrypt:{COST}:{BLOCK}:{LANES}:{_text(salt)}:{_text(made)}"


def is_hash(text: str) -> bool:
    return _FORM.fullmatch(text) is not None


def matches(password: str, kept: str) -> bool:
    """Whether `kept` is a hash of `password`, in constant time. Raises ValueError when it is no hash."""
    match = _FORM.fullmatch(kept)
    if match is None:
        raise ValueError("not a hash of a password")
    cost, block, lanes = (int(match[k]) for k in (1, 2, 3))
    made = _scrypt(password, _bytes(match[4]), cost, block, lanes)
    return hmac.compare_digest(made, _bytes(match[5]))


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    n = 1 << cost
    return hashlib.scrypt(
        password.encode(), salt=salt, n=n, r=block, p=lanes, maxmem=256 * n * block, dklen=HASH_BYTES
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

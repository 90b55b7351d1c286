"""The login by password: a signed cookie that survives a reload, and a limit on wrong passwords.

The cookie holds no secret: it says when somebody gave the right password in this browser. It is signed under
a key derived from the password's hash, so a new password ends every login.

Wrong passwords are counted for each address, so that a stranger locks out only their own. A browser that has
logged in before is counted by itself (OWASP calls its cookie a device cookie), so a stranger behind the same
proxy does not lock it out either.
"""

import hashlib
import hmac
import ipaddress
import threading
import time
from collections import deque

from itsdangerous import BadData, TimestampSigner

from cloud import password

COOKIE = "vigie_keeper"
LASTS = 12 * 3600  # s of a login
KNOWN = 90 * 86400  # s for which a browser counts as one that has logged in
# Wrong passwords from one address or known browser in so many seconds; then it waits.
TRIES, WITHIN = 10, 60.0
REMEMBERED = 10_000  # addresses


def _signer(kept: str) -> TimestampSigner:
    key = hmac.digest(kept.encode(), b"vigie/1/keeper", "sha256")
    return TimestampSigner(key, salt=COOKIE, digest_method=hashlib.sha256)


def token(kept: str) -> str:
    """What the cookie holds after a login now. `kept`: the hash of the password."""
    return _signer(kept).sign("keeper").decode()


def is_login(cookie: str, kept: str, lasts: int = LASTS) -> bool:
    """Whether `cookie` was made by a login of the last so many seconds."""
    try:
        _signer(kept).unsign(cookie, max_age=lasts)
    except BadData:
        return False
    return True


def address_of(connection: str | None, forwarded: str | None) -> str:
    """The address for which a try counts.

    `connection`: the address at the other end, None on this machine; `forwarded`: the header X-Forwarded-For.
    Behind a proxy the other end is always the proxy. Then the last address in the header counts, because the
    visitor may have written those before it. An IPv6 network of one household (/64) counts as one address.
    """
    near = _ip(connection or "127.0.0.1")
    if near is None or not near.is_global:
        near = _ip((forwarded or "").rpartition(",")[2].strip()) or near
    if isinstance(near, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((near, 64), strict=False))
    return str(near)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class _AttemptQueue:
    """Checks passwords one after another, because each takes 32 MB and a tenth of a second."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._wrong: dict[str, deque[float]] = {}

    def attempt(self, typed: str, kept: str, who: str) -> str | None:
        with self._looking:
            now = time.monotonic()
            wrong = self._wrong.setdefault(who, deque(maxlen=TRIES))
            if len(wrong) == TRIES and wrong[0] > now - WITHIN:
                return "wait"
            if password.matches(typed, kept):
                del self._wrong[who]
                return None
            wrong.append(now)
            if len(self._wrong) > REMEMBERED:
                self._wrong = {name: of for name, of in self._wrong.items() if of and of[-1] > now - WITHIN}
        return "wrong"


class Gate:
    """Checks passwords and counts recent wrong ones; known browsers have their own queue."""

    def __init__(self) -> None:
        self._strangers, self._known = _AttemptQueue(), _AttemptQueue()

    def attempt(self, typed: str, kept: str, address: str, cookie: str = "") -> str | None:
        """None when `typed` is right, else "wrong"; "wait" when this address or known browser gave too many
        wrong passwords recently, so that `typed` was not checked."""
        if is_login(cookie, kept, KNOWN):
            return self._known.attempt(typed, kept, cookie)
        return self._strangers.attempt(typed, kept, address)

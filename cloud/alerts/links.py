"""Links in mails: signed, expiring, each valid for one action once. The token is the authorisation.

A token names an action and an alert, which is in the database. Its use is recorded by an insert with a unique
key. A link opens a page with one button: programs that scan mails follow links but do not press buttons.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

from cloud.read.causes import Cause

VALID_DAYS = 14

OldAnswer = Literal["real", "false"]  # what mails of older versions ask
Act = Literal["acknowledge", "model", OldAnswer, Cause]  # `model`: the board may have it


class LinkRefused(Exception):
    """A token that authorises nothing; `str()` is "expired" or "forged"."""


@dataclass(frozen=True)
class Permission:
    """What a token allows: one action about one alert. `id`: the key under which its use is recorded."""

    act: Act
    alert: str

    @property
    def id(self) -> str:
        return f"{self.alert}/{self.act}"


class Links:
    """Makes links and reads tokens. `base`: the dashboard's address; None = no links."""

    def __init__(self, key: bytes, base: str | None = None) -> None:
        self._signer = TimestampSigner(key, salt="vigie-link", digest_method=hashlib.sha256)
        self.base = base

    def link(self, act: Act, alert: str) -> str | None:
        if self.base is None:
            return None
        return f"{self.base}/answer?token={self._signer.sign(f'{act}.{alert}').decode()}"

    def read(self, token: str) -> Permission:
        """The permission in `token`. Raises LinkRefused."""
        try:
            text = self._signer.unsign(token, max_age=VALID_DAYS * 86400).decode()
        except SignatureExpired:
            raise LinkRefused("expired") from None
        except (BadSignature, UnicodeError):
            raise LinkRefused("forged") from None
        act, _, alert = text.partition(".")
        for name in get_args(Act):
            if act == name and alert:
                return Permission(name, alert)
        raise LinkRefused("forged")

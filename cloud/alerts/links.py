"""Links in mails: signed, expiring, each good for one action once. The token is the authorisation.

A token names an action and an alert; what it is about stands in the database. That it was used is recorded by
an insert whose key is unique. Following a link shows a page with one button: programs that look through mails
follow links but do not press buttons.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner

from cloud.read.causes import Cause

VALID_DAYS = 14

Said = Literal["real", "false"]  # what mails of older versions ask
Act = Literal["acknowledge", Said, Cause]


class Refused(Exception):
    """A token that authorises nothing: "expired" or "forged"."""


@dataclass(frozen=True)
class Permission:
    """What a token allows: one action about one alert. `id`: under which its use is recorded."""

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
        """Raises Refused."""
        try:
            text = self._signer.unsign(token, max_age=VALID_DAYS * 86400).decode()
        except SignatureExpired:
            raise Refused("expired") from None
        except (BadSignature, UnicodeError):
            raise Refused("forged") from None
        act, _, alert = text.partition(".")
        for name in get_args(Act):
            if act == name and alert:
                return Permission(name, alert)
        raise Refused("forged")

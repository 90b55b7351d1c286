"""The passwords and keys of one local stack, made once and kept in a file that only its owner can read."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.local.users import BACKEND_USER
from tools.process.files import private_write


@dataclass(frozen=True)
class Secrets:
    master_key: bytes = field(repr=False)  # 32 bytes; each device's key is made from it
    mail_key: str = field(repr=False)
    passwords: dict[str, str] = field(repr=False)  # broker user -> password
    login: str = field(repr=False)  # the dashboard's password


def load(path: Path, devices: Sequence[str]) -> Secrets:
    """Read `path`, add what is missing for `devices` ("site/name"), write it back."""
    known = _read(path)
    passwords = users(path)
    for user in (BACKEND_USER, *devices):
        passwords.setdefault(user, secrets.token_hex(16))
    master_key = str(known.get("master_key") or secrets.token_hex(32))
    mail_key = str(known.get("mail_key") or "SG." + secrets.token_urlsafe(24))
    login = str(known.get("login") or "-".join(secrets.token_hex(2) for _ in range(3)))
    wanted = {"master_key": master_key, "mail_key": mail_key, "login": login, "passwords": passwords}
    if wanted != known:
        path.parent.mkdir(parents=True, exist_ok=True)
        private_write(path, json.dumps(wanted, indent=2))
    return Secrets(bytes.fromhex(master_key), mail_key, passwords, login)


def users(path: Path) -> dict[str, str]:
    """The passwords of all broker users in `path`; none where there is no such file."""
    return {user: str(word) for user, word in _read(path).get("passwords", {}).items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}

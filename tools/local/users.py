"""Who may log in at a local broker and what each may do there, in mosquitto's formats."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from cloud.contract.messages import TOPICS
from tools.process.files import private_write

BACKEND_USER = "backend"


def write_users(folder: Path, users: Mapping[str, str]) -> None:
    """Passwords and rules in mosquitto's formats, which HiveMq.java reads too."""
    private_write(folder / "passwords", passwords(users))
    private_write(folder / "acl", acl(users))


def passwords(users: Mapping[str, str]) -> str:
    """A line for each user, as mosquitto_passwd writes it."""
    return "".join(f"{user}:{mosquitto_hash(word)}\n" for user, word in users.items())


def acl(users: Mapping[str, str]) -> str:
    """mosquitto's rules: the backend works below vigie/1, a device "site/name" only on its own topics."""
    rules: list[str] = []
    for user in users:
        rules.append(f"user {user}")
        if user == BACKEND_USER:
            rules.append(f"topic readwrite {TOPICS}/#")
            continue
        rules += [f"topic write {TOPICS}/{user}/{leaf}" for leaf in ("up", "state", "get")]
        rules += [f"topic read {TOPICS}/{user}/{leaf}" for leaf in ("ack", "part")]
    return "\n".join(rules) + "\n"


def mosquitto_hash(password: str, iterations: int = 101) -> str:
    """`$7$` of mosquitto_passwd: PBKDF2 with SHA-512. The passwords are random, so few iterations do."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    return f"$7${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"

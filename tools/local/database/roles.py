"""Two users for MongoDB, each with no more than it needs: one for the backend, one for the dashboard.

    MONGODB_URI=mongodb://admin:…@host/admin python -m tools roles

An administrator of a MongoDB runs it, and may repeat it at any time: it brings the roles up to date and makes
both passwords anew. Atlas has no such commands: docs/security.md says how to set the same rights there.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from tools.process.child import ToolFailed, WrongUse

Document = dict[str, Any]

EVERYTHING = ""  # all collections of the database
READ = ("find", "listCollections", "collStats", "dbStats")
# What each user may do, by collection. Nobody may drop anything, run commands or see other databases.
RIGHTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "vigie-backend": {
        EVERYTHING: (*READ, "insert", "update", "remove", "createIndex"),  # who may insert may create
    },
    "vigie-dashboard": {
        EVERYTHING: READ,
        "labels": ("insert",),
        "acknowledgements": ("insert",),
    },
}


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    uri = environment.get("MONGODB_URI", "").strip()
    name = environment.get("MONGODB_DATABASE", "").strip() or "vigie"
    if argv or not uri:
        why = "it takes no arguments" if argv else "MONGODB_URI is not set"
        raise WrongUse(
            f"{why}; as an administrator: MONGODB_URI=mongodb://admin:…@host/admin python -m tools roles"
        )
    try:
        with MongoClient[Document](uri, serverSelectionTimeoutMS=5000) as client:
            passwords = make(client[name])
    except OperationFailure as problem:
        if problem.code in (13, 18, 8000):
            raise ToolFailed("the database refuses this: MONGODB_URI must be an administrator's") from problem
        raise ToolFailed(f"the database refused this: {problem}") from problem
    except (PyMongoError, ValueError) as problem:
        raise ToolFailed(f"the database of MONGODB_URI does not answer: {problem}") from problem
    print("Put each line into the .env of its program; the passwords are shown only here.")
    for user, password in passwords.items():
        print(f"{user}:  MONGODB_URI={address(uri, user, password, name)}")
    return 0


def make(database: Database[Document]) -> dict[str, str]:
    """Create or renew the roles and users; returns the password by user. Raises PyMongoError."""
    passwords = {}
    roles = {role["role"] for role in database.command("rolesInfo")["roles"]}
    users = {user["user"] for user in database.command("usersInfo")["users"]}
    for user, rights in RIGHTS.items():
        privileges = [
            {"resource": {"db": database.name, "collection": collection}, "actions": list(actions)}
            for collection, actions in rights.items()
        ]
        change = "updateRole" if user in roles else "createRole"
        database.command(change, user, privileges=privileges, roles=[])
        passwords[user] = secrets.token_urlsafe(24)
        change = "updateUser" if user in users else "createUser"
        database.command(change, user, pwd=passwords[user], roles=[user])
    return passwords


def address(uri: str, user: str, password: str, database: str) -> str:
    """The administrator's `uri` as `user` would write it."""
    scheme, _, rest = uri.partition("://")
    hosts = rest.split("/", 1)[0].rpartition("@")[2]
    options = rest.partition("?")[2]
    kept = [part for part in options.split("&") if part and not part.lower().startswith("authsource=")]
    tail = "&".join([f"authSource={database}", *kept])
    return f"{scheme}://{quote(user)}:{quote(password, safe='')}@{hosts}/?{tail}"

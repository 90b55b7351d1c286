"""A mongod that asks for passwords, with the users that `python -m tools roles` makes."""

import os
from contextlib import contextmanager

from pymongo import MongoClient

from tools.local import ports
from tools.local.database import roles
from tools.local.database.mongod import Database

NAME = "vigie"


@contextmanager
def guarded_mongod(folder):
    """{"admin": uri, "vigie-backend": uri, "vigie-dashboard": uri}"""
    port = ports.free()
    open_door = Database(folder / "db", folder / "log", port=port)
    open_door.start()
    with MongoClient(open_door.uri) as client:
        client.admin.command("createUser", "root", pwd="root", roles=["root"])
    open_door.stop()
    key = folder / "key"
    key.write_text("a" * 64)
    os.chmod(key, 0o600)
    arguments = ("--auth", "--keyFile", str(key))
    closed = Database(folder / "db", folder / "log", port=port, arguments=arguments)
    closed.start()
    admin = f"mongodb://root:root@127.0.0.1:{port}/admin?directConnection=true"
    try:
        yield {"admin": admin, **uris(admin)}
    finally:
        closed.stop()


def uris(admin):
    """Renews the users' passwords."""
    with MongoClient(admin) as client:
        passwords = roles.make(client[NAME])
    return {user: roles.address(admin, user, password, NAME) for user, password in passwords.items()}

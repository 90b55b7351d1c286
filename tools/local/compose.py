"""`python -m tools compose …`: what the services of compose.yaml need but cannot make themselves.

    files              certificates, passwords, keys, the broker's rules; kept when they are there
    users              the replica set, and the database's two users
    show SITE/DEVICE   what `make provision` must know of a board, as lines for .env

Everything is in one folder (HOUSE, /house in a container) with a part for each service, which sees only its
own part.
"""

import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from cloud.contract import keys
from cloud.settings import old_language
from tools.local import pki, secrets_file
from tools.local.broker import hivemq
from tools.local.database import roles
from tools.local.database.mongod import SET_NAME, begin_set
from tools.local.users import BACKEND_USER, write_users
from tools.process.child import ToolFailed, WrongUse
from tools.process.files import private_write
from tools.process.waiting import insist

USAGE = "usage: python -m tools compose files | users | show SITE/DEVICE"
BROKER, PORT = "broker", 8883  # the service's name and the broker's port
DATABASE = "vigie"
BOARD = re.compile(r"[A-Za-z0-9_-]{1,32}/[A-Za-z0-9_-]{1,32}")
TIMEOUT = 60.0  # s for the replica set to begin


def main(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    house = Path(environment.get("HOUSE", "/house"))
    match list(argv):
        case ["files"]:
            if renamed := old_language(".env", environment):  # compose.yaml gives it from nowhere else
                raise ToolFailed(renamed[0])
            files(house, _boards(environment), _words(environment.get("NAMES", "")), _broker(environment))
        case ["users"]:
            users(house, _words(environment.get("DATABASE", "database:27017")))
        case ["show", board]:
            print("\n".join(show(house, board)))
        case _:
            raise WrongUse(USAGE)
    return 0


def files(house: Path, boards: Sequence[str], names: Sequence[str], broker: tuple[str, int]) -> None:
    """Make what is missing. `names`: what boards on the network call this machine."""
    for part in (house / "broker", house / "database", house / "backend", house / "dashboard"):
        part.mkdir(parents=True, exist_ok=True)
    known = secrets_file.load(house / "secrets.json", boards)
    made = pki.ensure(house / "pki", [BROKER, "localhost", "127.0.0.1", *names])
    write_users(house / "broker", {user: known.passwords[user] for user in (BACKEND_USER, *boards)})
    config = hivemq.configuration(house / "broker", made, port=broker[1], address="0.0.0.0")  # noqa: S104
    private_write(house / "broker" / "config.xml", config)
    for name, size in (("key", 48), ("root-password", 24)):
        if not (house / "database" / name).exists():
            private_write(house / "database" / name, secrets.token_hex(size))
    (house / "backend" / "ca.pem").write_bytes(made.ca_pem.read_bytes())
    _set(
        house / "backend" / ".env",
        {
            "MQTT_HOST": broker[0],
            "MQTT_PORT": str(broker[1]),
            "MQTT_USER": BACKEND_USER,
            "MQTT_PASSWORD": known.passwords[BACKEND_USER],
            "MQTT_CA": str((house / "backend" / "ca.pem").resolve()),
            "MONGODB_DATABASE": DATABASE,
            "VIGIE_KEY": known.master_key.hex(),
        },
    )
    link = keys.link_key(known.master_key).hex()
    _set(house / "dashboard" / ".env", {"MONGODB_DATABASE": DATABASE, "LINK_KEY": link})
    print(f"boards: {', '.join(boards)}; the broker is called {', '.join([BROKER, 'localhost', *names])}")


def users(house: Path, hosts: Sequence[str]) -> None:
    """Begin the replica set of `hosts` and make both users; keep what already works. Raises ToolFailed."""
    login = f"mongodb://root:{quote((house / 'database' / 'root-password').read_text())}@"
    first = f"{login}{hosts[0]}/admin?directConnection=true"
    uri = first if len(hosts) == 1 else f"{login}{','.join(hosts)}/admin?replicaSet={SET_NAME}"
    try:
        with _connect(first) as client:
            begin_set(client, hosts[:1], {})
        with _connect(uri) as client:
            trouble = f"the replica set at {hosts[0]} does not begin: see docker compose logs database"
            insist(lambda: client.admin.command("hello").get("isWritablePrimary"), TIMEOUT, trouble)
            _add_members(client, hosts)
            if all(_works(house / part / ".env", hosts) for part in ("backend", "dashboard")):
                print("the database and its users are as they were")
                return
            passwords = roles.make(client[DATABASE])
    except PyMongoError as problem:
        raise ToolFailed(f"the database at {', '.join(hosts)} refuses this: {problem}") from problem
    for part in ("backend", "dashboard"):
        user = f"vigie-{part}"
        address = roles.address(uri, user, passwords[user], DATABASE)
        _set(house / part / ".env", {"MONGODB_URI": address})
    print(f"the database has the users {', '.join(passwords)}")


def show(house: Path, board: str) -> list[str]:
    """Lines for the .env beside which `make provision` runs. Raises ToolFailed."""
    if not (house / "secrets.json").exists():
        raise ToolFailed(
            f"there is no {house}/secrets.json: in compose this is\n"
            f"    docker compose run --rm -T files python -m tools compose show {board}"
        )
    known = secrets_file.load(house / "secrets.json", [])
    if board not in known.passwords:
        boards = ", ".join(sorted(set(known.passwords) - {BACKEND_USER}))
        raise ToolFailed(f"{board} is none of BOARDS: there are {boards}")
    return [
        f"MQTT_PORT={PORT}",
        "MQTT_CA=ca.pem",
        f"VIGIE_KEY={known.master_key.hex()}",
        f"SITE={board.partition('/')[0]}",
        f"BOARD_USER={board}",
        f"BOARD_PASSWORD={known.passwords[board]}",
    ]


def _boards(environment: Mapping[str, str]) -> list[str]:
    boards = _words(environment.get("BOARDS", "")) or ["home/C001"]
    for board in boards:
        if not BOARD.fullmatch(board):
            raise ToolFailed(f'BOARDS: "{board}" is no SITE/DEVICE such as home/C001')
    return boards


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", text) if word]


def _broker(environment: Mapping[str, str]) -> tuple[str, int]:
    """Where the backend finds the broker; another place than in compose.yaml only in tests."""
    host, _, port = environment.get("BROKER", f"{BROKER}:{PORT}").partition(":")
    return host, int(port)


def _set(file: Path, values: Mapping[str, str]) -> None:
    """Put values into an .env; other lines stay. A shell and cloud.settings read it alike."""
    known = dict(line.split("=", 1) for line in file.read_text().splitlines()) if file.exists() else {}
    known |= {name: f"'{value}'" for name, value in values.items()}
    private_write(file, "".join(f"{name}={value}\n" for name, value in known.items()))


def _works(file: Path, hosts: Sequence[str]) -> bool:
    """Whether the user in this .env can log in, at all of `hosts`."""
    uri = re.search(r"^MONGODB_URI='(.*)'$", file.read_text(), re.MULTILINE)
    if uri is None or f"@{','.join(hosts)}/" not in uri[1]:
        return False
    try:
        with MongoClient[roles.Document](uri[1], serverSelectionTimeoutMS=10_000) as client:
            client[DATABASE]["latest"].find_one({}, {"_id": 1})
    except OperationFailure:
        return False
    return True


def _connect(uri: str) -> MongoClient[roles.Document]:
    return MongoClient(uri, serverSelectionTimeoutMS=int(TIMEOUT * 1000))


def _add_members(client: MongoClient[roles.Document], hosts: Sequence[str]) -> None:
    """Add one member at a time, as MongoDB demands; each copies what there is."""
    for host in hosts:
        config = client.admin.command("replSetGetConfig")["config"]
        if host not in {member["host"] for member in config["members"]}:
            number = 1 + max(member["_id"] for member in config["members"])
            config["members"].append({"_id": number, "host": host})
            config["version"] += 1
            client.admin.command("replSetReconfig", config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

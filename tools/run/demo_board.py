"""`make demo-board DEVICE=C004`: a real board may join the demo that runs.

Adds its login to the demo's broker and writes its settings, ready for `make provision FILE=…`.
"""

import fcntl
import ipaddress
import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud.contract import keys
from tools.board import arguments
from tools.board.cable import screen
from tools.board.provisioning import certificate
from tools.local import pki, secrets_file
from tools.local.broker.broker import lets_in
from tools.local.stack import RUNNING, SITE, shown
from tools.process.child import ToolFailed
from tools.process.files import private_write
from tools.process.waiting import insist

FOLDER = Path("var/demo")
NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
ADMITTED_S = 30.0  # until the demo's broker has read its users again
NOT_RUNNING = """\
no demo runs here that a board could join. In another terminal
    LISTEN=0.0.0.0 make demo
and once more when it says "all is up\""""
NOT_LISTENING = """\
the demo listens to this computer alone. End it (Ctrl-C), start it with
    LISTEN=0.0.0.0 make demo
and run this again"""
SETTINGS = """\
# A real board in the demo on this computer, by `make demo-board`. Wi-Fi and sensor may stand here too, as in
# docs/board.md; else `make provision` asks for them.
site = "{site}"
device = "{device}"
key = "{key}"
period_ms = 2000
ntp = ["{address}:{ntp}", "pool.ntp.org"]

[broker]
host = "{address}"
port = {broker}
name = "{name}"
ca = "pki/ca.der"
user = "{site}/{device}"
password = "{password}"
"""


def running(folder: Path) -> dict[str, Any]:
    """Where the demo in `folder` listens. Raises ToolFailed when none runs there."""
    try:
        with (folder / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass
    except OSError:  # somebody holds it: a demo runs
        try:
            return dict(json.loads((folder / RUNNING).read_text()))
        except (FileNotFoundError, ValueError):
            pass  # it is not ready
    raise ToolFailed(NOT_RUNNING)


def where(address: str) -> str:
    """This computer's address on the network: `address`, or what it can find out. Raises ToolFailed."""
    address = address or pki.address_of_this_machine() or ""
    try:
        usable = not ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        usable = False
    if not usable:
        raise ToolFailed(
            f"{address or 'nothing'} is no address by which a board reaches this computer: say which is\n"
            "    make demo-board DEVICE=C004 ADDRESS=192.168.1.20"
        )
    return address


def await_login(port: int, ca: Path, user: str, password: str) -> None:
    """Wait until the demo's broker lets the new user in. Raises ToolFailed."""
    trouble = f"the demo's broker does not let {user} in: what does {FOLDER}/log/broker.log say?"
    insist(lambda: lets_in("localhost", port, ca, user, password), ADMITTED_S, trouble, 0.3)


@arguments.run
def main(
    device: Annotated[str, typer.Argument(envvar="DEVICE", help="The new board's name.")] = "C004",
    address: Annotated[
        str, typer.Option("--address", envvar="ADDRESS", help="This computer's on the board's network.")
    ] = "",
) -> int:
    """Let a real board join the demo that runs."""
    demo = running(FOLDER)
    if not NAME.fullmatch(device):
        raise ToolFailed(f"DEVICE={device} is no board's name: letters, digits, - and _, at most 32")
    if device in demo["boards"]:
        raise ToolFailed(f"{device} is one of the demo's own boards: take another name, such as DEVICE=C004")
    if demo["address"] in ("127.0.0.1", "localhost"):
        raise ToolFailed(NOT_LISTENING)
    address = where(address)
    user = f"{SITE}/{device}"
    known = secrets_file.load(FOLDER / "secrets.json", [user])  # the demo sees that, and lets it in
    ca = FOLDER / "pki" / "ca.der"
    await_login(demo["broker"], ca.with_suffix(".pem"), user, known.passwords[user])
    screen.tick("broker", f"lets {user} in, at {address}:{demo['broker']}")
    name = certificate.name_for_board("127.0.0.1", demo["broker"], ca.read_bytes())
    text = SETTINGS.format(
        site=SITE,
        device=device,
        key=keys.device_key(known.master_key, SITE, device).hex(),
        address=address,
        ntp=demo["ntp"],
        broker=demo["broker"],
        name=name,
        password=known.passwords[user],
    )
    file = FOLDER / f"{device}.toml"
    if file.exists() and file.read_text() != text:
        file.replace(file.with_suffix(".toml.old"))
        screen.tick("kept", f"what stood in {shown(file)} is {shown(file)}.old now", "warn")
    private_write(file, text)
    screen.tick("written", f"{shown(file)}: address, certificate's name ({name}), CA, clock, site, key")
    screen.tick("next", "make flash, if there is no MicroPython on the board yet", "plain")
    screen.tick("next", f"make provision FILE={shown(file)}", "plain")
    return 0

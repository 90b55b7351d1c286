"""`make provision DEVICE=C001`: writes Wi-Fi, broker, sensor and key to the board, checks them, starts it."""

import getpass
import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from dotenv import dotenv_values

from cloud.updates.settings import encoded, masked
from device.config import config
from tools.board import arguments, release
from tools.board.cable import port, screen
from tools.board.cable.raw_repl import RawRepl
from tools.board.deploy import Firmware, watch
from tools.board.provisioning import board_settings, certificate, limits_word, pins
from tools.board.provisioning.board_settings import Provision
from tools.process.child import ToolFailed

CONFIG = "/config.json"
OWNER = "/release.key"  # the modulus of the owner's key, which signs releases
CA = "/ca.der"
DATE = "/date.txt"


def environment() -> dict[str, str]:
    """The environment; below it, the .env that the backend also reads."""
    return {**{key: value for key, value in dotenv_values(".env").items() if value}, **os.environ}


def ask(question: str, secret: bool, default: str | None) -> str:
    """Ask at the terminal; a secret is not shown, and gets into no shell history."""
    if secret:
        return getpass.getpass(f"  {question}: ")
    hint = f" [{default}]" if default else ""
    return input(f"  {question}{hint}: ").strip() or default or ""


def authority(wanted: Provision) -> bytes:
    """The CA's DER for `wanted`, tried from this computer before a board gets it. Raises ToolFailed.

    When the broker is given by its address, a name of its certificate becomes broker.name.
    """
    broker = config.check(json.loads(json.dumps(wanted.config)))["broker"]
    host, number, name = broker["host"], broker["port"], broker["name"]
    if wanted.ca is None:
        with screen.waiting(f"asking {host} for its certificate …"):
            der = certificate.from_broker(host, number)
        screen.tick("CA", f"the root that this computer trusts for {host}, {len(der)} bytes of DER")
    else:
        der = certificate.from_file(Path(wanted.ca))
    try:
        with screen.waiting(f"checking the certificate of {host} …"):
            if certificate.is_address(name):
                name = wanted.config["broker"]["name"] = certificate.name_for_board(host, number, der)
                screen.tick(
                    "name", f"its certificate is for {name}: the board checks it by this name (broker.name)"
                )
            certificate.check(host, number, name, der)
        if wanted.ca:
            screen.tick("CA", f"{wanted.ca} verifies {host}:{number}")
    except OSError as error:
        if certificate.is_address(name):
            raise ToolFailed(
                f"{host}:{number} is out of reach here ({error}), and a board checks a certificate by its "
                "name only: start the broker, or give a name of its certificate with broker.name"
            ) from None
        screen.tick("CA", f"{wanted.ca}; not tried, {host}:{number} is out of reach here ({error})", "warn")
    return der


def write(wire: RawRepl, wanted: Provision, ca: bytes) -> None:
    """Write to the board, and read back. Raises ToolFailed."""
    data = encoded(wanted.config)
    for path, body in ((CA, ca), (DATE, certificate.date(ca)), (CONFIG, data)):
        wire.put(path, body, whole=True)
        if wire.get(path) != body:
            raise ToolFailed(f"{path} came back different: is the board's flash worn out, or the line noisy?")


def owner(named: str | None) -> bytes | None:
    """What the board shall know of the owner's key; None where there is none. Raises ToolFailed."""
    public = Path(named) if named else release.KEY.with_suffix(release.PUBLIC)
    if not named and not public.exists():
        text = "no key yet, so the board takes no application over the air: python -m tools release"
        screen.tick("owner", text, "plain")
        return None
    known = release.modulus(public)
    screen.tick("owner", f"{public}: the board takes releases that this key has signed, and no others")
    return known


def read_back(wire: RawRepl) -> dict[str, Any]:
    """The configuration on the board. Raises ToolFailed when there is none or it is broken."""
    data = wire.get(CONFIG)
    if data is None:
        raise ToolFailed("this board has no configuration: make provision DEVICE=C001 gives it one")
    try:
        values = json.loads(data)
    except ValueError:
        raise ToolFailed("the board's config.json is not JSON: make provision again") from None
    return dict(values) if isinstance(values, dict) else {}


def refuse_other(values: Mapping[str, Any], device: str) -> None:
    """Raises ToolFailed when the board with the configuration `values` is not `device`."""
    name = values.get("device")
    if device and name != device:
        raise ToolFailed(f"this board is {name}, not {device}: plug in the other one")


def show(wire: RawRepl, device: str = "") -> int:
    """Print the board's configuration without its secrets, and what is wrong with it. `device`: only this."""
    values = read_back(wire)
    refuse_other(values, device)
    screen.say(json.dumps(masked(values), indent=2, ensure_ascii=False))
    try:
        config.check(values)
    except config.ConfigError as error:
        for problem in error.problems:
            screen.tick("config", problem, "bad")
        return 1
    if wire.get(CA) is None:
        screen.tick("CA", "there is no /ca.der: make provision again", "bad")
        return 1
    if problems := pins.problems(values, Firmware.ask(wire).machine):
        screen.tick("config", "\n".join(problems), "bad")
        return 1
    screen.tick("config", "complete and valid")
    return 0


@arguments.run
def main(
    device: Annotated[
        str, typer.Argument(envvar="DEVICE", help="The board's name, such as C001; a FILE may hold it.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--file", envvar="FILE", help="A TOML file with the settings.")
    ] = None,
    port_name: arguments.PortOption = None,
    shown: Annotated[bool, typer.Option("--show", help="Read the board's settings back, checked.")] = False,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Do not wait for the start.")] = False,
) -> int:
    """Tell a board its name, network, broker and sensor."""
    if shown:
        with RawRepl(port.find(port_name)) as wire:
            wire.stop()
            return show(wire, device)
    asks = sys.stdin.isatty()
    with ExitStack() as opened:  # when a person can answer, ask the board first which chip it has
        board = connected(port_name, opened) if asks else None
        chip = pins.chip_of(board[1]) if board else None
        wanted = board_settings.gather(
            device, file, environment(), ask if asks else None, (chip or pins.CHIPS[""]).wires
        )
        if wanted.config.get("sensor", {"kind": "simulated"})["kind"] == "simulated":
            screen.tick(
                "sensor",
                "simulated: the board makes its readings up; [sensor] in a FILE names a real one",
                "warn",
            )
        if not wanted.config["wifi"].get("password"):
            screen.tick(
                "Wi-Fi", f"{wanted.config['wifi']['ssid']} without a password, as an open one", "warn"
            )
        limits_word.tell(wanted.config, environment())
        ca = authority(wanted)
        known = owner(environment().get("RELEASE_PUB"))
        wire, machine = board or connected(port_name, opened)
        pins.fit(wanted.config, machine)
        write(wire, wanted, ca)
        if known:
            wire.put(OWNER, known, whole=True)
        screen.tick(
            "written", f"{wanted.config['site']}/{wanted.config['device']}; its secrets stay on the board"
        )
        return 0 if no_watch or watch(wire) else 1


def connected(port_name: str | None, opened: ExitStack) -> tuple[RawRepl, str]:
    """The stopped board, and what its firmware says of its chip. Raises ToolFailed."""
    device = port.find(port_name)
    screen.tick("port", f"{device.device} ({device.about})")
    wire = opened.enter_context(RawRepl(device))
    wire.stop()
    return wire, Firmware.ask(wire).machine

"""`make provision DEVICE=C001`: Wi-Fi, broker, sensor and key onto the board; read back, checked, started."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from dotenv import dotenv_values

from device import config
from tools.board import certificate, command, port, screen, settings
from tools.board.deploy import Firmware, watch
from tools.board.settings import Provision
from tools.board.wire import Wire
from tools.child import Failed

CONFIG = "/config.json"
CA = "/ca.der"


def environment() -> dict[str, str]:
    """The environment, before the .env that the backend reads too."""
    return {**{key: value for key, value in dotenv_values(".env").items() if value}, **os.environ}


def ask(question: str, secret: bool, default: str | None) -> str:
    """At the terminal; what is secret is not shown, and is in no shell history."""
    if secret:
        return getpass.getpass(f"  {question}: ")
    hint = f" [{default}]" if default else ""
    return input(f"  {question}{hint}: ").strip() or default or ""


def authority(wanted: Provision) -> bytes:
    """The CA's DER for `wanted`; a wrong one is refused here and not by the board at night. Raises Failed."""
    broker = config.check(json.loads(json.dumps(wanted.config)))["broker"]
    host, number = broker["host"], broker["port"]
    if wanted.ca is None:
        with screen.waiting(f"asking {host} for its certificate …"):
            der = certificate.from_broker(host, number)
        screen.tick("CA", f"the root that this computer trusts for {host}, {len(der)} bytes of DER")
        return der
    der = certificate.from_file(Path(wanted.ca))
    try:
        with screen.waiting(f"checking {wanted.ca} against {host} …"):
            certificate.check(host, number, broker["name"], der)
        screen.tick("CA", f"{wanted.ca} verifies {host}:{number}")
    except OSError as error:
        screen.tick("CA", f"{wanted.ca}; not tried, {host}:{number} is out of reach here ({error})", "warn")
    return der


def write(wire: Wire, wanted: Provision, ca: bytes) -> None:
    """Onto the board, and read back. Raises Failed."""
    data = json.dumps(wanted.config).encode()
    for path, body in ((CA, ca), (CONFIG, data)):
        wire.put(path, body, whole=True)
        if wire.get(path) != body:
            raise Failed(f"{path} came back different: is the board's flash worn out, or the line noisy?")


def read_back(wire: Wire) -> dict[str, Any]:
    """The configuration on the board. Raises Failed when there is none or it is broken."""
    data = wire.get(CONFIG)
    if data is None:
        raise Failed("this board has no configuration: make provision DEVICE=C001 gives it one")
    try:
        values = json.loads(data)
    except ValueError:
        raise Failed("the board's config.json is not JSON: make provision again") from None
    return dict(values) if isinstance(values, dict) else {}


def refuse_other(values: Mapping[str, Any], device: str) -> None:
    """Raises Failed when a board with the configuration `values` is not the `device` that was asked for."""
    name = values.get("device")
    if device and name != device:
        raise Failed(f"this board is {name}, not {device}: plug in the other one")


def show(wire: Wire, device: str = "") -> int:
    """Print the board's configuration without its secrets, and what is wrong with it. `device`: only this."""
    values = read_back(wire)
    refuse_other(values, device)
    screen.say(json.dumps(settings.masked(values), indent=2, ensure_ascii=False))
    try:
        config.check(values)
    except config.ConfigError as error:
        for problem in error.problems:
            screen.tick("config", problem, "bad")
        return 1
    if wire.get(CA) is None:
        screen.tick("CA", "there is no /ca.der: make provision again", "bad")
        return 1
    screen.tick("config", "complete and valid")
    return 0


@command.run
def main(
    device: Annotated[str, typer.Argument(envvar="DEVICE", help="The board's name, such as C001.")] = "",
    file: Annotated[
        Path | None, typer.Option("--file", envvar="FILE", help="A TOML file with the settings.")
    ] = None,
    port_name: command.PortOption = None,
    shown: Annotated[bool, typer.Option("--show", help="Read the board's settings back, checked.")] = False,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Do not wait for the start.")] = False,
) -> int:
    """Tell a board its name, network, broker and sensor."""
    if shown:
        with Wire(port.find(port_name)) as wire:
            wire.stop()
            return show(wire, device)
    if not device:
        raise Failed("which board? make provision DEVICE=C001")
    asks = sys.stdin.isatty()
    found = port.find(port_name) if asks else None  # nobody answers ten questions to hear that none is there
    wanted = settings.gather(device, file, environment(), ask if asks else None)
    if wanted.config.get("sensor", {"kind": "simulated"})["kind"] == "simulated":
        screen.tick(
            "sensor",
            "simulated: the board makes its readings up; [sensor] in a FILE names a real one",
            "warn",
        )
    ca = authority(wanted)
    found = found or port.find(port_name)
    screen.tick("port", f"{found.device} ({found.about})")
    with Wire(found) as wire:
        wire.stop()
        settings.check_pins(wanted.config, Firmware.ask(wire).machine)
        write(wire, wanted, ca)
        site = wanted.config["site"]
        screen.tick("written", f"{site}/{device}; its key is made from VIGIE_KEY; secrets stay on the board")
        return 0 if no_watch or watch(wire) else 1

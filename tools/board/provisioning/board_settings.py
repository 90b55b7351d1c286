"""A board's settings, from a TOML file, the environment and questions; all are checked before one is written.

The file has the keys of config.json (device/config/config.py): one schema for PC and board. `broker.ca`
names a certificate on this computer, PEM or DER; on the board it is /ca.der.
"""

import copy
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.contract.keys import device_key
from cloud.updates.settings import get, put
from cloud.updates.vain import in_vain
from device.config import config
from device.config.schema import SENSORS
from tools.board.provisioning import pins
from tools.process.child import ToolFailed

# Where a value comes from when the file does not give it. MQTT_… and VIGIE_KEY are the backend's too (.env).
ENVIRONMENT = {
    "SITE": ("site",),
    "WIFI_SSID": ("wifi", "ssid"),
    "WIFI_PASSWORD": ("wifi", "password"),
    "MQTT_HOST": ("broker", "host"),
    "BOARD_PORT": ("broker", "port"),  # where boards log in, should that be another one than the backend's
    "MQTT_PORT": ("broker", "port"),
    "MQTT_CA": ("broker", "ca"),
    "BOARD_USER": ("broker", "user"),
    "BOARD_PASSWORD": ("broker", "password"),
}
# The questions for missing values: place, question, secret, default.
Question = tuple[tuple[str, ...], str, bool, str | None]
QUESTIONS: tuple[Question, ...] = (
    (("site",), "Site", False, "home"),
    (("wifi", "ssid"), "Wi-Fi network (2.4 GHz)", False, None),
    (("wifi", "password"), "Wi-Fi password", True, None),
    (("broker", "host"), "Broker's host", False, None),
    (("broker", "user"), "Broker's user of this board", False, None),
    (("broker", "password"), "Broker's password of this board", True, None),
)
# A space at an end may belong to them.
WITH_SPACES = (("wifi", "ssid"), ("wifi", "password"), ("broker", "password"))
NO_KEY = """\
VIGIE_KEY is missing: the board's key, for models and acknowledgements, is made from it
    first time: python -c "import secrets; print('VIGIE_KEY=' + secrets.token_hex(32))" >> .env
    else copy it from the .env of your backend"""

MISSING = " is missing: "
WITHOUT_FILE = f"""\
make provision DEVICE={{device}} FILE={{device}}.toml gives them (an example: docs/board.md),
    or the environment and .env: {", ".join(ENVIRONMENT)}"""

Ask = Callable[[str, bool, str | None], str]


@dataclass(frozen=True)
class Provision:
    """`config`: config.json as it goes onto the board. `ca`: the certificate file's path here, or None."""

    config: dict[str, Any] = field(repr=False)
    ca: str | None


def gather(
    device: str,
    file: Path | None,
    environment: Mapping[str, str],
    ask: Ask | None,
    wires: Mapping[str, int] = pins.CHIPS[""].wires,
) -> Provision:
    """All values for `device` (""; the file names it); `ask(question, secret, default)` for missing ones.

    `wires`: where a sensor usually hangs on the chip that is plugged in. Raises ToolFailed.
    """
    values = read(file) if file else {}
    name = str(file) if file else "settings"
    _refuse([problem for problem in _problems(values, name) if MISSING not in problem], device, file)
    device = device or str(values.get("device", ""))
    if not device:
        raise ToolFailed("which board? make provision DEVICE=C001, or device in a FILE")
    if values.get("device", device) != device:
        raise ToolFailed(
            f"{name}: device is {values['device']!r}, you asked for {device}: change one of them"
        )
    values["device"] = device
    for variable, place in ENVIRONMENT.items():
        text = environment.get(variable, "")
        text = text if place in WITH_SPACES and text.strip() else text.strip()
        if text and get(values, place) is None:
            if variable == "MQTT_CA":
                text = str(Path(text).absolute())  # meant from here, not from the file's folder
            put(values, place, int(text) if variable.endswith("_PORT") and text.isdecimal() else text)
    for about in QUESTIONS:
        if get(values, about[0]) is None and ask:
            _answer(ask, values, name, about)
    if "sensor" not in values and ask:
        values["sensor"] = _sensor(ask, wires)
    ca = get(values, ("broker", "ca"))
    if "key" not in values:
        values["key"] = _key(values, device, environment)
    _refuse(_problems(values, name), device, file)
    values["broker"]["ca"] = "/ca.der"
    if ca is not None and file:
        ca = str(file.parent / ca)  # a relative path is meant from the file's folder
    return Provision({"v": 1, **values}, ca)


def _answer(ask: Ask, values: dict[str, Any], name: str, about: Question) -> None:
    """Ask until the answer is valid, before the next question."""
    place, question, secret, default = about
    at = f"{name}: {'.'.join(place)} "
    asked = question
    while asked:
        put(values, place, ask(asked, secret, default))
        problem_text = next((problem for problem in _problems(values, name) if problem.startswith(at)), "")
        asked = f"{problem_text.removeprefix(f'{name}: ')}\n  {question}" if problem_text else ""


def _refuse(problems: Sequence[str], device: str, file: Path | None) -> None:
    if problems:
        without = not file and any(MISSING in problem for problem in problems)
        ways = [WITHOUT_FILE.format(device=device)] if without else []
        raise ToolFailed("\n".join(["nothing was written:", *problems, *ways]))


def _problems(values: Mapping[str, Any], name: str) -> list[str]:
    """Complaints about what the board would refuse, or would try without success."""
    try:
        config.check(copy.deepcopy(dict(values)), name)
        problems = []
    except config.ConfigError as error:
        problems = list(error.problems)
    if get(values, ("broker", "ca")) == "":
        problems.append(
            f"{name}: broker.ca is empty: name the certificate's file, or leave it out for a broker with a "
            "public one"
        )
    vain = [*in_vain(values), *_login(values), *pins.shared(values)]
    return problems + [f"{name}: {problem}" for problem in vain]


def _login(values: Mapping[str, Any]) -> list[str]:
    problems = []
    broker = values.get("broker")
    if isinstance(broker, dict):
        for key in ("user", "password"):
            if key not in broker:
                problems.append(f"broker.{key}{MISSING}this board's at the broker")
            elif broker[key] == "":
                problems.append(f"broker.{key} is empty: give the one of this board at the broker")
    return problems


def _sensor(ask: Ask, usual: Mapping[str, int]) -> dict[str, Any]:
    """Ask for the sensor when none is named, because a board without one makes readings up."""
    kind = ask("Sensor (dht22, sht3x, bme280 or simulated)", False, "dht22").lower()
    sensors: Mapping[str, Any] = SENSORS
    wires = {
        key: _gpio(ask(f"GPIO of its {wire}", False, str(usual[wire])))
        for key, wire in pins.WIRES.items()
        if key in sensors.get(kind, {})
    }
    return {"kind": kind, **wires}


def _gpio(text: str) -> int | str:
    """4 for "4", "GPIO4" and "D4", as boards print it; else the text, which the check refuses."""
    match = re.fullmatch(r"(?i)(?:GPIO|IO|D)? ?(\d+)", text)
    return int(match[1]) if match else text


def read(file: Path) -> dict[str, Any]:
    """The TOML file's values. Raises ToolFailed."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ToolFailed(f"there is no {file}; docs/board.md has an example") from None
    except OSError as error:
        raise ToolFailed(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ToolFailed(f"{file} is not UTF-8 text: save it as UTF-8 in your editor") from None
    except tomllib.TOMLDecodeError as error:
        raise ToolFailed(f"{file} is not TOML: {error}") from None


def _key(values: Mapping[str, Any], device: str, environment: Mapping[str, str]) -> str:
    text = environment.get("VIGIE_KEY", "").strip()
    if not text:
        raise ToolFailed(NO_KEY)
    try:
        master = bytes.fromhex(text)
    except ValueError:
        master = b""
    if len(master) != 32:
        raise ToolFailed("VIGIE_KEY is no key: it takes 64 hex digits")
    return device_key(master, str(values.get("site")), device).hex()

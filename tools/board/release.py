"""`python -m tools release`: one signed file of the application, for updates over the air.

The key is the owner's alone: whoever has it can run code on every board that knows its public half. It
belongs on no server. `make provision` takes the public half, which lies beside it.
"""

import getpass
import json
import os
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from device import VERSION
from device.update.release import MAGIC, RSA, START
from tools.board import arguments
from tools.board.cable import screen
from tools.mpy import build
from tools.process.child import ToolFailed
from tools.process.places import VAR

KEY = Path.home() / ".config" / "vigie" / "release.pem"
PUBLIC = ".pub"  # suffix of the public half
ARCHES = ("xtensawin", "rv32imc")  # ESP32, S2 and S3; C3 and C6
FIRMWARE = "1.23.0"
DAYS = 90
DAY_S = 86400
NEW_KEY = """\
{key} is new. Whoever has it can run code on your boards:
keep a copy in a safe place, and none on a server. Without it no board takes an update from you any more.
{public} beside it is for make provision, which tells it to each board"""


def made_key(path: Path, password: bytes) -> rsa.RSAPrivateKey:
    """A new key, readable by its owner alone, and its public half beside it."""
    key = rsa.generate_private_key(65537, 8 * RSA)
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path.with_suffix(PUBLIC).write_bytes(public)
    return key


def read_key(path: Path) -> rsa.RSAPrivateKey:
    """The key in the file. Raises ToolFailed."""
    data = path.read_bytes()
    password = _password(f"{path}, its password") if b"ENCRYPTED" in data else b""
    try:
        key = serialization.load_pem_private_key(data, password or None)
    except (ValueError, TypeError) as error:
        raise ToolFailed(f"{path}: {error}") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != 8 * RSA:
        raise ToolFailed(f"{path} is no RSA key of {8 * RSA} bits: name another one with --key")
    return key


def modulus(path: Path) -> bytes:
    """What a board has to know of the public half in the file. Raises ToolFailed."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ToolFailed(f"{path}: {error}") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 8 * RSA or key.public_numbers().e != 65537:
        raise ToolFailed(f"{path} is no public key of `python -m tools release`")
    return key.public_numbers().n.to_bytes(RSA, "big")


def signed(key: rsa.RSAPrivateKey, application: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """The release. `application`: path in a slot -> contents, the list of them the last."""
    *files, listed = application.values()
    head = json.dumps(facts).encode()
    head = struct.pack(START, MAGIC, len(head), len(listed)) + head + listed
    return head + key.sign(head, padding.PKCS1v15(), hashes.SHA256()) + b"".join(files)


def _password(question: str, again: bool = False) -> bytes:
    if not sys.stdin.isatty():
        return b""
    typed = getpass.getpass(f"  {question}: ")
    if again and typed and getpass.getpass("  the same again: ") != typed:
        raise ToolFailed("the two passwords differ: nothing was made")
    return typed.encode()


@arguments.run
def main(
    out: Annotated[Path, typer.Option("--out", help="The folder for the files.")] = VAR / "release",
    key_file: Annotated[
        Path, typer.Option("--key", envvar="RELEASE_KEY", help="The owner's key; made when it is not there.")
    ] = KEY,
    days: Annotated[int, typer.Option("--days", min=1, help="After so many days no board takes it.")] = DAYS,
    firmware: Annotated[str, typer.Option("--firmware", help="The oldest MicroPython for it.")] = FIRMWARE,
    arch: Annotated[
        list[str] | None, typer.Option("--arch", help="xtensawin (ESP32, S2, S3), rv32imc (C3, C6); both.")
    ] = None,
) -> int:
    """Sign this tree's application: a file for each kind of chip."""
    for name in arch or ():
        if name not in build.ARCHES:
            raise ToolFailed(f"--arch {name}: write one of {', '.join(filter(None, build.ARCHES))}")
    if len(firmware.split(".")) != 3 or not firmware.replace(".", "").isdigit():
        raise ToolFailed(f"--firmware {firmware}: write three numbers, such as {FIRMWARE}")
    if key_file.exists():
        key = read_key(key_file)
    else:
        key = made_key(key_file, _password("A password for the new key (Enter: none)", again=True))
        screen.tick("key", NEW_KEY.format(key=key_file, public=key_file.with_suffix(PUBLIC).name))
    now = int(time.time())
    out.mkdir(parents=True, exist_ok=True)
    for each, name in enumerate(arch or ARCHES):
        number = now + each  # rises with each release, and no two have the same
        facts = {
            "number": number,
            "version": VERSION,
            "expires": now + days * DAY_S,
            "mpy": build.mpy_of(name),
            "firmware": [int(part) for part in firmware.split(".")],
        }
        whole = signed(key, build.application(name), facts)
        path = out / f"vigie-{VERSION}-{number}-{name or 'bytecode'}.release"
        path.write_bytes(whole)
        screen.tick("release", f"{path}, {len(whole) // 1024} KB, number {number}, for {days} days")
    screen.tick("next", f"python -m cloud app C001 {out}/…: gives it to a board", "plain")
    return 0

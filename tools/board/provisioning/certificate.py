"""The broker's CA as DER: from a file, or the root that this computer itself trusts for that broker."""

import binascii
import ipaddress
import re
import socket
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from device.chip.clock import UNIX_2000
from tools.process.child import ToolFailed

TIMEOUT = 10.0
NO_TLS = "{}:{} does not speak TLS ({}): is it the TLS port?"
OTHER_NAME = (62, 64)  # OpenSSL's codes: another host name, another address
_FIRST_DAY = re.compile(rb"\x17\x0d(\d{6})\d{6}Z")  # notBefore, the first UTCTime in the DER
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def from_file(path: Path) -> bytes:
    """One certificate, PEM or DER, as DER. Raises ToolFailed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ToolFailed(f"broker.ca: {path}: {error.strerror}") from None
    blocks = _PEM.findall(data)
    if len(blocks) > 1:
        raise ToolFailed(f"broker.ca: {path} holds {len(blocks)} certificates: give the root alone")
    try:
        der = ssl.PEM_cert_to_DER_cert(blocks[0].decode()) if blocks else data
    except (ValueError, binascii.Error):
        raise ToolFailed(f"broker.ca: {path} is damaged") from None
    if der[:1] != b"\x30":
        raise ToolFailed(f"broker.ca: {path} is no certificate, neither PEM nor DER")
    return der


def from_broker(host: str, port: int) -> bytes:
    """The root of the broker's chain as DER, verified by what this computer trusts. Raises ToolFailed."""
    try:
        with socket.create_connection((host, port), TIMEOUT) as plain:
            context = ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=host) as secure:
                return _root(secure)
    except ssl.SSLCertVerificationError as error:
        raise ToolFailed(
            f"{host}:{port}: this computer does not trust its certificate ({error.verify_message}): "
            "give its CA with broker.ca (or MQTT_CA)"
        ) from None
    except ssl.SSLError as error:
        raise ToolFailed(NO_TLS.format(host, port, error.reason)) from None
    except OSError as error:
        trouble = f"cannot be reached from here ({error}): check broker.host and port"
        raise ToolFailed(f"{host}:{port} {trouble}") from None


def date(ca: bytes) -> bytes:
    """/date.txt: seconds since 2000 that a board knows before it asks anybody: now, or the CA's first day.

    A board doubts time servers by this date; a computer whose own clock is years behind must not mislead it.
    """
    text = _FIRST_DAY.search(ca)
    issued = 0.0
    if text:
        with suppress(ValueError):
            issued = datetime.strptime(text[1].decode(), "%y%m%d").replace(tzinfo=UTC).timestamp()
    return b"%d" % (max(time.time(), issued) - UNIX_2000)


def check(host: str, port: int, name: str, ca: bytes) -> None:
    """Make sure that the board will be able to verify the broker with `ca` (DER). Raises ToolFailed.

    A broker that cannot be reached from here, which may sit in another network, raises OSError.
    """
    try:
        _carried(host, port, ca, name)
    except ssl.SSLCertVerificationError:
        carried = ", ".join(names(host, port, ca)) or "no name"
        raise ToolFailed(
            f"{host}:{port}: its certificate is not for {name!r}; it carries {carried}: "
            "put one of these at broker.name"
        ) from None


def names(host: str, port: int, ca: bytes) -> list[str]:
    """The names and addresses that the broker's certificate carries, once `ca` (DER) has verified it.

    Raises ToolFailed, or OSError where the broker cannot be reached.
    """
    held = _carried(host, port, ca, None)
    common = [value for part in held["subject"] for key, value in part if key == "commonName"]
    return [value for _, value in held.get("subjectAltName", ())] or common


def name_for_board(host: str, port: int, ca: bytes) -> str:
    """A name to verify the broker by that is reached by its address. Raises ToolFailed, OSError.

    Stock MicroPython compares names only: it does not find an address in a certificate.
    """
    carried = names(host, port, ca)
    fit = [name for name in carried if not is_address(name) and "*" not in name]
    if not fit:
        held = ", ".join(carried) or "nothing"
        raise ToolFailed(
            f"{host}:{port}: its certificate carries {held}, and a board checks names only, never "
            "addresses: make a certificate that carries a name too; no DNS has to know that name"
        )
    return next((name for name in fit if name != "localhost"), fit[0])


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _carried(host: str, port: int, ca: bytes, name: str | None) -> dict[str, Any]:
    """The certificate as `ssl` shows it, verified with `ca` and, where it is given, for `name`.

    Raises SSLCertVerificationError when it is for another name, ToolFailed when `ca` does not verify it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca)
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # the board's mbedTLS is not so strict
    context.check_hostname = name is not None
    with socket.create_connection((host, port), TIMEOUT) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=name or host) as secure:
                return dict(secure.getpeercert() or {})
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in OTHER_NAME:
                raise
            text = f"broker.ca does not verify its certificate ({error.verify_message})"
            raise ToolFailed(f"{host}:{port}: {text}") from None
        except ssl.SSLError as error:
            raise ToolFailed(NO_TLS.format(host, port, error.reason)) from None


def _root(secure: Any) -> bytes:
    """The last certificate of the verified chain; CPython 3.13 made it public."""
    owner = secure if hasattr(secure, "get_verified_chain") else secure._sslobj
    last = owner.get_verified_chain()[-1]
    return bytes(last) if isinstance(last, bytes) else bytes(last.public_bytes(2))  # 2 = DER

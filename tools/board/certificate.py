"""The broker's CA as DER: from a file, or the root that this computer itself trusts for that broker."""

from __future__ import annotations

import binascii
import re
import socket
import ssl
from pathlib import Path
from typing import Any

from tools.child import Failed

TIMEOUT = 10.0
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def from_file(path: Path) -> bytes:
    """One certificate, PEM or DER, as DER. Raises Failed."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Failed(f"broker.ca: {path}: {error.strerror}") from None
    found = _PEM.findall(data)
    if len(found) > 1:
        raise Failed(f"broker.ca: {path} holds {len(found)} certificates: give the root alone")
    try:
        der = ssl.PEM_cert_to_DER_cert(found[0].decode()) if found else data
    except (ValueError, binascii.Error):
        raise Failed(f"broker.ca: {path} is damaged") from None
    if der[:1] != b"\x30":
        raise Failed(f"broker.ca: {path} is no certificate, neither PEM nor DER")
    return der


def from_broker(host: str, port: int) -> bytes:
    """The root of the broker's chain as DER, verified by what this computer trusts. Raises Failed."""
    try:
        with socket.create_connection((host, port), TIMEOUT) as plain:
            context = ssl.create_default_context()
            with context.wrap_socket(plain, server_hostname=host) as secure:
                return _root(secure)
    except ssl.SSLCertVerificationError as error:
        raise Failed(
            f"{host}:{port}: this computer does not trust its certificate ({error.verify_message}): "
            "give its CA with broker.ca (or MQTT_CA)"
        ) from None
    except ssl.SSLError as error:
        raise Failed(f"{host}:{port} does not speak TLS ({error.reason}): is it the TLS port?") from None
    except OSError as error:
        raise Failed(
            f"{host}:{port} cannot be reached from here ({error}): check broker.host and port"
        ) from None


def check(host: str, port: int, name: str, ca: bytes) -> None:
    """Make sure that the board will be able to verify the broker with `ca` (DER). Raises Failed.

    A broker that cannot be reached from here, which may sit in another network, raises OSError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca)
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # the board's mbedTLS is not so strict
    try:
        with (
            socket.create_connection((host, port), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            return
    except ssl.SSLCertVerificationError as error:
        raise Failed(
            f"{host}:{port}: broker.ca does not verify its certificate for {name!r} ({error.verify_message})"
        ) from None


def _root(secure: Any) -> bytes:
    """The last certificate of the verified chain; CPython 3.13 made it public."""
    owner = secure if hasattr(secure, "get_verified_chain") else secure._sslobj
    last = owner.get_verified_chain()[-1]
    return bytes(last) if isinstance(last, bytes) else bytes(last.public_bytes(2))  # 2 = DER

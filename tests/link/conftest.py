"""Certificates of every kind, and umqtt.simple in the versions that a board may carry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.link.driven_board import Board
from tests.link.umqtt_versions import write
from tools.local import pki
from tools.virtual_board import umqtt as published

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """`ca`: what the board trusts (DER). `server`: localhost, 127.0.0.1, broker.test; `make` for others."""

    folder: Path
    ca: Path
    server: tuple[Path, Path]

    def make(self, name: str, begins: int = -1, ends: int = 30) -> tuple[Path, Path]:
        """Certificate and key for host `name`, signed by the CA, valid from and to days from now."""
        ca, ca_key = pki.read(self.folder / "ca.pem"), pki.read_key(self.folder / "ca.key")
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        made = pki.make_certificate(
            ca, ca_key, key, names=[name], begins=now + begins * DAY, ends=now + ends * DAY
        )
        stem = self.folder / f"{name}{begins}{ends}"
        paths = stem.with_suffix(".pem"), stem.with_suffix(".key")
        paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        pki.write_key(paths[1], key)
        return paths


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("pki")
    made = pki.ensure(folder, ["localhost", "127.0.0.1", "broker.test"])
    return Certificates(folder, made.ca_der, (made.server_pem, made.server_key))


@pytest.fixture(scope="session")
def umqtt() -> Path:
    """The folder with umqtt.simple 1.3.4, unchanged."""
    return published.folder()


@pytest.fixture(scope="session", params=["1.3.4", "newest"])
def any_umqtt(request: pytest.FixtureRequest, umqtt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published one, and one with every difference that the firmware's versions up to 1.8 have made."""
    return umqtt if request.param == "1.3.4" else write(umqtt, tmp_path_factory.mktemp("umqtt"))


@pytest.fixture
def board(tmp_path: Path, umqtt: Path, certificates: Certificates) -> Callable[..., Board]:
    """board(port, umqtt=…, ca=…, broker={…}, **test): a running board."""

    def start(port: int, umqtt: Path = umqtt, broker: dict[str, Any] | None = None, **test: Any) -> Board:
        return Board(tmp_path, umqtt, {"port": port, "ca": str(certificates.ca)} | (broker or {}), **test)

    return start

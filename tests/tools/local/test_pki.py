"""The local certificate authority: what it makes works, is kept, and is renewed in time."""

import datetime as dt
import ssl
import stat

import pytest
from cryptography import x509

from tools.local import pki


def handshake(made: pki.Pki, name: str) -> None:
    """A TLS handshake in memory, verified as a client does."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server_pem, made.server_key)
    client = ssl.create_default_context(cafile=str(made.ca_pem))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=name)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [near, far]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                pass
        if not waiting:
            return
    raise AssertionError("the handshake did not end")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "laptop.local"])
def test_a_client_that_trusts_the_ca_accepts_the_server_by_each_of_its_names(tmp_path, name):
    handshake(pki.ensure(tmp_path, ["localhost", "127.0.0.1", "laptop.local"]), name)


def test_a_name_that_was_not_asked_for_is_refused(tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(pki.ensure(tmp_path, ["localhost"]), "elsewhere.local")


def test_the_ca_for_boards_is_the_same_in_der(tmp_path):
    made = pki.ensure(tmp_path, ["localhost"])
    der = x509.load_der_x509_certificate(made.ca_der.read_bytes())
    assert der == x509.load_pem_x509_certificate(made.ca_pem.read_bytes())


def test_a_second_run_changes_nothing(tmp_path):
    made = pki.ensure(tmp_path, ["localhost"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert pki.ensure(tmp_path, ["localhost"]).folder == made.folder
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_keys_are_readable_by_their_owner_only(tmp_path):
    pki.ensure(tmp_path, ["localhost"])
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_server_certificate_near_its_end_is_renewed_and_the_ca_stays(tmp_path):
    made = pki.ensure(tmp_path, ["localhost"])
    ca, server = made.ca_der.read_bytes(), made.server_pem.read_bytes()
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=pki.SERVER_DAYS - 20)
    pki.ensure(tmp_path, ["localhost"], later)
    assert made.server_pem.read_bytes() != server
    assert made.ca_der.read_bytes() == ca


def test_a_ca_near_its_end_is_renewed_with_all_that_hangs_on_it(tmp_path):
    made = pki.ensure(tmp_path, ["localhost"])
    ca = made.ca_der.read_bytes()
    pki.ensure(tmp_path, ["localhost"], dt.datetime.now(dt.UTC) + dt.timedelta(days=pki.CA_DAYS - 20))
    assert made.ca_der.read_bytes() != ca
    server = x509.load_pem_x509_certificate(made.server_pem.read_bytes())
    server.verify_directly_issued_by(x509.load_der_x509_certificate(made.ca_der.read_bytes()))


def test_a_new_name_of_the_machine_gets_a_new_server_certificate(tmp_path):
    pki.ensure(tmp_path, ["localhost"])
    handshake(pki.ensure(tmp_path, ["localhost", "10.1.2.3"]), "10.1.2.3")


@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
def test_a_damaged_file_is_replaced(tmp_path, name):
    made = pki.ensure(tmp_path, ["localhost"])
    (tmp_path / name).write_text("not PEM")
    handshake(pki.ensure(tmp_path, ["localhost"]), "localhost")
    assert made.ca_der.exists()

"""A small certificate authority for one laptop, made on the first run.

`ca.pem` is what CPython clients trust, `ca.der` is the same for boards (MicroPython reads DER), `server.pem`
and `server.key` are the broker's. The CA's own key stays in the folder, readable by its owner only.
"""

import datetime as dt
import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tools.process.files import private_write, write

CA_DAYS = 3650
SERVER_DAYS = 397  # the longest that platforms accept for a server
RENEW_DAYS = 30
BACKDATE = dt.timedelta(days=1)  # a board whose clock is a little behind must not be turned away


class Pki:
    """The files in `folder`: the CA's certificate in two forms, the broker's, and the broker's key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_pem, self.ca_der = folder / "ca.pem", folder / "ca.der"
        self.server_pem, self.server_key = folder / "server.pem", folder / "server.key"


def names_of_this_machine() -> list[str]:
    """What a board may call this machine: loopback, its name, its name on the LAN, its address on the LAN."""
    host = socket.gethostname().split(".")[0]
    address = address_of_this_machine()
    names = ["localhost", "127.0.0.1", host, f"{host}.local", *([address] if address else [])]
    return list(dict.fromkeys(names))


def address_of_this_machine() -> str | None:
    """Its address on the LAN, which others may reach it by; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; only asks which address would be used
        except OSError:
            return None
        return str(probe.getsockname()[0])


def ensure(folder: Path, names: Sequence[str] | None = None, now: dt.datetime | None = None) -> Pki:
    """The PKI in `folder`, made or renewed as needed.

    The server's certificate is made anew when it lacks one of `names` or ends within 30 days; the CA only
    when it ends within 30 days or is unreadable, since boards hold a copy of it.
    """
    names = list(names if names is not None else names_of_this_machine())
    now = now or dt.datetime.now(dt.UTC)
    pki = Pki(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ca_key_file = folder / "ca.key"
    ca = read(pki.ca_pem)
    ca_key = read_key(ca_key_file)
    if ca is None or ca_key is None or _ends_soon(ca, now):
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _make_ca(ca_key, now)
        write_key(ca_key_file, ca_key)
        write(pki.ca_pem, ca.public_bytes(serialization.Encoding.PEM))
    der = ca.public_bytes(serialization.Encoding.DER)
    if not pki.ca_der.exists() or pki.ca_der.read_bytes() != der:
        write(pki.ca_der, der)
    server = read(pki.server_pem)
    if server is None or read_key(pki.server_key) is None or not _fits(server, ca, names, now):
        key = ec.generate_private_key(ec.SECP256R1())
        server = make_certificate(
            ca, ca_key, key, names=names, begins=now - BACKDATE, ends=now + dt.timedelta(days=SERVER_DAYS)
        )
        write_key(pki.server_key, key)
        write(pki.server_pem, server.public_bytes(serialization.Encoding.PEM))
    return pki


def make_certificate(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    *,
    names: Sequence[str],
    begins: dt.datetime,
    ends: dt.datetime,
) -> x509.Certificate:
    """A server certificate for DNS names and IP addresses, signed by `ca`."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _make_ca(key: ec.EllipticCurvePrivateKey, now: dt.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Vigie local CA {now:%Y-%m-%d}")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _ends_soon(certificate: x509.Certificate, now: dt.datetime) -> bool:
    return certificate.not_valid_after_utc - now < dt.timedelta(days=RENEW_DAYS)


def _fits(
    certificate: x509.Certificate, ca: x509.Certificate, names: Sequence[str], now: dt.datetime
) -> bool:
    if _ends_soon(certificate, now):
        return False
    try:
        certificate.verify_directly_issued_by(ca)
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, x509.ExtensionNotFound, TypeError, ValueError):
        return False
    return set(held) >= {_general_name(name) for name in names}


def read(path: Path) -> x509.Certificate | None:
    """The certificate in the file; None where there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """Likewise the private key."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A private key as PEM, readable by its owner only."""
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private_write(path, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))

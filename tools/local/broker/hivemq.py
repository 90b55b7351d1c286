"""HiveMQ Community Edition on this machine, with TLS and the very users and rules that mosquitto gets.

    python -m tools hivemq

The broker comes from Maven Central, embedded in java/HiveMq.java, which runs from its source: a JDK and
Maven are all that is needed. It stands in for HiveMQ Cloud, with the permissions that its free plan lacks.
"""

import fcntl
import hashlib
import secrets
import shutil
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from cloud.contract.messages import MAX_BYTES
from tools.local.pki import Pki, read_key
from tools.process.child import ToolFailed
from tools.process.places import VAR

JAVA = Path(__file__).parent / "java"
LIBRARIES = VAR / "hivemq"
FETCH = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
FETCH_TIMEOUT = 300.0  # s; about 100 MB
START_TIMEOUT = 90.0
# The broker runs for minutes and with few boards, so the JVM's second compiler would cost more than it gains.
JVM = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")

# What each of our brokers takes and keeps. A full queue loses nothing: a board sends a reading again until
# the cloud has stored it.
MAX_PACKET = MAX_BYTES + 1024  # bytes: the largest message that the cloud reads, and its topic
SESSION_DAYS = 7  # that the queue of a client which does not come back is kept
MAX_QUEUED = 1000  # messages for each client, on disk: HiveMQ's own default

CONFIG = """\
<?xml version="1.0"?>
<hivemq>
  <listeners>
    <tls-tcp-listener>
      <port>{port}</port>
      <bind-address>{address}</bind-address>
      <tls>
        <keystore>
          <path>{keystore}</path>
          <password>{password}</password>
          <private-key-password>{password}</private-key-password>
        </keystore>
      </tls>
    </tls-tcp-listener>
  </listeners>
  <mqtt>
    <packets><max-packet-size>{packet}</max-packet-size></packets>
    <queued-messages><max-queue-size>{queue}</max-queue-size><strategy>discard</strategy></queued-messages>
    <session-expiry><max-interval>{expiry}</max-interval></session-expiry>
  </mqtt>
  <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
</hivemq>
"""


def missing() -> list[str]:
    """The commands of a JDK and of Maven that are not on PATH."""
    return [name for name in ("java", "javac", "mvn") if not shutil.which(name)]


def command(folder: Path) -> list[str]:
    """What runs the broker whose config.xml, `passwords` and `acl` stand in `folder`."""
    if lacking := missing():
        raise ToolFailed(f"HiveMQ needs a JDK (17 or newer) and Maven; {', '.join(lacking)} is not on PATH")
    source = str(JAVA / "HiveMq.java")
    return ["java", *JVM, "-cp", f"{libraries()}/*", source, str(folder.resolve())]


def configuration(folder: Path, pki: Pki, *, port: int, address: str) -> str:
    """config.xml for `folder`; the broker's certificate is put there too."""
    keystore = folder.resolve() / "server.p12"
    password = secrets.token_hex(16)
    certificates = x509.load_pem_x509_certificates(pki.server_pem.read_bytes())
    key = read_key(pki.server_key)
    if key is None:
        raise ToolFailed(f"{pki.server_key} holds no key of our own making: delete {pki.folder}")
    packed = pkcs12.serialize_key_and_certificates(
        b"vigie",
        key,
        certificates[0],
        certificates[1:],
        serialization.BestAvailableEncryption(password.encode()),
    )
    keystore.touch(0o600)
    keystore.write_bytes(packed)
    return CONFIG.format(
        port=port,
        address=address,
        keystore=keystore,
        password=password,
        packet=MAX_PACKET,
        queue=MAX_QUEUED,
        expiry=SESSION_DAYS * 86400,
    )


def libraries() -> Path:
    """The folder with HiveMQ's jars; Maven fetches them when pom.xml has changed."""
    pom = JAVA / "pom.xml"
    folder = LIBRARIES / hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    LIBRARIES.mkdir(parents=True, exist_ok=True)
    with (LIBRARIES / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two may start at once
        if not folder.is_dir():
            fresh = folder.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-f", str(pom), FETCH, f"-DoutputDirectory={fresh.resolve()}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT, check=False)
            if done.returncode:
                lines = "\n".join(f"    {line}" for line in done.stdout.splitlines()[:6])
                raise ToolFailed(f"Maven cannot fetch HiveMQ (is the network there?)\n{lines}")
            fresh.rename(folder)
    return folder

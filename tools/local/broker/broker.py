"""The local MQTT broker: mosquitto when it is on PATH, else rumqttd from the PyPI package `iotcore`.

TLS only, a password for each device and one for the backend. With mosquitto (or HiveMQ CE, if asked for) a
device may publish its own `up`, `state` and `get` and read its own `ack` and `part`; rumqttd has no such
rules and keeps nothing over a restart, which is enough for a demo on one's own laptop.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tools.local import ports
from tools.local.broker import hivemq
from tools.local.pki import Pki
from tools.local.users import BACKEND_USER, passwords, write_users
from tools.process.child import Child, ToolFailed
from tools.process.files import private_write
from tools.process.part import Part

START_TIMEOUT = 20.0
LOGIN_TIMEOUT = 3.0
PROBE = "vigie-probe"

# The broker keeps for each client three hours of a hundred boards, or a day of ten. Boards send again what
# found no room. A board's session has the name of its user, so nobody can take another's; the backend, which
# has several workers, has its own listener, which no board's password opens.
MOSQUITTO = """\
per_listener_settings true
persistence true
persistence_location {folder}/
autosave_interval 1
persistent_client_expiration {days}d
max_packet_size {packet}
max_inflight_messages 1000
max_inflight_bytes 16777216
max_queued_messages 20000
max_queued_bytes 67108864
set_tcp_nodelay true
log_dest stdout
log_type error
log_type warning
log_type notice
connection_messages false
{user}

listener {port} {address}
certfile {pki.server_pem}
keyfile {pki.server_key}
password_file {folder}/passwords
acl_file {folder}/acl
allow_anonymous false
use_username_as_clientid true

listener {backend_port} 127.0.0.1
certfile {pki.server_pem}
keyfile {pki.server_key}
password_file {folder}/passwords-backend
acl_file {folder}/acl
allow_anonymous false
"""

RUMQTTD = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 4

[v4.tls]
name = "v4-tls"
listen = "{address}:{port}"
next_connection_delay_ms = 1

[v4.tls.tls]
certpath = "{pki.server_pem}"
keypath = "{pki.server_key}"

[v4.tls.connections]
connection_timeout_ms = 5000
max_payload_size = {packet}
max_inflight_count = 100
dynamic_filters = true

[v4.tls.connections.auth]
{passwords}
"""

SERVE = "import sys; from iotcore import IotCoreBroker; IotCoreBroker(config_path=sys.argv[1]).run_forever()"


class Broker(Part):
    """Runs from `start` to `stop`; `users` maps a user name ("demo/C001" for a device, "backend") to its
    password. Boards log in at `port`, backends at `backend_port`, a second port only with mosquitto.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        pki: Pki,
        users: Mapping[str, str],
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        kind: str | None = None,
    ) -> None:
        self.folder, self.log, self.pki, self.users = folder, log, pki, users
        self.port, self.address = port or ports.free(), address
        mosquitto = find_mosquitto()
        self.kind = kind or ("mosquitto" if mosquitto else "iotcore")
        self.backend_port = ports.free() if self.kind == "mosquitto" else self.port
        self._mosquitto = mosquitto
        self.child: Child | None = None

    def start(self) -> None:
        """Start the broker. Raises ToolFailed when a real login does not succeed in time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configure = {
            "mosquitto": self._configure_mosquitto,
            "hivemq": self._configure_hivemq,
            "iotcore": self._configure_rumqttd,
        }
        self.child = Child("broker", configure[self.kind](), log=self.log, append=True)
        timeout = hivemq.START_TIMEOUT if self.kind == "hivemq" else START_TIMEOUT
        self.child.wait_until(self.answers, "its first login", timeout)

    def answers(self) -> bool:
        """Whether the backend's user can log in."""
        return lets_in(
            "127.0.0.1", self.backend_port, self.pki.ca_pem, BACKEND_USER, self.users[BACKEND_USER]
        )

    def stop(self) -> None:
        if self.child:
            self.child.stop()

    def client(self, user: str, client_id: str) -> mqtt.Client:
        """A client that will log in as `user`, once it is told to connect."""
        return _client(self.pki.ca_pem, user, self.users[user], client_id)

    def admit(self, users: Mapping[str, str]) -> None:
        """Let `users` in: mosquitto reads its files again, another one starts anew. Raises ToolFailed."""
        self.users = users
        if self.kind == "mosquitto" and self.child:
            write_users(self.folder, users)
            self.child.send(signal.SIGHUP)
        else:
            self.stop()
            self.start()

    def _configure_mosquitto(self) -> list[str]:
        if not self._mosquitto:
            raise ToolFailed("mosquitto is not on PATH: install it, or let iotcore be used")
        write_users(self.folder, self.users)
        backend = passwords({BACKEND_USER: self.users[BACKEND_USER]})
        private_write(self.folder / "passwords-backend", backend)
        config = MOSQUITTO.format(
            port=self.port,
            backend_port=self.backend_port,
            packet=hivemq.MAX_PACKET,
            days=hivemq.SESSION_DAYS,
            address=self.address,
            pki=self.pki,
            folder=self.folder,
            # Started by root it would drop to a user that cannot read our files.
            user="user root" if os.geteuid() == 0 else "",
        )
        private_write(self.folder / "mosquitto.conf", config)
        return [self._mosquitto, "-c", str(self.folder / "mosquitto.conf")]

    def _configure_hivemq(self) -> list[str]:
        write_users(self.folder, self.users)
        config = hivemq.configuration(self.folder, self.pki, port=self.port, address=self.address)
        private_write(self.folder / "config.xml", config)
        return hivemq.command(self.folder)

    def _configure_rumqttd(self) -> list[str]:
        passwords = "\n".join(f'"{user}" = "{word}"' for user, word in self.users.items())
        config = RUMQTTD.format(
            port=self.port,
            address=self.address,
            pki=self.pki,
            passwords=passwords,
            packet=hivemq.MAX_PACKET,
        )
        private_write(self.folder / "rumqttd.toml", config)
        return [sys.executable, "-c", SERVE, str(self.folder / "rumqttd.toml")]


def find_mosquitto() -> str | None:
    """Debian puts it where only root's PATH looks, Homebrew likewise."""
    beside = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"))
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=beside)


def login(host: str, port: int, ca: Path, user: str, password: str) -> bool:
    """A login and a clean goodbye; whether the broker lets this user in.

    Raises OSError (ssl.SSLError with it) when there is no broker to speak to, or when it hangs up. It always
    ends the connection: with rumqttd one idle connection holds up everybody else's login.
    """
    answers: list[ReasonCode] = []
    client = _client(ca, user, password, PROBE)
    client.on_connect = lambda *about: answers.append(about[3])
    client.connect(host, port)
    deadline = time.monotonic() + LOGIN_TIMEOUT
    while not answers:
        if client.loop(LOGIN_TIMEOUT) or time.monotonic() > deadline:
            break
    client.disconnect()
    if not answers:
        raise ConnectionResetError("the broker hung up during the login, or said nothing")
    return not answers[0].is_failure


def lets_in(host: str, port: int, ca: Path, user: str, password: str) -> bool:
    """The same; False also when there is no broker to speak to."""
    try:
        return login(host, port, ca, user, password)
    except OSError:
        return False


def _client(ca: Path, user: str, password: str, client_id: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv311)
    client.username_pw_set(user, password)
    client.tls_set(str(ca))
    return client

"""The backend's connection to the broker: paho-mqtt over verified TLS, in a thread of its own.

It reconnects for ever, and logs once what is wrong and what to do. It sends PUBACKs itself, on the connection
that brought the message: after a reconnect the broker repeats what was not acknowledged.
"""

import itertools
import logging
import socket
import ssl
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from cloud.contract.messages import TOPICS, topic_of
from cloud.ingest.puback import PUBACK, Pubacks
from cloud.ingest.worker import HOLD, Inbox, received
from cloud.process.failure import brief
from cloud.settings import BrokerSettings

log = logging.getLogger("broker")

KEEPALIVE = 30  # s
BRIEF = 5.0  # s; a connection that ends sooner after its login was pushed off ...
PUSHED = 3  # ... when that happens so many times in a row
QUIET = 60.0  # s without a message, after which a member of a shared subscription reconnects
READ_AHEAD = 16 * 1024  # bytes; a TLS record holds no more
PACKETS_AT_ONCE = 100
LEAVES = ("up", "state", "get")
ALERTS = ("SSLV3_ALERT", "TLSV1_", "TLSV13_", "UNSUPPORTED_PROTOCOL")  # it speaks TLS, but refuses ours
CURES = {
    "Not authorized": "check MQTT_USER and MQTT_PASSWORD",
    "Bad user name or password": "check MQTT_USER and MQTT_PASSWORD",
    "Client identifier not valid": "set MQTT_CLIENT_ID to another name",
}


def unreachable(problem: Exception, settings: BrokerSettings) -> str:
    """Why there is no TLS connection, and the cure."""
    host = f"{settings.host}:{settings.port}"
    if isinstance(problem, ssl.SSLCertVerificationError):
        cure = "check MQTT_CA and MQTT_HOST" if settings.ca else "set MQTT_CA to the CA that signed it"
        return f"the certificate of {host} is not trusted: {problem.verify_message} ({cure})"
    if isinstance(problem, ssl.SSLError) and problem.library == "X509":
        return f"MQTT_CA={settings.ca} holds no certificate in PEM form ({brief(problem)})"
    if isinstance(problem, ssl.SSLError) and str(problem.reason).startswith(ALERTS):
        cure = "it must speak TLS 1.2 or 1.3, and MQTT_HOST must be the name that it goes by"
        return f"{host} refuses the TLS handshake: {brief(problem)} ({cure})"
    if isinstance(problem, socket.gaierror):
        return f"{settings.host} has no address (check MQTT_HOST and the network)"
    return f"{host} cannot be reached: {brief(problem)} (check MQTT_HOST, MQTT_PORT and the network)"


class _Client(mqtt.Client):
    """Says when its loop has ended and why; reads and acknowledges many packets at once.

    paho reads single bytes from TLS, calls `select` before each packet, and writes each PUBACK alone: three
    times the work of the packet itself. While one board floods, the others would have to wait for that.

    The loop must run in the thread of `loop_start`. Run in any other, paho lets each thread that publishes
    write on the socket itself, and two threads that write at once break the TLS connection.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.ended = threading.Event()
        self.why = ""
        self._ahead, self._place = b"", 0  # what was read, and how much of it was given to paho
        self._empty = True  # the socket has no more bytes now
        self.pubacks = Pubacks(lambda packets: self._packet_queue(PUBACK, packets, 0, 0))

    def reconnect(self) -> MQTTErrorCode:
        self._ahead, self._place = b"", 0
        self.pubacks.restart()
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        for count in itertools.count(1):
            code = super().loop_read(max_packets)
            if code or (self._place == len(self._ahead) and (self._empty or count >= PACKETS_AT_ONCE)):
                break
        self.pubacks.flush()
        return code

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._place == len(self._ahead):
            self._empty = True  # should it raise
            self._ahead, self._place = super()._sock_recv(READ_AHEAD), 0
            self._empty = False
        part = self._ahead[self._place : self._place + bufsize]
        self._place += len(part)
        return part

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        self.pubacks.reader = threading.get_ident()
        try:
            return super().loop_forever(timeout, retry_first_connection)
        except Exception as problem:
            self.why = brief(problem)
            log.exception("the connection to the broker ended for good")
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        finally:
            self.ended.set()


class Network:
    """Connects at `start`, fills `inbox`, publishes acks. `alive` is false once it has ended for good."""

    def __init__(self, settings: BrokerSettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._heard = time.monotonic()
        self._complaint = ""
        self._connected = self._refused = False
        self._since, self._short = 0.0, 0  # when it connected; connections in a row that ended at once
        self._stopping = False
        self.subscribed = threading.Event()
        self._client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        self._client.username_pw_set(settings.user, settings.password)
        self._client.tls_set(ca_certs=settings.ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self._client.reconnect_delay_set(1, 8)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    @property
    def alive(self) -> bool:
        return not self._client.ended.is_set()

    def trouble(self) -> str | None:
        """Why it has ended; None while it runs, or before it starts."""
        return None if self.alive else self._client.why or "has ended"

    def start(self) -> None:
        self._client.connect_async(self._settings.host, self._settings.port, KEEPALIVE)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session until the next start."""
        self._stopping = True
        self._client.disconnect()
        self._client.ended.wait(5)

    def publish(self, topic: str, payload: bytes) -> None:
        """QoS 0, not retained; lost without a connection: the board sends again what was not acknowledged."""
        self._client.publish(topic, payload, qos=0)

    def look_after_share(self) -> None:
        """Reconnect when a shared subscription delivered nothing for QUIET seconds.

        After a flood HiveMQ CE sometimes delivers nothing of a full queue until a member reconnects. When
        there is just nothing to deliver, a reconnect a minute costs nothing.
        """
        if self._settings.share and self.subscribed.is_set() and time.monotonic() - self._heard > QUIET:
            self._heard = time.monotonic()
            log.info("nothing came for %.0f s: asking for it again", QUIET)
            self.fetch_again()

    def fetch_again(self) -> None:
        """Reconnect, so that the broker sends again what was not acknowledged."""
        wire = self._client.socket()
        if isinstance(wire, socket.socket):
            with suppress(OSError):  # the connection may have ended already
                # Not SSLSocket.shutdown: that ends TLS first, and paho might then write in the clear.
                socket.socket.shutdown(wire, socket.SHUT_RDWR)

    def _on_connect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refused = True
            cure = CURES.get(str(reason), "see the log of the broker")
            self._complain(f"the broker refuses us: {reason} ({cure})")
            return
        self._connected = True
        self._since = time.monotonic()
        if self._short < PUSHED:
            self._complaint = ""
            log.info("connected to %s:%d over TLS", self._settings.host, self._settings.port)
        prefix = f"$share/{self._settings.share}/" if self._settings.share else ""
        client.subscribe([(prefix + topic_of("+/+", leaf), 1) for leaf in LEAVES])

    def _on_connect_fail(self, client: mqtt.Client, userdata: Any) -> None:
        problem = sys.exception()
        if isinstance(problem, Exception):
            self._complain(unreachable(problem, self._settings))

    def _on_disconnect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: ReasonCode, properties: Any
    ) -> None:
        self.subscribed.clear()
        if self._connected and not self._stopping:
            self._short = self._short + 1 if time.monotonic() - self._since < BRIEF else 0
            if self._short >= PUSHED:
                self._complain(
                    f"{self._settings.host} ends each connection right after the login: does another process "
                    "use this MQTT_CLIENT_ID, or is MQTT_PORT for boards, whose user is their id?"
                )
            else:
                self._complain(f"the connection to {self._settings.host} is gone ({reason}); trying again")
        elif not self._refused and not self._stopping:  # some brokers refuse a login in this way
            cure = CURES["Not authorized"]
            self._complain(f"{self._settings.host} hung up during the login ({cure})")
        self._connected = self._refused = False

    def _on_subscribe(
        self, client: mqtt.Client, userdata: Any, mid: int, reasons: list[ReasonCode], properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            why = f"the broker does not let us read {TOPICS}/+/+/up, state and get: give MQTT_USER that right"
            if self._settings.share:
                why += ", or unset MQTT_SHARE if the broker knows no shared subscriptions"
            self._client.why = why
            log.error("%s", why)
            client.disconnect()
            return
        log.info("listening to the boards")
        self._heard = time.monotonic()  # its quiet begins now
        self.subscribed.set()

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._heard = time.monotonic()
        # With QoS 0 the broker waits for nothing.
        puback = self._client.pubacks.expect(message.mid) if message.qos else lambda: None
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ascii(message._topic)
        self._inbox.put(received(topic, bytes(message.payload), puback), HOLD)

    def _complain(self, complaint: str) -> None:
        """Log a complaint once, not once for each try."""
        if complaint != self._complaint:
            self._complaint = complaint
            log.warning("%s", complaint)

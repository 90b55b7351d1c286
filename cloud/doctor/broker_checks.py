"""The broker as the backend meets it: its address, its certificate, the login, what the credential may do.

The doctor tests rights by using them: a message that comes back proves that the credential may publish and
subscribe. Each test has its own topic (`vigie/1/doctor/<random>/ack`), to which no backend and no board
listens.
"""

from __future__ import annotations

import queue
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud.contract.messages import MAX_BYTES, TOPICS, topic_of
from cloud.doctor.lines import Finding
from cloud.ingest.network import CURES, LEAVES, unreachable
from cloud.settings import BrokerSettings

TIMEOUT = 10.0  # s for each answer
SOON = 14 * 86400  # s: the doctor warns of a certificate that ends earlier
MAX_PACKET = MAX_BYTES + 1024  # bytes: the largest message that is read, and its topic
LARGE = 1024 * 1024  # bytes of a message that no board sends
CONTAINER = 12  # hex digits in the host name of a container, which is new at each start


def findings(settings: BrokerSettings) -> Iterator[Finding]:
    """Test address, certificate, login and rights in turn; a failure ends it or skips what depends on it."""
    host = f"{settings.host}:{settings.port}"
    try:
        ends, version = _certificate(settings)
    except OSError as problem:
        kind = "TLS" if isinstance(problem, ssl.SSLError) else "broker"
        yield Finding(kind, unreachable(problem, settings), "bad")
        return
    yield Finding("broker", f"{host} answers")
    day = time.strftime("%Y-%m-%d", time.gmtime(ends))
    trust = settings.ca or "the certificates of this system"
    yield Finding("TLS", f"{version}, trusted by {trust}, until {day}")
    if ends - time.time() < SOON:
        yield Finding("TLS", "the broker's certificate ends soon: renew it before it does", "warn")
    try:
        with _Login(settings):
            yield Finding("login", f"as {settings.user}")
    except _LoginRefused as refused:
        yield Finding("login", str(refused), "bad")
        return
    yield _container(settings)
    rights = list(_rights(settings))
    yield from rights
    if all(right.kind != "bad" for right in rights):
        yield _packets(settings)


def of_a_board(settings: BrokerSettings, its: BrokerSettings, board: str) -> Iterator[Finding]:
    """What a board's credential (`its`) may do, tested against the backend's. `board`: site/device."""
    site, _, device = board.partition("/")
    own = topic_of(f"{site}/{device}", "ack")
    other = _new_topic()
    user = its.user
    try:
        with _Login(settings) as backend, _Login(its) as mine:
            yield Finding("board", f"{board} logs in as {user}")
            if not (mine.subscribe(own) and _passes(backend, mine, own)):
                text = f"it does not hear {own}: give {user} publish and subscribe on {TOPICS}/{board}/#"
                if mine.gone:
                    text = f"somebody else logged in as {user} meanwhile: switch the board off while you ask"
                yield Finding("board", text, "bad")
                return
            yield Finding("board", "it hears its own acknowledgements")
            heard = mine.subscribe(other) and _passes(backend, mine, other, after=own)
        yield from _over_the_air(settings, its, board)
        with _Login(settings) as backend, _Login(its) as mine:
            backend.subscribe(other)
            passes = topic_of(board, "get")
            backend.subscribe(passes)
            forged = _passes(mine, backend, other, after=passes)
        bound = _are_ids_bound(settings, its)
    except _LoginRefused as refused:
        yield Finding("board", f"{user}: {refused}".replace("MQTT_", "BOARD_"), "bad")
        return
    cure = f"limit {user} to {TOPICS}/{board}/#"
    for wrong, cannot, can in (
        (heard, "read what is another board's", "it can read what is another board's"),
        (forged, "speak for another board", "it can speak for other boards"),
    ):
        yield Finding("board", f"{can}: {cure}", "bad") if wrong else Finding("board", f"it cannot {cannot}")
    if bound:
        yield Finding("board", "it cannot take another client's session")
    else:
        cure = "HiveMQ Cloud cannot prevent that, a broker of your own can (docs/security.md, The broker)"
        yield Finding("board", f"it can push off a client whose id it knows: {cure}", "warn")


def _over_the_air(settings: BrokerSettings, its: BrokerSettings, board: str) -> Iterator[Finding]:
    """Whether a board may ask for what is meant for it, and hear the answer. Raises _LoginRefused."""
    get, part = topic_of(board, "get"), topic_of(board, "part")
    with _Login(settings) as backend, _Login(its) as mine:
        hears = mine.subscribe(part) and _passes(backend, mine, part)
        asks = backend.subscribe(get) and _passes(mine, backend, get, payload=b"")  # which asks for nothing
    if hears and asks:
        yield Finding("board", "it may fetch settings and models over the air")
        return
    lacking = [*([] if asks else [f"publish on {get}"]), *([] if hears else [f"subscribe on {part}"])]
    cure = f"give {its.user} {' and '.join(lacking)} (docs/over-the-air.md)"
    yield Finding("board", f"it cannot fetch settings and models over the air: {cure}", "bad")


def _are_ids_bound(settings: BrokerSettings, its: BrokerSettings) -> bool:
    """Whether a client of the backend stays when a board's credential logs in under the same client id."""
    name = f"doctor-{secrets.token_hex(4)}"
    with _Login(settings, client_id=name) as backend:
        with suppress(_LoginRefused), _Login(its, client_id=name):
            return backend.subscribe(_new_topic())
        return backend.subscribe(_new_topic())


def _new_topic() -> str:
    return topic_of(f"doctor/{secrets.token_hex(4)}", "ack")


def _certificate(settings: BrokerSettings) -> tuple[float, str]:
    """(when the broker's certificate ends, Unix s; the version of TLS). Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(cafile=settings.ca)
    with (
        socket.create_connection((settings.host, settings.port), timeout=TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=settings.host) as wire,
    ):
        certificate = wire.getpeercert() or {}
        return float(ssl.cert_time_to_seconds(str(certificate["notAfter"]))), wire.version() or "TLS"


def _container(settings: BrokerSettings) -> Finding:
    name = settings.client_id.removeprefix("vigie-")
    if len(name) == CONTAINER and all(digit in "0123456789abcdef" for digit in name):
        cure = "set MQTT_CLIENT_ID=vigie-backend, or each new container leaves a session behind at the broker"
        return Finding("client id", f"{settings.client_id}: {cure}", "warn")
    return Finding("client id", f"{settings.client_id}, and a random part that the database keeps")


def _rights(settings: BrokerSettings) -> Iterator[Finding]:
    """The backend must hear boards and send acks, and needs nothing outside vigie/1."""
    need = f"give {settings.user} publish and subscribe on {TOPICS}/#"
    inside = _new_topic()
    outside = f"vigie-doctor/{secrets.token_hex(4)}"
    prefix = f"$share/{settings.share}/" if settings.share else ""
    try:
        with _Login(settings) as client:
            for leaf in LEAVES:
                if not client.subscribe(prefix + topic_of("+/+", leaf)):
                    shared = ", or unset MQTT_SHARE if the broker knows no shared subscriptions"
                    text = f"it may not read {TOPICS}/+/+/{leaf}: {need}{shared if prefix else ''}"
                    yield Finding("rights", text, "bad")
                    return
            if not (client.subscribe(inside) and _passes(client, client, inside)):
                yield Finding("rights", f"what it sends to {TOPICS}/…/ack does not arrive: {need}", "bad")
                return
            yield Finding("rights", "it hears boards, and can acknowledge to them")
        with _Login(settings) as client:
            client.subscribe(inside)
            loose = client.subscribe(outside) and _passes(client, client, outside, after=inside)
    except _LoginRefused as refused:
        yield Finding("rights", f"{refused}: {need}", "bad")
        return
    if loose:
        text = f"it can do things outside {TOPICS}, which it never needs: limit it to {TOPICS}/#"
        yield Finding("rights", text, "warn")
    else:
        yield Finding("rights", f"it can do nothing outside {TOPICS}")


def _packets(settings: BrokerSettings) -> Finding:
    """How large a packet the broker takes: as it announces (MQTT 5), else as one test shows."""
    if (most := _announced(settings)) is not None:
        text = f"at most {most} bytes, as the broker says"
    elif _takes(settings, LARGE):
        most, text = LARGE, f"{LARGE} bytes passed, and the broker names no limit"
    else:
        most, text = MAX_PACKET, f"{LARGE} bytes did not pass"
    if most < LARGE or settings.host.endswith(".hivemq.cloud"):  # which has its own limit
        return Finding("packets", text)
    text += "; the backend refuses a message over 256 KB, but must take it"
    cure = f"limit them to {MAX_PACKET} bytes (docs/security.md, The broker)"
    return Finding("packets", f"{text}: {cure}", "warn")


def _announced(settings: BrokerSettings) -> int | None:
    """The Maximum Packet Size of an MQTT 5 login; None when the broker names none, or speaks no MQTT 5."""
    try:
        with _Login(settings, protocol=MQTTProtocolVersion.MQTTv5) as client:
            most = getattr(client.properties, "MaximumPacketSize", None)
            return None if most is None else int(most)
    except _LoginRefused:
        return None


def _takes(settings: BrokerSettings, size: int) -> bool:
    topic = _new_topic()
    try:
        with _Login(settings) as client:
            client.subscribe(topic)
            client.publish(topic, bytes(size))
            return client.next() == ("message", topic)
    except _LoginRefused:
        return False


def _passes(
    sender: _Login, listener: _Login, topic: str, after: str = "", payload: bytes = b"doctor"
) -> bool:
    """Whether `listener` hears what `sender` publishes on `topic`. With `after`, a topic that does pass, a
    second message follows on it: once that has arrived, the first one will not."""
    sender.publish(topic, payload)
    if after:
        sender.publish(after, b"")
    while True:
        event, value = listener.next()
        if event == "message" and value in (topic, after):
            return bool(value == topic)
        if event in ("gone", "silence"):
            return False


class _LoginRefused(Exception):
    """The login failed; `str()` says why."""


class _Login:
    """One login with its own client id: the running backend's id would end the backend's session."""

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        client_id: str | None = None,
        protocol: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
    ) -> None:
        self._settings = settings
        self.gone = False  # the broker, or somebody with the same session, has ended it
        self.properties: Any = None  # of an MQTT 5 login
        events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._events = events
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or f"doctor-{secrets.token_hex(4)}",
            protocol=protocol,
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(settings.user, settings.password)
        self._client.tls_set(ca_certs=settings.ca, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        self._client.on_connect = lambda c, u, f, reason, more: events.put(("connected", (reason, more)))
        self._client.on_disconnect = lambda c, u, f, reason, more: events.put(("gone", reason))
        self._client.on_subscribe = lambda c, u, mid, reasons, p: events.put(("subscribed", reasons))
        self._client.on_message = lambda c, u, message: events.put(("message", message.topic))

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._settings.host, self._settings.port, 30)
        except OSError as problem:
            raise _LoginRefused(unreachable(problem, self._settings)) from problem
        self._client.loop_start()
        event, value = self.next()
        if event == "connected":
            reason, self.properties = value
            if not reason.is_failure:
                return self
            cure = CURES.get(str(reason), "see the log of the broker")
            why = f"the broker refuses it: {reason} ({cure})"
        else:
            why = "the broker hung up during the login (check MQTT_USER and MQTT_PASSWORD)"
        self.__exit__()
        raise _LoginRefused(why)

    def __exit__(self, *error: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def next(self) -> tuple[str, Any]:
        """The next event and its value; ("silence", None) when nothing happens within TIMEOUT."""
        try:
            event, value = self._events.get(timeout=TIMEOUT)
        except queue.Empty:
            return "silence", None
        self.gone |= event == "gone"
        return event, value

    def subscribe(self, topic: str) -> bool:
        """Whether the broker grants it. Some brokers grant everything and then pass nothing on."""
        self._client.subscribe(topic, 1)
        while True:
            event, value = self.next()
            if event == "subscribed":
                return not any(reason.is_failure for reason in value)
            if event in ("gone", "silence"):
                return False

    def publish(self, topic: str, payload: bytes = b"doctor") -> None:
        self._client.publish(topic, payload, qos=1)

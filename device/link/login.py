"""MQTT's CONNECT, SUBSCRIBE and DISCONNECT. Functions of a Session."""

import umqtt.simple

from .session import Refused


def begin(session, wire, client_id, user, password, *, keepalive_s, inbox, outbox, will):
    session._wire = wire
    session._client = umqtt.simple.MQTTClient(
        client_id, "", user=user or None, password=password, keepalive=keepalive_s
    )
    session._client.set_callback(session._received)
    session._client.set_last_will(outbox, will, True, 1)
    session._inbox = inbox
    session.strange = 0  # packets that nobody asked for
    session.restart()


def listen(session, topic):
    """Also hear `topic` (bytes) in this session. A broker that refuses stays silent."""
    packet = session._next_id()
    session._wire.promise(b"\x90\x03" + packet.to_bytes(2, "big") + b"\0")
    session._client.subscribe(topic, 0)
    session.more = topic


def connect(session):
    """Say CONNECT on the wire's new connection."""
    session.restart()
    umqtt.simple.socket = session._wire  # umqtt asks its module `socket` for a connection: it gets ours
    session._wire.promise(b"\x20\x02\0\0")
    session._client.connect(True)


def disconnect(session):
    """Say DISCONNECT: the broker forgets the last will."""
    session._client.disconnect()


def _accepted(session, body):
    if body[2]:
        raise Refused("connect", body[2])
    packet = session._next_id()
    session._subscription = packet
    session._wire.promise(b"\x90\x03" + packet.to_bytes(2, "big") + b"\0")
    session._client.subscribe(session._inbox, 0)


def _subscribed(session, body):
    if body[1] << 8 | body[2] != session._subscription:
        session.strange += session.more is None or body[3] == 0x80
    elif body[3] == 0x80:
        raise Refused("subscribe", 0x80)
    else:
        session.ready = True

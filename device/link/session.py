"""One MQTT session at a time, spoken by umqtt.simple; nothing here waits.

umqtt writes each packet and is promised its answer at once; the true answer is read when it is there. So a
publish never waits for its PUBACK, and every version of umqtt.simple from 1.3.4 to 1.8 does the same.
"""

import errno

from ..chip.lazy import begun, lent
from ..chip.compat import const

WINDOW = const(8)  # publishes without PUBACK; HiveMQ takes 10
_LAST_ID = const(65535)

# What a session waits for.
_CONNACK = const(0x20)
_SUBACK = const(0x90)
_PUBACK = const(0x40)
_PUBLISH = const(0x30)
_PINGRESP = const(0xD0)


class Refused(Exception):
    """The broker's answer is no: args are ("connect" or "subscribe", its code)."""


class Session:
    """The client `client_id`, reading the topic `inbox`, with the last will `will` on `outbox`. All bytes."""

    lender = "link.login"  # listen, connect, disconnect, _accepted, _subscribed
    __init__ = begun  # (wire, client_id, user, password, *, keepalive_s, inbox, outbox, will)
    __getattr__ = lent

    def restart(self):
        """Forget the connection before: nothing is subscribed, nothing awaits an answer."""
        self.ready = False
        self.pinging = False
        self.unacknowledged = []
        self._message = None
        self._subscription = 0
        self.more = None  # a second topic that is listened to

    def free(self):
        """True while publish() takes a message with QoS 1."""
        return self.ready and len(self.unacknowledged) < WINDOW

    def publish(self, topic, payload, qos, retain):
        """The packet's id (0 for QoS 0); None when not ready or WINDOW publishes await their PUBACK."""
        if not (self.free() if qos else self.ready):
            return None
        packet = 0
        if qos:
            packet = self._next_id()
            self._wire.promise(b"\x40\x02" + packet.to_bytes(2, "big"))
        self._client.publish(topic, payload, retain, qos)
        if qos:
            self.unacknowledged.append(packet)
        return packet

    def ping(self):
        """Send PINGREQ; `pinging` until the answer has come."""
        self._client.ping()
        self.pinging = True

    def receive(self):
        """Take one packet: None when there was none, else the payload of a message or b""."""
        first = self._wire.receive()
        if first is None:
            return None
        self._message = None
        self._client.wait_msg()  # reads the first byte, or the whole of a message or PINGRESP
        kind = first & 0xF0
        if kind == _PUBLISH:
            return self._message or b""
        if kind == _PINGRESP:
            self.pinging = False
        elif kind == _PUBACK:
            self._acknowledged(self._body(3))
        elif kind == _CONNACK:
            self._accepted(self._body(3))
        elif kind == _SUBACK:
            self._subscribed(self._body(4))
        else:
            self.strange += 1
        return b""

    def _body(self, size):
        """The rest of an answer, behind its length."""
        body = self._wire.read(size)
        if body[0] != size - 1:
            raise OSError(errno.EINVAL)
        return body

    def _next_id(self):
        """Ids go from 1 to 65535 and round; umqtt would go on past 16 bits. It adds the one itself."""
        packet = self._client.pid % _LAST_ID + 1
        self._client.pid = packet - 1
        return packet

    def _acknowledged(self, body):
        packet = body[1] << 8 | body[2]
        if packet in self.unacknowledged:
            self.unacknowledged.remove(packet)
        else:
            self.strange += 1

    def _received(self, topic, payload):
        """umqtt's callback. Publishing in here would eat a PUBACK: only keep the message."""
        if payload and topic in (self._inbox, self.more):
            self._message = payload
        else:
            self.strange += 1

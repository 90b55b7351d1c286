"""The way to the broker: Wi-Fi, TLS and MQTT kept up by small steps, with back-off and a ladder of cures.

Nothing here waits longer than the caller allows, save the arithmetic of a TLS handshake (on an ESP32
about a second in all).
"""

import errno
import gc

from . import stages
from ..chip.lazy import let_go, seldom
from ..chip.compat import const
from .ladder import Ladder
from .session import Session
from .transport import Transport, trust
from .umqtt_socket import Wire

# Stages before and beside those of `stages`.
_CLOSED = const(-3)
_RESTING = const(-2)
_RADIO_OFF = const(-1)

# Milliseconds that each stage may take: Wi-Fi, the date (8 s let NTP ask twice), CA, DNS, TCP, TLS, CONNACK
# with SUBACK. Last, a session: when it has lasted this long, the back-off is over.
_LIMITS = (30000, 8000, 0, 0, 10000, 15000, 10000, 5000)
_PUBACK_MS = const(20000)
_RADIO_OFF_MS = const(2000)
_ROUNDS = const(8)  # of one step


class Link:
    """Keeps one MQTT session up and tells when it cannot.

    config: the board's; of it site, device, wifi and wifi2 (ssid, password), tried in turn, and broker (host,
    port, user, password, ca: path of a DER file, name: of the broker's certificate).
    board: wifi_on(ssid, password), wifi_off(), wifi_up(), wifi_dns(), wifi_problem(), reset(reason).
    clock: a Clock.  log: info(area, text), warn(area, text).
    state(online) -> bytes: the retained payload of <topic>/state; state(False) is also the last will.
    on_ack(payload): called from step(); may publish.
    patience_s: seconds of complete silence before the board is reset.
    """

    @seldom
    def __init__(self, config, board, clock, log, *, state, on_ack, keepalive_s=30, patience_s=3600):
        self._wifi = config["wifi"]
        self._wifi2 = config.get("wifi2")
        self._broker = broker = config["broker"]
        self._where = "%s:%d" % (broker["host"], broker["port"])
        self._board = board
        self._clock = clock
        self._log = log
        self._state = state
        self._on_ack = on_ack
        self._ping_ms = keepalive_s * 500
        topic = "vigie/1/%s/%s/" % (config["site"], config["device"])
        self._state_topic = (topic + "state").encode()
        self._wire = Wire()
        self._session = Session(
            self._wire,
            ("vigie-%s-%s" % (config["site"], config["device"])).encode(),
            broker["user"].encode(),
            broker["password"].encode(),
            keepalive_s=keepalive_s,
            inbox=(topic + "ack").encode(),
            outbox=self._state_topic,
            will=state(False),
        )
        self._lookup = None
        self._transport = None
        self._context = None
        self._address = None
        self._ladder = Ladder(board, clock, log, patience_s)
        self._without_wifi = False
        self._greet = False
        board.wifi_on(self._wifi["ssid"], self._wifi["password"])
        self._begin(stages.WIFI)

    # -- for the node

    def ready(self):
        """True while messages can be published."""
        return self._session.ready

    def free(self):
        """True while publish() takes a message: one is sent at a time, and 8 may await their PUBACK."""
        return self._session.free() and not self._transport.unsent()

    def publish(self, topic, payload, qos=1, retain=False):
        """Send `payload` (bytes, which must stay as they are until free() again) to `topic`.

        The packet id, 0 for QoS 0; None when it cannot be taken now.
        """
        if not self.ready() or self._transport.unsent():
            return None
        return self._session.publish(
            topic if isinstance(topic, bytes) else topic.encode(), payload, qos, retain
        )

    @seldom
    def counts(self):
        """What happened in this boot: name -> how often, for `state`."""
        counts = dict(self._ladder.counts)
        counts["oversize packets"] = self._wire.oversize
        counts["strange packets"] = self._session.strange
        return counts

    def last_error(self):
        """The newest trouble in plain words, or None: for `state`, once the board is online again."""
        return self._ladder.last_error

    @seldom
    def listens(self, size):
        """Hear this board's `part` too, in packets of up to `size` bytes; 0: no more. True once it does."""
        if self._session.more is None and size and self.free():
            self._session.listen(self._state_topic[:-5] + b"part")
        self._wire.resize(size)
        return self._session.more is not None

    def publish_state(self):
        """Publish state(True) as soon as possible; after each connect this happens by itself."""
        self._greet = True

    def step(self, budget_ms=0):
        """Go on by what can be done now, else wait up to `budget_ms` for the network. ready().

        Returns early after each acknowledgement that was handed to on_ack.
        """
        payload = None
        try:
            for _ in range(_ROUNDS):
                payload = self._advance()
                if payload:
                    break
                if payload is None:
                    if budget_ms <= 0:
                        break
                    self._rest(budget_ms)
                    budget_ms = 0
            if self._greet and self._session.ready:
                self._greet = self.publish(self._state_topic, self._state(True), 1, True) is None
        except Exception as error:  # whatever: Ctrl-C may have left any step half done
            self._failed(error)
        if payload:
            self._on_ack(payload)
        return self._session.ready

    @seldom
    def close(self, wait_ms=1000, said=None):
        """Say goodbye: `said` or state(False), DISCONNECT; at most `wait_ms`. The link stays closed.

        True when the broker has it, and has hung up: then no last will follows.
        """
        told = False
        end = self._clock.after(self._clock.ms(), wait_ms)
        try:
            while self.ready() and not self.free() and self._clock.until(end) > 0:
                self._rest(20)
                self._advance()
            if self.publish(self._state_topic, said or self._state(False), 1, True):
                while self._session.unacknowledged and self._clock.until(end) > 0:
                    self._rest(20)
                    self._advance()
                told = not self._session.unacknowledged
                self._session.disconnect()
                while self._clock.until(end) > 0:  # until reading fails: it has hung up
                    self._transport.flush()
                    self._session.receive()
                    self._rest(20)
                told = False
        except Exception:
            pass  # else the last will says that it is gone
        self._drop()
        self._stage = _CLOSED
        return told

    # -- the steps: each returns None when there is nothing to do, b"" when it moved, or an ack's payload

    def _advance(self):
        stage = self._stage
        if stage > stages.TCP:
            return self._talk()
        late = self._clock.until(self._deadline) <= 0
        if stage < 0:
            return self._wake(late)
        if stage == stages.WIFI:
            if self._board.wifi_up():
                return self._open()
            self._without_wifi = True
        elif stage == stages.DATE:
            return self._find() if late or self._clock.is_set() else None
        elif stage == stages.DNS:
            return self._look_up()
        elif self._transport.connected():
            self._begin(stages.TLS)
            self._wire.attach(self._transport)
            self._session.connect()
            return b""
        if late:
            raise OSError(errno.ETIMEDOUT)
        return None

    def _wake(self, late):
        """The end of a rest: in time, or when the Wi-Fi that was missing is back."""
        if self._stage == _CLOSED:
            return None
        if not late and (self._stage == _RADIO_OFF or not self._without_wifi or not self._board.wifi_up()):
            return None
        self._board.wifi_on(self._wifi["ssid"], self._wifi["password"])  # does nothing where it is up
        if self._stage == _RADIO_OFF:
            self._stage = _RESTING
            self._deadline = self._clock.after(self._deadline, self._rest_ms)
            return None
        self._begin(stages.WIFI)
        return b""

    @seldom
    def _open(self):
        """Wi-Fi is up. The date comes first: asked for during a handshake, both need their memory at once."""
        if self._without_wifi:
            self._without_wifi = False
            self._log.info("link", "Wi-Fi up")
        self._begin(stages.DATE)
        return self._find() if self._clock.is_set() else b""

    @seldom
    def _find(self):
        """Go to the broker; the date of an earlier boot will do where NTP is silent, none at all will not."""
        if not self._date():
            self._begin(stages.WIFI)
            self._ladder.tell("no date yet, so no certificate can be verified: waiting for NTP")
            return None
        if self._context is None:
            self._begin(stages.CA)
            with open(self._broker["ca"], "rb") as file:
                self._context = trust(file.read())
        broker = self._broker
        if self._address and self._ladder.failures % 3 != 2:  # a broker may move, but not at every hiccup
            return self._dial()
        self._begin(stages.DNS)
        from ..net.dns import Lookup

        self._lookup = Lookup(broker["host"], broker["port"], self._board.wifi_dns(), self._clock)
        return b""

    def _look_up(self):
        address = self._lookup.step()
        if address is None:
            return None
        self._address = address
        self._lookup = None
        let_go("dns")
        return self._dial()

    @seldom
    def _dial(self):
        self._begin(stages.TCP)
        name = self._broker["name"] or self._broker["host"]
        gc.collect()  # TLS takes 30 KB of the memory that the heap lives in
        self._transport = Transport(self._address, name, self._context)
        return b""

    def _talk(self):
        moved = self._transport.flush()
        if self._stage == stages.TLS and self._transport.secure:
            self._begin(stages.WELCOME)
        payload = self._session.receive() if self._transport.secure else None
        if self._session.ready:
            if self._stage != stages.UP:
                self._up()
            self._watch()
        elif self._clock.until(self._deadline) <= 0:
            raise OSError(errno.ETIMEDOUT)
        return b"" if payload is None and moved else payload

    @seldom
    def _up(self):
        self._ladder.count("connects")
        self._greet = True
        self._ping_at = self._clock.after(self._clock.ms(), self._ping_ms)
        self._oldest = 0
        self._begin(stages.UP)
        self._log.info("link", "connected to " + self._where)

    def _watch(self):
        """Deadlines of a session: the oldest PUBACK, and PINGRESP, which half a packet swallows too."""
        clock = self._clock
        if clock.until(self._deadline) <= 0:
            self._ladder.failures = 0
        if clock.until(self._ping_at) <= 0:
            if self._session.pinging:
                raise OSError(errno.ETIMEDOUT)
            if not self._transport.unsent():  # a message on its way shows life, or misses its own deadline
                self._session.ping()
                self._ping_at = clock.after(clock.ms(), self._ping_ms)
        waiting = self._session.unacknowledged
        oldest = waiting[0] if waiting else 0
        if oldest != self._oldest:
            self._oldest = oldest
            self._answer_by = clock.after(clock.ms(), _PUBACK_MS)
        elif oldest and clock.until(self._answer_by) <= 0:
            raise OSError(errno.ETIMEDOUT)

    def _rest(self, ms):
        if self._transport:
            self._transport.wait(ms)
        else:
            self._clock.sleep(ms)

    def _begin(self, stage):
        self._stage = stage
        self._deadline = self._clock.after(self._clock.ms(), _LIMITS[stage])
        if stage > stages.TCP:
            self._ladder.heard()

    # -- failure

    @seldom
    def _failed(self, error):
        """Let go of the connection and rest, as the ladder says."""
        stage = self._stage
        self._stage = _RESTING  # even should what follows fail
        self._deadline = self._clock.after(self._clock.ms(), _LIMITS[stages.WIFI])
        self._drop()
        if stage < stages.WIFI or not self._board.wifi_up():
            stage = stages.WIFI  # so the broker is not to blame
            self._without_wifi = True
        detail = self._board.wifi_problem() if stage == stages.WIFI else self._date()
        self._rest_ms, radio_off = self._ladder.failed(stage, error, self._where, detail)
        if stage == stages.WIFI and self._wifi2:
            self._wifi, self._wifi2 = self._wifi2, self._wifi  # it is that one's turn
            self._board.wifi_off()  # or the chip goes on trying this one
        self._stage = _RADIO_OFF if radio_off else _RESTING
        pause = _RADIO_OFF_MS if radio_off else self._rest_ms
        self._deadline = self._clock.after(self._clock.ms(), pause)

    def _date(self):
        """Seconds since 2000 that TLS goes by; 0 while there is no date, not even of an earlier boot."""
        return self._clock.now() or self._clock.floor

    def _drop(self):
        self._session.restart()
        self._wire.attach(None)
        for part in (self._lookup, self._transport):
            if part:
                part.close()
        self._lookup = self._transport = None

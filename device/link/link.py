"""The way to the broker: Wi-Fi, TLS and MQTT kept up by small steps, with back-off and cures.

Nothing here waits longer than the caller allows, save the arithmetic of a TLS handshake (on an ESP32
about a second in all).
"""

import errno

from . import stages
from ..chip.lazy import begun, lent
from ..chip.compat import const

# Stages before and beside those of `stages`.
CLOSED = const(-3)
RESTING = const(-2)
RADIO_OFF = const(-1)

# Milliseconds that each stage may take: Wi-Fi, the date (8 s let NTP ask twice), CA, DNS, TCP, TLS, CONNACK
# with SUBACK. Last, a session: when it has lasted this long, the back-off is over.
LIMITS = const((30000, 8000, 0, 0, 10000, 15000, 10000, 5000))
_PUBACK_MS = const(20000)
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

    lender = "link.connecting"  # counts, listens, close, _open, _find, _dial, _up, _failed
    __init__ = begun  # (config, board, clock, log, *, state, on_ack, keepalive_s=30, patience_s=3600)
    __getattr__ = lent

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

    def last_error(self):
        """The newest trouble in plain words, or None: for `state`, once the board is online again."""
        return self._backoff.last_error

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
        if self._stage == CLOSED:
            return None
        if not late and (self._stage == RADIO_OFF or not self._without_wifi or not self._board.wifi_up()):
            return None
        self._board.wifi_on(self._wifi["ssid"], self._wifi["password"])  # does nothing where it is up
        if self._stage == RADIO_OFF:
            self._stage = RESTING
            self._deadline = self._clock.after(self._deadline, self._rest_ms)
            return None
        self._begin(stages.WIFI)
        return b""

    def _look_up(self):
        address = self._lookup.step()
        if address is None:
            return None
        self._address = address
        self._lookup = None
        return self._dial()

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

    def _watch(self):
        """Deadlines of a session: the oldest PUBACK, and PINGRESP, which half a packet swallows too."""
        clock = self._clock
        if clock.until(self._deadline) <= 0:
            self._backoff.failures = 0
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
        self._deadline = self._clock.after(self._clock.ms(), LIMITS[stage])
        if stage > stages.TCP:
            self._backoff.heard()

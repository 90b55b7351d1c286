"""A connection begins, fails and ends. Functions of a Link."""

import gc
import ssl

from . import stages
from ..chip.compat import const
from ..chip.lazy import borrow
from ..codes import TOPIC
from .backoff import Backoff
from .session import Session
from .transport import Transport
from .umqtt_socket import Wire
from .link import CLOSED, RESTING, RADIO_OFF, LIMITS

_RADIO_OFF_MS = const(2000)


def begin(link, config, board, clock, log, *, state, on_ack, keepalive_s=30, patience_s=3600):
    link._wifi = config["wifi"]
    link._wifi2 = config.get("wifi2")
    link._broker = broker = config["broker"]
    link._where = "%s:%d" % (broker["host"], broker["port"])
    link._board = board
    link._clock = clock
    link._log = log
    link._state = state
    link._on_ack = on_ack
    link._ping_ms = keepalive_s * 500
    topic = TOPIC % (config["site"], config["device"], "%s")
    link._state_topic = (topic % "state").encode()
    link._wire = Wire()
    link._session = Session(
        link._wire,
        ("vigie-%s-%s" % (config["site"], config["device"])).encode(),
        broker["user"].encode(),
        broker["password"].encode(),
        keepalive_s=keepalive_s,
        inbox=(topic % "ack").encode(),
        outbox=link._state_topic,
        will=state(False),
    )
    link._lookup = None
    link._transport = None
    link._context = None
    link._address = None
    link._backoff = Backoff(board, clock, log, patience_s)
    link._without_wifi = False
    link._greet = False
    board.wifi_on(link._wifi["ssid"], link._wifi["password"])
    link._begin(stages.WIFI)


def counts(link):
    """What happened in this boot: name -> how often, for `state`."""
    counts = dict(link._backoff.counts)
    counts["oversize packets"] = link._wire.oversize
    counts["strange packets"] = link._session.strange
    return counts


def listens(link, size):
    """Hear this board's `part` too, in packets of up to `size` bytes; 0: no more. True once it does."""
    if link._session.more is None and size and link.free():
        link._session.listen(link._state_topic[:-5] + b"part")
    link._wire.resize(size)
    return link._session.more is not None


def close(link, wait_ms=1000, last=None):
    """Say goodbye: `last` or state(False), DISCONNECT; at most `wait_ms`. The link stays closed.

    True when the broker has it, and has hung up: then no last will follows.
    """
    sent = False
    end = link._clock.after(link._clock.ms(), wait_ms)
    try:
        while link.ready() and not link.free() and link._clock.until(end) > 0:
            link._rest(20)
            link._advance()
        if link.publish(link._state_topic, last or link._state(False), 1, True):
            while link._session.unacknowledged and link._clock.until(end) > 0:
                link._rest(20)
                link._advance()
            sent = not link._session.unacknowledged
            link._session.disconnect()
            while link._clock.until(end) > 0:  # until reading fails: it has hung up
                link._transport.flush()
                link._session.receive()
                link._rest(20)
            sent = False
    except Exception:
        pass  # else the last will says that it is gone
    _drop(link)
    link._stage = CLOSED
    return sent


def _open(link):
    """Wi-Fi is up. The date comes first: asked for during a handshake, both need their memory at once."""
    if link._without_wifi:
        link._without_wifi = False
        link._log.info("link", "Wi-Fi up")
    link._begin(stages.DATE)
    return _find(link) if link._clock.is_set() else b""


def _find(link):
    """Go to the broker. Without NTP the date of an earlier boot serves; without any date the link waits."""
    if not _date(link):
        link._begin(stages.WIFI)
        link._backoff.tell("no date yet, so no certificate can be verified: waiting for NTP")
        return None
    if link._context is None:
        link._begin(stages.CA)
        with open(link._broker["ca"], "rb") as file:
            link._context = trust(file.read())
    broker = link._broker
    if link._address and link._backoff.failures % 3 != 2:  # a broker may move, but not at every hiccup
        return _dial(link)
    link._begin(stages.DNS)
    dns = borrow("net.dns")
    link._lookup = dns.Lookup(broker["host"], broker["port"], link._board.wifi_dns(), link._clock)
    return b""


def trust(ca):
    """The TLS context that trusts the CA certificate `ca` (DER bytes) and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED  # a client's default; it stands here because all depends on it
    context.load_verify_locations(cadata=ca)
    return context


def _dial(link):
    link._begin(stages.TCP)
    name = link._broker["name"] or link._broker["host"]
    gc.collect()  # TLS takes 30 KB of the memory that the heap lives in
    link._transport = Transport(link._address, name, link._context)
    return b""


def _up(link):
    link._backoff.count("connects")
    link._greet = True
    link._ping_at = link._clock.after(link._clock.ms(), link._ping_ms)
    link._oldest = 0
    link._begin(stages.UP)
    link._log.info("link", "connected to " + link._where)


def _date(link):
    """Seconds since 2000 that TLS goes by; 0 while there is no date, not even of an earlier boot."""
    return link._clock.now() or link._clock.floor


def _drop(link):
    link._session.restart()
    link._wire.attach(None)
    for part in (link._lookup, link._transport):
        if part:
            part.close()
    link._lookup = link._transport = None


def _failed(link, error):
    """Let go of the connection and rest, as the back-off says."""
    stage = link._stage
    link._stage = RESTING  # even if what follows fails
    link._deadline = link._clock.after(link._clock.ms(), LIMITS[stages.WIFI])
    _drop(link)
    if stage < stages.WIFI or not link._board.wifi_up():
        stage = stages.WIFI  # so the broker is not to blame
        link._without_wifi = True
    detail = link._board.wifi_problem() if stage == stages.WIFI else _date(link)
    link._rest_ms, radio_off = link._backoff.failed(stage, error, link._where, detail)
    if stage == stages.WIFI and link._wifi2:
        link._wifi, link._wifi2 = link._wifi2, link._wifi  # it is that one's turn
        link._board.wifi_off()  # or the chip goes on trying this one
    link._stage = RADIO_OFF if radio_off else RESTING
    pause = _RADIO_OFF_MS if radio_off else link._rest_ms
    link._deadline = link._clock.after(link._clock.ms(), pause)

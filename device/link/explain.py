"""Why the link failed, in plain words with a cure. Loaded for each failure, and let go again."""

import errno
from time import gmtime

from .stages import CA, DNS, TCP, TLS, WELCOME, WIFI
from ..chip.compat import const

_SILENCE = (  # from TCP on
    " does not answer: check broker.host, broker.port, firewall and internet access",
    " takes connections but does not speak TLS in time: is it busy, or another kind of port?",
    " does not welcome this client in time",
    " no longer answers",
)
_CERTIFICATE = (
    # mbedTLS says the same when memory ran out while it checked the signature (x509_crt_find_parent_in).
    (
        "signed",
        "is not signed by the CA on this board: put the right CA (DER) at broker.ca; "
        "if it is the right one, memory ran out: the next try tells",
    ),
    ("CN", "is for another host: set broker.name to the name that it carries"),
    ("expired", "has expired: renew it (if the date here, %s, is right)"),
    ("future", "is not valid yet: is the date here, %s, right?"),
)
_ALERTS = const((-0x7780, -0x6E80, -0x6E00))  # mbedTLS: a fatal alert, another version, no way to agree
_CONNECT = {
    1: "speaks another version of MQTT",
    2: "does not like the client's name",
    3: "is not available now",
    4: "refuses user or password: check broker.user and broker.password in config.json",
    5: "does not authorize this user: check broker.user, broker.password and the user's permissions",
}


def number_of(error):
    """The errno of an OSError, else None."""
    return error.errno if isinstance(error, OSError) else None


def out_of_memory(error):
    return isinstance(error, MemoryError) or number_of(error) in (errno.ENOMEM, errno.ENOBUFS)


def explain(stage, error, broker, detail):
    """One line for people. `broker`: "host:port". `detail`: what the Wi-Fi says; later the board's date."""
    number = number_of(error)
    if out_of_memory(error):
        return "not enough memory for a TLS connection"
    if isinstance(error, (AttributeError, TypeError, ImportError, KeyError)):
        return "the link to %s begins anew after %r" % (broker, error)
    if stage == WIFI:
        return "no Wi-Fi (%s): check wifi.ssid and wifi.password in config.json" % detail
    if stage == CA:
        return "cannot use broker.ca (%s): copy the broker's CA certificate, as DER, to the board" % error
    if stage == DNS:
        return "no address for %s: check broker.host in config.json, and that this network has DNS" % broker
    if number == errno.ETIMEDOUT:
        return broker + _SILENCE[stage - TCP]
    if stage == TCP:
        if number == errno.ECONNREFUSED:
            return broker + " refuses connections: is the broker running, and is broker.port right?"
        return "%s cannot be reached (error %s): check network and broker.host" % (broker, number)
    if stage == TLS:
        return _tls(error, number, broker, detail)
    return _mqtt(stage, error, number, broker)


def _tls(error, number, broker, sec):
    if number in _ALERTS:
        return broker + " refuses the TLS handshake: it must speak TLS 1.2 and go by the name in broker.name"
    if not isinstance(error, ValueError):
        return "TLS with %s fails (error %s): is broker.port its TLS port?" % (broker, number)
    reason = str(error).strip()
    for word, cure in _CERTIFICATE:
        if word in reason:
            return "the certificate of %s %s" % (broker, cure % _date(sec) if "%s" in cure else cure)
    return "the certificate of %s is refused: %s" % (broker, reason)


def _date(sec):
    if gmtime(0)[0] == 1970:  # the unix port's epoch; an ESP32 counts from 2000
        sec += 946684800
    return "%d-%02d-%02d" % gmtime(sec)[:3]


def _mqtt(stage, error, number, broker):
    if number == errno.ECONNRESET:
        if stage == WELCOME:
            return broker + " hangs up instead of a welcome: check broker.user and broker.password"
        return broker + " closed the connection"
    if number is None and len(error.args) == 2:  # session.Refused
        what, code = error.args
        if what == "subscribe":
            return broker + " does not let this user read its own ack topic: check its permissions"
        return "%s %s" % (broker, _CONNECT.get(code, "refuses with code %d" % code))
    if number not in (None, errno.EINVAL):
        return "the connection to %s broke (error %s)" % (broker, number)
    return "%s sends what is not MQTT (%r)" % (broker, error)

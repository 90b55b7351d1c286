"""A failure of the link: it is counted, and the console says what failed and what to do. Imported then."""

import errno
import os

from ..chip.compat import const
from ..chip.lazy import borrow
from .stages import DNS, TCP, WIFI

explain = borrow("link.explain")

_NAMES = const(("wifi", "date", "ca", "dns", "tcp", "tls", "login", "session"))  # by stage
_ANSWERS = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOENT)  # ENOENT: DNS knows no such name

_SHORTEST_MS = const(2000)
_LONGEST_MS = const(300000)

RECONNECT = const(0)
RADIO = const(1)  # switch the radio off and on
RESET = const(2)  # reset the board

_RADIO_EVERY = const(4)  # silent failures in a row, and at the first: the radio itself may be off or dead


def answer(backoff, stage, error, broker, detail):
    """(milliseconds to rest, whether the radio was switched off); may reset the board."""
    backoff.count(name(stage, error))
    backoff.tell(explain.explain(stage, error, broker, detail))
    if silent(stage, error):
        backoff.silent += 1
    else:
        backoff.heard()
    cure = cure_after(backoff.silent, backoff.clock.uptime() - backoff.heard_s, backoff.patience_s)
    if cure == RADIO:
        backoff.count("radio off")
        backoff.board.wifi_off()
    elif cure == RESET:
        backoff.heard()
        backoff.board.reset("link: " + backoff.last_error)
    return delay_ms(backoff.failures, int.from_bytes(os.urandom(3), "big")), cure == RADIO


def silent(stage, error):
    """True when nothing was heard from the network, or memory ran out: radio or board may be stuck."""
    if explain.out_of_memory(error):
        return True
    return stage in (WIFI, DNS, TCP) and explain.number_of(error) not in _ANSWERS


def name(stage, error):
    """Under which name it is counted."""
    return _NAMES[stage] + (" timeouts" if explain.number_of(error) == errno.ETIMEDOUT else " errors")


def delay_ms(failures, random):
    """Milliseconds to rest after `failures` (1, 2, …) in a row: 1-2 s, 2-4 s, … up to 2.5-5 min.

    `random`, any int >= 0, shortens that by up to half, so that boards of one broker return one by one.
    """
    longest = _LONGEST_MS if failures > 8 else min(_LONGEST_MS, _SHORTEST_MS << (failures - 1))
    return longest - random % (longest // 2 + 1)


def cure_after(silent, silent_s, patience_s):
    """What to do after a failure: RECONNECT, RADIO or RESET.

    `silent` counts the failures in a row in which nothing at all was heard from the network, `silent_s` is
    how long that has lasted. An answer, even a refusal, proves that radio and stack work: then neither helps.
    A reset costs the windows of the detectors; it comes only after `patience_s`.
    """
    if not silent:
        return RECONNECT
    if silent_s >= patience_s:
        return RESET
    return RADIO if silent % _RADIO_EVERY == 1 else RECONNECT

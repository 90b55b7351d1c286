"""When to try the broker again, and how hard: pure decisions of the link."""

from .compat import const

_SHORTEST_MS = const(2000)
_LONGEST_MS = const(300000)

RECONNECT = const(0)
RADIO = const(1)  # switch the radio off and on
RESET = const(2)  # reset the board

_RADIO_EVERY = const(4)  # silent failures in a row, and at the first: the radio itself may be off or dead


def delay_ms(failures, random):
    """Milliseconds to rest after `failures` (1, 2, …) in a row: 1-2 s, 2-4 s, … up to 2.5-5 min.

    `random` is any int >= 0. It takes up to half away, lest boards that lost one broker return together.
    """
    longest = _LONGEST_MS if failures > 8 else min(_LONGEST_MS, _SHORTEST_MS << (failures - 1))
    return longest - random % (longest // 2 + 1)


def rung(silent, silent_s, patience_s):
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

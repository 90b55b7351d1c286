"""What kind of failure it was that ended a connection."""

import errno

from .stages import DNS, TCP, WIFI

_NAMES = ("wifi", "date", "ca", "dns", "tcp", "tls", "login", "session")  # by stage
_ANSWERS = (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOENT)  # ENOENT: DNS knows no such name


def number_of(error):
    """The errno of an OSError, else None."""
    return error.errno if isinstance(error, OSError) else None


def out_of_memory(error):
    return isinstance(error, MemoryError) or number_of(error) in (errno.ENOMEM, errno.ENOBUFS)


def silent(stage, error):
    """True when nothing was heard from the network, or memory ran out: radio or board may be stuck."""
    return out_of_memory(error) or (stage in (WIFI, DNS, TCP) and number_of(error) not in _ANSWERS)


def name(stage, error):
    """What to count it as."""
    return _NAMES[stage] + (" timeouts" if number_of(error) == errno.ETIMEDOUT else " errors")

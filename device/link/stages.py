"""The stages of a connection, in order."""

from ..chip.compat import const

WIFI = const(0)
DATE = const(1)
CA = const(2)
DNS = const(3)
TCP = const(4)
TLS = const(5)
WELCOME = const(6)
UP = const(7)

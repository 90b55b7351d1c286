"""The stages of a connection, in order."""

from .compat import const

WIFI = const(0)
CA = const(1)
DNS = const(2)
TCP = const(3)
TLS = const(4)
WELCOME = const(5)
UP = const(6)

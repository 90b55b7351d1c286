"""Stand-in for the chip's `network`: a Wi-Fi that the host's network is behind, up soon after connect()."""

import time

STA_IF = 0
AP_IF = 1
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202

_JOIN_MS = 200


class WLAN:
    """`in_reach` is set by the harness: False is a network that went away."""

    IF_STA = STA_IF
    in_reach = True

    def __init__(self, interface=STA_IF):
        self._active = False
        self._since = None

    def active(self, on=None):
        if on is None:
            return self._active
        self._active = bool(on)
        if not on:
            self._since = None

    def connect(self, ssid=None, key=None, **options):
        if not self._active:
            raise OSError("Wifi Not Started")
        self._since = time.ticks_ms()

    def disconnect(self):
        self._since = None

    def isconnected(self):
        return (
            WLAN.in_reach
            and self._active
            and self._since is not None
            and time.ticks_diff(time.ticks_ms(), self._since) >= _JOIN_MS
        )

    def status(self, what=None):
        if what == "rssi":
            return -55
        if self.isconnected():
            return STAT_GOT_IP
        if self._since is None:
            return STAT_IDLE
        return STAT_CONNECTING if WLAN.in_reach else STAT_NO_AP_FOUND

    def ifconfig(self):
        # No name server of its own: names are looked up by this machine.
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "0.0.0.0")

    def config(self, *names, **settings):
        """Settings such as pm= and txpower= are accepted and change nothing here."""
        return b"\x02VIGIE" if names == ("mac",) else None

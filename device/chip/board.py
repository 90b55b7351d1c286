"""The only file of the package that touches the chip: Wi-Fi, watchdog, LED, clock chip, resets."""

import os

import machine
import network

from .lazy import seldom

_REASON = "/reset.txt"  # why Vigie itself asked for the last reset
_WATCHDOG_S = 60  # longer than any blocking call, such as a name look-up at three servers that are silent


# What ESP-IDF calls WIFI_REASON_… and MicroPython gives as status(); older versions name only two of them.
_WIFI_SAYS = (
    ((15, 202, 204), "wrong password"),
    ((201,), "no such network in reach (2.4 GHz only)"),
    ((210, 211), "its kind of security is not this board's: WPA2 is"),
    ((200, 212), "its signal is too weak"),
    ((2, 4, 203, 205), "the access point does not let this board in: signal, or password"),
    ((1001,), "still connecting"),
)


class Board:
    """One ESP32. `led_pin` is the LED's GPIO or None."""

    @seldom
    def __init__(self, led_pin=None):
        self._led = None if led_pin is None else machine.Pin(led_pin, machine.Pin.OUT, value=0)
        self._watchdog = None
        self._wlan = network.WLAN(network.STA_IF)
        self.reset_reason = _take_reason() or _cause()

    @seldom
    def unique_id(self):
        """The chip's own id, hex."""
        return "".join("%02x" % byte for byte in machine.unique_id())

    # Wi-Fi. The chip reconnects by itself; the link decides when to switch the radio off and on.

    @seldom
    def wifi_on(self, ssid, password):
        """Start to connect; wifi_up() tells when it is done."""
        self._wlan.active(True)
        if not self._wlan.isconnected():
            try:
                self._wlan.connect(ssid, password)
            except OSError:
                pass  # the chip is already trying; the link switches the radio off if that leads nowhere

    def wifi_off(self):
        """Switch the radio off: the cure for a driver that lies."""
        self._wlan.active(False)

    def wifi_up(self):
        """True while there is an address."""
        return self._wlan.isconnected()

    def wifi_dns(self):
        """The name server's address, or None."""
        address = self._wlan.ifconfig()[3]
        return None if address == "0.0.0.0" else address

    @seldom
    def wifi_rssi(self):
        """The signal's strength in dBm: above -70 is good, below -80 is trouble."""
        return self._wlan.status("rssi")

    @seldom
    def wifi_problem(self):
        """Why there is no connection, for people."""
        status = self._wlan.status()
        for numbers, text in _WIFI_SAYS:
            if status in numbers:
                return text
        return "status %s" % status if self._wlan.active() else "the radio is off"

    @seldom
    def set_rtc(self, sec):
        """Put `sec` (seconds since 2000) into the clock chip: TLS checks certificates against it."""
        from time import gmtime

        if gmtime(0)[0] == 1970:  # the unix port's epoch; an ESP32 counts from 2000
            sec += 946684800
        year, month, day, hour, minute, second, weekday = gmtime(sec)[:7]
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    # What sensors hang on.

    @seldom
    def dht22(self, pin):
        """The firmware's driver of the DHT22 on GPIO `pin`."""
        import dht

        return dht.DHT22(machine.Pin(pin))

    @seldom
    def i2c(self, scl, sda):
        """An I2C bus at 100 kHz: long wires forgive it."""
        return machine.I2C(0, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=100000)

    # Watchdog and resets.

    def watch(self, seconds=_WATCHDOG_S):
        """Start the watchdog, or give it another time; without feed() the board resets after `seconds`."""
        self._watchdog = machine.WDT(timeout=seconds * 1000)

    def feed(self):
        if self._watchdog:
            self._watchdog.feed()

    def reset(self, reason):
        """Restart; the next boot reports `reason`."""
        try:
            with open(_REASON, "w") as file:
                file.write(reason)
        except OSError:
            pass  # a full flash must not keep the board from restarting
        machine.reset()

    # Deep sleep: it ends in a start with the reason "deep sleep"; RTC memory (2 KB) outlives it.

    @seldom
    def rtc_memory(self, *data):
        """What it holds (bytes), or put `data` there."""
        return machine.RTC().memory(*data)

    @seldom
    def deepsleep(self, ms):
        machine.deepsleep(ms)

    def led(self, on):
        if self._led:
            self._led.value(1 if on else 0)


def _take_reason():
    try:
        with open(_REASON) as file:
            reason = file.read(64)
    except (OSError, ValueError):
        reason = None  # none, or no text
    try:
        os.remove(_REASON)
    except OSError:
        pass  # none was written
    return reason


def _cause():
    cause = machine.reset_cause()
    for name, text in (
        ("PWRON_RESET", "power on"),
        ("HARD_RESET", "hard reset"),
        ("WDT_RESET", "watchdog"),
        ("DEEPSLEEP_RESET", "deep sleep"),
        ("SOFT_RESET", "soft reset"),
    ):
        if cause == getattr(machine, name, None):
            return text
    return "cause %s" % cause

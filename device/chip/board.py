"""The chip: Wi-Fi, watchdog, LED, clock chip, resets. Only this room (chip/) touches it."""

import machine

from .lazy import begun, lent
from .compat import const

REASON = const("/reset.txt")  # why Vigie itself asked for the last reset
_WATCHDOG_S = const(
    60
)  # longer than any blocking call, such as a name look-up at three servers that are silent


# What ESP-IDF calls WIFI_REASON_… and MicroPython gives as status(); older versions name only two of them.


class Board:
    """One ESP32. `led_pin` is the LED's GPIO or None."""

    # wifi_on, wifi_rssi, wifi_problem, set_rtc, dht22, i2c, rtc_memory, deepsleep
    lender = "chip.peripherals"
    __init__ = begun  # (led_pin=None)
    __getattr__ = lent

    # Wi-Fi. The chip reconnects by itself; the link decides when to switch the radio off and on.

    def wifi_off(self):
        """Switch the radio off: the cure for a driver that says it is connected and is not."""
        self._wlan.active(False)

    def wifi_up(self):
        """True while there is an address."""
        return self._wlan.isconnected()

    def wifi_dns(self):
        """The name server's address, or None."""
        address = self._wlan.ifconfig()[3]
        return None if address == "0.0.0.0" else address

    # Watchdog and resets.

    def watch(self, seconds=_WATCHDOG_S):
        """Start the watchdog, or give it another time; without feed() the board resets after `seconds`."""
        self._watchdog = machine.WDT(timeout=seconds * 1000)

    def feed(self):
        """Tell the watchdog, where one runs, that the loop still turns."""
        if self._watchdog:
            self._watchdog.feed()

    def reset(self, reason):
        """Restart; the next boot reports `reason`."""
        try:
            with open(REASON, "w") as file:
                file.write(reason)
        except OSError:
            pass  # a full flash must not keep the board from restarting
        machine.reset()

    def led(self, on):
        """Light the LED or not; does nothing without one."""
        if self._led:
            self._led.value(1 if on else 0)

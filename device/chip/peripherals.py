"""The parts of a chip that are needed seldom: radio, buses, the clock's date, sleep. Functions of a Board."""

import os
import machine
import network

from .board import REASON

_WIFI_SAYS = (
    ((15, 202, 204), "wrong password"),
    ((201,), "no such network in reach (2.4 GHz only)"),
    ((210, 211), "its kind of security is not this board's: WPA2 is"),
    ((200, 212), "its signal is too weak"),
    ((2, 4, 203, 205), "the access point does not let this board in: signal, or password"),
    ((1001,), "still connecting"),
)


def begin(board, led_pin=None):
    board._led = None if led_pin is None else machine.Pin(led_pin, machine.Pin.OUT, value=0)
    board._watchdog = None
    board._wlan = network.WLAN(network.STA_IF)
    board.reset_reason = _take_reason() or _cause()


def unique_id(board):
    """The chip's own id, hex."""
    return "".join("%02x" % byte for byte in machine.unique_id())


def wifi_on(board, ssid, password):
    """Start to connect; wifi_up() tells when it is done."""
    board._wlan.active(True)
    if not board._wlan.isconnected():
        try:
            board._wlan.connect(ssid, password)
        except OSError:
            pass  # the chip is already trying; the link switches the radio off if that leads nowhere


def wifi_rssi(board):
    """The signal's strength in dBm: above -70 is good, below -80 is trouble."""
    return board._wlan.status("rssi")


def wifi_problem(board):
    """Why there is no connection, for people."""
    status = board._wlan.status()
    for numbers, text in _WIFI_SAYS:
        if status in numbers:
            return text
    return "status %s" % status if board._wlan.active() else "the radio is off"


def set_rtc(board, sec):
    """Put `sec` (seconds since 2000) into the clock chip: TLS checks certificates against it."""
    from time import gmtime

    if gmtime(0)[0] == 1970:  # the unix port's epoch; an ESP32 counts from 2000
        sec += 946684800
    year, month, day, hour, minute, second, weekday = gmtime(sec)[:7]
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


def dht22(board, pin):
    """The firmware's driver of the DHT22 on GPIO `pin`."""
    import dht

    return dht.DHT22(machine.Pin(pin))


def i2c(board, scl, sda):
    """An I2C bus at 100 kHz: long wires forgive it."""
    return machine.I2C(0, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=100000)


def rtc_memory(board, *data):
    """The bytes in RTC memory; with `data`, write it there."""
    return machine.RTC().memory(*data)


def deepsleep(board, ms):
    """Sleep for `ms`; it ends in a start with the reason "deep sleep". RTC memory (2 KB) outlives it."""
    machine.deepsleep(ms)


def _take_reason():
    try:
        with open(REASON) as file:
            reason = file.read(64)
    except (OSError, ValueError):
        reason = None  # none, or no text
    try:
        os.remove(REASON)
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

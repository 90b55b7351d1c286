"""Safe mode: no sensor, no judge, no readings. Wi-Fi is up, the LED flashes twice every two seconds, and the
broker gets one `state` with the error that ended the last start, or with the files that are damaged.

The build makes one file of this and of all that it imports, /safe.mpy: none of device/ need be sound.
"""

import sys

from .chip.board import Board
from .chip.clock import Clock
from .chip.compat import const
from .codes import TOPIC
from .config.config import load

_TURN_MS = const(100)
_TURNS = const(20)  # of one round of the LED
_GOODBYE_MS = const(5000)
_SAFE_S = const(600)


def run(why):
    """Stay up for ten minutes because of `why` (text). Returns the seconds to wait before the next start."""
    print("Safe mode: %s. See /last_error.txt\nRestart in %d s; Ctrl-C for a REPL" % (why, _SAFE_S))
    try:
        _stay(why)
        return 0
    except Exception as error:
        sys.print_exception(error)
        return _SAFE_S


def _stay(why):
    config = load("/config.json")
    board = Board(config["led_pin"])
    clock = Clock()
    try:
        voice = Voice(config, board, clock, why)
    except Exception as error:  # what the voice needs may be what is broken
        sys.print_exception(error)
        voice = None
        board.wifi_on(config["wifi"]["ssid"], config["wifi"]["password"])
    end = clock.after(clock.ms(), _SAFE_S * 1000)
    turn = 0
    while clock.until(end) > 0:
        board.led(turn in (0, 2))
        turn = (turn + 1) % _TURNS
        clock.tick()
        if voice is None or voice.step(_TURN_MS):
            voice = None
            clock.sleep(_TURN_MS)


class Log:
    """The console as the link needs it; log.py belongs to the application, which may be damaged."""

    def info(self, area, text, mark=" "):
        print("%8s %s %-6s %s" % ("", mark, area, text))

    def warn(self, area, text):
        self.info(area, text, "!")


class Voice:
    """Says once, retained, why the board does not measure."""

    def __init__(self, config, board, clock, why):
        from .net.dates import Dates
        from .link.link import Link
        from .outbox.outbox import Outbox

        self._log = Log()
        self._board = board
        self._clock = clock
        self._fields = {"reset": "safe mode, " + why, "last_error": _last_error()}
        self._key = bytes.fromhex(config["key"])
        self._topic = (TOPIC % (config["site"], config["device"], "state")).encode()
        self._outbox = Outbox("/outbox", config["outbox_bytes"])
        clock.floor = self._outbox.journal.seen
        if clock.floor:
            board.set_rtc(clock.floor)  # until NTP answers: certificates need a date
        self._dates = Dates(config["ntp"], clock, board)
        self._link = Link(config, board, clock, self._log, state=self._state, on_ack=lambda payload: None)

    def step(self, ms):
        """Go on for up to `ms`; True when there is nothing left to do."""
        try:
            ready = self._link.step(ms)
            sec = self._dates.step()
            if sec is not None and self._clock.set(sec):
                self._board.set_rtc(sec)
            if not ready:
                return False
            sent = self._link.close(_GOODBYE_MS, self._state(True))
            self._log.info("safe", "state sent" if sent else "state lost")
        except Exception as error:
            sys.print_exception(error)
        return True

    def _state(self, online):
        from .send.state import payload

        return payload(online, self._outbox, self._fields, key=self._key, topic=self._topic)


def _last_error():
    try:
        with open("/last_error.txt") as file:
            return file.read(500)
    except (OSError, ValueError):  # none, or no text
        return "no error was kept"

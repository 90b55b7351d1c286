"""`make repl`: the board's prompt, with a console for people on it. pySerial's miniterm is the terminal.

mpremote's own waits on a file descriptor, which a port behind `rfc2217://` has not.
"""

import sys
import threading

import serial
from serial.tools.miniterm import Miniterm

from tools.board import arguments
from tools.board.cable import port, screen
from tools.process.child import ToolFailed

HELP = """\
Ctrl-C stops Vigie and gives a prompt; then type: status() last(5) selftest() inject("spike") outbox() wifi()
model() and, to go on, go()
Ctrl-D starts the board's software again; Ctrl-] leaves this terminal and the board as it is"""
BAUD = 115200


@arguments.run
def main(port_name: arguments.PortOption = None) -> int:
    """Talk to the board."""
    device = port.find(port_name)
    if not sys.stdin.isatty():
        raise ToolFailed("this is a terminal for people: start it in one (make logs needs none)")
    try:
        line = serial.serial_for_url(device.device, BAUD, exclusive=True, timeout=0.2)
    except (serial.SerialException, OSError, ValueError) as error:
        raise ToolFailed(port.explain(device, error)) from None
    screen.say(HELP)
    lost = threading.Event()

    def broke_off(end: threading.ExceptHookArgs) -> None:
        if not lost.is_set():
            lost.set()
            print(f"\r\n{device.device}: the connection broke off ({end.exc_value}): press a key\r")

    threading.excepthook = broke_off
    terminal = Miniterm(line, eol="cr")
    terminal.raw = True
    terminal.set_rx_encoding("utf-8")
    terminal.set_tx_encoding("utf-8")
    terminal.start()
    terminal.join()
    terminal.console.cleanup()
    line.close()
    return 1 if lost.is_set() else 0

"""The chip in its ROM loader: identifies it, reads and writes its flash. esptool speaks the protocol."""

import contextlib
import io
from typing import Any, Self

import serial
from esptool import cmds
from esptool.logger import log
from esptool.util import FatalError

from tools.board.cable import image
from tools.board.cable import port as ports
from tools.board.cable.port import Port
from tools.process.child import ToolFailed

SLOW, FAST = 115200, 460800
NOT_LOADING = """\
the chip does not answer in download mode. In this order:
    hold BOOT, tap RESET, let go of BOOT; then run this again
    try another cable (many only charge) and another USB socket, without a hub
    close what holds the port: `make doctor` names it"""
WORN = """\
the flash holds something else than was written. Try once more with ERASE=1; if it happens again, the flash
is worn out or badly soldered: take another board"""
ERRORS = (FatalError, serial.SerialException, OSError)


class ChipLost(ToolFailed):
    """The chip stopped answering: a lower baud rate may help."""


class Chip:
    """A connection to the ROM loader of the chip on `port`. Raises ToolFailed with the cure.

    name: "ESP32", "ESP32-S3" …; about: with its revision; flash: bytes, 0 when its chip is unknown.
    """

    def __init__(self, port: Port, baud: int = SLOW) -> None:
        self.port = port
        self._output = io.StringIO()
        log.set_verbosity("silent")
        try:
            with contextlib.redirect_stdout(self._output):
                self._chip: Any = cmds.detect_chip(port.device, SLOW, connect_attempts=3)
        except ERRORS as error:
            raise ToolFailed(ports.trouble(port) or f"{NOT_LOADING}\n({_first_line(error)})") from None
        self.name = str(self._chip.CHIP_NAME)
        try:
            self.about = str(self._do(lambda chip: chip.get_chip_description()))
            self._chip = self._do(cmds.run_stub)
            if baud > SLOW:
                self._do(lambda chip: chip.change_baud(baud))
            self._do(cmds.attach_flash)
            self.flash = _bytes(self._do(cmds.detect_flash_size))
        except ToolFailed:
            self.close()
            raise

    @property
    def size(self) -> str:
        return f"{self.flash >> 20} MB of flash" if self.flash else "flash of unknown size"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(*ERRORS):
            self._chip._port.close()

    def holds_files(self) -> bool:
        """Whether the flash may hold a MicroPython with files, which erasing would lose."""
        table = self._do(cmds.read_flash, image.TABLE_AT, image.TABLE_SIZE, None, no_progress=True)
        return image.has_files(table or b"")

    def erase(self) -> None:
        self._do(cmds.erase_flash)

    def write(self, offset: int, data: bytes) -> None:
        """Write; esptool then compares the digest that the chip computes with the file's."""
        self._do(cmds.write_flash, [(offset, data)])

    def restart(self) -> bool:
        """Leave the loader; False when a person must press RESET."""
        if not self.port.has_reset:
            return False
        self._do(cmds.reset_chip, "hard-reset")
        return True

    def _do(self, command: Any, *arguments: Any, **options: Any) -> Any:
        try:
            with contextlib.redirect_stdout(self._output):
                return command(self._chip, *arguments, **options)
        except ERRORS as error:
            if "MD5 of file does not match" in str(error):
                raise ToolFailed(WORN) from None
            self.close()
            raise ChipLost(
                ports.trouble(self.port)
                or f"{self.port.device}: the chip stopped answering ({_first_line(error)}): "
                "try another cable or USB socket, then run it again"
            ) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _bytes(size: str | None) -> int:
    """ "4MB" -> 4194304."""
    units = {"KB": 1 << 10, "MB": 1 << 20}
    return int(size[:-2]) * units[size[-2:]] if size and size[-2:] in units else 0

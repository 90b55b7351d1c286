"""The chip in its ROM loader: what it is, what is on its flash, writing it. esptool does the talking."""

from __future__ import annotations

import contextlib
import io
from types import TracebackType
from typing import Any, Self

import serial
from esptool import cmds
from esptool.logger import log
from esptool.util import FatalError

from tools.board import image
from tools.board.port import Port
from tools.child import Failed

SLOW, FAST = 115200, 460800
NOT_LOADING = """\
the chip does not answer in download mode. In this order:
    hold BOOT, tap RESET, let go of BOOT; then run this again
    try another cable (many only charge) and another USB socket, without a hub
    close what holds the port: `make doctor` names it"""
ERRORS = (FatalError, serial.SerialException, OSError)


class Chip:
    """A connection to the ROM loader of the chip on `port`. Raises Failed with the cure.

    name: "ESP32", "ESP32-S3" …; about: with its revision; flash: bytes, 0 when unknown.
    """

    def __init__(self, port: Port, baud: int = SLOW) -> None:
        self.port = port
        self._said = io.StringIO()
        log.set_verbosity("silent")
        mode = "no-reset" if port.remote else "default-reset"
        try:
            with contextlib.redirect_stdout(self._said):
                chip: Any = cmds.detect_chip(port.device, SLOW, mode, connect_attempts=3)
                self.name = str(chip.CHIP_NAME)
                self.about = str(chip.get_chip_description())
                chip = cmds.run_stub(chip)
                if baud > SLOW:
                    chip.change_baud(baud)
                cmds.attach_flash(chip)
                self.flash = _bytes(cmds.detect_flash_size(chip))
                self._chip = chip
        except ERRORS as error:
            raise Failed(f"{NOT_LOADING}\n({error})") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(*ERRORS):
            self._chip._port.close()

    def holds_files(self) -> bool:
        """Whether a MicroPython with files may be on the flash: then erasing would lose them."""
        table = self._do(cmds.read_flash, image.TABLE_AT, image.TABLE_SIZE, None, no_progress=True)
        return image.has_files(table or b"")

    def erase(self) -> None:
        self._do(cmds.erase_flash)

    def write(self, offset: int, data: bytes) -> None:
        """Write; esptool then compares the digest that the chip computes with the file's."""
        self._do(cmds.write_flash, [(offset, data)])

    def restart(self) -> bool:
        """Leave the loader; False when a person has to press RESET (no reset lines over a network)."""
        if self.port.remote:
            return False
        self._do(cmds.reset_chip, "hard-reset")
        return True

    def _do(self, command: Any, *arguments: Any, **options: Any) -> Any:
        try:
            with contextlib.redirect_stdout(self._said):
                return command(self._chip, *arguments, **options)
        except ERRORS as error:
            raise Failed(f"{self.port.device}: the chip stopped answering ({error})") from None


def _bytes(size: str | None) -> int:
    """ "4MB" -> 4194304."""
    units = {"KB": 1 << 10, "MB": 1 << 20}
    return int(size[:-2]) * units[size[-2:]] if size and size[-2:] in units else 0

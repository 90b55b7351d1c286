"""Flashing, by the real esptool: what the chip answers was recorded from an ESP32's ROM (loader.py)."""

import hashlib
import os

import pytest

from tests.board.cable.bench import Bench
from tests.board.cable.loader import RECORDED, Loader, serve
from tests.board.cable.test_flash import ESP32_S3, firmware_for
from tests.board.serial_board import SerialBoard
from tools.board import deploy, doctor, flash
from tools.board.cable.port import Port
from tools.board.cable.rom_loader import SLOW, Chip, ChipLost
from tools.process.child import ToolFailed


class Kit:
    """A development board: its ROM's loader with BOOT held, else MicroPython once that is on its flash."""

    def __init__(self, folder, kind, boot=False):
        self.loader = Loader(bytearray(b"\xff" * (4 << 20)), lambda: self.bench.unplug())
        self.folder = folder
        self._line = self._board = None
        self.bench = Bench(self._on, self._off, kind=kind, boot=boot)
        self.port = Port(self.bench.url, "")

    def _on(self, boot):
        if not boot and self.loader.flash[0x1000] == 0xE9:
            self._board = SerialBoard(self.folder)
            self._board.__enter__()
            return os.open(self._board.device, os.O_RDWR | os.O_NOCTTY)
        self.loader.reset(silent=not boot)
        self._line = serve(self.loader)
        return self._line.fileno()

    def _off(self):
        if self._line:
            self._line.close()
        if self._board:
            self._board.__exit__(None, None, None)
        self._line = self._board = None


@pytest.fixture
def kit(tmp_path, request):
    """A new board in download mode, over a bare socket."""
    made = Kit(tmp_path / "board", *getattr(request, "param", ("socket", True)))
    with made.bench:
        yield made


@pytest.fixture
def good(tmp_path):
    file = tmp_path / "good.bin"
    file.write_bytes(firmware_for())
    return file


def test_the_loader_answers_as_the_recorded_chip_did():
    loader = Loader(bytearray(b"\xff" * (4 << 20)))
    for request, answers in RECORDED:
        replies = [
            each.hex() if len(each) <= 64 else "sha256 " + hashlib.sha256(each).hexdigest()
            for each in loader.answer(bytes.fromhex(request))
        ]
        assert replies == answers, request
    assert loader.flash[0x1000 : 0x1000 + len(firmware_for())] == firmware_for()


@pytest.mark.parametrize("kit", [("rfc2217", False)], indirect=True)
def test_a_new_board_is_flashed_restarted_and_deployed_with_no_hand_on_it(kit, good, capsys):
    assert flash.main(["--firmware", str(good), "--port", kit.bench.url]) == 0
    printed = capsys.readouterr().out
    for line in (
        "✓ chip       ESP32-D0WDQ6 (revision v0.0), 4 MB of flash",
        "sound, for ESP32",
        "✓ erased     it was new",
        "✓ written    at 0x1000 and verified",
        "MicroPython",
        "0 the same, 0 old ones deleted",
        "make provision DEVICE=C001",
    ):
        assert line in printed, printed
    assert (kit.folder / "flash" / "app" / "a" / "device" / "app.mpy").exists()


def test_over_a_socket_a_person_presses_reset_and_a_flash_with_files_is_kept(kit, good, capsys):
    assert flash.put_somehow(kit.port, good, False) is False
    assert "erased" in capsys.readouterr().out and kit.loader.erased == 1
    kit.bench.press_reset()
    with flash.wake(kit.port) as wire:
        assert wire.run("print(6 * 7)") == "42"
    kit.bench.press_reset(boot=True)
    flash.put_somehow(kit.port, good, False)
    assert "its files stay" in capsys.readouterr().out and kit.loader.erased == 1
    kit.bench.press_reset(boot=True)
    flash.put_somehow(kit.port, good, True)
    assert "as you asked" in capsys.readouterr().out and kit.loader.erased == 2


def test_a_board_that_is_not_in_download_mode_is_told_which_buttons_to_press(serial_board):
    with pytest.raises(ToolFailed, match="hold BOOT, tap RESET"):
        Chip(Port(serial_board.device, ""))


def test_a_firmware_for_another_chip_is_refused_before_anything_is_erased(kit, tmp_path):
    file = tmp_path / "s3.bin"
    file.write_bytes(firmware_for(ESP32_S3, 0))
    with pytest.raises(ToolFailed, match="it is for ESP32-S3, the board has an ESP32"):
        flash.put_somehow(kit.port, file, True)
    assert kit.loader.erased == 0 and kit.loader.flash[0x1000] == 0xFF


@pytest.mark.parametrize("kit", [("rfc2217", False)], indirect=True)
def test_what_is_too_fast_for_the_cable_is_tried_slower(kit, good, capsys):
    kit.loader.most_baud = SLOW
    assert flash.put_somehow(kit.port, good, False) is True
    printed = capsys.readouterr().out
    assert "now at 115200 baud" in printed and "written" in printed


def test_a_cable_that_is_pulled_while_writing_is_told(kit, good):
    with Chip(kit.port) as chip:
        kit.loader.blocks = 1
        with pytest.raises(ChipLost, match="another cable"):
            chip.write(0x1000, good.read_bytes())


def test_flash_that_does_not_keep_what_is_written_is_told(kit, good):
    kit.loader.worn = True
    with pytest.raises(ToolFailed, match="worn out or badly soldered"):
        flash.put_somehow(kit.port, good, False)


def test_a_port_that_goes_away_is_named(good):
    with pytest.raises(ToolFailed, match="is the bridge running"):
        flash.put_somehow(Port("socket://127.0.0.1:9", ""), good, False)


def test_doctor_knows_a_chip_in_download_mode(kit, capsys, monkeypatch):
    monkeypatch.setattr("tools.board.cable.raw_repl.STOP_S", 1.0)
    assert doctor.main(["--port", kit.bench.url]) == 1
    printed = capsys.readouterr().out
    assert "could not enter the raw REPL" in printed
    assert "ESP32-D0WDQ6 (revision v0.0), 4 MB of flash, in download mode" in printed
    assert "no MicroPython: make flash" in printed
    assert kit.loader.erased == 0 and set(kit.loader.flash) == {0xFF}


def test_doctor_ticks_each_thing_that_is_right(serial_board, wire, capsys):
    deploy.deploy(wire)
    wire.close()
    assert doctor.main(["--port", serial_board.device]) == 0
    printed = capsys.readouterr().out
    for name in ("port", "access", "free", "chip", "firmware", "files", "heap", "Vigie"):
        assert f"✓ {name:<10}" in printed, printed
    assert "4 MB of flash" in printed and "make provision DEVICE=C001" in printed

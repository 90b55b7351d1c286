"""The wire to a board: it always ends in a prompt, and files arrive whole."""

import os
import select
import socket
import threading

import pytest
from serial.tools.list_ports_common import ListPortInfo

from tools.board.cable.port import Port, candidates, driver, explain, find, trouble, without_driver
from tools.board.cable.raw_repl import BoardError, RawRepl
from tools.process.child import ToolFailed


def test_code_runs_and_its_error_comes_back(wire):
    assert wire.run("print(6 * 7)") == "42"
    with pytest.raises(BoardError, match="ZeroDivisionError") as caught:
        wire.run("def f():\n 1 / 0\nf()")
    assert "Traceback" in caught.value.traceback
    assert wire.run("print(1)") == "1"


def test_files_arrive_whole_in_every_size(wire):
    for size in (0, 1, 1535, 1536, 1537, 5000):
        data = bytes(i * 7 & 0xFF for i in range(size))
        wire.put("/data.bin", data)
        assert wire.get("/data.bin") == data
        wire.put("/data.bin", data + b"!", whole=True)
        assert wire.get("/data.bin") == data + b"!"
    assert wire.get("/none") is None
    assert ".new" not in wire.run("import os\nprint(os.listdir('/'))")


def test_a_busy_board_is_stopped(serial_board):
    (serial_board.flash / "main.py").write_text("print('busy')\nwhile True:\n    pass\n")
    with RawRepl(Port(serial_board.device, "")) as wire:
        wire.stop()
        wire.reset()
        assert wire.read_until(b"busy", 10).endswith(b"busy")
        wire.stop()
        assert wire.run("print(1)") == "1"


def test_a_restarted_board_can_be_stopped_again(wire, serial_board):
    for _ in range(2):
        wire.reset()
        wire.stop()
    assert serial_board.resets == 2


def test_an_answer_that_the_board_still_owed_is_taken_for_no_prompt(serial_board):
    """As a loaded machine shows it: the prompt of an earlier attempt comes after the one that was awaited."""
    old = b"\r\nraw REPL; CTRL-B to exit\r\n>"
    board = os.open(serial_board.device, os.O_RDWR | os.O_NOCTTY)
    server = socket.create_server(("127.0.0.1", 0))

    def relay() -> None:
        caller, _ = server.accept()
        heard = b""
        owed = True
        while True:
            for side in select.select([caller, board], [], [])[0]:
                data = caller.recv(4096) if side is caller else os.read(board, 4096)
                if not data:
                    return
                if side is board:
                    heard += data
                    caller.sendall(data)
                else:
                    if owed and old in heard:
                        owed = False
                        caller.sendall(old)
                    os.write(board, data)

    thread = threading.Thread(target=relay, daemon=True)
    thread.start()
    with server, RawRepl(Port(f"socket://127.0.0.1:{server.getsockname()[1]}", "")) as wire:
        wire.pause()
        assert wire.run("print(1)") == "1"
        assert wire.run("print(2)") == "2"
    thread.join(5)
    os.close(board)


def test_a_port_that_is_not_there_is_told_with_a_cure(tmp_path):
    with pytest.raises(ToolFailed, match=r"there is no /dev/tty-none"):
        find("/dev/tty-none")
    assert find("socket://127.0.0.1:9").remote
    assert "is the bridge running" in trouble(Port("socket://127.0.0.1:9", ""))
    with pytest.raises(ToolFailed, match="is the bridge running"):
        RawRepl(Port("socket://127.0.0.1:9", ""))


def test_what_stands_in_the_way_of_a_port_is_named(serial_board):
    port = Port(serial_board.device, "")
    assert "usermod -aG" in explain(port, PermissionError(13, "Permission denied"))
    with RawRepl(port):
        message = trouble(port)
        assert message and "held" in message and "close it" in message
    assert trouble(port) is None


def test_no_board_or_several_boards_are_told(monkeypatch):
    monkeypatch.setattr("tools.board.cable.port.candidates", list)
    with pytest.raises(ToolFailed, match="cable that carries data"):
        find(None)
    two = [Port("/dev/ttyUSB0", "CP210x"), Port("/dev/ttyUSB1", "CH340")]
    monkeypatch.setattr("tools.board.cable.port.candidates", lambda: two)
    with pytest.raises(ToolFailed, match="PORT=/dev/ttyUSB1"):
        find(None)
    monkeypatch.setattr("tools.board.cable.port.candidates", lambda: two[:1])
    assert find(None).device == "/dev/ttyUSB0"
    assert isinstance(candidates(), list)


def usb(device, vid, pid, serial, location):
    info = ListPortInfo(device)
    info.vid, info.pid, info.serial_number, info.location = vid, pid, serial, location
    return info


def test_one_socket_under_two_drivers_is_one_board(monkeypatch):
    cp2102 = (0x10C4, 0xEA60, "0001", "20-1")
    ch340 = (0x1A86, 0x7523, None, "20-2")
    apple, maker = usb("/dev/cu.usbserial-0001", *cp2102), usb("/dev/cu.SLAB_USBtoUART", *cp2102)
    for both in ([apple, maker], [maker, apple]):
        monkeypatch.setattr("tools.board.cable.port.list_ports.comports", lambda both=both: both)
        assert find(None).device == "/dev/cu.SLAB_USBtoUART"
    twice = [usb("/dev/cu.usbserial-1420", *ch340), usb("/dev/cu.wchusbserial1420", *ch340)]
    monkeypatch.setattr("tools.board.cable.port.list_ports.comports", lambda: [apple, *twice])
    assert [port.device for port in candidates()] == ["/dev/cu.usbserial-0001", "/dev/cu.wchusbserial1420"]
    own = usb("/dev/ttyACM0", 0x303A, 0x1001, "7C:DF:A1:00:00:01", "1-2")
    monkeypatch.setattr("tools.board.cable.port.list_ports.comports", lambda: [apple, own])
    with pytest.raises(ToolFailed, match="two USB sockets shows up twice"):
        find(None)
    alike = [usb("/dev/ttyUSB0", *cp2102[:3], None), usb("/dev/ttyUSB1", *cp2102[:3], None)]
    monkeypatch.setattr("tools.board.cable.port.list_ports.comports", lambda: alike)
    assert len(candidates()) == 2, "two boards whose bridges have one serial number, and no place is told"


def test_a_board_without_a_driver_is_told_from_no_board(tmp_path):
    """As Linux shows USB devices and ports in /sys."""
    plugged = tmp_path / "usb" / "1-2"
    plugged.mkdir(parents=True)
    (plugged / "idVendor").write_text("1a86\n")
    assert "a CH340 is plugged in" in without_driver(tmp_path / "usb")
    assert "modprobe ch341" in without_driver(tmp_path / "usb")
    (plugged / "1-2:1.0" / "ttyUSB0").mkdir(parents=True)
    assert without_driver(tmp_path / "usb") is None
    assert without_driver(tmp_path / "none") is None
    (tmp_path / "drivers" / "cp210x").mkdir(parents=True)
    (tmp_path / "tty" / "ttyUSB0" / "device").mkdir(parents=True)
    (tmp_path / "tty" / "ttyUSB0" / "device" / "driver").symlink_to(tmp_path / "drivers" / "cp210x")
    assert driver(Port("/dev/ttyUSB0", ""), tmp_path / "tty") == "cp210x"
    assert driver(Port("/dev/ttyACM9", ""), tmp_path / "tty") is None

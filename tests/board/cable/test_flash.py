"""Flash: the right firmware for the chip, sound, or nothing is written."""

import hashlib
import http.server
import json
import struct
import threading

import pytest

from tools.board.cable import firmware, image
from tools.process.child import ToolFailed

ESP32, ESP32_S3 = 0, 9


def one_image(chip, size=64, address=0x3FFF0030):
    """An image as the ROM loads it: header, one segment, checksum, SHA-256."""
    body = bytes(i & 0xFF for i in range(size))
    data = struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080000)
    data += struct.pack("<BBBBHBHH4xB", 0xEE, 0, 0, 0, chip, 0, 0, 399, 1)
    data += struct.pack("<II", address, size) + body
    checksum = 0xEF
    for byte in body:
        checksum ^= byte
    data += bytes(15 - len(data) % 16) + bytes((checksum,))
    return data + hashlib.sha256(data).digest()


def table(*entries):
    packed = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, 0, offset, size, label.encode(), 0)
        for kind, offset, size, label in entries
    )
    return packed.ljust(image.TABLE_SIZE, b"\xff")


def firmware_for(chip=ESP32, offset=0x1000, application=None, tail=b""):
    app = one_image(chip) if application is None else application
    data = one_image(chip).ljust(0x8000 - offset, b"\xff")
    data += table(
        (1, 0x9000, 0x6000, "nvs"), (0, 0x10000, 0x1F0000, "factory"), (1, 0x200000, 0x200000, "vfs")
    )
    return data.ljust(0x10000 - offset, b"\xff") + app + tail


def entry(chip="ESP32", offset=0x1000, source="http://nowhere.invalid/fw.bin", sha256=None):
    return firmware.FirmwareEntry(chip, "1.23.0", "fw.bin", offset, source, sha256)


def test_the_manifest_knows_the_chips_and_where_they_start():
    offsets = {chip: each.offset for chip, each in firmware.manifest().items()}
    assert offsets == {"ESP32": 0x1000, "ESP32-S2": 0x1000, "ESP32-S3": 0, "ESP32-C3": 0, "ESP32-C6": 0}
    for each in firmware.manifest().values():
        assert each.version in each.file and each.source.startswith("https://")
    with pytest.raises(ToolFailed, match="no firmware for ESP8266"):
        firmware.entry_for("ESP8266", firmware.manifest())


def test_a_sound_firmware_is_taken():
    assert image.check(firmware_for(), 0x1000) == "ESP32"
    assert image.check(firmware_for(ESP32_S3, 0), 0) == "ESP32-S3"


def test_whatever_is_wrong_with_a_firmware_refuses_it_in_words(tmp_path):
    good = firmware_for()
    app_at = 0x10000 - 0x1000
    flipped = bytearray(good)
    flipped[app_at + 40] ^= 1
    undigested = bytearray(good)
    undigested[-1] ^= 1
    for data, message in (
        (b"", "no ESP32 firmware"),
        (b"<html>" * 50, "no ESP32 firmware"),
        (firmware_for(ESP32_S3, 0), "it is for ESP32-S3, the board has an ESP32"),
        (one_image(ESP32), "no partition table"),
        (good[:app_at], "cut short"),
        (good[: app_at + 50], "damaged"),
        (bytes(flipped), "checksum of its factory"),
        (bytes(undigested), "digest of its factory"),
        (firmware_for(application=one_image(ESP32_S3)), "its application factory for ESP32-S3"),
    ):
        file = tmp_path / "fw.bin"
        file.write_bytes(data)
        with pytest.raises(ToolFailed, match=message):
            firmware.local(file, entry())
    with pytest.raises(ToolFailed, match="No such file"):
        firmware.local(tmp_path / "none.bin", entry())


def test_a_flash_with_files_is_told_from_a_new_one():
    assert image.has_files(firmware_for()[0x7000 : 0x7000 + image.TABLE_SIZE])
    assert not image.has_files(b"\xff" * image.TABLE_SIZE)
    assert not image.has_files(table((0, 0x10000, 0x100000, "factory")))


@pytest.fixture
def server():
    """Serves `server.data` for every path; counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            owner.hits += 1
            self.send_response(200)
            self.send_header("Content-Length", str(owner.length or len(owner.data)))
            self.end_headers()
            self.wfile.write(owner.data)

        def log_message(self, *_):
            pass

    owner = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    owner.data, owner.hits, owner.length = firmware_for(), 0, 0
    thread = threading.Thread(target=owner.serve_forever, daemon=True)
    thread.start()
    yield owner
    owner.shutdown()
    owner.server_close()


def at(server, **changes):
    return entry(source=f"http://127.0.0.1:{server.server_port}/fw.bin", **changes)


def test_a_download_is_checked_remembered_and_not_repeated(server, tmp_path):
    parts = []
    data = firmware.fetched(at(server), parts.append, tmp_path)
    assert data == server.data and sum(parts) == len(data)
    assert firmware.fetched(at(server), lambda *_: None, tmp_path) == data
    assert server.hits == 1
    (tmp_path / "fw.bin").write_bytes(data + b"?")
    assert firmware.fetched(at(server), lambda *_: None, tmp_path) == data, "a changed file is fetched again"
    assert server.hits == 2


def test_a_download_that_is_not_the_one_of_before_is_refused(server, tmp_path):
    firmware.fetched(at(server), lambda *_: None, tmp_path)
    (tmp_path / "fw.bin").unlink()
    server.data = firmware_for(tail=b"another")
    with pytest.raises(ToolFailed, match=r"sha256.json says"):
        firmware.fetched(at(server), lambda *_: None, tmp_path)
    assert not (tmp_path / "fw.bin").exists()
    with pytest.raises(ToolFailed, match=r"firmware.toml says"):
        firmware.fetched(at(server, sha256="0" * 64), lambda *_: None, tmp_path / "new")
    assert json.loads((tmp_path / "sha256.json").read_text())["fw.bin"]


def test_no_network_leads_to_the_offline_way(server, tmp_path):
    with pytest.raises(ToolFailed, match="make flash FIRMWARE=file.bin"):
        firmware.fetched(entry(), lambda *_: None, tmp_path)
    server.length = len(server.data) + 5
    with pytest.raises(ToolFailed, match=r"broke off|cannot be downloaded"):
        firmware.fetched(at(server), lambda *_: None, tmp_path)

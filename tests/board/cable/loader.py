"""The serial loader in an ESP32's ROM, and esptool's stub after it, as recorded from the real ROM.

esp32_loader.json is that conversation: [request, [answers]] in hex, SLIP taken off; long answers by their
SHA-256, and esptool's stub, which the host sends, by its header. What depends on the flash is computed here;
test_esptool.py holds all of it to the recording.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

RECORDED: list[tuple[str, list[str]]] = json.loads(Path(__file__).with_name("esp32_loader.json").read_text())
HELLO = b"\r\nrst:0x1 (POWERON_RESET),boot:0xf (UART_BOOT(UART0))\r\nwaiting for download\r\n"
BANNER = b"OHAI"  # of the stub
READ, WRITE, MEM_END, BAUD = 0x0A, 0x09, 0x06, 0x0F
DEFLATE_BEGIN, DEFLATE_DATA, DEFLATE_END, MD5 = 0x10, 0x11, 0x12, 0x13
ERASE, READ_FLASH = 0xD0, 0xD2
SPI_CMD, SPI_USER2, SPI_W0 = 0x3FF42000, 0x3FF42024, 0x3FF42080
SPI_RUN = 1 << 18
SECTOR = 4096


class Loader:
    """`feed(bytes)` gives what the chip says to them. `flash` is its flash.

    most_baud: above it nothing comes through. worn: one bit of what is written does not stick.
    blocks: after so many blocks of data `unplug()` is called, once. silent: it is not in download mode.
    """

    def __init__(self, flash: bytearray, unplug: Callable[[], None] = lambda: None) -> None:
        self.flash = flash
        self.most_baud = 10_000_000
        self.worn = False
        self.blocks = -1
        self.erased = 0
        self._unplug = unplug
        self.reset()

    def reset(self, *, silent: bool = False) -> None:
        """As after power on; `silent`: BOOT is not held."""
        self.silent = silent
        self._stub = self._deaf = False
        self._rest = b""
        self._reading: bytes | None = None
        self._target, self._packed = 0, b""
        self._answers: dict[tuple[bool, int], list[bytes]] = {}
        self._registers: dict[int, int] = {}
        self._spi: dict[int, int] = {}  # what the flash chip answers to an opcode
        self._learn()

    def _learn(self) -> None:
        """The answers that are always the same, and what stands in the chip's registers."""
        stub, opcode = False, 0
        for request, answers in RECORDED:
            ask, replies = (
                bytes.fromhex(request),
                [bytes.fromhex(answer) for answer in answers if "sha" not in answer],
            )
            if len(ask) < 8 or len(replies) < len(answers):
                continue
            self._answers.setdefault((stub, ask[1]), replies)
            if ask[1] == READ:
                address, value = *struct.unpack_from("<I", ask, 8), *struct.unpack_from("<I", replies[0], 4)
                self._registers.setdefault(address, value)
                if address == SPI_W0:
                    self._spi.setdefault(opcode, value)
            elif ask[1] == WRITE and ask[8:12] == struct.pack("<I", SPI_USER2):
                opcode = ask[12]
            stub = stub or ask[1] == MEM_END

    def feed(self, data: bytes) -> bytes:
        self._rest += data
        text = b""
        while self._rest.count(b"\xc0") >= 2:
            _, frame, self._rest = self._rest.split(b"\xc0", 2)
            if not self._deaf and not self.silent:
                packet = frame.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                text += b"".join(map(slip, self.answer(packet)))
        return text

    def answer(self, packet: bytes) -> list[bytes]:
        """The frames that answer one frame of the host's."""
        if len(packet) == 4 and self._reading is not None:  # so many bytes have arrived there
            digest = hashlib.md5(self._reading).digest()
            self._reading = None
            return [digest]
        if len(packet) < 8:
            return []
        command, body = packet[1], packet[8:]
        data = list(self._answers.get((self._stub, command), []))
        if command == READ:
            value = self._registers.get(struct.unpack("<I", body)[0], 0)
            data = [data[0][:4] + struct.pack("<I", value) + data[0][8:]]
        elif command == WRITE:
            self._write(*struct.unpack("<III", body[:12]))
        elif command == MEM_END:
            self._stub = True
        elif command == BAUD:
            self._deaf = struct.unpack_from("<I", body)[0] > self.most_baud
        elif command == ERASE:
            self.erased += 1
            self.flash[:] = b"\xff" * len(self.flash)
        elif command == READ_FLASH:
            offset, size = struct.unpack_from("<II", body)
            self._reading = bytes(self.flash[offset : offset + size])
            data = [struct.pack("<BBHIxx", 1, READ_FLASH, 2, 0), self._reading]
        elif command in (DEFLATE_BEGIN, DEFLATE_DATA, DEFLATE_END):
            self._deflate(command, body)
        elif command == MD5:
            offset, size = struct.unpack_from("<II", body)
            digest = hashlib.md5(self.flash[offset : offset + size]).digest()
            data = [struct.pack("<BBHI", 1, MD5, 18, 0) + digest + b"\0\0"]
        return data

    def _write(self, address: int, value: int, mask: int) -> None:
        self._registers[address] = self._registers.get(address, 0) & ~mask | value & mask
        if address == SPI_CMD and value & SPI_RUN:
            self._registers[SPI_W0] = self._spi.get(self._registers[SPI_USER2] & 0xFF, 0)
            self._registers[SPI_CMD] = 0

    def _deflate(self, command: int, body: bytes) -> None:
        if command == DEFLATE_BEGIN:
            self._target, self._packed = struct.unpack_from("<I", body, 12)[0], b""
        elif command == DEFLATE_DATA:
            self._packed += body[16:]
            self.blocks -= 1
            if self.blocks == 0:
                self._unplug()
        else:
            return
        plain = zlib.decompressobj().decompress(self._packed)
        at = self._target
        self.flash[at : at + len(plain)] = plain
        if self.worn and plain:
            self.flash[at] ^= 1


def slip(frame: bytes) -> bytes:
    return b"\xc0" + frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def serve(loader: Loader) -> socket.socket:
    """Let `loader` speak on a line of its own; the other end of it. It ends when that is closed."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=_speak, args=(loader, ours), daemon=True).start()
    return theirs


def _speak(loader: Loader, line: socket.socket) -> None:
    with line:
        line.sendall(HELLO)
        for data in _received(line):
            line.sendall(loader.feed(data))


def _received(line: socket.socket) -> Iterator[bytes]:
    while data := line.recv(4096):
        yield data

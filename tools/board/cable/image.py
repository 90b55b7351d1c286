"""A firmware file, checked by what stands in it: chip id, checksums, digests. esptool reads the format."""

import struct
from dataclasses import dataclass

from esptool.bin_image import LoadFirmwareImage
from esptool.util import FatalError

from tools.process.child import ToolFailed

# Chip ids of the image header (ESP-IDF, esp_chip_id_t).
CHIPS = {
    0: "ESP32",
    2: "ESP32-S2",
    5: "ESP32-C3",
    9: "ESP32-S3",
    12: "ESP32-C2",
    13: "ESP32-C6",
    16: "ESP32-H2",
    18: "ESP32-P4",
    23: "ESP32-C5",
}
MAGIC = 0xE9
TABLE_AT = 0x8000  # of the flash: the partition table
TABLE_SIZE = 0xC00
_ENTRY = struct.Struct("<2sBBII16sI")
_APP = 0


@dataclass(frozen=True)
class Partition:
    kind: int  # 0 = application
    offset: int  # on the flash
    size: int
    label: str


def chip_of(data: bytes) -> str:
    """The chip that an image is for. Raises ToolFailed."""
    if len(data) < 24 or data[0] != MAGIC:
        raise ToolFailed("it is no ESP32 firmware: give the .bin of micropython.org/download")
    number = struct.unpack_from("<H", data, 12)[0]
    if number not in CHIPS:
        raise ToolFailed(f"it is for an unknown chip (id {number})")
    return CHIPS[number]


def check(data: bytes, offset: int) -> str:
    """Check a whole firmware that goes to flash at `offset`: bootloader, then every application. Its chip."""
    chip = chip_of(data)
    _check_one(data, chip, "bootloader")
    table = data[TABLE_AT - offset : TABLE_AT - offset + TABLE_SIZE] if offset <= TABLE_AT else b""
    applications = [part for part in partitions(table) if part.kind == _APP]
    if not applications:
        raise ToolFailed("it has no partition table: is it an application alone? take the full .bin")
    checked = False
    for part in applications:
        body = data[part.offset - offset : part.offset - offset + part.size]
        if body and body[0] == MAGIC:
            checked = True
            if chip_of(body) != chip:
                raise ToolFailed(
                    f"its bootloader is for {chip}, its application {part.label} for {chip_of(body)}"
                )
            _check_one(body, chip, part.label)
    if not checked:
        raise ToolFailed("it is cut short: its application is missing. Download it again")
    return chip


def _check_one(data: bytes, chip: str, name: str) -> None:
    try:
        image = LoadFirmwareImage(chip.lower(), data)
    except (FatalError, struct.error, IndexError) as error:
        raise ToolFailed(f"its {name} is damaged ({error}): download it again") from None
    if image.checksum != image.calculate_checksum():
        raise ToolFailed(f"the checksum of its {name} is wrong: download it again")
    if image.append_digest and image.stored_digest != image.calc_digest:
        raise ToolFailed(f"the digest of its {name} is wrong: download it again")


def partitions(table: bytes) -> list[Partition]:
    """The entries of a partition table; [] when it is none (an erased flash)."""
    partitions = []
    for at in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        magic, kind, _, offset, size, label, _ = _ENTRY.unpack_from(table, at)
        if magic != b"\xaa\x50":
            break
        partitions.append(Partition(kind, offset, size, label.rstrip(b"\0").decode(errors="replace")))
    return partitions


def has_files(table: bytes) -> bool:
    """Whether a flash with this partition table may hold a MicroPython's files."""
    return any(part.label in ("vfs", "ffat") for part in partitions(table))

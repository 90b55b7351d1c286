"""Finds the firmware for a chip: in the list firmware.toml, downloaded once, or a file of one's own."""

import hashlib
import json
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.board.cable import image
from tools.process.child import ToolFailed
from tools.process.files import write

MANIFEST = Path(__file__).with_name("firmware.toml")
CACHE = Path("var/firmware")
TIMEOUT = 30.0
CHUNK = 65536

Progress = Callable[[int], None]  # bytes that have come since it was called last


@dataclass(frozen=True)
class FirmwareEntry:
    chip: str
    version: str
    file: str
    offset: int
    source: str
    sha256: str | None = None


def manifest(path: Path = MANIFEST) -> dict[str, FirmwareEntry]:
    """{chip: entry}. Raises ToolFailed."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        source = values.pop("source")
        return {
            chip: FirmwareEntry(
                chip, item["version"], item["file"], item["offset"], source + item["file"], item.get("sha256")
            )
            for chip, item in values.items()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ToolFailed(f"{path}: {error!r}: each chip needs version, file and offset") from None


def entry_for(chip: str, entries: dict[str, FirmwareEntry]) -> FirmwareEntry:
    if chip not in entries:
        raise ToolFailed(f"no firmware for {chip} in {MANIFEST.name}: it knows {', '.join(sorted(entries))}")
    return entries[chip]


def local(path: Path, entry: FirmwareEntry) -> bytes:
    """The checked firmware in a file. Raises ToolFailed, also when it is for another chip."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ToolFailed(f"{path}: {error.strerror}") from None
    return checked(data, entry, str(path))


def checked(data: bytes, entry: FirmwareEntry, name: str) -> bytes:
    """`data` if it is a sound firmware for the entry's chip. Raises ToolFailed."""
    try:
        chip = image.chip_of(data)
        if chip != entry.chip:
            raise ToolFailed(f"it is for {chip}, the board has an {entry.chip}")
        image.check(data, entry.offset)
    except ToolFailed as failed:
        raise ToolFailed(f"{name} is refused: {failed}") from None
    return data


def fetched(entry: FirmwareEntry, progress: Progress, cache: Path = CACHE) -> bytes:
    """The firmware of the manifest, from the cache or downloaded. Raises ToolFailed."""
    target = cache / entry.file
    ledger = cache / "sha256.json"
    known = json.loads(ledger.read_text()) if ledger.exists() else {}
    if target.exists():
        data = target.read_bytes()
        if hashlib.sha256(data).hexdigest() == known.get(entry.file):
            return checked(data, entry, str(target))
        target.unlink()  # changed since it was downloaded
    data = checked(download(entry, progress), entry, entry.source)
    digest = hashlib.sha256(data).hexdigest()
    for wanted, where in ((entry.sha256, MANIFEST.name), (known.get(entry.file), str(ledger))):
        if wanted and wanted != digest:
            raise ToolFailed(f"{entry.source} has SHA-256 {digest}, {where} says {wanted}: not used")
    cache.mkdir(parents=True, exist_ok=True)
    write(target, data)
    ledger.write_text(json.dumps({**known, entry.file: digest}, indent=2))
    return data


def download(entry: FirmwareEntry, progress: Progress) -> bytes:
    """The bytes at the entry's address. Raises ToolFailed."""
    data = bytearray()
    try:
        with urllib.request.urlopen(entry.source, timeout=TIMEOUT) as reply:  # noqa: S310  the manifest is ours
            size = int(reply.headers.get("Content-Length") or 0)
            while part := reply.read(CHUNK):
                data += part
                progress(len(part))
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ToolFailed(
            f"{entry.source} cannot be downloaded ({reason}).\n"
            "Offline? Fetch the file elsewhere and give it: make flash FIRMWARE=file.bin"
        ) from None
    if size and len(data) != size:
        raise ToolFailed(f"{entry.source} broke off after {len(data)} of {size} bytes: try again")
    return bytes(data)

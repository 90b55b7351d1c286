"""Finds the port of the board, and says why it cannot be used, with a cure."""

import grp
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import serial
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from tools.process.child import ToolFailed

# USB vendors of boards and of the bridges on them, and Linux's driver for each.
BRIDGES = {
    0x10C4: ("CP210x", "cp210x"),
    0x1A86: ("CH340", "ch341"),
    0x0403: ("FTDI", "ftdi_sio"),
    0x303A: ("Espressif USB", "cdc_acm"),
    0x2E8A: ("MicroPython USB", "cdc_acm"),
    0x239A: ("Adafruit USB", "cdc_acm"),
}
USB = Path("/sys/bus/usb/devices")
TTY = Path("/sys/class/tty")
# On macOS the bridge's maker and Apple may both have a driver: somebody who installed the maker's wants that.
MAKERS_DRIVER = re.compile(r"SLAB_USBtoUART|wchusbserial")
BOTH_SOCKETS = "a board with two USB sockets shows up twice, if both are plugged in: then take either"
NONE_FOUND = """\
no board found. Is it plugged in, with a cable that carries data (many only charge)?
Windows and macOS may need a driver: CP210x (Silicon Labs) or CH34x (WCH), by the chip beside the USB socket.
Name the port yourself with PORT=/dev/ttyUSB0, PORT=socket://HOST:PORT or PORT=rfc2217://HOST:PORT"""


@dataclass(frozen=True)
class Port:
    """`device` as pyserial opens it; `about` for people."""

    device: str
    about: str

    @property
    def remote(self) -> bool:
        return "://" in self.device

    @property
    def has_reset(self) -> bool:
        """Whether the computer can reset the chip: a bare socket carries no RTS and DTR."""
        return not self.device.startswith("socket:")


def find(wanted: str | None) -> Port:
    """The port `wanted`, or the only one with a board on it. Raises ToolFailed with the cure."""
    if wanted and "://" in wanted:
        kind, _, where = wanted.partition("://")
        if kind not in ("socket", "rfc2217"):
            raise ToolFailed(f"PORT={wanted}: use /dev/tty…, socket://HOST:PORT or rfc2217://HOST:PORT")
        number = re.match(r"[^/:]+:(\d+)", where)
        if not number:
            raise ToolFailed(f"PORT={wanted} lacks its host or port: {kind}://HOST:PORT")
        if not 0 < int(number[1]) < 65536:
            raise ToolFailed(f"PORT={wanted}: its port must be a number from 1 to 65535")
        return Port(wanted, "over the network")
    known = {info.device: info for info in list_ports.comports()}
    if wanted:
        if wanted not in known and not Path(wanted).exists() and os.name != "nt":
            there = ", ".join(candidate.device for candidate in candidates()) or "none"
            raise ToolFailed(f"there is no {wanted}; ports with a board: {there}. Is the board plugged in?")
        return Port(wanted, _about(known[wanted]) if wanted in known else "given")
    boards = candidates()
    if not boards:
        raise ToolFailed(without_driver() or NONE_FOUND)
    if len(boards) > 1:
        listed = [f"    PORT={port.device}   {port.about}" for port in boards]
        own = [port for port in boards if port.about.startswith(BRIDGES[0x303A][0])]
        more = [BOTH_SOCKETS] if own and len(own) < len(boards) else []
        raise ToolFailed("\n".join([f"{len(boards)} boards are plugged in: say which one", *listed, *more]))
    return boards[0]


def candidates() -> list[Port]:
    """The serial ports that look like a board: a USB bridge, or a board's own USB. One for each."""
    ports = [info for info in list_ports.comports() if info.vid is not None]
    known = [info for info in ports if info.vid in BRIDGES]
    sockets: dict[object, ListPortInfo] = {}
    for info in sorted(known or ports, key=lambda info: not MAKERS_DRIVER.search(info.device)):
        place = (info.vid, info.pid, info.serial_number, info.location) if info.location else info.device
        sockets.setdefault(place, info)  # two drivers may serve one socket, each with a port of its own
    return [Port(info.device, _about(info)) for info in known or ports if info in sockets.values()]


def _about(info: ListPortInfo) -> str:
    name = BRIDGES.get(info.vid or 0, ("", ""))[0]
    return " ".join(filter(None, (name, info.product or info.description or "")))


def driver(port: Port, tty: Path = TTY) -> str | None:
    """The driver behind a port, None when unknown (Linux only)."""
    link = tty / Path(port.device).name / "device" / "driver"
    return link.resolve().name if link.exists() else None


def without_driver(usb: Path = USB) -> str | None:
    """The trouble with a board that is plugged in but has no port; None = no such board (Linux only)."""
    for vendor in sorted(usb.glob("*/idVendor")):
        name, module = BRIDGES.get(int(vendor.read_text(), 16), ("", ""))
        if name and not list(vendor.parent.rglob("tty*")):
            return (
                f"a {name} is plugged in, but no driver gave it a port: `sudo modprobe {module}`\n"
                "if the port comes and goes at once, the braille service takes it: `sudo apt remove brltty`"
            )
    return None


def trouble(port: Port) -> str | None:
    """Why `port` cannot be opened, or None when it can. Opens it for a moment; writes nothing."""
    try:
        with serial.serial_for_url(port.device, exclusive=True, timeout=1):
            pass
    except (serial.SerialException, OSError, ValueError) as error:
        return explain(port, error)
    return None


def explain(port: Port, error: Exception) -> str:
    """`error`, met when opening `port`, with what to do about it."""
    text = str(error)
    number = getattr(error, "errno", None)
    if port.remote:
        return (
            f"{port.device} cannot be reached ({text}): is the bridge running, and are host and port right?"
        )
    if number == 13 or "Permission" in text:
        return f"no permission for {port.device}: {permission(port.device)}"
    if number in (11, 16) or "exclusively" in text or "busy" in text.lower() or "Access is denied" in text:
        who = holders(port.device)
        by = f" by {', '.join(who)}" if who else " by another program"
        return f"{port.device} is held{by}: close it (a serial monitor, Thonny, another `make logs`)"
    if number in (2, 6, 19) or "could not open" in text:
        return f"{port.device} is gone: plug the board in again; a loose or charge-only cable does this too"
    return f"{port.device} cannot be opened: {text}"


def permission(device: str) -> str:
    """How to get the permission to open `device`."""
    if sys.platform != "linux":
        return "run the terminal as a user who may use it"
    try:
        group = grp.getgrgid(os.stat(device).st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    return f"`sudo usermod -aG {group} $USER`, then log out and in again"


def holders(device: str) -> list[str]:
    """The programs that have `device` open, as "name (pid)". Linux only; others' programs may stay hidden."""
    programs = []
    try:
        number = os.stat(device).st_rdev
    except OSError:
        return []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            held = any(_device_of(link) == number for link in (process / "fd").iterdir())
            if held:
                programs.append(f"{(process / 'comm').read_text().strip()} ({process.name})")
        except OSError:
            continue  # it ended, or is not ours to look at
    return programs


def _device_of(link: Path) -> int | None:
    try:
        return link.stat().st_rdev or None
    except OSError:
        return None

"""Which board, what stands behind it, and how to open it.

    board = choose(None, None)                 # says on stderr which, and why
    with open_board(board, "v2") as device:    # a tools.link.client.Device
        print(device.infer("int8", image).label)

A board on USB is taken when there is one, else the emulated one, else (no
compiler, no QEMU) the twin, a process of this host. Several may be open at once.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import DeviceError, Esp8kError
from tools.boards import pio, virtual_board
from tools.link.client import Device

EMULATED, PROCESS, HARDWARE = "emulated", "host process", "on hardware"
CHIPS = {
    "virtual": "esp32",
    "twin": "",
    "riscv": "",
    "esp32dev": "esp32",
    "esp32-s3-devkitc-1": "esp32s3",
    "esp32-c3-devkitm-1": "esp32c3",
}
BOARDS = tuple(CHIPS)
EVIDENCE = {"virtual": EMULATED, "riscv": EMULATED, "twin": PROCESS}
USB_VENDORS = {
    0x10C4: "CP210x",
    0x1A86: "CH340",
    0x0403: "FTDI",
    0x303A: "Espressif native USB",
}
NATIVE_USB = 0x303A
APT = "apt-get install gcc-xtensa-lx106 picolibc-xtensa-lx106-elf qemu-system-misc"


@dataclass(frozen=True)
class Board:
    """A board and, if it hangs on a wire, its port."""

    name: str
    evidence: str  # 'emulated', 'host process' or 'on hardware'
    port: str | None = None  # None: behind a PTY that open_board makes
    chip: str = ""  # as esptool calls it; '' has none


@dataclass(frozen=True)
class UsbPort:
    """A serial port that a board may be on."""

    device: str
    bridge: str  # what kind of USB chip
    vendor: int


def usb_ports() -> list[UsbPort]:
    """The serial ports with a USB chip that boards carry."""
    from serial.tools import list_ports

    return [
        UsbPort(port.device, USB_VENDORS[port.vid], port.vid)
        for port in sorted(list_ports.comports(), key=lambda port: port.device)
        if port.vid in USB_VENDORS
    ]


def choose(board: str | None, port: str | None, quiet: bool = False) -> Board:
    """The board that was asked for, or the best one here; one line says which."""
    board, port = board or None, port or None
    if board is not None and board not in CHIPS:
        known = ", ".join(BOARDS)
        raise Esp8kError(f"there is no board {board!r}", f"BOARD is one of: {known}")
    chosen, why = _asked(board, port) if board or port else _found()
    if not quiet:
        where = f" on {chosen.port}" if chosen.port else ""
        print(
            f"board: {chosen.name}{where} ({chosen.evidence}): {why}", file=sys.stderr
        )
    return chosen


def _make(name: str, port: str | None = None) -> Board:
    evidence = HARDWARE if port else EVIDENCE.get(name, HARDWARE)
    return Board(name, evidence, port, CHIPS[name])


def _asked(board: str | None, port: str | None) -> tuple[Board, str]:
    name = board or "esp32dev"
    if port:
        _require_port(port)
        why = "as asked" if board else "PORT given; another kind of board: BOARD="
        return _make(name, port), why
    if name in EVIDENCE:
        return _make(name), "as asked"
    ports = usb_ports()
    if not ports:
        raise DeviceError(
            f"{name}: no board on USB",
            "plug it in with a data cable, or PORT=..., or BOARD=virtual; "
            "make doctor tells more",
        )
    return _make(name, ports[0].device), _others(ports)


def _found() -> tuple[Board, str]:
    ports = usb_ports()
    if ports and ports[0].vendor == NATIVE_USB:
        raise Esp8kError(
            f"{ports[0].device} is a chip with native USB, so not a plain ESP32",
            "say which: BOARD=esp32-s3-devkitc-1 or BOARD=esp32-c3-devkitm-1",
        )
    if ports:
        return _make("esp32dev", ports[0].device), _others(ports)
    missing = [name for name in _needed() if not shutil.which(name)]
    if not missing:
        return _make("virtual"), "no board on USB; another: BOARD=twin, PORT=..."
    return _make("twin"), f"no {missing[0]} for BOARD=virtual; cure: {APT}"


def _needed() -> tuple[str, str]:
    return pio.COMPILERS["virtual"][0], virtual_board.QEMU["virtual"]


def _others(ports: list[UsbPort]) -> str:
    rest = ", ".join(port.device for port in ports[1:])
    also = f"; also there: {rest} (PORT=...)" if rest else ""
    return f"{ports[0].bridge} found{also}; without it: BOARD=virtual"


def _require_port(port: str) -> None:
    """A path that does not exist is said before anything is built."""
    if port.startswith("/") and not os.path.exists(port):
        there = ", ".join(found.device for found in usb_ports()) or "none"
        raise DeviceError(f"there is no port {port}", f"USB ports here: {there}")


# ==== Opening =================================================================


@contextmanager
def open_port(board: Board, model: str, count: bool = False) -> Iterator[str]:
    """A serial port (path or pyserial URL) with the board's firmware behind it."""
    if board.port:
        yield board.port
        return
    with virtual_board.start(model, board.name, count) as running:
        try:
            yield running.port
        except DeviceError as error:
            if not running.alive():
                raise running.failure() from error
            raise


@contextmanager
def open_board(board: Board, model: str, count: bool = False) -> Iterator[Device]:
    """A `Device` on that board. `count`: instructions, exact (emulated only)."""
    with open_port(board, model, count) as port, Device.open(port) as device:
        yield device

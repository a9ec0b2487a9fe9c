"""Which board, what stands behind it, and how to open it.

    board = choose(None, None, FLASH)          # says on stderr which, and why
    with open_board(board, "v2") as device:    # a tools.link.client.Device
        print(device.infer("int8", image).label)

A board on USB is asked what it is, not guessed at: to flash it, its chip by esptool;
to talk to it, its firmware by a hello. Without one the emulated board is taken, else
(no compiler, no QEMU) the twin, a process of this host.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import DeviceError, Esp8kError
from core.saying import say
from core.words import BUILT, HARDWARE, Evidence
from tools.boards import catalogue, pio, probe, usb, virtual_board
from tools.boards.catalogue import Kind
from tools.boards.probe import Chip
from tools.boards.usb import UsbPort
from tools.link.client import Device
from tools.link.messages import DeviceIdentity

BUILD, FLASH, TALK = "build", "flash", "talk"  # what a board is chosen for
APT = f"apt-get install {pio.COMPILERS['virtual'][1]} qemu-system-misc"
CHOOSE = "say which: PORT=..., or SERIAL=... (a MAC or a USB serial number)"


@dataclass(frozen=True)
class Board:
    """A board and, if it hangs on a wire, its port."""

    name: str
    evidence: Evidence  # of a figure that it gives
    port: str | None = None  # None: behind a PTY that open_board makes
    chip: str = ""  # as esptool calls it; '' has none


@dataclass(frozen=True)
class System:
    """This computer, as far as boards go; tests put another one here."""

    ports: Callable[[], list[UsbPort]] = usb.usb_ports
    chip: Callable[[str], Chip | None] = probe.chip_on
    firmware: Callable[[str], DeviceIdentity] = probe.firmware_on
    which: Callable[[str], str | None] = shutil.which


@dataclass(frozen=True)
class Candidate:
    """A USB port and what was found on it."""

    port: UsbPort
    chip: str = ""  # '' where nothing answered
    mac: str = ""
    firmware: str = ""  # the board's own name, where our firmware answered

    def __str__(self) -> str:
        what = self.chip or self.firmware or "nothing that answers"
        number = self.mac or self.port.serial
        return f"{self.port.device}: {what}" + (f" ({number})" if number else "")


def choose(
    board: str | None,
    port: str | None,
    use: str = TALK,
    serial: str | None = None,
    quiet: bool = False,
    system: System | None = None,
) -> Board:
    """The board that was asked for, or the one that is here; one line says which.

    `use` is BUILD, FLASH or TALK; `serial` a MAC or USB serial number among several.
    `quiet` says nothing of a board without a port; one that may be written to is told.
    Raises Esp8kError for a wrong word, DeviceError for what is not there.
    """
    here = system or System()
    kind = catalogue.kind(board) if board else None
    if port and serial:
        raise Esp8kError("PORT and SERIAL are both given", "one of them is enough")
    if kind and serial and kind.local:
        raise Esp8kError(f"BOARD={kind.name} has no SERIAL", "leave one of them out")
    chosen, why = _choose(kind, port or None, use, serial or None, here)
    if chosen.port or not quiet:
        where = f" on {chosen.port}" if chosen.port else ""
        told = BUILT if use == BUILD else chosen.evidence
        say(f"board: {chosen.name}{where} ({told}): {why}")
    return chosen


def _choose(
    kind: Kind | None, port: str | None, use: str, serial: str | None, here: System
) -> tuple[Board, str]:
    if port:
        _require_port(port, here)
        return _at_port(kind, port, use, here)
    if kind and (use == BUILD or kind.local):
        return _make(kind), "as asked"
    ports = here.ports()
    if not ports and (kind or serial):
        name = kind.name if kind else f"SERIAL={serial}"
        raise DeviceError(
            f"{name}: no board on USB",
            "plug it in with a data cable, or PORT=..., or BOARD=virtual; "
            "make doctor tells more",
        )
    if not ports or (use == BUILD and not kind):
        return _without_hardware(here)
    if use == TALK:
        return _to_talk(kind, ports, serial, here)
    return _to_flash(kind, ports, serial, here)


def _make(kind: Kind, port: str | None = None) -> Board:
    evidence = HARDWARE if port else kind.evidence
    return Board(kind.name, evidence, port, kind.chip)


# ==== A port that was named ===================================================


def _at_port(kind: Kind | None, port: str, use: str, here: System) -> tuple[Board, str]:
    if use == TALK:
        told = here.firmware(port)
        evidence = catalogue.evidence_told(told.board, told.counter)
        return Board(told.board, evidence, port), "as its firmware says"
    if kind is not None:
        return _make(kind, port), "as asked"
    chip = here.chip(port)
    if chip is None:
        raise DeviceError(
            f"no chip answers on {port}: which board is it?",
            "give BOARD=...; hold BOOT while it connects, or see make doctor",
        )
    found = _kind_of(chip.name, native=False)
    return _make(found, port), f"{chip.name} answers; another kind of board: BOARD="


def _require_port(port: str, here: System) -> None:
    """A port that is not there is said before anything is built, on every system."""
    if "://" in port:
        return
    if os.name == "posix":
        there = port.startswith("/") and os.path.exists(port)
    else:
        from serial.tools import list_ports

        there = port.upper() in {p.device.upper() for p in list_ports.comports()}
    if not there:
        names = ", ".join(found.device for found in here.ports()) or "none"
        raise DeviceError(f"there is no port {port}", f"USB ports here: {names}")


# ==== Boards on USB ===========================================================


def _to_flash(
    kind: Kind | None, ports: list[UsbPort], serial: str | None, here: System
) -> tuple[Board, str]:
    """Ask every port for its chip; take the one that fits, never a guess."""
    found = [_asked_for_chip(port, here) for port in ports]
    fitting = [c for c in found if c.chip and (kind is None or c.chip == kind.chip)]
    one = _only(fitting, found, serial, kind)
    native = one.port.vendor in usb.NATIVE
    chosen = kind or _kind_of(one.chip, native)
    others = [str(c) for c in found if c is not one]
    also = f"; also there: {', '.join(others)}" if others else ""
    why = f"{one.chip} {one.mac} by {one.port.chip}{also}; without it: BOARD=virtual"
    return _make(chosen, one.port.device), why


def _to_talk(
    kind: Kind | None, ports: list[UsbPort], serial: str | None, here: System
) -> tuple[Board, str]:
    """The only port, or the only one on which our firmware answers."""
    found = [Candidate(port) for port in ports]
    fitting = found
    if serial and serial.lower() not in {port.serial.lower() for port in ports}:
        fitting = found = [_asked_for_chip(port, here) for port in ports]  # by its MAC
    elif not serial and len(ports) > 1:
        found = [_asked_for_firmware(port, here) for port in ports]
        fitting = [candidate for candidate in found if candidate.firmware]
    one = _only(fitting, found, serial, kind)
    chosen, why = _at_port(kind, one.port.device, TALK, here)
    return chosen, f"{one.port.chip}, {why}; without it: BOARD=virtual"


def _asked_for_chip(port: UsbPort, here: System) -> Candidate:
    chip = here.chip(port.device)
    return Candidate(port, chip.name, chip.mac) if chip else Candidate(port)


def _asked_for_firmware(port: UsbPort, here: System) -> Candidate:
    try:
        return Candidate(port, firmware=here.firmware(port.device).board)
    except DeviceError:
        return Candidate(port)


def _only(
    fitting: list[Candidate],
    found: list[Candidate],
    serial: str | None,
    kind: Kind | None,
) -> Candidate:
    """The one that is meant; all that is there is listed where it cannot be told."""
    listed = "; ".join(map(str, found))
    if serial:
        named = {serial.lower()}
        fitting = [c for c in fitting if {c.mac, c.port.serial.lower()} & named]
        if not fitting:
            raise DeviceError(f"no board with SERIAL={serial}", f"found: {listed}")
    if not fitting:
        wanted = f"no {kind.chip} for BOARD={kind.name}" if kind else "no board of ours"
        raise DeviceError(
            f"{wanted} on USB",
            f"found: {listed}. Hold BOOT while it connects, PORT=... to insist, "
            "or BOARD=virtual",
        )
    if len(fitting) > 1:
        raise Esp8kError("several boards are on USB", f"{CHOOSE}. Found: {listed}")
    return fitting[0]


def _kind_of(chip: str, native: bool) -> Kind:
    found = catalogue.by_chip(chip, native)
    if found is None:
        chips = sorted({kind.chip for kind in catalogue.KINDS if kind.chip})
        raise Esp8kError(
            f"there is no firmware for a chip {chip}", f"for: {', '.join(chips)}"
        )
    return found


# ==== No board ================================================================


def _without_hardware(here: System) -> tuple[Board, str]:
    needed = *pio.COMPILERS["virtual"][0], virtual_board.QEMU["virtual"]
    missing = [name for name in needed if not here.which(name)]
    if not missing:
        why = "no board on USB; another: BOARD=twin, PORT=..."
        return _make(catalogue.kind("virtual")), why
    return _make(catalogue.kind("twin")), f"no {missing[0]} for BOARD=virtual: {APT}"


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

"""The doctor at the serial ports: what hangs there, and whether one may talk to it.

Everything that differs from machine to machine (the list of ports, sysfs, /proc) is
a field of `Ports`, so that tests can put a case of their own there.
"""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from tools.boards import usb
from tools.doctor.finding import NOTE, OK, PROBLEM, Finding
from tools.link.holders import holders

NOBODY = (
    "no serial port with a USB chip that boards carry",
    "plug the board in with a data cable: one that only charges shows no device at "
    "all; without a board: BOARD=virtual or BOARD=twin",
)
WSL = (
    "no serial port: Windows keeps its USB devices until they are given to WSL",
    "in PowerShell, as administrator: winget install usbipd; usbipd list; "
    "usbipd bind --busid N; usbipd attach --wsl --busid N   (then make doctor again)",
)


@dataclass(frozen=True)
class Found:
    """A serial port, as the system lists it."""

    device: str
    vendor: int | None = None
    product: int | None = None


def system_ports() -> list[Found]:
    """Every serial port that pyserial can list, USB ones first."""
    ports = [Found(p.device, p.vid, p.pid) for p in list_ports.comports()]
    real = [p for p in ports if p.vendor is not None]
    return sorted(real, key=lambda port: port.device)


@dataclass(frozen=True)
class Ports:
    """Where to look."""

    listed: Callable[[], Iterable[Found]] = system_ports
    usb: Path = Path("/sys/bus/usb/devices")
    tty: Path = Path("/sys/class/tty")
    proc: Path = Path("/proc")
    kernel: Path = Path("/proc/version")
    allowed: Callable[[str], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)


def examine_ports(where: Ports, only: str | None, ask: bool) -> list[Finding]:
    """All findings about the ports, or about one of them."""
    listed = list(where.listed())
    if only is not None:
        chosen = next((p for p in listed if p.device == only), Found(only))
        return examine(where, chosen, ask)
    findings = undriven(where, listed)
    boards = [port for port in listed if port.vendor in usb.VENDORS]
    if not listed and not findings:
        told = WSL if in_wsl(where) else NOBODY
        return [Finding("ports", NOTE, *told, topic="ports")]
    for port in listed:
        findings += examine(where, port, ask and port in boards)
    return findings


def in_wsl(where: Ports) -> bool:
    """Is this Linux a guest of Windows?"""
    try:
        return "microsoft" in where.kernel.read_text().lower()
    except OSError:
        return False


def examine(where: Ports, port: Found, ask: bool) -> list[Finding]:
    """One port: from its chip to the weights of the firmware behind it."""
    name = port.device
    local = "://" not in name
    if local and os.name == "posix" and not os.path.exists(name):
        there = ", ".join(p.device for p in where.listed()) or "none"
        cure = f"ports here: {there}; plug the board in with a data cable"
        return [Finding("exists", PROBLEM, f"there is no {name}", cure, port=name)]
    findings = [describe(where, port)]
    if local and os.name == "posix":
        for check in (rights, busy):
            finding = check(where, port)
            findings.append(finding)
            if finding.level == PROBLEM:
                return findings
    if ask:
        from tools.doctor.talk import talk

        findings += talk(name)
    return findings


def describe(where: Ports, port: Found) -> Finding:
    """The USB chip and the kernel's driver."""
    name = port.device
    if port.vendor is None or port.product is None:
        return Finding("chip", NOTE, "not a USB port (or a pseudo-terminal)", port=name)
    numbers = f"{port.vendor:04x}:{port.product:04x}"
    chip = usb.chip_name(port.vendor, port.product)
    driver = _driver(where, name)
    text = f"{chip or 'a USB port'} ({numbers})" + (f", driver {driver}" * bool(driver))
    if chip is None:
        return Finding("chip", NOTE, f"{text}: no chip of an ESP32 board", port=name)
    return Finding("chip", OK, text, port=name)


def _driver(where: Ports, name: str) -> str:
    link = where.tty / Path(name).name / "device" / "driver"
    return Path(os.readlink(link)).name if link.is_symlink() else ""


def undriven(where: Ports, listed: list[Found]) -> list[Finding]:
    """Boards that are on USB but have no serial port: the driver is missing."""
    findings = []
    known = {(port.vendor, port.product) for port in listed}
    for device in sorted(where.usb.glob("*")):
        try:
            vendor = int((device / "idVendor").read_text(), 16)
            product = int((device / "idProduct").read_text(), 16)
        except (OSError, ValueError):
            continue
        if vendor not in usb.VENDORS or (vendor, product) in known:
            continue
        driver = usb.DRIVERS[vendor]
        chip = usb.chip_name(vendor, product)
        text = f"{chip} ({vendor:04x}:{product:04x}) is on USB without a serial port"
        cure = f"load its driver: sudo modprobe {driver}"
        if vendor in usb.BRLTTY_TAKES:
            cure += "; where brltty runs it takes this chip: sudo apt-get remove brltty"
        place = f"USB {device.name}"
        findings.append(Finding("driver", PROBLEM, text, cure, port=place))
    return findings


def rights(where: Ports, port: Found) -> Finding:
    """May this user open it?"""
    name = port.device
    if where.allowed(name):
        return Finding("rights", OK, "may be opened", port=name)
    import grp

    details = os.stat(name)
    try:
        group = grp.getgrgid(details.st_gid).gr_name
        members = grp.getgrgid(details.st_gid).gr_mem
    except KeyError:
        group, members = str(details.st_gid), []
    if os.environ.get("USER", "") in members:
        cure = f"you joined the group {group} after logging in: log in again"
    elif stat.S_IMODE(details.st_mode) & 0o060:
        cure = f"sudo usermod -aG {group} $USER, then log in again"
    else:
        cure = f"its mode is {stat.S_IMODE(details.st_mode):o}: sudo chmod g+rw {name}"
    text = f"no right to open it (it belongs to the group {group})"
    return Finding("rights", PROBLEM, text, cure, port=name)


def busy(where: Ports, port: Found) -> Finding:
    """Other programs that have the port open."""
    name = port.device
    found = holders(name, where.proc)
    found.pop(os.getpid(), None)
    if not found:
        return Finding("busy", OK, "no other program has it open", port=name)
    told = ", ".join(f"{program} (pid {pid})" for pid, program in found.items())
    if name.startswith("/dev/pts/"):  # the emulator behind it holds it by right
        return Finding("busy", NOTE, f"a pseudo-terminal, held by {told}", port=name)
    cure = "close that program"
    if "ModemManager" in found.values():
        cure = "sudo systemctl stop ModemManager: it probes every new serial port"
    return Finding("busy", PROBLEM, f"busy: {told} has it open", cure, port=name)

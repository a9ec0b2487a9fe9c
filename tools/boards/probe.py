"""What hangs on a serial port: the chip, asked by esptool; our firmware, by hello.

Asking for the chip resets the board into its bootloader and out again, as flashing
does; a hello only opens the port.
"""

import re
import subprocess
import sys
from dataclasses import dataclass

from tools.link.client import Device
from tools.link.messages import DeviceIdentity

TIMEOUT_S = 25  # esptool tries twice, each with several kinds of reset
CHIP = re.compile(r"^(?:Connected to|Detecting chip type\.\.\.) (ESP32[-\w]*)", re.M)
MAC = re.compile(r"^(?:BASE )?MAC: +((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$", re.M)


@dataclass(frozen=True)
class Chip:
    """A chip that answered in its bootloader."""

    name: str  # as esptool's --chip wants it: 'esp32s3'
    mac: str  # 'aa:bb:cc:dd:ee:ff'


def chip_on(port: str) -> Chip | None:
    """The chip on `port`, or None where no bootloader answers."""
    command = [sys.executable, "-m", "esptool", "--port", port, "--no-stub"]
    command += ["--connect-attempts", "2", "read-mac"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return None
    chip, mac = CHIP.search(done.stdout), MAC.search(done.stdout)
    if done.returncode or chip is None or mac is None:
        return None
    return Chip(chip[1].lower().replace("-", ""), mac[1])


def firmware_on(port: str) -> DeviceIdentity:
    """What our firmware on `port` says of itself, or a DeviceError: why it does not."""
    with Device.open(port, say=lambda text: None) as device:
        return device.identity

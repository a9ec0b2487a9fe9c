"""The boards that `BOARD=` knows: chip, console, and what a figure of theirs is worth.

Adding one: a line here, an env of the same name in firmware/platformio.ini.
"""

from dataclasses import dataclass
from typing import Literal

from core.errors import Esp8kError
from core.words import CYCLES, EMULATED, HARDWARE, PROCESS, Evidence

# The boards that need no hardware, as a command line lists them.
Local = Literal["virtual", "twin", "riscv"]
UART, SERIAL_JTAG, CDC = "UART bridge", "USB-Serial-JTAG", "USB-CDC"


@dataclass(frozen=True)
class Kind:
    """One kind of board."""

    name: str
    about: str
    chip: str = ""  # as esptool calls it, without the dash; '' has no flash to write
    console: str = ""  # what the USB socket leads to
    evidence: Evidence = HARDWARE  # of a figure that it gives
    direct: bool = False  # runs the direct-boot image: no ESP-IDF, no download

    @property
    def local(self) -> bool:
        """Whether it needs no hardware."""
        return self.evidence != HARDWARE


KINDS = (
    Kind("virtual", "an emulated ESP32", "esp32", "", EMULATED, True),
    Kind("twin", "the firmware as a process here", evidence=PROCESS),
    Kind("riscv", "an emulated RV32IMC core", evidence=EMULATED),
    Kind("esp32-direct", "any ESP32, without ESP-IDF", "esp32", UART, direct=True),
    Kind("esp32dev", "ESP32 DevKit, WROOM or WROVER", "esp32", UART),
    Kind("esp32cam", "AI-Thinker ESP32-CAM", "esp32", UART),
    Kind("lolin_s2_mini", "ESP32-S2 mini", "esp32s2", CDC),
    Kind("esp32-s3-devkitc-1", "ESP32-S3 DevKitC", "esp32s3", UART),
    Kind("seeed_xiao_esp32s3", "Seeed XIAO ESP32S3", "esp32s3", SERIAL_JTAG),
    Kind("esp32-c3-devkitm-1", "ESP32-C3 DevKitM", "esp32c3", UART),
    Kind("seeed_xiao_esp32c3", "Seeed XIAO ESP32C3", "esp32c3", SERIAL_JTAG),
    Kind("esp32-c3-supermini", "ESP32-C3 SuperMini", "esp32c3", SERIAL_JTAG),
    Kind("esp32-c6-devkitc-1", "ESP32-C6 DevKitC", "esp32c6", UART),
)
BY_NAME = {kind.name: kind for kind in KINDS}
BOARDS = tuple(BY_NAME)


def kind(name: str) -> Kind:
    """The kind of that name; a mistake lists all."""
    if name not in BY_NAME:
        known = ", ".join(BOARDS)
        raise Esp8kError(f"there is no board {name!r}", f"BOARD is one of: {known}")
    return BY_NAME[name]


def is_local(name: str) -> bool:
    """Whether a board of that name needs no hardware; one that is unknown does."""
    return name in BY_NAME and BY_NAME[name].local


def evidence_told(name: str, counter: str) -> Evidence:
    """What a device's figures are worth, by its own hello: its board and its counter.

    Only a chip counts cycles: an image for one that does not runs in an emulator.
    """
    if is_local(name):
        return BY_NAME[name].evidence
    return HARDWARE if counter == CYCLES else EMULATED


def by_chip(chip: str, native: bool) -> Kind | None:
    """The kind to build for a chip that was found, by its UART or its own USB."""
    of_chip = [k for k in KINDS if k.chip == chip and not k.local]
    fitting = [k for k in of_chip if not k.direct and (k.console != UART) == native]
    ordinary = fitting or [k for k in of_chip if not k.direct]
    return ordinary[0] if ordinary else None

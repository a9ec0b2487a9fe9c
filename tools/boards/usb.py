"""USB chips that boards carry: their names, their drivers, and what hangs here."""

from collections.abc import Iterable
from dataclasses import dataclass

CP210X, CH34X, FTDI, PROLIFIC, ADAFRUIT, ESPRESSIF = (
    *(0x10C4, 0x1A86, 0x0403),
    *(0x067B, 0x239A, 0x303A),
)
VENDORS = {
    CP210X: "CP210x",
    CH34X: "CH340",
    FTDI: "FTDI",
    PROLIFIC: "PL2303",
    ADAFRUIT: "Adafruit native USB",
    ESPRESSIF: "Espressif native USB",
}
NATIVE = (ADAFRUIT, ESPRESSIF)  # the chip itself is the USB device
CHIPS = {
    (CP210X, 0xEA60): "CP210x",
    (CP210X, 0xEA70): "CP2105",
    (CH34X, 0x7523): "CH340",
    (CH34X, 0x5523): "CH341",
    (CH34X, 0x55D4): "CH9102",
    (CH34X, 0x55D3): "CH343",
    (FTDI, 0x6001): "FTDI FT232R",
    (FTDI, 0x6010): "FTDI FT2232H",
    (FTDI, 0x6014): "FTDI FT232H",
    (FTDI, 0x6015): "FTDI FT231X",
    (PROLIFIC, 0x2303): "PL2303",
    (PROLIFIC, 0x23A3): "PL2303GC",
    (ESPRESSIF, 0x1001): "native USB of an ESP32-S3, C3 or C6",
    (ESPRESSIF, 0x0002): "native USB of an ESP32-S2",
}
# Linux's module of each; the native ones are ordinary USB modems to it.
DRIVERS = {
    CP210X: "cp210x",
    CH34X: "ch341",
    FTDI: "ftdi_sio",
    PROLIFIC: "pl2303",
    ADAFRUIT: "cdc_acm",
    ESPRESSIF: "cdc_acm",
}
# brltty, the daemon of braille displays, takes these for a display of its own.
BRLTTY_TAKES = (CP210X, CH34X, FTDI)


@dataclass(frozen=True)
class UsbPort:
    """A serial port that a board may be on."""

    device: str  # /dev/ttyUSB0, COM3
    vendor: int
    product: int
    serial: str = ""  # of the USB chip; many have none

    @property
    def chip(self) -> str:
        """What kind of USB chip stands between, in words."""
        return CHIPS.get((self.vendor, self.product)) or VENDORS[self.vendor]


def chip_name(vendor: int | None, product: int | None) -> str | None:
    """A USB chip's name, or None where no board of ours carries it."""
    if vendor is None or product is None:
        return None
    return CHIPS.get((vendor, product)) or VENDORS.get(vendor)


def usb_ports() -> list[UsbPort]:
    """The serial ports with a USB chip that boards carry, by name."""
    from serial.tools import list_ports

    return of_boards(
        UsbPort(port.device, port.vid, port.pid or 0, port.serial_number or "")
        for port in list_ports.comports()
        if port.vid is not None
    )


def of_boards(ports: Iterable[UsbPort]) -> list[UsbPort]:
    """Those of them whose USB chip boards carry, by name."""
    kept = [port for port in ports if port.vendor in VENDORS]
    return sorted(kept, key=lambda port: port.device)

"""Espressif's image: what `esptool elf2image` writes and the ESP32's ROM loads.

The header, the segments, a checksum and a SHA-256. `parse` checks what the ROM
checks, so a damaged flash is refused here as it would be refused there.
"""

import hashlib
import struct
from dataclasses import dataclass

from core.errors import DeviceError

MAGIC = 0xE9
CHECKSUM_SEED = 0xEF
HEADER = struct.Struct("<BBBBI")  # magic, segments, flash mode, flash size, entry
EXTENDED = struct.Struct("<B3sHBHH4sB")  # ... chip id, revisions, ..., has a digest
CHIPS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 13: "esp32c6"}
RESET_ADDRESS = 0xFE000000  # where QEMU's de233_fpu begins
# What an ESP32's ROM leaves, and what the emulator lacks of it: see `reset_stub`.
RESET_CODE = (
    "06010000",  # j over the entry
    "{entry}",
    "21ffff",  # l32r a2, the entry
    "32a001",  # movi a3, 1
    "30ec13",  # wsr a3, icount
    "30ed13",  # wsr a3, icountlevel
    "42a00c",  # movi a4, 12: no access
    "52a006",  # movi a5, 6: the lowest 512 MiB, by way 6
    "40e550",  # wdtlb a4, a5
    "406550",  # witlb a4, a5
    "002000",  # isync
    "a00200",  # jx a2
)


@dataclass(frozen=True)
class Segment:
    """Bytes and where they go."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """A checked image."""

    chip: str
    entry: int
    segments: tuple[Segment, ...]
    length: int  # with checksum and digest


def parse(data: bytes, name: str) -> Image:
    """Read an image; a DeviceError names what the ROM would not accept."""
    try:
        return _parse(data, name)
    except struct.error as error:
        raise _damaged(name, "it ends early") from error


def chip_of(data: bytes) -> str | None:
    """For which chip an image is, None if it is no image."""
    if len(data) < HEADER.size + EXTENDED.size or data[0] != MAGIC:
        return None
    number = EXTENDED.unpack_from(data, HEADER.size)[2]
    return CHIPS.get(number, f"chip {number}")


def _parse(data: bytes, name: str) -> Image:
    magic, count, _, _, entry = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise _damaged(name, f"it begins with {magic:#04x}, not {MAGIC:#04x}")
    has_digest = EXTENDED.unpack_from(data, HEADER.size)[-1]
    at = HEADER.size + EXTENDED.size
    checksum = CHECKSUM_SEED
    segments = []
    for _ in range(count):
        address, length = struct.unpack_from("<II", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) != length:
            raise _damaged(name, "a segment ends early")
        for byte in body:
            checksum ^= byte
        segments.append(Segment(address, body))
        at += 8 + length
    at += 15 - at % 16  # the checksum is the last byte of a block of 16
    if struct.unpack_from("<B", data, at)[0] != checksum:
        raise _damaged(name, "its checksum is wrong")
    at += 1
    if has_digest:
        if hashlib.sha256(data[:at]).digest() != data[at : at + 32]:
            raise _damaged(name, "its SHA-256 is wrong")
        at += 32
    return Image(chip_of(data) or "", entry, tuple(segments), at)


def reset_stub(image: Image) -> bytes:
    """Code for RESET_ADDRESS that goes to the image's entry.

    It has ICOUNT count instructions, up to 2^32 of them. QEMU then ends what it keeps
    in registers of the host after each one; else a product of MAC16 reads what was in
    m0 to m3 before their last load. And address 0 faults, as on the chip.
    """
    entry = struct.pack("<I", image.entry).hex()
    return bytes.fromhex("".join(RESET_CODE).format(entry=entry))


def _damaged(name: str, why: str) -> DeviceError:
    return DeviceError(f"{name} is not a firmware image: {why}", "run: make flash")

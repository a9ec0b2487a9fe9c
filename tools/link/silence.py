"""What a device says when it does not answer: the cause, and the cure.

    cause, cure = explain(noise)      # bytes that came and were no frame of ours

Boards tell much: the ROM names the reason of each reset, ESP-IDF its panics and its
brownout detector. The cure of a power fault is power, never another flashing.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.text import one_line

PANIC = re.compile(
    rb"(Guru Meditation Error[^\r\n]{0,120}|abort\(\) was called[^\r\n]{0,80}"
    rb"|assert failed[^\r\n]{0,120}|\*\*\*ERROR\*\*\*[^\r\n]{0,80}"
    rb"|Stack smashing[^\r\n]{0,80}|panic[^\r\n]{0,100}|Backtrace:[^\r\n]{0,80})",
    re.IGNORECASE,
)
BROWNOUT = re.compile(rb"[Bb]rownout detector was triggered|\(\w*BROWN_?OUT\w*\)")
DOWNLOAD = re.compile(rb"waiting for download|DOWNLOAD_BOOT|DOWNLOAD\(")
RESET_LINE = re.compile(rb"rst:0x[0-9a-f]+ \([A-Z0-9_]+\)")
POWER_ON = re.compile(rb"\(POWERON(_RESET)?\)")
EMPTY_FLASH = re.compile(rb"invalid header: 0xffffffff")
BAD_FLASH = re.compile(
    rb"flash read err[^\r\n]{0,40}|invalid header: 0x[0-9a-f]+|csum err[^\r\n]{0,40}"
    rb"|ets_main\.c \d+|SHA-256 comparison failed[^\r\n]{0,40}"
)
ECHO = (
    "what is sent to it comes back",
    "this port's TX and RX are joined: check the wires, or name the board's own PORT",
)
READY = b"m-ready"  # MLPerf Tiny's greeting
BOOT_LOOP = 3  # ROM reset lines in a row
PRINTABLE_SHARE = 0.8  # of text in what we call text
QUOTED = 60  # characters of foreign text shown
POWER = "another USB port or cable, no hub, a supply of 500 mA; not a new firmware"


def panic_text(noise: bytes) -> str | None:
    """The panic's own line, if the device printed one; fit for a terminal."""
    found = PANIC.search(noise)
    return (
        one_line(found.group(1).decode("ascii", "replace").strip()) if found else None
    )


@dataclass(frozen=True)
class Sign:
    """Bytes that betray a cause, the words for it, and its cure."""

    seen: Callable[[bytes], str | None]  # a quotation, '' for none, None: not this
    cause: str  # {} stands for the quotation
    cure: str


def _matches(pattern: re.Pattern[bytes]) -> Callable[[bytes], str | None]:
    def seen(noise: bytes) -> str | None:
        found = pattern.search(noise)
        return found.group().decode("ascii", "replace") if found else None

    return seen


def _loop(only: re.Pattern[bytes] | None = None) -> Callable[[bytes], str | None]:
    def seen(noise: bytes) -> str | None:
        lines = RESET_LINE.findall(noise)
        if len(lines) < BOOT_LOOP or (only and not all(map(only.search, lines))):
            return None
        return str(lines[-1].decode())

    return seen


def _garbage(noise: bytes) -> str | None:
    text = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in noise)
    return None if text >= PRINTABLE_SHARE * len(noise) else f"{len(noise)} bytes"


# In this order: the first that is seen is told.
SIGNS = (
    Sign(
        lambda noise: None if noise else "",
        "the device never answers",
        "check the cable, press reset, flash the firmware: make flash",
    ),
    Sign(
        _matches(BROWNOUT),
        "the board's supply breaks down (brownout detector)",
        POWER,
    ),
    Sign(panic_text, 'the firmware crashed: "{}"', "report this line; make flash"),
    Sign(
        _matches(DOWNLOAD),
        "the board waits in its bootloader",
        "release the BOOT button and press reset",
    ),
    Sign(_matches(EMPTY_FLASH), "the board's flash holds no firmware", "make flash"),
    Sign(
        _matches(BAD_FLASH),
        "the board cannot read its flash ({})",
        "make flash; if it stays, something pulls GPIO12 or the flash pins, "
        "or the flash chip is worn out",
    ),
    Sign(_loop(POWER_ON), "the board loses its power again and again ({})", POWER),
    Sign(
        _loop(),
        "the board resets again and again ({})",
        "make doctor listens to it; make flash writes our firmware anew",
    ),
    Sign(
        _garbage,
        "the device answers noise ({}, no frame of ours)",
        "another baud rate, a bad cable or another program on the port",
    ),
    Sign(
        lambda noise: "" if READY in noise else None,
        "the device speaks the MLPerf dialect but does not answer our frames",
        "another firmware is on it: make flash",
    ),
)


def explain(noise: bytes) -> tuple[str, str]:
    """Why there was no answer, and the cure, from the bytes that came instead."""
    for sign in SIGNS:
        if (quotation := sign.seen(noise)) is not None:
            return sign.cause.replace("{}", quotation), sign.cure
    lines = noise.decode("ascii", "replace").strip().splitlines()
    shown = one_line(lines[-1], QUOTED) if lines else ""
    return (
        f"another firmware is on the device; it says '{shown}'",
        "put ours on it: make flash",
    )

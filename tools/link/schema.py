"""What a reply must look like: declared once, checked in one place.

    hello, at = read(Hello, payload, "HELLO")    # or Malformed: what, where, why

A good CRC says that the bytes are those that were sent, not that they make sense: a
firmware of another day, or no firmware of ours at all, may say anything.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from core.errors import DeviceError
from core.text import one_line

T = TypeVar("T")
HINT = "are host and firmware of one checkout? make flash"


class Malformed(DeviceError):
    """A reply with a good CRC and a content that cannot be."""

    def __init__(self, request: str, what: str) -> None:
        super().__init__(
            f"the device's reply to {request} makes no sense: {what}", HINT
        )


def wire(code: str, least: float | None = None, most: float | None = None) -> Any:
    """A field of a reply: its `struct` letter, and the values that it may have."""
    return field(metadata={"code": code, "least": least, "most": most})


def layout(kind: type) -> struct.Struct:
    """The bytes of a declared reply, little-endian."""
    return struct.Struct("<" + "".join(f.metadata["code"] for f in fields(kind)))


def read(kind: type[T], payload: bytes, request: str) -> tuple[T, int]:
    """The declared reply at the start of `payload`, and where it ends.

    Raises `Malformed` where bytes are missing or a value is none that can be.
    """
    form = layout(kind)
    if len(payload) < form.size:
        raise Malformed(request, f"{len(payload)} bytes, at least {form.size} belong")
    values = form.unpack_from(payload)
    for declared, value in zip(fields(kind), values, strict=True):  # type: ignore[arg-type]
        _check(request, declared.name, value, declared.metadata)
    return kind(*values), form.size


def exactly(request: str, payload: bytes, size: int) -> None:
    """Refuse a reply of another length."""
    if len(payload) != size:
        raise Malformed(request, f"{len(payload)} bytes, {size} belong")


def names(request: str, payload: bytes, at: int, count: int) -> tuple[list[str], int]:
    """`count` printable ASCII names, each behind its length; and where they end."""
    found = []
    for _ in range(count):
        if at >= len(payload) or at + 1 + payload[at] > len(payload):
            raise Malformed(request, "a name goes on beyond the end")
        raw = payload[at + 1 : at + 1 + payload[at]]
        if not all(32 <= byte < 127 for byte in raw):
            text = one_line(raw.decode("latin-1"), 40)
            raise Malformed(request, f"the name '{text}' is not printable ASCII")
        found.append(raw.decode("ascii"))
        at += 1 + len(raw)
    return found, at


def _check(request: str, name: str, value: Any, rule: Any) -> None:
    least, most = rule["least"], rule["most"]
    if isinstance(value, float) and not math.isfinite(value):
        raise Malformed(request, f"{name} is {value}")
    if least is not None and value < least or most is not None and value > most:
        wanted = f"{least:g} or more" if most is None else f"{least:g} to {most:g}"
        raise Malformed(request, f"{name} is {value:g}, it must be {wanted}")


# ==== The replies =============================================================


@dataclass(frozen=True)
class Hello:
    """The fixed part of a reply to HELLO; two names and the boot id follow."""

    engines: int = wire("B", 1, 3)
    counter: int = wire("B")
    reset_reason: int = wire("B")
    window: int = wire("B", 1, 255)
    image_bytes: int = wire("H", 1, 0xFFFF)
    classes: int = wire("B", 2, 64)
    piece_bytes: int = wire("B", 1, 255)
    int8_stages: int = wire("B")
    f16_stages: int = wire("B")
    chunk_bytes: int = wire("H", 1, 256)
    counter_hz: int = wire("I")
    baud: int = wire("I")
    boot_count: int = wire("I")
    identity_crc: int = wire("I")
    int8_arena_bytes: int = wire("I")
    f16_arena_bytes: int = wire("I")
    arena_bytes: int = wire("I")
    logit_scale: float = wire("f", 1e-30, 1e30)
    logit_zero_point: int = wire("i", -128, 127)
    weights_hash: bytes = wire("32s")


@dataclass(frozen=True)
class Answer:
    """The fixed part of a reply to INFER; the logits follow."""

    engine: int = wire("B", 0, 1)
    label: int = wire("B")
    microseconds: int = wire("I")
    count: int = wire("I")


@dataclass(frozen=True)
class FrameAnswer:
    """The fixed part of a reply to INFER_FRAME; the logits follow."""

    engine: int = wire("B", 0, 1)
    label: int = wire("B")
    microseconds: int = wire("I")
    count: int = wire("I")
    found: int = wire("B", 0, 1)
    prepare_microseconds: int = wire("I")
    prepare_count: int = wire("I")
    prepared_crc: int = wire("I")
    top: int = wire("H")
    left: int = wire("H")
    bottom: int = wire("H")
    right: int = wire("H")


@dataclass(frozen=True)
class Number:
    """A reply, or the beginning of one, that is one number."""

    value: int = wire("I")


@dataclass(frozen=True)
class Failure:
    """An ERROR."""

    code: int = wire("B")
    request_type: int = wire("B")


def one_of(request: str, name: str, value: int, known: Sequence[int]) -> None:
    """Refuse a value that is none of those asked for."""
    if value not in known:
        wanted = " or ".join(map(str, known))
        raise Malformed(request, f"{name} is {value}, {wanted} was asked for")

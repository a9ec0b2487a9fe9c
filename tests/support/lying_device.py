"""A device whose replies have a good CRC and any content, behind virtual time."""

import struct
from collections.abc import Callable

import numpy as np

from tests.support.layouts import ANSWER, FRAME_ANSWER, HELLO, STATISTICS
from tools.link.framing import REPLY, Frame, Request, Splitter, encode
from tools.link.session import PREFIX

Lie = Callable[[Frame, int, bytes], tuple[int, bytes] | None]
IDENTITY = 7
STAGES = (4, 3)  # of int8, of float16
STAGE = bytes(range(200)) * 3


def honest_hello(**other: int | float | bytes) -> bytes:
    """The fixed part of a right reply to HELLO, with some fields changed."""
    fields: dict[str, int | float | bytes] = {
        **dict(engines=3, counter=0, reset_reason=1, window=8, image_bytes=784),
        **dict(classes=10, piece_bytes=32, int8_stages=4, f16_stages=3),
        **dict(chunk_bytes=256, counter_hz=0, baud=115200, boot_count=1),
        **dict(
            identity_crc=IDENTITY, int8_arena_bytes=9, f16_arena_bytes=9, arena_bytes=9
        ),
        **dict(logit_scale=0.5, logit_zero_point=3, weights_hash=b"w" * 32),
    }
    assert set(other) <= set(fields)
    return HELLO.pack(*(fields | other).values())


def named(*names: bytes) -> bytes:
    """Names, each behind its length."""
    return b"".join(bytes([len(name)]) + name for name in names)


BOOT = struct.pack("<I", 5)
ENDS = named(b"v2", b"fake") + BOOT
# What a client says of it: the payload.
HELLOS = {
    "0 bytes, at least": b"",
    "window is 0": honest_hello(window=0) + ENDS,
    "engines is 0": honest_hello(engines=0) + ENDS,
    "images of 100 bytes": honest_hello(image_bytes=100) + ENDS,
    "classes is 0": honest_hello(classes=0) + ENDS,
    "chunk_bytes is 0": honest_hello(chunk_bytes=0) + ENDS,
    "logit_scale is nan": honest_hello(logit_scale=float("nan")) + ENDS,
    "logit_zero_point is 200": honest_hello(logit_zero_point=200) + ENDS,
    "name goes on beyond": honest_hello() + b"\xffv2",
    "not printable ASCII": honest_hello() + named(b"\x1b[2J", b"fake") + BOOT,
    "0 bytes, at least 4": honest_hello() + named(b"v2", b"fake"),
}
ANSWERS = {
    "2 bytes, at least": b"ab",
    "engine is 7": ANSWER.pack(7, 0, 0, 0) + bytes(10),
    "engine is 1, 0 was asked": ANSWER.pack(1, 0, 0, 0) + bytes(40),
    "10 bytes, 20 belong": ANSWER.pack(0, 0, 0, 0),
    "label 255": ANSWER.pack(0, 255, 0, 0) + bytes(10),
    "label 3, the largest": ANSWER.pack(0, 3, 0, 0) + bytes(10),
}
F16_ANSWERS = {
    "10 bytes, 50 belong": ANSWER.pack(1, 0, 0, 0),
    "a logit is nan": ANSWER.pack(1, 0, 0, 0) + np.full(10, np.nan, "<f4").tobytes(),
    "a logit is inf": ANSWER.pack(1, 0, 0, 0) + np.full(10, np.inf, "<f4").tobytes(),
}


def honest(frame: Frame) -> bytes:
    """The payload behind the prefix that a right device would send."""
    match frame.type:
        case Request.HELLO:
            return honest_hello() + ENDS
        case Request.INFER:
            kind = np.dtype("<f4") if frame.payload[0] else np.dtype(np.int8)
            logits = np.arange(10, dtype=kind).tobytes()
            return ANSWER.pack(frame.payload[0], 9, 1000, 0) + logits
        case Request.STAGE_CRCS:
            return bytes(4 * STAGES[frame.payload[0]])
        case Request.STAGE_BYTES:
            length, offset = struct.unpack_from("<HI", frame.payload, 2)
            return struct.pack("<I", len(STAGE)) + STAGE[offset : offset + length]
        case Request.FRAME:
            (offset,) = struct.unpack_from("<I", frame.payload, 8)
            return struct.pack("<I", offset + len(frame.payload) - 12)
        case Request.INFER_FRAME:
            kind = np.dtype("<f4") if frame.payload[0] else np.dtype(np.int8)
            fixed = FRAME_ANSWER.pack(
                *(frame.payload[0], 9, 1000, 0, 1, 9, 0, 7), *(1, 2, 30, 40)
            )
            return fixed + np.arange(10, dtype=kind).tobytes()
        case Request.SET_BAUD:
            return frame.payload
        case _:
            return STATISTICS.pack(*range(11))


class LyingDevice:
    """A `Transport` to it; `lie` turns an honest (type, payload) into another."""

    name = "liar"
    baud = 115200

    def __init__(
        self, lie: Lie | None = None, delay_s: float = 0.01, identity: int = IDENTITY
    ) -> None:
        self.lie, self.delay_s = lie, delay_s
        self.identity = identity
        self.asked = 0
        self._now = 0.0
        self._splitter = Splitter()
        self._on_the_way: list[tuple[float, bytes]] = []

    def clock(self) -> float:
        return self._now

    def write(self, data: bytes) -> None:
        for frame in self._splitter.feed(data):
            if frame.type == Request.PUT:
                continue
            self.asked += 1
            assert self.asked < 5000, "the host asks without an end"
            told: tuple[int, bytes] | None = (frame.type | REPLY, honest(frame))
            if self.lie is not None:
                told = self.lie(frame, *told)
            if told is not None:
                payload = PREFIX.pack(frame.crc, 1, self.identity & 0xFF) + told[1]
                wire, _ = encode(told[0], frame.sequence, payload)
                self._on_the_way.append((self._now + self.delay_s, wire))

    def read(self, timeout_s: float) -> bytes:
        until = self._now + max(timeout_s, 0.0)
        if self._on_the_way and self._on_the_way[0][0] <= until:
            at, wire = self._on_the_way.pop(0)
            self._now = max(self._now, at)
            return wire
        self._now = until
        return b""

    def set_baud(self, baud: int) -> None:
        self.baud = baud

    def close(self) -> None:
        pass

"""What the payloads of requests and replies mean: images in, results out."""

import struct
from dataclasses import dataclass

import numpy as np

from core.errors import Esp8kError

ENGINES = ("int8", "f16")
COUNTERS = ("none", "cycles", "instructions")
RESETS = ("unknown", "power on", "software", "panic", "watchdog", "brownout")
IMAGE_BYTES = 784
CLASSES = 10
NO_TIME = 0xFFFFFFFF  # the board has no clock

HELLO = struct.Struct("<4BH4BH7Ifi32s")
STATISTICS = struct.Struct("<10IQ")
ANSWER = struct.Struct("<BBII")
IMAGE_HEAD = struct.Struct("<B3x")
STAGE_HEAD = struct.Struct("<BBHI")


@dataclass(frozen=True)
class DeviceIdentity:
    """What the device says about itself in its hello."""

    model: str
    weights_hash: str  # 64 hex digits
    identity_crc: int  # CRC-32 over weights and both .tflite
    engines: tuple[str, ...]
    board: str
    counter: str  # 'cycles', 'instructions' or 'none'
    counter_hz: int
    int8_arena_bytes: int
    f16_arena_bytes: int
    arena_bytes: int  # the one static arena: max of the two
    boot_count: int
    boot_id: int  # another one after every boot, also where the count is lost
    reset_reason: int  # index into RESETS
    baud: int
    batch_images: int  # images the device takes in one frame
    int8_stages: int
    f16_stages: int
    chunk_bytes: int  # of a stage, in one reply
    logit_scale: float
    logit_zero_point: int


@dataclass(frozen=True)
class Result:
    """One answered image."""

    label: int
    logits: np.ndarray  # (10,) int8 or float32
    microseconds: int | None  # None where the board has no clock
    count: int | None  # cycles or instructions; None where there is no counter


@dataclass(frozen=True)
class Statistics:
    """The device's own counts since its boot, and its stack's high-water mark."""

    frames: int  # intact ones
    crc_errors: int
    resyncs: int  # delimiters that closed something else than a frame
    replays: int  # repeated requests answered from the last reply
    errors: int  # requests refused
    inferences: int
    text_commands: int
    boot_count: int
    reset_reason: int  # index into RESETS
    stack_used_bytes: int
    uptime_us: int


def pixels(image: np.ndarray) -> bytes:
    """784 bytes, row by row, from (28, 28) or (784,) uint8."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.size != IMAGE_BYTES:
        raise Esp8kError(
            f"an image is {IMAGE_BYTES} bytes uint8, not {array.shape} {array.dtype}",
            "bring it to MNIST's conventions first: tools.classify.image",
        )
    return array.tobytes()


def engine_number(engine: str) -> int:
    if engine not in ENGINES:
        known = ", ".join(ENGINES)
        raise Esp8kError(f"there is no engine {engine!r}", f"ENGINE is one of: {known}")
    return ENGINES.index(engine)


def image_head(engine: str) -> bytes:
    return IMAGE_HEAD.pack(engine_number(engine))


def parse_result(payload: bytes) -> Result:
    engine, label, microseconds, count = ANSWER.unpack_from(payload)
    kind = np.dtype("<f4") if ENGINES[engine] == "f16" else np.dtype(np.int8)
    return Result(
        label=label,
        logits=np.frombuffer(payload, kind, CLASSES, ANSWER.size),
        microseconds=None if microseconds == NO_TIME else microseconds,
        count=count or None,
    )


def parse_statistics(payload: bytes) -> Statistics:
    """The reply to STATISTICS."""
    return Statistics(*STATISTICS.unpack_from(payload))


def parse_identity(payload: bytes) -> DeviceIdentity:
    """The reply to HELLO."""
    fields = HELLO.unpack_from(payload)
    engines, counter, reset_reason, window = fields[:4]
    int8_stages, f16_stages, chunk = fields[7:10]
    hz, baud, boots, crc, int8_arena, f16_arena, arena = fields[10:17]
    scale, zero_point, weights_hash = fields[17:]
    names = []
    at = HELLO.size
    for _ in range(2):
        end = at + 1 + payload[at]
        names.append(payload[at + 1 : end].decode("ascii", "replace"))
        at = end
    return DeviceIdentity(
        model=names[0],
        weights_hash=weights_hash.hex(),
        identity_crc=crc,
        engines=tuple(name for i, name in enumerate(ENGINES) if engines >> i & 1),
        board=names[1],
        counter=COUNTERS[counter] if counter < len(COUNTERS) else "none",
        counter_hz=hz,
        int8_arena_bytes=int8_arena,
        f16_arena_bytes=f16_arena,
        arena_bytes=arena,
        boot_count=boots,
        boot_id=int.from_bytes(payload[at : at + 4], "little"),
        reset_reason=reset_reason,
        baud=baud,
        batch_images=window,
        int8_stages=int8_stages,
        f16_stages=f16_stages,
        chunk_bytes=chunk,
        logit_scale=scale,
        logit_zero_point=zero_point,
    )

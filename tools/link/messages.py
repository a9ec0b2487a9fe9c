"""What the payloads of requests and replies mean: images in, results out."""

import struct
from dataclasses import dataclass

import numpy as np

from core.errors import Esp8kError
from core.pixels import IMAGE_BYTES
from core.words import CYCLES, ENGINES
from tools.link.schema import (
    Answer,
    Hello,
    Malformed,
    Number,
    exactly,
    names,
    one_of,
    read,
    wire,
)

COUNTERS = ("none", CYCLES, "instructions")
RESETS = ("unknown", "power on", "software", "panic", "watchdog", "brownout")
NO_TIME = 0xFFFFFFFF  # the board has no clock

IMAGE_HEAD = struct.Struct("<B3x")
STAGE_HEAD = struct.Struct("<BBHI")
MOST_STAGE_BYTES = 1 << 20  # of one stage's output: no network of ours has a tenth


@dataclass(frozen=True)
class DeviceIdentity:
    """What the device says about itself in its hello."""

    model: str
    weights_hash: str  # 64 hex digits
    identity_crc: int  # CRC-32 over weights and both .tflite
    engines: tuple[str, ...]
    board: str
    classes: int  # of the network: as many logits come
    counter: str  # 'cycles', 'instructions' or 'none'
    counter_hz: int
    int8_arena_bytes: int
    f16_arena_bytes: int
    arena_bytes: int  # the one static arena: max of the two
    boot_count: int
    boot_id: int  # another one after every boot, also where the count is lost
    reset_reason: int  # index into RESETS
    baud: int
    window: int  # requests that may be unanswered at one time
    int8_stages: int
    f16_stages: int
    chunk_bytes: int  # of a stage, in one reply
    logit_scale: float
    logit_zero_point: int

    def stages(self, engine: str) -> int:
        """How many stages an engine's network has."""
        return self.int8_stages if engine == "int8" else self.f16_stages


@dataclass(frozen=True)
class Result:
    """One answered image."""

    label: int
    logits: np.ndarray  # (classes,) int8 or float32
    microseconds: int | None  # None where the board has no clock
    count: int | None  # cycles or instructions; None where there is no counter


@dataclass(frozen=True)
class Statistics:
    """The device's own counts since its boot, and its stack's high-water mark."""

    frames: int = wire("I")  # intact ones
    crc_errors: int = wire("I")
    bad_frames: int = wire("I")  # delimiters that closed something else than a frame
    replays: int = wire("I")  # repeated requests answered from the last reply
    errors: int = wire("I")  # requests refused
    inferences: int = wire("I")
    text_commands: int = wire("I")
    boot_count: int = wire("I")
    reset_reason: int = wire("I")  # index into RESETS
    stack_used_bytes: int = wire("I")
    uptime_us: int = wire("Q")


def reset_word(reason: int) -> str:
    """Why a board started; a number of another day's firmware is not known."""
    return RESETS[reason] if reason < len(RESETS) else RESETS[0]


def pixels(image: np.ndarray) -> bytes:
    """784 bytes, row by row, from (28, 28) or (784,) uint8."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.size != IMAGE_BYTES:
        raise Esp8kError(
            f"an image is {IMAGE_BYTES} bytes uint8, not {array.shape} {array.dtype}",
            "bring it to MNIST's conventions first: core.picture.image",
        )
    return array.tobytes()


def engine_number(engine: str) -> int:
    """An engine's number on the line; refuses one that no firmware has."""
    if engine not in ENGINES:
        known = ", ".join(ENGINES)
        raise Esp8kError(f"there is no engine {engine!r}", f"ENGINE is one of: {known}")
    return ENGINES.index(engine)


def image_head(engine: str) -> bytes:
    return IMAGE_HEAD.pack(engine_number(engine))


def parse_result(payload: bytes, engine: str, classes: int) -> Result:
    """The reply to INFER by `engine`, of a network with so many classes."""
    answer, at = read(Answer, payload, "INFER")
    one_of("INFER", "engine", answer.engine, [engine_number(engine)])
    logits = parse_logits("INFER", payload, at, engine, classes, answer.label)
    return Result(
        label=answer.label,
        logits=logits,
        microseconds=None if answer.microseconds == NO_TIME else answer.microseconds,
        count=answer.count or None,
    )


def parse_logits(
    request: str, payload: bytes, at: int, engine: str, classes: int, label: int
) -> np.ndarray:
    """The logits (classes,) with which a reply ends, int8 or float32; their label."""
    kind = np.dtype("<f4") if engine == "f16" else np.dtype(np.int8)
    exactly(request, payload, at + classes * kind.itemsize)
    logits = np.frombuffer(payload, kind, classes, at)
    if not np.isfinite(logits).all():
        raise Malformed(request, f"a logit is {logits[~np.isfinite(logits)][0]}")
    if label != logits.argmax():
        told = f"label {label}, the largest logit is that of {logits.argmax()}"
        raise Malformed(request, told)
    return logits


def parse_statistics(payload: bytes) -> Statistics:
    """The reply to STATISTICS."""
    return read(Statistics, payload, "STATISTICS")[0]


def parse_stage_crcs(payload: bytes, stages: int) -> list[int]:
    """The reply to STAGE_CRCS of an engine with so many stages."""
    exactly("STAGE_CRCS", payload, 4 * stages)
    return [crc for (crc,) in struct.iter_unpack("<I", payload)]


def parse_stage_bytes(payload: bytes, asked: int, offset: int) -> tuple[int, bytes]:
    """The reply to STAGE_BYTES: the stage's size, and its bytes from `offset` on.

    Some bytes come unless the stage ends there: whoever asks on comes to an end.
    """
    total, at = read(Number, payload, "STAGE_BYTES")
    data = payload[at:]
    if total.value > MOST_STAGE_BYTES:
        raise Malformed("STAGE_BYTES", f"a stage of {total.value:,} bytes")
    if len(data) != max(0, min(asked, total.value - offset)):
        told = f"{len(data)} bytes at {offset} of {total.value}, {asked} were asked for"
        raise Malformed("STAGE_BYTES", told)
    return total.value, data


def parse_baud(payload: bytes, asked: int) -> None:
    """The reply to SET_BAUD says the rate again."""
    number, _ = read(Number, payload, "SET_BAUD")
    one_of("SET_BAUD", "baud", number.value, [asked])


def parse_identity(payload: bytes) -> DeviceIdentity:
    """The reply to HELLO."""
    hello, at = read(Hello, payload, "HELLO")
    if hello.image_bytes != IMAGE_BYTES:
        told = f"images of {hello.image_bytes} bytes, ours have {IMAGE_BYTES}"
        raise Malformed("HELLO", told)
    (model, board), at = names("HELLO", payload, at, 2)
    boot_id, _ = read(Number, payload[at:], "HELLO")
    engines = tuple(name for i, name in enumerate(ENGINES) if hello.engines >> i & 1)
    counter = hello.counter if hello.counter < len(COUNTERS) else 0
    return DeviceIdentity(
        model=model,
        weights_hash=hello.weights_hash.hex(),
        identity_crc=hello.identity_crc,
        engines=engines,
        board=board,
        classes=hello.classes,
        counter=COUNTERS[counter],
        counter_hz=hello.counter_hz,
        int8_arena_bytes=hello.int8_arena_bytes,
        f16_arena_bytes=hello.f16_arena_bytes,
        arena_bytes=hello.arena_bytes,
        boot_count=hello.boot_count,
        boot_id=boot_id.value,
        reset_reason=hello.reset_reason,
        baud=hello.baud,
        window=hello.window,
        int8_stages=hello.int8_stages,
        f16_stages=hello.f16_stages,
        chunk_bytes=hello.chunk_bytes,
        logit_scale=hello.logit_scale,
        logit_zero_point=hello.logit_zero_point,
    )

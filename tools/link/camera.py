"""A camera's frame to the device, which prepares and classifies it.

    answer = infer_frame(device, "int8", frame)    # (H, W) uint8, up to 320x240
    answer.result.label, answer.prepared_crc

Pieces go one by one, each answered by how many pixels have come; a device that lost
what came (a reset, another client) is given the frame anew.
"""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from core.errors import Esp8kError
from export.reference.prepare import LEAST_SIDE, MOST_PIXELS, MOST_SIDE
from tools.link.client import Device
from tools.link.framing import Error, Request
from tools.link.messages import NO_TIME, Result, engine_number, parse_logits
from tools.link.schema import FrameAnswer, Malformed, Number, one_of, read
from tools.link.session import Refused, Silent

PIECE = struct.Struct("<IHHI")  # tag, width, height, offset
ASK = struct.Struct("<B3xI")  # engine, tag
PIECE_BYTES = 768  # pixels in a piece at most
SMALL_BYTES = 32  # where longer frames never arrive
PIECE_BUDGET_S = 8.0  # for a long piece; then short ones are tried
ANEW = (Error.ORDER, Error.CHECKSUM)  # after these the frame is sent anew
TRIES = 4  # of a whole frame


@dataclass(frozen=True)
class FrameResult:
    """What the device found in a frame."""

    result: Result
    found: bool  # something is drawn
    prepared_crc: int  # CRC-32 of the 28x28 pixels
    box: tuple[int, int, int, int]  # top, left, bottom, right, pixels of the frame
    prepare_microseconds: int | None  # from the last pixel to the 28x28
    prepare_count: int | None  # cycles or instructions of that


def infer_frame(device: Device, engine: str, frame: np.ndarray) -> FrameResult:
    """Prepare and classify a grey frame, uint8 (H, W), on the device."""
    require(frame)
    raw = np.ascontiguousarray(frame).tobytes()
    tag, shape = zlib.crc32(raw), frame.shape
    ask = ASK.pack(engine_number(engine), tag)
    for attempt in range(TRIES):
        try:
            send(device, raw, tag, shape[1], shape[0])
            payload = device.session.call(Request.INFER_FRAME, ask)
            device.meeting.settle()
            return parse(payload, engine, device.identity.classes)
        except Refused as refused:
            if refused.number not in ANEW or attempt + 1 == TRIES:
                raise
    raise AssertionError("the last try raises")


def require(frame: np.ndarray) -> None:
    """Refuse what the device would."""
    if frame.dtype != np.uint8 or frame.ndim != 2:
        raise Esp8kError(
            f"a frame is grey bytes (H, W), not {frame.shape} {frame.dtype}",
            "convert it first",
        )
    sides = frame.shape
    if min(sides) < LEAST_SIDE or max(sides) > MOST_SIDE or frame.size > MOST_PIXELS:
        raise Esp8kError(
            f"a frame of {sides[1]}x{sides[0]} pixels",
            f"sides of {LEAST_SIDE} to {MOST_SIDE}, at most {MOST_PIXELS:,} pixels",
        )


def send(device: Device, raw: bytes, tag: int, width: int, height: int) -> None:
    """Give it all pixels, from where it says that they end."""
    at, length = 0, SMALL_BYTES if device.bad_line else PIECE_BYTES
    while at < len(raw):
        piece = PIECE.pack(tag, width, height, at) + raw[at : at + length]
        try:
            budget = {} if length == SMALL_BYTES else {"budget_s": PIECE_BUDGET_S}
            payload = device.session.call(Request.FRAME, piece, **budget)
        except Silent:
            if length == SMALL_BYTES:
                raise
            length = SMALL_BYTES
            continue
        received, _ = read(Number, payload, "FRAME")
        if not at < received.value <= len(raw):
            told = f"{received.value} of {len(raw)} pixels came, after {at}"
            raise Malformed("FRAME", told)
        at = received.value


def parse(payload: bytes, engine: str, classes: int) -> FrameResult:
    """The reply to INFER_FRAME by `engine`, of a network with so many classes."""
    answer, at = read(FrameAnswer, payload, "INFER_FRAME")
    one_of("INFER_FRAME", "engine", answer.engine, [engine_number(engine)])
    logits = parse_logits("INFER_FRAME", payload, at, engine, classes, answer.label)
    return FrameResult(
        Result(answer.label, logits, time(answer.microseconds), answer.count or None),
        bool(answer.found),
        answer.prepared_crc,
        (answer.top, answer.left, answer.bottom, answer.right),
        time(answer.prepare_microseconds),
        answer.prepare_count or None,
    )


def time(microseconds: int) -> int | None:
    """None where the board has no clock."""
    return None if microseconds == NO_TIME else microseconds

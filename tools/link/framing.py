"""Frames of the binary dialect, and what a byte stream says besides them.

    0x00  COBS( version  type  sequence:2  payload  CRC-32:4 )  0x00

Integers are little-endian. firmware/PROTOCOL.md is the specification,
firmware/components/link the other end. `Splitter` takes whatever arrives (boot
text, noise, half a frame, a panic) and gives back the intact frames; the rest it
keeps as `noise`, from which `silence.explain` reads what the device said instead.
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from cobs import cobs

VERSION = 1
HEADER = struct.Struct("<BBH")
CRC = struct.Struct("<I")
FRAME_OVERHEAD = HEADER.size + CRC.size
MAX_REQUEST_PAYLOAD = 792  # the device's buffer: an 8-byte head and an image
NOISE_KEPT = 4096  # bytes of what was no frame, for error messages
FRAME_KEPT = 2048  # longer without a delimiter is no frame of ours
DELIMITER = b"\0"


class Request(IntEnum):
    """What a frame asks for; the reply's type has `REPLY` set."""

    HELLO = 0x01
    INFER = 0x02
    PUT = 0x03  # a piece of an image; never answered
    STAGE_CRCS = 0x04
    STAGE_BYTES = 0x05
    SET_BAUD = 0x06
    STATISTICS = 0x07
    FRAME = 0x08  # a piece of a camera's frame
    INFER_FRAME = 0x09  # of the whole of it


REPLY = 0x80
REPLY_MISSING = 0xFE
REPLY_ERROR = 0xFF


class Error(IntEnum):
    """Why a device refuses a request: the code of its ERROR."""

    VERSION = 1
    TYPE = 2
    LENGTH = 3
    ENGINE = 4
    STAGE = 5
    RANGE = 6
    UNSUPPORTED = 7
    ORDER = 8
    CHECKSUM = 9


ERRORS: dict[int, str] = {
    Error.VERSION: "it speaks another version of the protocol",
    Error.TYPE: "it does not know this request",
    Error.LENGTH: "the request's length is wrong",
    Error.ENGINE: "it has no such engine",
    Error.STAGE: "it has no such stage",
    Error.RANGE: "a value is out of its limits",
    Error.UNSUPPORTED: "this board cannot do that",
    Error.ORDER: "pieces of the frame are missing",
    Error.CHECKSUM: "the frame is not the one that was named",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """An intact frame."""

    version: int
    type: int
    sequence: int
    payload: bytes
    crc: int


def encode(
    kind: int, sequence: int, payload: bytes, version: int = VERSION
) -> tuple[bytes, int]:
    """The frame on the wire, and its CRC-32, by which a reply names it."""
    body = HEADER.pack(version, kind, sequence) + payload
    crc = zlib.crc32(body)
    return DELIMITER + cobs.encode(body + CRC.pack(crc)) + DELIMITER, crc


def decode(chunk: bytes) -> Frame | None:
    """What stood between two delimiters: a frame, or None."""
    try:
        body = cobs.decode(chunk)
    except cobs.DecodeError:
        return None
    if len(body) < FRAME_OVERHEAD:
        return None
    (crc,) = CRC.unpack_from(body, len(body) - CRC.size)
    if zlib.crc32(body[: -CRC.size]) != crc:
        return None
    version, kind, sequence = HEADER.unpack_from(body)
    return Frame(version, kind, sequence, body[HEADER.size : -CRC.size], crc)


class Splitter:
    """A byte stream in, intact frames out."""

    def __init__(self) -> None:
        self.unfinished = bytearray()  # since the last delimiter
        self._noise = bytearray()
        self.damaged = 0  # chunks between delimiters that were no frame

    def feed(self, data: bytes) -> list[Frame]:
        """Take what arrived; give the frames that it completed."""
        frames = []
        self.unfinished += data
        if DELIMITER[0] in data:
            *chunks, rest = bytes(self.unfinished).split(DELIMITER)
            self.unfinished = bytearray(rest)
            for chunk in chunks:
                frame = decode(chunk) if chunk else None
                if frame is not None:
                    frames.append(frame)
                elif chunk:
                    self.damaged += 1
                    self._keep(chunk)
        if len(self.unfinished) > FRAME_KEPT:
            self._keep(bytes(self.unfinished[:-FRAME_KEPT]))
            del self.unfinished[:-FRAME_KEPT]
        return frames

    @property
    def noise(self) -> bytes:
        """The latest bytes that were no frame."""
        return bytes(self._noise + self.unfinished)[-NOISE_KEPT:]

    def forget_noise(self) -> None:
        """What was said before an answer explains no later silence."""
        self._noise.clear()

    def _keep(self, chunk: bytes) -> None:
        self._noise += chunk
        del self._noise[:-NOISE_KEPT]

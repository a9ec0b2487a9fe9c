"""A client of the binary dialect written from firmware/PROTOCOL.md alone.

It shares no line with the host's client: what it cannot do, the document does not say.
It is as simple as a client may be: one request at a time, on any object with
`write(bytes)` and `read(seconds) -> bytes`.
"""

import random
import struct
import time
import zlib
from typing import Any, Protocol

HELLO, INFER, PUT, STAGE_CRCS, STAGE_BYTES, SET_BAUD, STATISTICS = range(1, 8)
FRAME, INFER_FRAME = 8, 9
MISSING, ERROR = 0xFE, 0xFF
INT8, FLOAT16 = 0, 1
GIVE_UP_S = 20.0
TRY_S = 1.0
PIECE = 32


class Line(Protocol):
    """Bytes both ways."""

    def write(self, data: bytes) -> object: ...
    def read(self, seconds: float) -> bytes: ...


class Refused(Exception):
    """ERROR: its code and the request's type."""


# ==== Frames ====


def stuff(data: bytes) -> bytes:
    """COBS: each piece between zeros behind its length and one."""
    out = b""
    pieces = data.split(b"\0")
    for number, piece in enumerate(pieces):
        while len(piece) >= 254:
            out += b"\xff" + piece[:254]
            piece = piece[254:]
            if not piece and number == len(pieces) - 1:
                return out  # 255 means no zero behind it: nothing is left to say
        out += bytes([len(piece) + 1]) + piece
    return out


def unstuff(data: bytes) -> bytes | None:
    out, at = b"", 0
    while at < len(data):
        length = data[at]
        piece = data[at + 1 : at + length]
        if length == 0 or len(piece) != length - 1:
            return None
        at += length
        out += piece + (b"\0" if length < 255 and at < len(data) else b"")
    return out


def pack(kind: int, sequence: int, payload: bytes) -> tuple[bytes, int]:
    body = struct.pack("<BBH", 1, kind, sequence) + payload
    crc = zlib.crc32(body)
    return b"\0" + stuff(body + struct.pack("<I", crc)) + b"\0", crc


def unpack(chunk: bytes) -> tuple[int, int, bytes] | None:
    """Type, sequence and payload of what stood between two delimiters."""
    body = unstuff(chunk)
    if body is None or len(body) < 8:
        return None
    (crc,) = struct.unpack("<I", body[-4:])
    if zlib.crc32(body[:-4]) != crc:
        return None
    version, kind, sequence = struct.unpack("<BBH", body[:4])
    return (kind, sequence, body[4:-4]) if version == 1 else None


# ==== Requests ====


class Client:
    """One conversation; asks again where no answer came in `try_s`."""

    def __init__(self, line: Line, try_s: float = TRY_S) -> None:
        self.line, self.try_s = line, try_s
        self.sequence = random.randrange(0x10000)
        self.unread = b""
        self.boot = self.identity = -1

    def ask(self, kind: int, payload: bytes, sequence: int | None = None) -> bytes:
        """The reply's payload behind its six bytes; MISSING is one, too."""
        if sequence is None:
            sequence = self.next()
        wire, crc = pack(kind, sequence, payload)
        end = time.monotonic() + GIVE_UP_S
        while time.monotonic() < end:
            self.line.write(wire)
            again = time.monotonic() + self.try_s
            while (left := again - time.monotonic()) > 0:
                for frame in self.frames(left):
                    if self.answers(frame, sequence, crc):
                        got, _, content = frame
                        if got == ERROR:
                            raise Refused(*content[6:8])
                        assert got in (kind | 0x80, MISSING)
                        self.boot, self.identity = content[4:6]
                        return content[6:]
        raise TimeoutError(f"request {kind} has no answer")

    def next(self) -> int:
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.sequence

    def frames(self, seconds: float) -> list[tuple[int, int, bytes]]:
        self.unread += self.line.read(seconds)
        *chunks, self.unread = self.unread.split(b"\0")
        return [frame for chunk in chunks if (frame := unpack(chunk)) is not None]

    @staticmethod
    def answers(frame: tuple[int, int, bytes], sequence: int, crc: int) -> bool:
        _, got, content = frame
        return got == sequence and content[:4] == struct.pack("<I", crc)

    def hello(self) -> dict[str, Any]:
        data = self.ask(HELLO, b"")
        names = "engines counter reset_reason window image_bytes classes piece_bytes "
        names += "int8_stages float16_stages chunk_bytes counter_hz baud boot_count "
        names += "identity_crc int8_arena float16_arena arena scale zero_point sha256"
        fixed = struct.Struct("<4B H 4B H 7I f i 32s")
        found = dict(zip(names.split(), fixed.unpack_from(data), strict=True))
        at = fixed.size
        for name in ("model", "board"):
            found[name] = data[at + 1 : at + 1 + data[at]].decode()
            at += 1 + data[at]
        (found["boot_id"],) = struct.unpack_from("<I", data, at)
        return found

    def infer(self, engine: int, image: bytes) -> tuple[int, list[float]]:
        """Label and logits."""
        return self.result(self.ask(INFER, bytes([engine, 0, 0, 0]) + image))

    def infer_in_pieces(self, engine: int, image: bytes) -> tuple[int, list[float]]:
        sequence, tag = self.next(), struct.pack("<I", zlib.crc32(image))
        request = bytes([engine, 0, 0, 0]) + tag
        missing = (1 << -(-len(image) // PIECE)) - 1
        while True:
            for number in range(missing.bit_length()):
                if missing >> number & 1:
                    piece = image[PIECE * number : PIECE * (number + 1)]
                    put = tag + bytes([number]) + piece
                    self.line.write(pack(PUT, sequence, put)[0])
            answer = self.ask(INFER, request, sequence)
            if len(answer) != 4:
                return self.result(answer)
            (missing,) = struct.unpack("<I", answer)

    @staticmethod
    def result(answer: bytes) -> tuple[int, list[float]]:
        engine, label, _, _ = struct.unpack_from("<BBII", answer)
        kind = "<10b" if engine == INT8 else "<10f"
        return label, list(struct.unpack_from(kind, answer, 10))

    def infer_frame(
        self, engine: int, pixels: bytes, width: int, height: int, piece: int = 768
    ) -> tuple[int, list[float], int]:
        """Label, logits, and the CRC-32 of what was prepared."""
        tag = zlib.crc32(pixels)
        came = 0
        while came < len(pixels):
            head = struct.pack("<IHHI", tag, width, height, came)
            answer = self.ask(FRAME, head + pixels[came : came + piece])
            (came,) = struct.unpack("<I", answer)
        answer = self.ask(INFER_FRAME, struct.pack("<BBHI", engine, 0, 0, tag))
        label, prepared = answer[1], struct.unpack_from("<I", answer, 19)[0]
        kind = "<10b" if engine == INT8 else "<10f"
        return label, list(struct.unpack_from(kind, answer, 31)), prepared

    def stage_crcs(self, engine: int, image: bytes) -> list[int]:
        answer = self.ask(STAGE_CRCS, bytes([engine, 0, 0, 0]) + image)
        return [crc for (crc,) in struct.iter_unpack("<I", answer)]

    def stage(self, engine: int, number: int, image: bytes) -> bytes:
        data, total = b"", 1
        while len(data) < total:
            head = struct.pack("<BBHI", engine, number, 256, len(data))
            answer = self.ask(STAGE_BYTES, head + image)
            (total,) = struct.unpack_from("<I", answer)
            data += answer[4:]
        return data

    def statistics(self) -> dict[str, int]:
        names = "frames crc_errors bad_frames replays errors inferences text_commands "
        names += "boot_count reset_reason stack_used_bytes uptime_us"
        values = struct.unpack_from("<10IQ", self.ask(STATISTICS, b""))
        return dict(zip(names.split(), values, strict=True))

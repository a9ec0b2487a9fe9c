"""A camera's frame over the link: in pieces, in order, prepared on the device."""

import struct
import zlib

import numpy as np
import pytest

from core.errors import Esp8kError
from export.reference.prepare import prepare
from tests.support.fake_model import fake_int8
from tests.support.lying_device import LyingDevice
from tools.bench.prepare import some_frames
from tools.faults.loopback import MemoryBoard, MemoryLine
from tools.link import camera
from tools.link.client import Device
from tools.link.framing import Frame, Request, Splitter, encode
from tools.link.schema import Malformed

Array = np.ndarray
ERROR = 0xFF


def quiet(text: str) -> None:
    """Say nothing."""


class Asking:
    """One request after the other, by hand."""

    def __init__(self, board: MemoryBoard) -> None:
        self.board = board
        board.boot()

    def ask(self, kind: Request, payload: bytes) -> tuple[int, bytes]:
        """The reply's type, and its payload behind the prefix."""
        wire, _ = encode(kind, 5, payload)
        (frame,) = Splitter().feed(self.board.feed(wire))
        return frame.type, frame.payload[6:]

    def piece(self, frame: Array, offset: int, count: int) -> tuple[int, bytes]:
        raw = frame.tobytes()
        head = camera.PIECE.pack(zlib.crc32(raw), *frame.shape[::-1], offset)
        return self.ask(Request.FRAME, head + raw[offset : offset + count])

    def infer(self, frame: Array, engine: int = 0) -> tuple[int, bytes]:
        tag = zlib.crc32(frame.tobytes())
        return self.ask(Request.INFER_FRAME, camera.ASK.pack(engine, tag))


@pytest.fixture
def asking(board: MemoryBoard) -> Asking:
    return Asking(board)


def refused(answer: tuple[int, bytes]) -> int:
    """The code of an ERROR."""
    assert answer[0] == ERROR
    return answer[1][0]


def came(answer: tuple[int, bytes]) -> int:
    """How many pixels the device says it has."""
    assert answer[0] == Request.FRAME | 0x80
    return int(struct.unpack("<I", answer[1])[0])


FRAME = np.random.default_rng(3).integers(0, 256, (40, 50), np.uint8)


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_frames_are_prepared_as_specified(board: MemoryBoard, engine: str) -> None:
    device = Device(MemoryLine(board), quiet)
    for frame in some_frames(4, 1, 30_000):
        right = prepare(frame)
        told = camera.infer_frame(device, engine, frame)
        assert told.prepared_crc == zlib.crc32(right.pixels.tobytes())
        assert (told.found, told.box) == (right.found, right.box)
        if engine == "int8":
            assert told.result.logits.tolist() == fake_int8(right.pixels)


def test_blank_paper_is_told(board: MemoryBoard) -> None:
    blank = np.full((60, 80), 200, np.uint8)
    told = camera.infer_frame(Device(MemoryLine(board), quiet), "int8", blank)
    assert not told.found and told.box == (0, 0, 0, 0)
    assert told.prepared_crc == zlib.crc32(bytes(784))


def test_pieces_in_order_are_counted_and_may_come_again(asking: Asking) -> None:
    assert came(asking.piece(FRAME, 0, 700)) == 700
    assert came(asking.piece(FRAME, 0, 700)) == 700
    assert came(asking.piece(FRAME, 100, 600)) == 700
    assert came(asking.piece(FRAME, 700, 768)) == 1468
    assert came(asking.piece(FRAME, 1468, 768)) == 2000
    first = asking.infer(FRAME)
    assert first == asking.infer(FRAME) and first[0] == Request.INFER_FRAME | 0x80
    assert came(asking.piece(FRAME, 1400, 600)) == 2000
    assert asking.infer(FRAME, 1)[1][0] == 1


def test_a_wrong_order_is_refused_and_changes_nothing(asking: Asking) -> None:
    assert refused(asking.piece(FRAME, 700, 700)) == 8  # no frame has begun
    assert came(asking.piece(FRAME, 0, 700)) == 700
    assert refused(asking.piece(FRAME, 701, 700)) == 8
    assert refused(asking.piece(FRAME, 699, 700)) == 8  # it overlaps
    assert refused(asking.infer(FRAME)) == 8
    assert came(asking.piece(FRAME, 0, 1)) == 700


def test_beyond_the_frame_nothing_is_taken(asking: Asking) -> None:
    small = np.zeros((16, 16), np.uint8)
    assert came(asking.piece(small, 0, 200)) == 200
    head = camera.PIECE.pack(zlib.crc32(small.tobytes()), 16, 16, 200)
    assert refused(asking.ask(Request.FRAME, head + bytes(57))) == 6
    head = camera.PIECE.pack(zlib.crc32(small.tobytes()), 16, 16, 0xFFFFFFFF)
    assert refused(asking.ask(Request.FRAME, head + b"x")) == 6
    assert came(asking.piece(small, 200, 56)) == 256


@pytest.mark.parametrize("size", [(15, 40), (321, 40), (320, 241), (0, 0)])
def test_a_size_that_cannot_be_is_refused(asking: Asking, size: tuple) -> None:
    head = camera.PIECE.pack(1, *size, 0)
    assert refused(asking.ask(Request.FRAME, head + b"x")) == 6
    assert refused(asking.ask(Request.INFER_FRAME, camera.ASK.pack(0, 1))) == 8


def test_another_frame_forgets_the_one_before(asking: Asking) -> None:
    assert came(asking.piece(FRAME, 0, 700)) == 700
    other = 255 - FRAME
    assert came(asking.piece(other, 0, 300)) == 300
    assert refused(asking.piece(FRAME, 700, 700)) == 8
    assert came(asking.piece(FRAME, 0, 700)) == 700


def test_pixels_of_another_sum_are_no_frame(asking: Asking) -> None:
    head = camera.PIECE.pack(99, 16, 16, 0)
    assert came(asking.ask(Request.FRAME, head + bytes(256))) == 256
    ask = camera.ASK.pack(0, 99)
    assert refused(asking.ask(Request.INFER_FRAME, ask)) == 9
    assert refused(asking.ask(Request.INFER_FRAME, ask)) == 8  # forgotten


def test_a_device_that_was_reset_gets_the_frame_anew(board: MemoryBoard) -> None:
    line = MemoryLine(board)
    device = Device(line, quiet)
    write, pieces = line.write, []

    def watched(data: bytes) -> None:
        pieces.append(len(data))
        if len(pieces) == 2:
            line.reset()
        write(data)

    line.write = watched  # type: ignore[method-assign]
    frame = some_frames(1, 2, 20_000)[0]
    told = camera.infer_frame(device, "int8", frame)
    assert told.prepared_crc == zlib.crc32(prepare(frame).pixels.tobytes())


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((15, 40), np.uint8),
        np.zeros((300, 300), np.uint8),
        np.zeros((40, 40, 3), np.uint8),
        np.zeros((40, 40)),
    ],
)
def test_what_is_no_frame_is_said_before_it_is_sent(frame: Array) -> None:
    with pytest.raises(Esp8kError, match="a frame"):
        camera.infer_frame(Device(LyingDevice(), quiet), "int8", frame)


def test_a_device_that_counts_backwards_is_not_believed() -> None:
    def lie(frame: Frame, reply: int, honest: bytes) -> tuple[int, bytes]:
        wrong = frame.type == Request.FRAME
        return reply, struct.pack("<I", 0) if wrong else honest

    with pytest.raises(Malformed, match="0 of 2000 pixels came"):
        camera.infer_frame(Device(LyingDevice(lie), quiet), "int8", FRAME)

"""The frame decoders, C and Python: what is intact is taken, nothing else is."""

import struct
import zlib
from pathlib import Path

import pytest
from cobs import cobs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.link import random_images
from tools.faults.loopback import MemoryBoard
from tools.link.framing import (
    FRAME_KEPT,
    MAX_REQUEST_PAYLOAD,
    NOISE_KEPT,
    REPLY,
    REPLY_ERROR,
    Request,
    Splitter,
    decode,
    encode,
)

IMAGE = random_images(1, seed=3)[0].tobytes()
REFERENCE = {
    "hello": encode(Request.HELLO, 0x1234, b""),
    "infer": encode(Request.INFER, 0x00FF, b"\0\0\0\0" + IMAGE),
    "put": encode(Request.PUT, 7, b"\1\2\3\4\0" + IMAGE[:32]),
    "stage bytes": encode(Request.STAGE_BYTES, 9, b"\0\0\x10\0\0\0\0\0" + IMAGE),
}


def statistics_frames(board: MemoryBoard, time_us: int = 1) -> tuple[int, ...]:
    """Frames, CRC errors and bad frames that the device has counted."""
    wire, crc = encode(Request.STATISTICS, 1, b"")
    frames = Splitter().feed(board.feed(b"\0" + wire, time_us))
    payload = frames[-1].payload[6:]
    return tuple(int.from_bytes(payload[i : i + 4], "little") for i in (0, 4, 8))


@given(st.binary(max_size=MAX_REQUEST_PAYLOAD), st.integers(0, 0xFFFF))
@example(b"\0" * 300, 0)
@example(b"\xff" * 600, 0xFFFF)
def test_what_is_encoded_is_decoded(payload: bytes, sequence: int) -> None:
    wire, crc = encode(Request.INFER, sequence, payload)
    assert wire[0] == wire[-1] == 0 and 0 not in wire[1:-1]
    (frame,) = Splitter().feed(wire)
    assert (frame.sequence, frame.payload, frame.crc) == (sequence, payload, crc)


@given(st.binary(max_size=NOISE_KEPT * 2), st.integers(1, 100))
def test_noise_yields_no_frame_and_bounded_memory(noise: bytes, step: int) -> None:
    splitter = Splitter()
    for at in range(0, len(noise), step):
        assert splitter.feed(noise[at : at + step]) == []
    assert len(splitter.noise) <= NOISE_KEPT
    assert len(splitter.unfinished) <= FRAME_KEPT + step


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(1, 50))
def test_a_frame_amid_noise_is_found(before: bytes, after: bytes, step: int) -> None:
    wire, crc = encode(Request.HELLO | REPLY, 77, b"payload")
    data = before + wire + after
    splitter = Splitter()
    found = []
    for at in range(0, len(data), step):
        found += splitter.feed(data[at : at + step])
    assert [frame.crc for frame in found] == [crc]


@pytest.fixture(scope="module")
def running(library: Path) -> MemoryBoard:
    """One board for a whole property."""
    board = MemoryBoard(library)
    board.boot()
    return board


def spread(data: bytes) -> bytes:
    """An image whose first bytes are `data`."""
    return data + bytes(len(IMAGE) - len(data))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=256))
@example(b"\0" * 256)
@example(b"\xff" * 256)
@example(b"\xff" * 254 + b"\0\xff")
def test_the_device_encodes_as_the_cobs_package(
    running: MemoryBoard, data: bytes
) -> None:
    head = struct.pack("<BBHI", 0, 0, 256, 0)  # int8, stage 0: the image itself
    out = running.feed(encode(Request.STAGE_BYTES, 1, head + spread(data))[0])
    assert out[0] == out[-1] == 0
    body = cobs.decode(out[1:-1])
    assert out[1:-1] == cobs.encode(body)
    assert body[14:-4] == spread(data)[:256]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=MAX_REQUEST_PAYLOAD))
def test_the_device_takes_any_frame_of_the_cobs_package(
    running: MemoryBoard, payload: bytes
) -> None:
    wire, crc = encode(0x55, 3, payload)
    (reply,) = Splitter().feed(running.feed(wire))
    assert reply.type == REPLY_ERROR
    assert reply.payload[:4] == crc.to_bytes(4, "little")
    assert reply.payload[6:] == bytes([2, 0x55])  # no such request


@pytest.mark.parametrize("name", REFERENCE)
def test_every_truncation_is_rejected(name: str, board: MemoryBoard) -> None:
    wire, crc = REFERENCE[name]
    board.boot()
    before = statistics_frames(board)[0]
    for length in range(len(wire)):
        # Nothing follows ... or, unless only that was missing, a delimiter does.
        assert board.feed(wire[:length]) == b""
        assert Splitter().feed(wire[:length]) == []
        if length < len(wire) - 1:
            assert Splitter().feed(wire[:length] + b"\0") == []
            assert board.feed(b"\0") == b""
        else:
            board.feed(b"\1\0")  # spoil it
    assert statistics_frames(board)[0] == before + 1  # the statistics request


@pytest.mark.parametrize("name", REFERENCE)
def test_every_single_bit_flip_is_rejected(name: str, board: MemoryBoard) -> None:
    wire, crc = REFERENCE[name]
    board.boot()
    before = statistics_frames(board)[0]
    for bit in range(8 * len(wire)):
        bad = bytearray(wire)
        bad[bit // 8] ^= 1 << bit % 8
        data = bytes(bad) + b"\1\0"  # a flipped end delimiter: spoil and end it
        assert all(frame.crc != crc for frame in Splitter().feed(data) if frame), bit
        board.feed(data)
    frames = statistics_frames(board)[0]
    assert frames == before + 1


def test_a_frame_that_lost_its_first_delimiter_is_still_taken(
    board: MemoryBoard,
) -> None:
    board.boot()
    first, _ = encode(Request.HELLO, 1, b"")
    second, crc = encode(Request.HELLO, 2, b"")
    third, _ = encode(Request.HELLO, 3, b"")
    replies = Splitter().feed(board.feed(first + second[1:] + third))
    assert [reply.sequence for reply in replies] == [1, 2, 3]


def test_a_frame_that_lost_its_last_delimiter_is_closed_by_the_next(
    board: MemoryBoard,
) -> None:
    board.boot()
    first, _ = encode(Request.HELLO, 1, b"")
    second, _ = encode(Request.HELLO, 2, b"")
    assert board.feed(first[:-1]) == b""
    replies = Splitter().feed(board.feed(second))
    assert [reply.sequence for reply in replies] == [1, 2]


def test_a_command_is_heard_behind_half_a_frame_after_silence(
    board: MemoryBoard,
) -> None:
    board.boot()
    half, _ = encode(Request.HELLO, 1, b"")
    assert board.feed(b"\0", 1_000_000) == b""
    assert board.feed(b"name%", 1_000_001).startswith(b"m-name-dut-[")
    assert board.feed(half[:6] + b"name%", 2_000_000) == b""
    assert board.feed(half[6:-1], 2_500_001) == b""
    assert board.feed(b"na", 3_000_002) == b""
    assert board.feed(b"me%", 9_000_000).startswith(b"m-name-dut-[")


def test_what_follows_half_a_frame_is_no_command(board: MemoryBoard) -> None:
    """Its rest, which may hold a command's bytes, comes after the silence."""
    board.boot()
    half, _ = encode(Request.HELLO, 1, b"")
    board.feed(half[:6], 1_000_000)
    assert board.feed(b"name%", 1_500_001) == b""
    assert board.feed(b"name%", 1_900_000) == b""
    assert board.feed(b"name%", 2_400_001).startswith(b"m-name-dut-[")
    board.feed(half[:6], 3_000_000)
    assert board.feed(b"name%" + half, 3_500_001) != b""  # a delimiter begins anew
    assert statistics_frames(board, 3_500_002)[2] == 2


@pytest.mark.parametrize("first", [b"A", b"%", b"\r"])
def test_one_printable_byte_behind_a_delimiter_ends(
    board: MemoryBoard, first: bytes
) -> None:
    board.boot()
    board.feed(b"\0" + first, 1_000_000)
    assert statistics_frames(board, 1_500_001)[2] == 1
    board.feed(b"\0na", 3_000_000)  # two are half a command
    assert board.feed(b"me%", 9_000_000).startswith(b"m-name-dut-[")
    assert statistics_frames(board, 9_000_001)[2] == 1


@pytest.mark.parametrize("extra", [1, 2, 3, 4, 5, 100, 803, 804, 805, 5000])
@pytest.mark.parametrize("fill", [0, 0x5A])
def test_a_frame_longer_than_any_request_is_refused(
    board: MemoryBoard, extra: int, fill: int
) -> None:
    board.boot()
    payload = bytes([fill]) * (MAX_REQUEST_PAYLOAD + extra)
    for kind, number in ((Request.INFER, 3), (Request.HELLO, 3), (0x55, 2)):
        wire, crc = encode(kind, 0x1234, payload)
        (reply,) = Splitter().feed(board.feed(wire))
        assert reply.payload == crc.to_bytes(4, "little") + b"\1\1" + bytes(
            [number, kind]
        )
        spoilt = wire[:-3] + bytes([wire[-3] ^ 1 or 3]) + wire[-2:]
        assert board.feed(spoilt) == b""
    assert board.feed(encode(Request.PUT, 1, payload)[0]) == b""
    frames = statistics_frames(board)
    assert frames[0] == 5 and frames[1] + frames[2] == 3


def test_a_long_frame_of_another_version_is_told_ours(board: MemoryBoard) -> None:
    board.boot()
    body = bytes([2, Request.INFER, 1, 0]) + bytes(900)
    wire = b"\0" + cobs.encode(body + zlib.crc32(body).to_bytes(4, "little")) + b"\0"
    (reply,) = Splitter().feed(board.feed(wire))
    assert reply.payload[6:] == bytes([1, Request.INFER])


def test_decode_refuses_a_body_without_room_for_a_frame() -> None:
    assert decode(cobs.encode(b"1234567")) is None
    short = b"abc"
    assert decode(cobs.encode(short + zlib.crc32(short).to_bytes(4, "little"))) is None

"""The client in virtual time: pipelines, retries, resets, baud rates."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckFailed, Esp8kError
from tests.support.fake_model import fake_int8
from tests.support.link import random_images
from tools.faults.line import Faults, FaultyLine
from tools.faults.loopback import MemoryBoard, MemoryLine
from tools.link.client import Device
from tools.link.framing import Request, Splitter, encode
from tools.link.identity_lock import require_identity
from tools.link.session import REQUEST_BUDGET_S, Refused, Silent

IMAGES = random_images(64)
WINDOW = 16


def dead_after(line: MemoryLine, writes: int) -> None:
    """Nothing written after so many writes arrives."""
    send = line.write
    left = [writes]

    def write(data: bytes) -> None:
        left[0] -= 1
        if left[0] >= 0:
            send(data)

    line.write = write  # type: ignore[method-assign]


def test_hello_tells_who_the_device_is(device: Device) -> None:
    identity = device.identity
    assert (identity.model, identity.board) == ("fake", "memory")
    assert identity.weights_hash == "0123456789abcdef" * 4
    assert identity.identity_crc == 0xFA4E0001
    assert identity.engines == ("int8", "f16")
    assert (identity.int8_stages, identity.f16_stages) == (3, 2)
    assert (identity.logit_scale, identity.logit_zero_point) == (0.125, -3)
    assert (identity.int8_arena_bytes, identity.f16_arena_bytes) == (64, 128)
    assert identity.window == WINDOW and identity.counter == "none"


def test_one_image_is_classified_by_either_engine(device: Device) -> None:
    result = device.infer("int8", IMAGES[0])
    assert result.logits.dtype == np.int8
    assert result.logits.tolist() == fake_int8(IMAGES[0])
    assert result.label == int(np.argmax(result.logits))
    floats = device.infer("f16", IMAGES[0].reshape(784))
    assert floats.logits.dtype == np.float32
    assert floats.label == int(np.argmax(floats.logits))


def test_many_images_come_back_in_order_with_progress(device: Device) -> None:
    counts: list[int] = []
    results = list(device.infer_many("int8", IMAGES, counts.append))
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]
    assert counts == list(range(1, len(IMAGES) + 1))


def test_batches_of_16_use_nine_tenths_of_the_wire(device: Device) -> None:
    line = device.session.transport
    start = line.clock()
    sum(1 for _ in device.infer_many("int8", IMAGES[:WINDOW]))
    least = WINDOW * 784 * 10 / line.baud
    assert least / (line.clock() - start) >= 0.9


@pytest.mark.parametrize("baud", [115200, 921600])
@pytest.mark.parametrize("seconds", [0.03, 0.75, 6.0])
def test_a_slow_board_is_waited_for_and_its_buffer_never_overflows(
    board: MemoryBoard, seconds: float, baud: int
) -> None:
    """float16 without an FPU takes seconds at 40 MHz: slow is not silent."""
    board.allow_baud()
    line = MemoryLine(board)
    device = Device(line)
    assert baud == line.baud or device.set_baud(baud)
    board.slow(round(seconds * 1e6))
    start = line.clock()
    results = list(device.infer_many("int8", IMAGES))
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]
    least = len(IMAGES) * max(seconds, 802 * 10 / baud)
    assert line.clock() - start < 1.1 * least
    assert line.overflowed == 0 and device.session.counts.retries <= 2


def test_what_finds_the_buffer_full_is_lost_like_noise(board: MemoryBoard) -> None:
    """A client that ignores the window costs itself requests, and nothing else."""
    line = MemoryLine(board, compute_s=1.0)
    device = Device(line)
    for number, image in enumerate(IMAGES):
        line.write(encode(Request.INFER, number, bytes(4) + image.tobytes())[0])
    line.now += 60.0
    assert device.infer("int8", IMAGES[3]).logits.tolist() == fake_int8(IMAGES[3])
    assert line.overflowed > 0


def test_an_iterator_may_stop_early_and_the_next_request_is_answered(
    device: Device,
) -> None:
    for result in device.infer_many("int8", IMAGES):
        assert result.logits.tolist() == fake_int8(IMAGES[0])
        break
    assert device.infer("int8", IMAGES[5]).logits.tolist() == fake_int8(IMAGES[5])


def test_stages_are_read_whole_and_by_their_crc(device: Device) -> None:
    import zlib

    image = IMAGES[0]
    raw = image.tobytes()
    stages = [raw, raw[100:128], bytes(x & 255 for x in fake_int8(image))]
    assert device.stage_crcs("int8", image) == [zlib.crc32(s) for s in stages]
    got = [device.stage_bytes("int8", image, i, len(s)) for i, s in enumerate(stages)]
    assert got == stages
    with pytest.raises(Refused, match="no such stage"):
        device.stage_bytes("f16", image, 2, 40)
    with pytest.raises(CheckFailed, match="784 bytes on the device, 783 in plan.json"):
        device.stage_bytes("int8", image, 0, 783)


def test_an_image_of_another_kind_is_refused_here(device: Device) -> None:
    with pytest.raises(Esp8kError, match="784 bytes uint8"):
        device.infer("int8", IMAGES[0].astype(np.float32))
    with pytest.raises(Esp8kError, match="no engine 'int4'"):
        device.infer("int4", IMAGES[0])


# ==== Faults ====


def test_a_bad_line_loses_nothing(board: MemoryBoard) -> None:
    faults = Faults(rate=0.01)
    line = MemoryLine(board, FaultyLine(faults, 1), FaultyLine(faults, 2))
    device = Device(line, lambda message: None)
    results = list(device.infer_many("int8", IMAGES))
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]
    assert device.session.counts.fragments > 25 * len(IMAGES)


def test_a_line_that_recovers_gets_whole_frames_again(board: MemoryBoard) -> None:
    up = FaultyLine(Faults(rate=0.02), 1)
    line = MemoryLine(board, up)
    device = Device(line, lambda message: None)
    device.infer("int8", IMAGES[0])
    assert device.session.counts.fragments > 0
    line.up = None
    list(device.infer_many("int8", IMAGES[:10]))
    before = device.session.counts.fragments
    list(device.infer_many("int8", IMAGES[:10]))
    assert device.session.counts.fragments == before


def test_a_device_that_falls_silent_is_reported_within_the_budget(
    line: MemoryLine,
) -> None:
    device = Device(line)
    dead_after(line, 0)
    start = line.now
    with pytest.raises(Silent, match="the device fell silent"):
        device.statistics()
    assert line.now - start <= REQUEST_BUDGET_S + 0.01
    start = line.now
    with pytest.raises(Silent):
        device.infer("int8", IMAGES[0])
    assert line.now - start <= 2 * REQUEST_BUDGET_S


def test_the_line_cut_at_every_byte_of_a_session_costs_one_request(
    board: MemoryBoard,
) -> None:
    hello, _ = encode(Request.HELLO, 1, b"")
    put, _ = encode(Request.PUT, 2, b"\1\2\3\4\0" + bytes(range(32)))
    infer, _ = encode(Request.INFER, 3, b"\0\0\0\0" + IMAGES[0].tobytes())
    session = hello + put + b"name%" + infer + b"db load 784%" + hello
    wire, crc = encode(Request.STATISTICS, 0x7777, b"")
    board.boot()
    for cut in range(len(session) + 1):
        board.feed(session[:cut])
        replies = Splitter().feed(board.feed(wire))
        assert crc in [struct.unpack_from("<I", r.payload)[0] for r in replies], cut


# ==== Requests that are refused ====


@pytest.mark.parametrize(
    ("request_type", "payload", "code"),
    [
        (0x00, b"", 2),
        (0x7F, b"", 2),
        (Request.INFER, b"", 3),
        (Request.INFER, b"\0\0\0\0", 3),
        (Request.INFER, bytes(787), 3),
        (Request.INFER, bytes(789), 3),
        (Request.INFER, b"\2\0\0\0" + bytes(784), 4),
        (Request.STAGE_CRCS, b"\xff\0\0\0" + bytes(784), 4),
        (Request.STAGE_BYTES, b"\0\3\1\0\0\0\0\0" + bytes(784), 5),
        (Request.STAGE_BYTES, b"\0\0\0\0\0\0\0\0" + bytes(784), 6),
        (Request.STAGE_BYTES, b"\0\0\1\1\0\0\0\0" + bytes(784), 6),
        (Request.SET_BAUD, b"\0\1\2", 3),
        (Request.SET_BAUD, bytes(4), 6),
        (Request.SET_BAUD, struct.pack("<I", 115200), 7),
    ],
)
def test_a_request_that_cannot_be_done_names_why(
    board: MemoryBoard, request_type: int, payload: bytes, code: int
) -> None:
    board.boot()
    (reply,) = Splitter().feed(board.feed(encode(request_type, 1, payload)[0]))
    assert (reply.type, reply.payload[6:]) == (0xFF, bytes([code, request_type]))


def test_a_frame_of_another_version_is_answered_in_ours(board: MemoryBoard) -> None:
    board.boot()
    wire, _ = encode(Request.HELLO, 1, b"", version=2)
    (reply,) = Splitter().feed(board.feed(wire))
    assert (reply.version, reply.type, reply.payload[6:]) == (1, 0xFF, b"\1\1")


# ==== Identity lock ====


def test_another_calibration_of_the_same_weights_is_refused_with_both_identities(
    device: Device, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    same = {
        "weights_hash": device.identity.weights_hash,
        "identity_crc": 0xFA4E0001,
        "stages": [],  # nothing else that could differ
    }
    plan.write_text(json.dumps(same))
    require_identity(device, tmp_path)
    plan.write_text(json.dumps(same | {"identity_crc": 0xFEED}))
    with pytest.raises(CheckFailed, match="fa4e0001 of .*0000feed of ") as caught:
        require_identity(device, tmp_path)
    assert caught.value.message.count("0123456789abcdef") == 2
    plan.write_text("{")
    with pytest.raises(Esp8kError, match="damaged"):
        require_identity(device, tmp_path)


def test_time_spent_on_an_answer_is_no_silence_inside_the_next_frame(
    board: MemoryBoard,
) -> None:
    """A slow engine answers; meanwhile half of the next frame has come."""
    board.boot()
    board.slow(700_000)  # longer than the 500 ms after which a frame is given up
    first, _ = encode(Request.INFER, 1, b"\0\0\0\0" + IMAGES[0].tobytes())
    second, _ = encode(Request.HELLO, 2, b"")
    assert board.feed(first + second[:6], time_us=1_000_000)
    assert board.feed(second[6:], time_us=1_700_001)

"""A request that comes twice is answered once more, and none is mixed with another."""

import struct

import pytest

from tests.support.fake_model import fake_int8
from tests.support.link import random_images
from tools.faults.loopback import MemoryBoard
from tools.link.client import Device
from tools.link.framing import Request, Splitter, encode

IMAGES = random_images(64)


@pytest.mark.parametrize(
    "payload",
    [b"", bytes(5), bytes(36), bytes(38), bytes(4) + b"\x18" + bytes(32),
     bytes(4) + b"\x19" + bytes(16)],
)  # fmt: skip
def test_a_fragment_of_no_image_changes_nothing(device: Device, payload: bytes) -> None:
    board = device.session.transport.board  # type: ignore[attr-defined]
    before = device.statistics().errors
    assert board.feed(encode(Request.PUT, 9, payload)[0]) == b""
    assert device.statistics().errors == before + 1
    ask, _ = encode(Request.INFER, 9, bytes(8))
    assert replies_to(board, ask)[0][6:] == struct.pack("<I", (1 << 25) - 1)


def replies_to(board: MemoryBoard, wire: bytes) -> list[bytes]:
    return [frame.payload for frame in Splitter().feed(board.feed(wire))]


def test_a_repeated_request_is_answered_from_the_last_reply(device: Device) -> None:
    board = device.session.transport.board  # type: ignore[attr-defined]
    wire, _ = encode(Request.INFER, 5, b"\0\0\0\0" + IMAGES[0].tobytes())
    before = device.statistics()
    assert replies_to(board, wire) == replies_to(board, wire)
    after = device.statistics()
    assert after.inferences - before.inferences == 1
    assert after.replays - before.replays == 1


def test_the_same_number_with_another_image_is_another_request(
    board: MemoryBoard,
) -> None:
    board.boot()
    answers = []
    for image in IMAGES[:2]:
        wire, _ = encode(Request.INFER, 5, b"\0\0\0\0" + image.tobytes())
        (payload,) = replies_to(board, wire)
        answers.append(list(struct.unpack_from("<10b", payload, 16)))
    assert answers == [fake_int8(image) for image in IMAGES[:2]]


def test_a_late_reply_to_an_older_request_is_not_taken(device: Device) -> None:
    """The sequence number fits, the request's CRC does not."""
    line = device.session.transport
    board = line.board  # type: ignore[attr-defined]
    number = (device.session.sequence + 1) & 0xFFFF
    wire, _ = encode(Request.INFER, number, b"\0\0\0\0" + IMAGES[1].tobytes())
    stale = board.feed(wire)
    line.to_host.append((line.now, stale))  # type: ignore[attr-defined]
    assert device.infer("int8", IMAGES[0]).logits.tolist() == fake_int8(IMAGES[0])
    assert device.session.counts.foreign == 1


def test_fragments_of_another_transfer_are_never_mixed(board: MemoryBoard) -> None:
    """Two images put under the same number: the device asks for what it lacks."""
    import zlib

    board.boot()
    tags = [zlib.crc32(image.tobytes()) for image in IMAGES[:2]]
    for tag, image in zip(tags, IMAGES[:2], strict=True):
        for i in range(24 if tag == tags[1] else 25):
            piece = image.tobytes()[32 * i : 32 * i + 32]
            board.feed(encode(Request.PUT, 9, struct.pack("<IB", tag, i) + piece)[0])
    ask = [encode(Request.INFER, 9, bytes(4) + struct.pack("<I", t))[0] for t in tags]
    assert replies_to(board, ask[0])[0][6:] == struct.pack("<I", (1 << 25) - 1)
    assert replies_to(board, ask[1])[0][6:] == struct.pack("<I", 1 << 24)

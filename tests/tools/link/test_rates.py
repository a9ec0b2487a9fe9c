"""The client changes the line's rate, and finds a board that stayed at another."""

import pytest

from tests.support.fake_model import fake_int8
from tests.support.link import random_images
from tools.faults.loopback import MemoryBoard, MemoryLine
from tools.link.client import Device
from tools.link.session import Refused

IMAGES = random_images(64)


def test_a_board_without_a_baud_rate_says_so(device: Device) -> None:
    assert device.set_baud(921600) is False
    assert device.infer("int8", IMAGES[0]).logits.tolist() == fake_int8(IMAGES[0])


def test_both_sides_go_to_a_faster_rate(board: MemoryBoard) -> None:
    board.allow_baud()
    device = Device(MemoryLine(board))
    assert device.set_baud(921600) is True
    assert (board.baud, device.identity.baud) == (921600, 921600)
    assert device.infer("int8", IMAGES[0]).logits.tolist() == fake_int8(IMAGES[0])


def test_the_old_rate_is_back_when_we_do_not_follow(board: MemoryBoard) -> None:
    board.allow_baud()
    line = MemoryLine(board)
    device = Device(line)
    line.follows_baud = False
    assert device.set_baud(921600) is False
    assert (board.baud, line.baud) == (115200, 115200)
    assert device.infer("int8", IMAGES[0]).logits.tolist() == fake_int8(IMAGES[0])


def test_a_fast_board_whose_host_vanished_returns_to_the_default(
    board: MemoryBoard,
) -> None:
    board.allow_baud()
    line = MemoryLine(board)
    Device(line).set_baud(921600)
    board.feed(b"", round((line.now + 11) * 1e6))
    assert board.baud == 115200


def test_a_device_left_at_a_fast_rate_is_found_there(board: MemoryBoard) -> None:
    board.allow_baud()
    line = MemoryLine(board)
    Device(line).set_baud(921600)
    line.baud = 115200  # the next program begins at the default
    device = Device(line)
    assert (board.baud, line.baud, device.identity.baud) == (115200,) * 3


def test_a_rate_out_of_range_is_refused(board: MemoryBoard) -> None:
    board.allow_baud()
    with pytest.raises(Refused, match="limits"):
        Device(MemoryLine(board)).set_baud(300)

"""A board that starts anew while it is asked: noticed, said, survived or refused."""

from collections.abc import Callable

import pytest

from core.errors import DeviceError
from tests.support.fake_model import fake_int8
from tests.support.link import random_images
from tools.faults.loopback import MemoryLine
from tools.link.client import Device

IMAGES = random_images(64)


def disturbed(line: MemoryLine, disturb: Callable[[], None]) -> tuple[Device, list]:
    """All images, something happening behind the twentieth; and what was said."""
    said: list[str] = []
    device = Device(line, said.append)
    results = []
    for result in device.infer_many("int8", IMAGES):
        results.append(result)
        if len(results) == 20:
            disturb()
    assert [r.logits.tolist() for r in results] == [fake_int8(i) for i in IMAGES]
    return device, said


def test_a_reset_in_mid_batch_is_noticed_said_and_survived(line: MemoryLine) -> None:
    device, said = disturbed(line, line.reset)
    assert device.resets == 1 and device.identity.boot_count == 2
    assert len(said) == 1 and "boot 1 -> 2" in said[0]
    assert "Guru Meditation Error" in said[0]


@pytest.mark.parametrize("first_id", [0x1234567, 0x100], ids=["differs", "same byte"])
def test_a_board_that_forgot_its_boot_count_is_noticed(
    line: MemoryLine, first_id: int
) -> None:
    """The reset pin or a lost cable: it boots for the first time, once more."""

    def unplug() -> None:
        line.board.forget(first_id)
        line.reset(panic=False)

    device, said = disturbed(line, unplug)
    assert device.identity.boot_count == 1
    assert device.resets == 1 and len(said) == 1 and "was reset" in said[0]


def test_a_device_that_came_back_with_other_weights_is_refused(
    line: MemoryLine,
) -> None:
    device = Device(line)
    device.session.identity = 0x55  # as if another model had answered until now
    with pytest.raises(DeviceError, match="other weights"):
        device.infer("int8", IMAGES[0])

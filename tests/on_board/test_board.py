"""What a board promises, tried on the board: `esp8k test-board --board virtual`."""

import re
import time

import numpy as np
import pytest
from pytest_embedded import Dut

from core.digest import digest
from tests.on_board.conftest import Press
from tools.classify.host import Host
from tools.link.client import Device
from tools.link.identity_lock import require_identity

PATIENCE_S = 5.0
BOOT_S = 4.0
BATCH = 20
CHUNK = 31  # bytes in one db command, as MLPerf's runner has it


def awake(dut: Dut) -> None:
    """Ask for the name until it is told: opening the port may have reset it."""
    end = time.monotonic() + BOOT_S
    while True:
        dut.write(b"name%")
        try:
            dut.expect_exact("m-name-dut-[esp8k]", timeout=0.5)
            dut.expect_exact("m-ready", timeout=PATIENCE_S)
            return
        except Exception:
            if time.monotonic() > end:
                raise


def said(dut: Dut, command: str, pattern: str) -> "re.Match[bytes]":
    """The answer to a command, up to its m-ready."""
    dut.write(command.encode())
    found = dut.expect(re.compile(pattern.encode(), re.DOTALL), timeout=PATIENCE_S)
    dut.expect_exact("m-ready", timeout=PATIENCE_S)
    return found


def test_it_boots_with_the_model_that_was_exported(device: Device, host: Host) -> None:
    require_identity(device, host.folder)
    assert device.identity.classes == len(host.classes)
    assert device.statistics().uptime_us > 0


def test_mlperfs_dialect_classifies_an_image(
    dut: Dut, host: Host, images: np.ndarray
) -> None:
    awake(dut)
    said(dut, "profile%", r"m-profile-\[ULPMark for tinyML Firmware V0\.0\.1\]")
    raw = images[0].tobytes()
    said(dut, f"db load {len(raw)}%", r"m-\[Expecting 784 bytes\]")
    for at in range(0, len(raw), CHUNK):
        dut.write(f"db {raw[at : at + CHUNK].hex()}%".encode())
        dut.expect_exact("m-ready", timeout=PATIENCE_S)
    told = said(dut, "infer 1 0%", r"m-results-\[([0-9.,]+)\]")
    shares = np.array([float(share) for share in told[1].split(b",")])
    right = host.logits("int8", images[:1])[0]
    assert np.argmax(shares) == np.argmax(right)
    assert 0.99 < shares.sum() < 1.01


def test_a_person_is_answered_in_words(dut: Dut) -> None:
    awake(dut)
    said(dut, "name\r", r"m-name-dut-\[esp8k\]")
    said(dut, "help\r", r"sample")
    right = [b"int8 says %d, " % digit for digit in range(10)]
    got = [said(dut, f"sample {d}\r", r"int8 says \d, ")[0] for d in range(10)]
    assert sum(want in found for want, found in zip(right, got, strict=True)) >= 9


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_every_logit_is_the_hosts(
    device: Device, host: Host, images: np.ndarray, engine: str
) -> None:
    before = device.statistics()
    got = np.array([r.logits for r in device.infer_many(engine, images)])
    right = host.logits(engine, images)
    assert np.array_equal(got.astype(right.dtype), right)
    assert digest(got.astype(right.dtype)) == digest(right)
    assert device.resets == 0
    assert device.statistics().boot_count == before.boot_count


def test_a_reset_in_the_middle_of_a_batch_costs_no_answer(
    device: Device, line: tuple[str, Press], host: Host, images: np.ndarray
) -> None:
    # More than can be answered already when the button is pressed.
    batch = np.resize(images, (BATCH + 2 * device.identity.window, *images[0].shape))
    answers = []
    for number, answer in enumerate(device.infer_many("int8", batch)):
        answers.append(answer.logits)
        if number == BATCH // 3:
            assert line[1](device), "this port has no line that resets the board"
    assert np.array_equal(answers, host.logits("int8", batch))
    assert device.resets == 1


def test_another_baud_rate_and_back(
    device: Device, host: Host, images: np.ndarray
) -> None:
    right = host.logits("int8", images[:BATCH])
    for rate in (921600, 115200):
        assert device.set_baud(rate), f"the board cannot do {rate} baud"
        answers = [r.logits for r in device.infer_many("int8", images[:BATCH])]
        assert np.array_equal(answers, right)
    assert device.session.transport.baud == 115200

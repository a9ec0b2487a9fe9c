"""Replies with a good CRC and a content that cannot be: each a clear link error."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CheckFailed, DeviceError
from tests.support.lying_device import (
    ANSWERS,
    F16_ANSWERS,
    HELLOS,
    STAGE,
    Lie,
    LyingDevice,
)
from tools.link.camera import infer_frame
from tools.link.client import Device
from tools.link.framing import REPLY, REPLY_ERROR, REPLY_MISSING, Frame, Request
from tools.link.schema import Malformed

IMAGE = np.zeros((28, 28), np.uint8)
FRAME = np.zeros((20, 30), np.uint8)
VERBS: dict[Request, Callable[[Device], object]] = {
    Request.HELLO: lambda device: device.identity,
    Request.INFER: lambda device: list(device.infer_many("int8", [IMAGE] * 3)),
    Request.STAGE_CRCS: lambda device: device.stage_crcs("f16", IMAGE),
    Request.STAGE_BYTES: lambda d: d.stage_bytes("int8", IMAGE, 0, len(STAGE)),
    Request.FRAME: lambda device: infer_frame(device, "int8", FRAME),
    Request.INFER_FRAME: lambda device: infer_frame(device, "int8", FRAME),
    Request.SET_BAUD: lambda device: device.set_baud(921600),
    Request.STATISTICS: lambda device: device.statistics(),
}


def answering(kind: Request, told: int, payload: bytes) -> Lie:
    """Lie about one request, always with the same reply."""

    def lie(frame: Frame, reply: int, honest: bytes) -> tuple[int, bytes]:
        return (told, payload) if frame.type == kind else (reply, honest)

    return lie


def ask(kind: Request, lie: Lie | None) -> object:
    return VERBS[kind](Device(LyingDevice(lie), lambda text: None))


@pytest.mark.parametrize("kind", VERBS)
def test_an_honest_device_is_believed(kind: Request) -> None:
    assert ask(kind, None)


OTHERS = [
    (Request.STAGE_CRCS, bytes(13), "13 bytes, 12 belong"),
    (Request.STAGE_BYTES, b"", "0 bytes, at least 4"),
    (Request.STAGE_BYTES, struct.pack("<I", 600), "0 bytes at 0 of 600"),
    (Request.STAGE_BYTES, struct.pack("<I", 0xFFFFFFFF) + bytes(256), "a stage of"),
    (Request.FRAME, bytes(3), "3 bytes, at least 4"),
    (Request.FRAME, struct.pack("<I", 601), "601 of 600 pixels came"),
    (Request.INFER_FRAME, bytes(20), "20 bytes, at least 31"),
    (Request.INFER_FRAME, bytes(31), "31 bytes, 41 belong"),
    (Request.INFER_FRAME, bytes([0, 255]) + bytes(39), "label 255"),
    (Request.INFER_FRAME, bytes([1]) + bytes(70), "engine is 1, 0 was asked"),
    (Request.STATISTICS, bytes(20), "20 bytes, at least 48"),
    (Request.SET_BAUD, struct.pack("<I", 9600), "baud is 9600"),
]
LIES = [
    *((Request.HELLO, payload, match) for match, payload in HELLOS.items()),
    *((Request.INFER, payload, match) for match, payload in ANSWERS.items()),
    *OTHERS,
]


@pytest.mark.parametrize(("kind", "payload", "match"), LIES)
def test_what_is_wrong_is_said(kind: Request, payload: bytes, match: str) -> None:
    with pytest.raises(Malformed, match=match) as error:
        ask(kind, answering(kind, kind | REPLY, payload))
    assert kind.name in error.value.message
    assert error.value.code == 3


@pytest.mark.parametrize("match", F16_ANSWERS)
def test_a_logit_that_is_no_number_is_said(match: str) -> None:
    lie = answering(Request.INFER, Request.INFER | REPLY, F16_ANSWERS[match])
    with pytest.raises(Malformed, match=match):
        Device(LyingDevice(lie)).infer("f16", IMAGE)


def test_a_stage_of_another_size_is_a_failed_check() -> None:
    payload = struct.pack("<I", 300) + bytes(256)
    kind = Request.STAGE_BYTES
    with pytest.raises(CheckFailed, match="300 bytes on the device, 600"):
        ask(kind, answering(kind, kind | REPLY, payload))


def test_missing_of_a_whole_image_is_a_lie() -> None:
    lie = answering(Request.INFER, REPLY_MISSING, struct.pack("<I", 1))
    with pytest.raises(Malformed, match="sent whole"):
        ask(Request.INFER, lie)


@pytest.mark.parametrize("kind", VERBS)
def test_an_error_without_its_code_is_a_lie(kind: Request) -> None:
    with pytest.raises(Malformed, match="at least 2"):
        ask(kind, answering(kind, REPLY_ERROR, b""))
    with pytest.raises(Malformed, match="request"):
        ask(kind, answering(kind, REPLY_ERROR, b"\x02\x55"))


@pytest.mark.parametrize("number", [0, 1, 2, 99, 255])
def test_the_devices_error_number_is_not_our_exit_code(number: int) -> None:
    lie = answering(Request.INFER, REPLY_ERROR, bytes([number, Request.INFER]))
    with pytest.raises(DeviceError) as error:
        ask(Request.INFER, lie)
    assert error.value.code == 3
    assert f"error {number}" in error.value.message


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(sorted(VERBS)))
def test_any_reply_is_an_answer_or_a_link_error(
    data: st.DataObject, kind: Request
) -> None:
    """Cut, grown, overwritten or of another type: no traceback and no endless loop."""

    def lie(frame: Frame, reply: int, payload: bytes) -> tuple[int, bytes] | None:
        if frame.type != kind:
            return reply, payload
        how = data.draw(st.sampled_from(["cut", "grown", "other", "type", "silent"]))
        if how == "cut":
            payload = payload[: data.draw(st.integers(0, len(payload)))]
        elif how == "grown":
            payload += data.draw(st.binary(min_size=1, max_size=40))
        elif how == "other":
            at = data.draw(st.integers(0, max(len(payload) - 1, 0)))
            value = data.draw(st.binary(min_size=1, max_size=4))
            payload = payload[:at] + value + payload[at + len(value) :]
        elif how == "type":
            reply = data.draw(st.sampled_from([REPLY_MISSING, REPLY_ERROR]))
            payload = data.draw(st.binary(max_size=8))
        else:
            return None
        return reply, payload

    try:
        ask(kind, lie)
    except (DeviceError, CheckFailed) as error:
        assert error.message and error.hint


@pytest.mark.parametrize("delay_s", [0.3, 0.5, 1.0, 3.0])
def test_a_device_that_takes_its_time_is_met(delay_s: float) -> None:
    """As one behind a slow network: socket://, rfc2217://."""
    line = LyingDevice(delay_s=delay_s)
    device = Device(line, lambda text: None)
    assert [r.label for r in device.infer_many("int8", [IMAGE] * 20)] == [9] * 20
    assert device.session.counts.retries == 0
    assert device.resets == 0

"""Every tool under replies of any content and a good CRC: an error, no traceback."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CheckFailed, DeviceError
from core.text import for_json
from tests.support.fakes import FakeHost, some_images
from tests.support.lying_device import (
    IDENTITY,
    STAGE,
    STAGES,
    Lie,
    LyingDevice,
    honest_hello,
    named,
)
from tools import bisect
from tools.boards.boards import Board
from tools.classify import classify
from tools.doctor import talk
from tools.link.client import Device
from tools.link.framing import REPLY_ERROR, REPLY_MISSING, Frame, Request
from tools.link.identity_lock import require_identity
from tools.link.schema import Malformed
from tools.link.session import Session
from tools.report import report

PLAN = [
    {"engine": engine, "shape": [1, 1, 10]}
    for engine, count in zip(("int8", "f16"), STAGES, strict=True)
    for _ in range(count)
]
ASKED = (Request.HELLO, Request.INFER, Request.STAGE_CRCS, Request.STAGE_BYTES)
ASKED += (Request.STATISTICS,)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> FakeHost:
    made = FakeHost(tmp_path_factory.mktemp("build") / "v2")
    plan = {"weights_hash": "w", "identity_crc": IDENTITY, "stages": PLAN}
    (made.folder / "plan.json").write_text(json.dumps(plan))
    return made


@contextmanager
def opened(lie: Lie | None) -> Iterator[Device]:
    yield Device(LyingDevice(lie), lambda text: None)


def by_classify(lie: Lie | None, host: FakeHost) -> object:
    asked = classify.Subject(some_images(1)[0], "noise", None)
    with opened(lie) as device:
        require_identity(device, host.folder)
        board = Board("liar", "emulated")
        told = classify.compare(classify.Config(), board, device, host, asked)  # type: ignore[arg-type]
    classify.show(told, asked.pixels, io.StringIO())
    return told


def by_report(lie: Lie | None, host: FakeHost) -> object:
    asked = report.Subject(some_images(6), np.zeros(6, np.uint8), "d")
    target = report.Target("liar", "on hardware", lambda: opened(lie), None)
    with contextlib.redirect_stderr(io.StringIO()):
        made = report.make_report(report.Config(), target, host, asked)  # type: ignore[arg-type]
    report.summary(made, host.folder)
    return made


def by_bisect(lie: Lie | None, host: FakeHost) -> object:
    """Stages that are never the reference's: their bytes are asked for."""
    stage = SimpleNamespace(shape=(1, 1, len(STAGE)), name="s", power=0)
    plan = SimpleNamespace(engine=lambda name: [stage] * STAGES[0])
    right = [np.ones((1, 1, len(STAGE)), np.uint8)] * STAGES[0]
    with pytest.MonkeyPatch.context() as patch, opened(lie) as device:
        patch.setattr(bisect, "stage_outputs", lambda *_: right)
        patch.setattr(bisect, "compare", lambda *asked: asked[:3])
        require_identity(device, host.folder)
        return bisect.bisect(device, plan, None, "int8", some_images(2))  # type: ignore[arg-type]


class Line(talk.Line):
    """The doctor's, to the liar."""

    def __init__(self, lie: Lie | None) -> None:
        self.transport: Any = LyingDevice(lie)
        self.transport.pulse_reset = lambda: False
        self.session = Session(self.transport, lambda text: None)
        self.port = "liar"

    def listen(self, seconds: float) -> bytes:
        return b""


def by_doctor(lie: Lie | None, host: FakeHost) -> object:
    return talk.talk("liar", lambda port, baud: Line(lie))


TOOLS: dict[str, Callable[[Lie | None, FakeHost], object]] = {
    "classify": by_classify,
    "report": by_report,
    "bisect": by_bisect,
    "doctor": by_doctor,
}


@pytest.mark.parametrize("tool", [name for name in TOOLS if name != "bisect"])
def test_an_honest_device_is_believed(tool: str, host: FakeHost) -> None:
    assert TOOLS[tool](None, host)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(ASKED))
@pytest.mark.parametrize("tool", TOOLS)
def test_no_lie_is_a_traceback(
    tool: str, host: FakeHost, data: st.DataObject, kind: Request
) -> None:
    """Cut, grown, overwritten, of another type or never: for every request in turn."""
    how = data.draw(st.sampled_from(["cut", "grown", "other", "type", "silent"]))
    at = data.draw(st.integers(0, 140))
    value = data.draw(st.binary(min_size=1, max_size=6))
    error = data.draw(st.sampled_from([REPLY_MISSING, REPLY_ERROR]))

    def lie(frame: Frame, reply: int, payload: bytes) -> tuple[int, bytes] | None:
        if frame.type != kind:
            return reply, payload
        start = at % max(len(payload), 1)
        return {
            "cut": (reply, payload[:start]),
            "grown": (reply, payload + value),
            "other": (reply, payload[:start] + value + payload[start + len(value) :]),
            "type": (error, value),
            "silent": None,
        }[how]

    try:
        told = TOOLS[tool](lie, host)
    except (DeviceError, CheckFailed) as error_:
        assert error_.message and error_.hint
    else:
        json.loads(for_json({"told": repr(told)}))


FIXED = {
    "without the engine f16": {"engines": 1},
    "9 stages of int8, not 4": {"int8_stages": 9},
    "with 7 classes": {"classes": 7},
}


@pytest.mark.parametrize("match", FIXED)
def test_what_does_not_fit_to_the_identity_is_said(match: str, host: FakeHost) -> None:
    payload = honest_hello(**FIXED[match]) + named(b"v2", b"fake") + bytes(4)

    def lie(frame: Frame, reply: int, honest: bytes) -> tuple[int, bytes]:
        return reply, payload if frame.type == Request.HELLO else honest

    with opened(lie) as device, pytest.raises(Malformed, match=match):
        require_identity(device, host.folder)

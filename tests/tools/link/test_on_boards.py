"""Both dialects on the boards that need no hardware, with the real model."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import serial

from export.emit import generate
from export.graph.read import read_tflite
from export.reference import int8 as reference
from export.reference.prepare import prepare
from tests.support.link import at_rest, flashed_port
from tests.support.mlperf_runner import Runner
from tests.support.products import TEST_BUILD
from tools import bisect
from tools.bench.prepare import some_frames
from tools.classify.host import FILES, Host
from tools.faults import chaos
from tools.faults.line import Faults
from tools.faults.proxy import FaultyProxy
from tools.link import camera
from tools.link.client import Device
from tools.link.identity_lock import require_identity
from training import data

EMULATED = [
    "twin",
    pytest.param("virtual", marks=pytest.mark.emulator),
    pytest.param("riscv", marks=[pytest.mark.emulator, pytest.mark.slow]),
]
COUNT = 32


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.asarray(data.load().test_images)[:COUNT]


@pytest.fixture(scope="module", params=EMULATED)
def port(
    request: pytest.FixtureRequest, flashed: Callable[[str, str], Path]
) -> Iterator[str]:
    with flashed_port(flashed, request.param) as port:
        yield port


@pytest.fixture(scope="module")
def logits(exported: Callable[[str], Path], images: np.ndarray) -> np.ndarray:
    """What the numpy reference says: (N, 10) int8."""
    int8 = read_tflite(exported("v2") / "model_int8.tflite", "v2")
    raw = (images.reshape(COUNT, -1).astype(np.int16) - 128).astype(np.int8)
    shape = (COUNT, *int8.tensors[int8.inputs[0]].shape[1:])
    return reference.run(int8, raw.reshape(shape))[int8.outputs[0]].reshape(COUNT, 10)


@pytest.fixture
def host(exported: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Host:
    exported("v2")
    monkeypatch.setenv("ESP8K_BUILD", str(TEST_BUILD))
    return Host("v2")


def test_the_board_answers_with_the_references_logits(
    port: str, images: np.ndarray, logits: np.ndarray
) -> None:
    with Device.open(port) as device:
        require_identity(device, TEST_BUILD / "v2")
        # The board may have served a test with a bad line before this one.
        before = device.statistics().crc_errors
        results = list(device.infer_many("int8", images))
        assert np.array_equal([r.logits for r in results], logits)
        assert device.statistics().crc_errors == before


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_the_board_prepares_frames_as_specified(
    port: str, engine: str, host: Host
) -> None:
    with Device.open(port) as device:
        for frame in some_frames(3, 4, 20_000):
            right = prepare(frame)
            told = camera.infer_frame(device, engine, frame)
            assert told.prepared_crc == zlib.crc32(right.pixels.tobytes())
            assert (told.found, told.box) == (right.found, right.box)
            wanted = host.logits(engine, right.pixels[None])[0]
            assert told.result.logits.tolist() == wanted.tolist()


def test_every_stage_on_the_board_is_the_references(
    port: str, images: np.ndarray
) -> None:
    plan = generate.load_plan(TEST_BUILD / "v2" / "plan.json")
    with Device.open(port) as device:
        for engine, name in FILES.items():
            right = read_tflite(TEST_BUILD / "v2" / name, "v2")
            assert bisect.bisect(device, plan, right, engine, images[:2]) is None


def test_a_runner_drives_the_board(
    port: str, images: np.ndarray, logits: np.ndarray
) -> None:
    runner = Runner(at_rest(port))
    for image, right in zip(images[:3], logits[:3], strict=True):
        runner.load(image.tobytes())
        results = runner.infer(2, 1)["results"]
        assert np.argmax(results) == np.argmax(right)
    runner.port.close()


def test_a_person_sees_each_built_in_digit_classified(port: str) -> None:
    with serial.Serial(at_rest(port), 115200, timeout=10) as line:
        right = 0
        for digit in range(10):
            line.write(b"sample %d\r" % digit)
            said = line.read_until(b"m-ready").decode()
            right += f"int8 says {digit}, " in said
        assert right >= 9
        line.write(b"name%")  # a machine again
        assert line.read_until(b"dut-").endswith(b"m-name-dut-")


@pytest.mark.slow
def test_a_bad_line_to_the_board_costs_no_answer(port: str, images: np.ndarray) -> None:
    with Device.open(port) as clean:
        oracle = chaos.Oracle(clean, images[:4])
    with FaultyProxy(port, Faults(rate=0.003, cut_rate=0), seed=5) as proxy:
        config = chaos.Config(requests=6, seed=5)
        record = chaos.through(proxy, oracle, config, lambda: None)
    assert record["wrong"] == record["hangs"] == 0
    assert record["answered"] == 6

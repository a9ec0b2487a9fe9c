"""Firmware with one thing wrong: bisect names stage, channel and position."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.words import PROFILES
from export.emit import generate
from export.emit.identity import Identity
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference.stages import stage_outputs
from tests.support.components import Networks
from tools import bisect
from tools.faults.loopback import MemoryBoard, MemoryLine, build_library
from tools.link.client import Device
from training import data

IDENTITY = Identity(model="v2", weights_hash="ab" * 32, identity_crc=1)
IMAGES = 12


@pytest.fixture(scope="module")
def right(exported: Callable[[str], Path]) -> tuple[Network, Network, generate.Plan]:
    """The two references and the plan of what was exported."""
    folder = exported("v2")
    int8 = read_tflite(folder / "model_int8.tflite", "v2")
    f16 = read_tflite(folder / "model_fp16.tflite", "v2")
    return int8, f16, generate.load_plan(folder / "plan.json")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.asarray(data.load().test_images)[:IMAGES]


Patch = Callable[[str], str]


def device_of(
    folder: Path,
    int8: Network,
    f16: Network,
    patch: Patch,
    model: str = "v2",
    profile: str = "balanced",
) -> Device:
    """A device that runs these networks, their C patched."""
    folder.mkdir(exist_ok=True)
    generate.generate(int8, f16, folder, profile, model, IDENTITY)
    source = folder / "src" / f"{model}_int8_network.c"
    source.write_text(patch(source.read_text()))
    # A dozen firmwares for few images: the bits are those of every level.
    return Device(MemoryLine(MemoryBoard(build_library(folder, "-O0"))))


def unpatched(text: str) -> str:
    return text


def with_tensor(original: Network, index: int, **changes: object) -> Network:
    tensor = dataclasses.replace(original.tensors[index], **changes)
    tensors = (*original.tensors[:index], tensor, *original.tensors[index + 1 :])
    return dataclasses.replace(original, tensors=tensors)


def convolution(original: Network, number: int) -> int:
    """The index of the weights of the number-th convolution."""
    kinds = [op for op in original.operators if op.kind == "CONV_2D"]
    return kinds[number].inputs[1]


def test_a_right_device_agrees_in_every_stage(right, images, tmp_path) -> None:  # type: ignore
    int8, f16, plan = right
    device = device_of(tmp_path, int8, f16, unpatched)
    assert bisect.bisect(device, plan, int8, "int8", images) is None
    assert bisect.bisect(device, plan, f16, "f16", images[:2]) is None


def test_a_wrong_weight_is_found(right, images, tmp_path) -> None:  # type: ignore
    int8, f16, plan = right
    index = convolution(int8, 1)
    weights = int8.tensors[index].data.copy()
    weights[5, 1, 1, 3] = 127 if weights[5, 1, 1, 3] < 0 else -127
    device = device_of(tmp_path, with_tensor(int8, index, data=weights), f16, unpatched)
    found = bisect.bisect(device, plan, int8, "int8", images)
    assert found is not None
    assert (found.stage, found.name) == (1, "conv2")
    assert found.channel == 5 and found.channels == (5,)
    assert found.expected != found.got


@pytest.mark.parametrize("profile", PROFILES)
def test_the_default_model_is_bisected_in_every_profile(
    profile: str, networks: Networks, images: np.ndarray, tmp_path: Path
) -> None:
    int8, f16 = networks("v3")
    device = device_of(tmp_path / "right", int8, f16, unpatched, "v3", profile)
    plan = generate.load_plan(tmp_path / "right" / "plan.json")
    assert bisect.bisect(device, plan, int8, "int8", images[:3]) is None
    assert bisect.bisect(device, plan, f16, "f16", images[:1]) is None
    index = convolution(int8, 3)
    weights = int8.tensors[index].data.copy()
    weights[5, 1, 1, 3] = 127 if weights[5, 1, 1, 3] < 0 else -127
    wrong = with_tensor(int8, index, data=weights)
    device = device_of(tmp_path / "wrong", wrong, f16, unpatched, "v3", profile)
    found = bisect.bisect(device, plan, int8, "int8", images)
    assert found is not None and (found.name, found.channels) == ("conv4", (5,))


def test_a_wrong_float16_weight_is_found(right, images, tmp_path) -> None:  # type: ignore
    int8, f16, plan = right
    index = convolution(f16, 2)
    weights = f16.tensors[index].data.copy()
    assert abs(weights[9, 0, 2, 7]) > 0.01
    weights[9, 0, 2, 7] *= -1  # no larger one: conv2 would be stored otherwise
    device = device_of(tmp_path, int8, with_tensor(f16, index, data=weights), unpatched)
    found = bisect.bisect(device, plan, f16, "f16", images[:3])
    assert found is not None
    assert (found.name, found.channels) == ("conv3", (9,))
    assert bisect.bisect(device, plan, int8, "int8", images) is None


def test_a_wrong_requantisation_shift_is_found(right, images, tmp_path) -> None:  # type: ignore
    """One channel's scale doubled: the same mantissa, the shift off by one."""
    int8, f16, plan = right
    index = convolution(int8, 2)
    quant = int8.tensors[index].quant
    scale = quant.scale.copy()
    scale[11] *= 2
    wrong = with_tensor(int8, index, quant=dataclasses.replace(quant, scale=scale))
    # The bias keeps its meaning: only the requantisation is wrong.
    device = device_of(tmp_path, wrong, f16, unpatched)
    found = bisect.bisect(device, plan, int8, "int8", images)
    assert found is not None
    assert (found.stage, found.name, found.channels) == (2, "conv3", (11,))


def test_a_wrong_pool_is_found(right, images, tmp_path) -> None:  # type: ignore
    """One of the four maxima of the first layer is left out."""
    int8, f16, plan = right

    def patch(text: str) -> str:
        wrong, count = re.subn(r"\n *(\w+) = nn_max\(\1, \w+30\);", "", text, count=1)
        assert count == 1
        return wrong

    device = device_of(tmp_path, int8, f16, patch)
    found = bisect.bisect(device, plan, int8, "int8", images)
    assert found is not None
    assert (found.stage, found.name) == (0, "conv1")
    assert found.got < found.expected  # a maximum over fewer
    place = (found.y, found.x, found.channel)
    right_stage = stage_outputs(plan, int8, images[found.image])[0]
    assert found.expected == right_stage[place]
    assert f"channel {found.channel} at y {found.y}, x {found.x}" in found.sentence()


def test_the_finding_is_told_and_is_exit_code_1(capsys: pytest.CaptureFixture) -> None:
    found = bisect.Difference(
        "int8", 7, 1, "conv2", 5, 2, 3, 17, 18, 4, 800, 9.0, tuple(range(10))
    )
    assert bisect.tell(bisect.Config(), ("int8", "f16"), 12, [found, None]) == 1
    text = capsys.readouterr().out
    assert "stage 1 (conv2), channel 5 at y 2, x 3: expected 17, got 18" in text
    assert "f16: every stage of 12 images is the reference's" in text
    assert bisect.tell(bisect.Config(json=True), ("int8",), 1, [None]) == 0

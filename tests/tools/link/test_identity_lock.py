"""A board is compared with the converted model that it was flashed from, or not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import CheckFailed
from core.paths import ROOT
from export import pipeline
from export.emit.generate import generate
from export.emit.identity import identify
from export.graph.read import read_tflite
from tests.support.echo import need
from tools.faults.loopback import MemoryBoard, MemoryLine, build_library
from tools.link.client import Device
from tools.link.identity_lock import require_identity
from training import checkpoint as checkpoints
from training.data import load


def test_a_board_flashed_from_another_calibration_is_refused(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    """The same checkpoint of v2, quantized with other images."""
    need("gcc")
    point = checkpoints.load(ROOT / "training" / "pretrained" / "v2.pt", "v2")
    images = pipeline.calibration(load("mnist"))
    _, content = pipeline.int8_tflite(point.module(), images[:50] * 0.5)
    int8 = read_tflite(content, "v2")
    f16 = read_tflite(exported("v2") / "model_fp16.tflite", "v2")
    other = identify("v2", point.weights_hash, int8.sha256, f16.sha256)
    generate(int8, f16, tmp_path, "balanced", "v2", other)
    device = Device(MemoryLine(MemoryBoard(build_library(tmp_path))))
    require_identity(device, tmp_path)

    plan = json.loads((exported("v2") / "plan.json").read_text())
    assert plan["weights_hash"] == device.identity.weights_hash
    with pytest.raises(CheckFailed) as caught:
        require_identity(device, exported("v2"))
    for identity in (other.identity_crc, plan["identity_crc"]):
        assert f"{identity:08x}" in caught.value.message

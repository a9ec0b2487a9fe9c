"""What several export tests share: the shipped v2, converted once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from export import pipeline
from export.emit.identity import identify
from export.graph.read import read_tflite
from training import checkpoint as checkpoints
from training.data import Data, load


@pytest.fixture(scope="session")
def data() -> Data:
    """MNIST, from the embedded files."""
    return load("mnist")


@pytest.fixture(scope="session")
def few(data: Data) -> Data:
    """The same with 300 of its 10,000 test images."""
    images, labels = data.test_images[:300], data.test_labels[:300]
    return replace(data, test_images=images, test_labels=labels)


@pytest.fixture(scope="session")
def point() -> checkpoints.Checkpoint:
    """The shipped checkpoint of v2."""
    return checkpoints.load(ROOT / "training" / "pretrained" / "v2.pt", "v2")


@pytest.fixture(scope="session")
def calibration(data: Data) -> np.ndarray:
    """The fixed calibration images."""
    return pipeline.calibration(data)


@pytest.fixture(scope="session")
def artefacts(
    point: checkpoints.Checkpoint, exported: Callable[[str], Path]
) -> pipeline.Artefacts:
    """All five model files of v2, as the real command wrote them."""
    folder = exported("v2")
    files = {name: (folder / name).read_bytes() for name in pipeline.FILES}
    int8 = read_tflite(files["model_int8.tflite"], "v2")
    half = read_tflite(files["model_fp16.tflite"], "v2")
    identity = identify("v2", point.weights_hash, int8.sha256, half.sha256)
    return pipeline.Artefacts(files, int8, half, identity)

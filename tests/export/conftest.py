"""What several export tests share: the shipped v2, converted once."""

import numpy as np
import pytest

from core.paths import ROOT
from export import pipeline
from training import checkpoint as checkpoints
from training.data import Data, load


@pytest.fixture(scope="session")
def data() -> Data:
    """MNIST, from the embedded files."""
    return load("mnist")


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
    point: checkpoints.Checkpoint, calibration: np.ndarray
) -> pipeline.Artefacts:
    """All five model files of v2."""
    return pipeline.convert(point, calibration, lambda text: None)

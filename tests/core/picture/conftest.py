"""MNIST's digits, and what the shipped v2 takes a prepared one for."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from training.data import load as load_data


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Beside other tests more threads only wait for each other."""
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    data = load_data()
    return data.test_images, data.test_labels.astype(int)


@pytest.fixture(scope="session")
def classify() -> Callable[[np.ndarray], np.ndarray]:
    """The shipped v2 on (N, 28, 28) uint8: what the pictures are prepared for."""
    import torch

    from core.paths import ROOT
    from training import checkpoint
    from training.data import MEAN, STD

    path = ROOT / "training" / "pretrained" / "v2.pt"
    module = checkpoint.load(path, "v2").module().eval()

    def run(images: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(images).float()[:, None] / 255
        with torch.inference_mode():
            return module((pixels - MEAN) / STD).argmax(1).numpy()

    return run

"""What the network reads in drawn frames and strokes that were prepared in integers."""

from pathlib import Path

import numpy as np
import pytest

from core import paths
from export.reference.prepare import prepare
from export.reference.strokes import prepare_strokes
from tools import camera_frames
from training import checkpoint, data
from training.evaluate import evaluate

Array = np.ndarray
FRAMES, LEAST = 150, 0.97


@pytest.fixture(autouse=True)
def _shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))


def read(images: list[Array]) -> Array:
    """v3's classes."""
    point = checkpoint.load(paths.checkpoint("v3"), "v3")
    none = np.zeros(len(images), np.uint8)
    return np.asarray(evaluate(point.module(), np.stack(images), none).logits.argmax(1))


def test_drawn_frames_are_read_rightly() -> None:
    test, rng = data.load(), np.random.default_rng(13)
    chosen = rng.integers(0, len(test.test_images), FRAMES)
    found = [
        prepare(camera_frames.draw(test.test_images[i], rng)).pixels for i in chosen
    ]
    assert (read(found) == test.test_labels[chosen]).mean() >= LEAST


def test_strokes_are_read_rightly() -> None:
    seven = [[(10, 10), (60, 10), (30, 90)]]
    four = [[(50, 5), (10, 60), (70, 60)], [(55, 35), (55, 100)]]
    one = [[(0, 0), (2, 30_000)]]
    zero = [[(40, 0), (10, 30), (10, 70), (40, 100), (70, 70), (70, 30), (40, 0)]]
    images = [prepare_strokes(digit) for digit in (seven, four, one, zero)]
    assert read(images).tolist() == [7, 4, 1, 0]


def test_mnists_own_pictures_as_frames_are_read_rightly() -> None:
    test = data.load()
    found = [prepare(digit) for digit in test.test_images[:50]]
    assert all(f.found and f.light_ink for f in found)
    right = read([f.pixels for f in found]) == test.test_labels[:50]
    assert right.mean() >= LEAST


def test_blank_paper_is_nothing_drawn() -> None:
    rng, shape, found = np.random.default_rng(0), (120, 160), 0
    for _ in range(40):
        paper = 200 * camera_frames.lit(shape, rng) + rng.normal(0, 3, shape)
        found += prepare(np.clip(paper, 0, 255).astype(np.uint8)).found
    assert found <= 3  # a pool of light between shadows looks like chalk

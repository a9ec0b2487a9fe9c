"""The folder that a stock MLPerf Tiny runner takes: scripts, images, labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.disk import full_disk
from tests.support.link import PtyHost
from tests.support.mlperf_runner import IMAGES, LABELS, steps
from tools import mlperf_data
from tools.faults.loopback import MemoryBoard


@pytest.mark.parametrize("images", [9, len(IMAGES) + 1])
def test_a_number_of_images_that_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    with pytest.raises(mlperf_data.Esp8kError, match="out of range"):
        mlperf_data.write(mlperf_data.Config(images=images), IMAGES, LABELS)


def test_images_without_one_of_the_classes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner's area under the curve needs every class."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    with pytest.raises(mlperf_data.Esp8kError, match="first 10 .* no 3, 7") as error:
        labels = np.array([0, 1, 2, 2, 4, 5, 6, 6, 8, 9, 3, 7])
        mlperf_data.write(mlperf_data.Config(images=10), IMAGES, labels)
    assert error.value.hint == "--images 12 or more"


@pytest.mark.parametrize(
    ("us", "times"),
    [(4_000, 3_000), (240, 50_000), (9, 100_000), (0xFFFFFFFE, 1)],
)
def test_a_loop_is_made_to_last_longer_than_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, us: int, times: int
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    config = mlperf_data.Config(images=10, microseconds=us)
    folder = mlperf_data.write(config, IMAGES, LABELS)
    assert steps(folder, "tests_performance.yaml")[2] == times


def test_without_a_board_the_loops_are_long_enough_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    folder = mlperf_data.write(mlperf_data.Config(images=10), IMAGES, LABELS)
    times = steps(folder, "tests_performance.yaml")[2]
    assert 10 < times * 10e-3 < 30  # seconds of a board that takes 10 ms


def test_a_board_is_asked_how_long_it_takes(
    behind_pty: Callable[..., PtyHost],
    board: MemoryBoard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    board.boot()
    board.slow(4_000)
    config = mlperf_data.Config(images=10, port=behind_pty(board.feed).port)
    folder = mlperf_data.write(mlperf_data.measured(config, IMAGES), IMAGES, LABELS)
    assert steps(folder, "tests_performance.yaml")[2] == 3_000


def test_a_full_disk_leaves_the_folder_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the images lay there, as if they were all."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    config = mlperf_data.Config(images=100, iterations=20)
    images = np.zeros((100, 28, 28), np.uint8)
    labels = np.arange(100) % 10
    with full_disk(1000), pytest.raises(mlperf_data.Esp8kError, match="cannot write"):
        mlperf_data.write(config, images, labels)
    assert list(tmp_path.iterdir()) == []

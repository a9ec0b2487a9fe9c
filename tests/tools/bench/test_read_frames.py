"""Frames that are read rightly are counted by kind."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import CheckFailed, Esp8kError
from tools.bench import read_frames
from training import data


@pytest.fixture(autouse=True)
def _shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A seven on a large sheet, the same with a wrong label, and no digit."""
    digit = 255 - data.load().test_images[0]
    sheet = np.full((900, 700), 230, np.uint8)
    sheet[200:480, 200:480] = np.minimum(230, np.kron(digit, np.ones((10, 10))))
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(sheet).save(tmp_path / name)
    labels = {
        "a.png": {"label": 7, "kind": "plain"},
        "b.png": {"label": 3, "kind": "wrong"},
        "c.png": {"label": None, "kind": "none"},
    }
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def test_pictures_are_counted_by_kind(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [f"--folder={folder}", "--json", "--least=50"]
    assert read_frames.main(options) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kinds"] == {"plain": [1, 1], "wrong": [0, 1]}
    with pytest.raises(CheckFailed, match="1 of 2 frames"):
        read_frames.main([f"--folder={folder}"])


def test_a_frame_of_a_picture_is_within_the_chips_limits(folder: Path) -> None:
    with Image.open(folder / "a.png") as picture:
        assert read_frames.grey(picture).shape == (309, 240)
        assert read_frames.grey(picture.rotate(90, expand=True)).shape == (240, 309)


def test_drawn_frames_are_the_same_each_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = (list(read_frames.drawn(3, 5)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert (a.frame == b.frame).all() and a.label == b.label


def test_a_folder_without_labels_is_said(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match=r"there is no .*labels\.json"):
        read_frames.main([f"--folder={tmp_path}"])

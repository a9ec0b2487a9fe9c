"""Data: the right arrays, and one clear error where there are none."""

import hashlib
import shutil
from pathlib import Path
from typing import Any, get_args
from urllib.error import URLError

import numpy as np
import pytest

from core.errors import Esp8kError
from core.words import Dataset
from tests.support.exported import write
from training import data
from training.vision import torchvision

IMAGES = "t10k-images-idx3-ubyte.gz"


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private copy of the committed files, an empty build folder, no network."""
    folder = tmp_path / "data" / "MNIST" / "raw"
    shutil.copytree(data.EMBEDDED / "MNIST" / "raw", folder)
    monkeypatch.setattr(data, "EMBEDDED", tmp_path / "data")
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))

    def offline(*_args: Any, **_kwargs: Any) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr(torchvision().datasets.utils, "download_url", offline)
    return folder


def test_mnist_has_the_official_shapes_and_labels(raw: Path) -> None:
    images = data.load()
    assert images.train_images.shape == (60_000, 28, 28)
    assert images.test_images.shape == (10_000, 28, 28)
    assert images.train_images.dtype == images.train_labels.dtype == np.uint8
    assert images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert images.train_images.mean() / 255 == pytest.approx(data.MEAN, abs=1e-4)
    assert images.train_images.std() / 255 == pytest.approx(data.STD, abs=1e-4)


def test_unpacked_copies_stay_out_of_the_committed_folder(raw: Path) -> None:
    before = sorted(path.name for path in raw.iterdir())
    data.load()
    assert sorted(path.name for path in raw.iterdir()) == before
    unpacked = raw.parents[2] / "build" / "data" / "MNIST" / "raw"
    assert sorted(p.name for p in unpacked.iterdir()) == [n[:-3] for n in before]


def test_whole_unpacked_copies_are_read_without_torch(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = data.load()
    monkeypatch.setattr(data, "_datasets", None)  # a call would fail
    again = data.load()
    assert again.hash == first.hash == data.HASHES["mnist"]
    assert np.array_equal(again.test_images, first.test_images)
    assert np.array_equal(again.train_labels, first.train_labels)


def test_a_truncated_unpacked_copy_is_made_anew(raw: Path) -> None:
    first = data.load().hash
    copy = raw.parents[2] / "build" / "data" / "MNIST" / "raw" / IMAGES[:-3]
    copy.write_bytes(copy.read_bytes()[:1_000_000])
    assert data.load().hash == first


def test_a_damaged_file_is_named_with_its_cure(raw: Path) -> None:
    content = bytearray((raw / IMAGES).read_bytes())
    content[5_000] ^= 1
    (raw / IMAGES).write_bytes(content)
    with pytest.raises(Esp8kError, match="damaged") as caught:
        data.load()
    assert str(raw / IMAGES) in caught.value.message
    md5 = hashlib.md5((data.ROOT / f"training/data/MNIST/raw/{IMAGES}").read_bytes())
    assert md5.hexdigest() in caught.value.hint


def test_a_missing_file_is_named_with_its_cure(raw: Path) -> None:
    (raw / IMAGES).unlink()
    with pytest.raises(Esp8kError, match="is missing") as caught:
        data.load()
    assert str(raw / IMAGES) in caught.value.message
    assert "git checkout" in caught.value.hint


def test_a_downloaded_file_takes_the_place_of_a_missing_one(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (raw / IMAGES).read_bytes()
    (raw / IMAGES).unlink()

    def download(_url: str, folder: str, filename: str, md5: str) -> None:
        (Path(folder) / filename).write_bytes(kept)

    monkeypatch.setattr(torchvision().datasets.utils, "download_url", download)
    assert len(data.load().test_images) == 10_000


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(Esp8kError, match="no data set 'cifar'") as caught:
        data.load("cifar")
    assert "mnist, fashion, kmnist" in caught.value.hint


@pytest.mark.skipif(
    not data.DEBIAN.exists(), reason="needs Debian's dataset-fashion-mnist"
)
def test_fashion_mnist_is_read_from_debians_package(raw: Path) -> None:
    images = data.load("fashion")
    assert images.train_images.shape == (60_000, 28, 28)
    assert np.bincount(images.test_labels).tolist() == [1_000] * 10
    assert images.hash != data.load("mnist").hash


def test_missing_fashion_mnist_names_the_package(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "DEBIAN", raw / "nowhere")
    with pytest.raises(Esp8kError, match="is missing") as caught:
        data.load("fashion")
    assert "apt-get install dataset-fashion-mnist" in caught.value.hint


def test_missing_kmnist_names_each_file_and_its_place(raw: Path) -> None:
    with pytest.raises(Esp8kError, match="KMNIST/raw/train-images.* is missing") as e:
        data.load("kmnist")
    assert "bdb82020997e1d708af4cf47b453dcf7" in e.value.hint


def test_the_split_is_fixed_and_complete() -> None:
    labels = np.zeros(60_000)
    fit, held = data.split(labels)
    assert (len(fit), len(held)) == (55_000, 5_000)
    assert np.array_equal(np.sort(np.concatenate([fit, held])), np.arange(60_000))
    # Pinned: every figure chosen by validation depends on these images.
    assert (
        hashlib.sha256(held.astype("<i8").tobytes()).hexdigest()[:16]
        == "5dbb3ea6ddd1172c"
    )


def test_a_model_is_judged_by_its_own_data_set(tmp_path: Path) -> None:
    assert data.of_exported(tmp_path).name == "mnist"
    write(tmp_path, config={"dataset": "nothing"})
    with pytest.raises(Esp8kError, match="no data set 'nothing'"):
        data.of_exported(tmp_path)
    (tmp_path / "model.json").write_text("no JSON")
    with pytest.raises(Esp8kError, match="damaged"):
        data.of_exported(tmp_path)


def test_every_data_set_names_its_classes() -> None:
    assert data.load().classes == tuple("0123456789")
    assert set(data.NAMES) == set(data.DATASETS) == set(get_args(Dataset))
    assert all(len(set(names)) == 10 for names in data.NAMES.values())

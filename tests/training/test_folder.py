"""A folder of class folders is a data set like any other."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import Esp8kError
from tests.support.image_folder import fill
from training import checkpoint, data, folder, models


def test_a_folder_is_parted_alike_in_every_class(tmp_path: Path, mnist: data.Data):
    found = data.load(fill(tmp_path / "own", mnist))
    assert found.classes == ("ant", "bee", "cat")
    assert np.bincount(found.train_labels).tolist() == [17, 17, 17]
    assert np.bincount(found.test_labels).tolist() == [4, 4, 4]
    shown = {image.tobytes() for image in found.train_images}
    assert not shown & {image.tobytes() for image in found.test_images}
    assert found.hash == data.load(found.name).hash != mnist.hash


def test_a_photograph_is_brought_to_28x28(tmp_path: Path, mnist: data.Data):
    fill(tmp_path, mnist, count=5)
    plain = folder.picture(tmp_path / "cat" / "000.png").astype(int)
    photo = folder.picture(tmp_path / "cat" / "photo.jpg").astype(int)
    assert photo.shape == (28, 28) and np.abs(photo - plain).mean() < 12


def test_a_hidden_folder_is_no_class(tmp_path: Path, mnist: data.Data):
    name = fill(tmp_path, mnist, count=5)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    assert data.load(name).classes == ("ant", "bee", "cat")
    with pytest.raises(Esp8kError, match="no folder without a name"):
        data.load("folder:")


def test_labels_txt_names_the_classes(tmp_path: Path, mnist: data.Data):
    name = fill(tmp_path, mnist, count=5)
    (tmp_path / "labels.txt").write_text("Ameise\nBiene\nKatze\n")
    assert data.load(name).classes == ("Ameise", "Biene", "Katze")
    (tmp_path / "labels.txt").write_text("Ameise\n")
    with pytest.raises(Esp8kError, match="1 names for 3 class folders"):
        data.load(name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "ant" / "x.jpg").write_text("no"), "not a picture"),
        (lambda root: (root / "dog").mkdir(), "dog holds 0 pictures"),
        (lambda root: [(root / f"c{i:02}").mkdir() for i in range(62)], "65 class"),
        (lambda root: (root / "labels.txt").write_text("a\na\nb"), "one name"),
        (lambda root: (root / "labels.txt").write_text("a\nb\n" + "c" * 40), "no name"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, mnist: data.Data, spoil, message):
    name = fill(tmp_path, mnist, count=5)
    spoil(tmp_path)
    with pytest.raises(Esp8kError, match=message):
        data.load(name)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(Esp8kError, match="there is no folder"):
        data.load(f"folder:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("classes", [2, 3, 64])
@pytest.mark.parametrize("name", models.BUILDERS)
def test_a_checkpoint_knows_how_many_classes_it_has(tmp_path: Path, name, classes):
    weights = models.build(name, classes).state_dict()
    checkpoint.save(tmp_path / "m.pt", name, weights, {})
    module = checkpoint.load(tmp_path / "m.pt", name).module()
    assert module(torch.zeros(1, 1, 28, 28)).shape == (1, classes)

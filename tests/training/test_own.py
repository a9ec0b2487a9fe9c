"""A hand that MNIST does not know is learnt in seconds, and MNIST is not forgotten."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import Esp8kError
from core.paths import ROOT
from training import checkpoint, data, models, own
from training.evaluate import evaluate
from training.hand import written
from training.studies import hand

CLASSES = tuple(map(str, range(10)))


def put(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """As the page's download holds them."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:04}.png")


@pytest.mark.slow
def test_a_hand_is_learnt_and_mnist_is_kept(mnist: data.Data) -> None:
    point = checkpoint.load(ROOT / "training" / "pretrained" / "v3.pt", "v3")
    unseen = written(40, seed=99)
    before = point.module()
    after = point.module()
    after.load_state_dict(own.go_on(point, own.Own(*written(10, seed=7)), mnist, 0))
    gained = evaluate(after, *unseen).accuracy - evaluate(before, *unseen).accuracy
    tests = mnist.test_images, mnist.test_labels
    lost = evaluate(before, *tests).accuracy - evaluate(after, *tests).accuracy
    assert gained >= 2
    assert lost <= 0.1


def test_the_folder_of_the_page_is_read_and_parted(tmp_path: Path) -> None:
    images, labels = written(10, seed=1)
    put(tmp_path, images, labels)
    read = own.read(tmp_path, CLASSES)
    assert read.images.shape == (100, 28, 28)
    learnt, held = own.parted(read)
    assert len(learnt.labels) == 80
    assert np.bincount(held.labels).tolist() == [2] * 10


def test_a_pass_holds_a_third_of_own_pictures(mnist: data.Data) -> None:
    few = own.Own(*written(2, seed=1))
    images, labels = own.pass_of(few, mnist, 0)
    assert len(images) == len(labels)
    share = 1 - own.OLD / len(images)
    assert 0.3 < share < 0.4


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [("7/a.png", (64, 48), "nothing is drawn"), ("x/a.png", (28, 28), "is no class")],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, name: str, size: tuple[int, int], told: str
) -> None:
    put(tmp_path, *written(1, seed=1))
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    Image.new("L", size).save(path)
    with pytest.raises(Esp8kError, match=told):
        own.read(tmp_path, CLASSES)


def test_a_missing_folder_junk_and_too_few_are_said(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="there is no folder"):
        own.read(tmp_path / "none", CLASSES)
    (tmp_path / "digits.zip").touch()
    with pytest.raises(Esp8kError, match="is no folder yet") as caught:
        own.read(tmp_path / "digits.zip", CLASSES)
    assert caught.value.hint.startswith("unzip ")
    (tmp_path / "digits.zip").unlink()
    with pytest.raises(Esp8kError, match="holds 0 pictures") as loose:
        own.read(tmp_path, CLASSES)
    assert "a folder a class" in loose.value.hint
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "a.png").write_bytes(b"no picture")
    with pytest.raises(Esp8kError, match="not a picture"):
        own.read(tmp_path, CLASSES)


def test_a_photograph_is_read_and_a_hidden_file_is_none(tmp_path: Path) -> None:
    images, labels = written(5, seed=1)
    put(tmp_path, images, labels)
    (tmp_path / "3" / ".DS_Store").write_bytes(b"of no use")
    Image.fromarray(255 - images[35]).resize((280, 280)).save(tmp_path / "7/photo.jpg")
    read = own.read(tmp_path, CLASSES)
    photo = read.images[40]  # after the five sevens
    assert read.labels[40] == 7 and len(read.labels) == 51
    assert np.abs(photo.astype(int) - images[35]).mean() < 25  # other digits: 40


def test_a_program_reads_what_was_gained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist: data.Data, capsys
) -> None:
    put(tmp_path / "digits", *written(5, seed=1))
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(own, "OLD", 128)
    few = replace(
        mnist, test_images=mnist.test_images[:100], test_labels=mnist.test_labels[:100]
    )
    monkeypatch.setattr(data, "of_model", lambda _config: few)
    assert own.main([str(tmp_path / "digits"), "--model", "v1", "--json"]) == 0
    kept = tmp_path / "build" / "v1" / ".train-options"
    assert kept.read_text() == "own\n"  # make does not train over it
    told = json.loads(capsys.readouterr().out)
    assert (told["learnt"], told["held_out"], told["dataset"]) == (40, 10, "mnist")
    assert len(told["own"]) == len(told["old"]) == 2
    stored = checkpoint.load(tmp_path / "build" / "v1" / "model.pt")
    assert told["weights_hash"] == stored.weights_hash


def test_the_next_command_is_of_the_model_that_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """`make export flash` of v3 was advised after MODEL=v2."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(own, "go_on", lambda point, *_: point.state_dict)
    monkeypatch.setattr(own, "measure", lambda *_: own.Gain((90.0, 91.0), (99.0, 99.0)))
    put(tmp_path / "digits", *written(5, seed=1))
    assert own.main([str(tmp_path / "digits"), "--model", "v1"]) == 0
    assert capsys.readouterr().out.endswith("\nnow: make export flash MODEL=v1\n")


def test_own_pictures_are_mixed_with_a_folder_of_any_classes(
    furnished: Callable[[Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys,
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(furnished(tmp_path / "build")))
    monkeypatch.setattr(own, "OLD", 128)
    images, labels = written(6, seed=1)
    three, dataset = labels < 3, f"folder:{tmp_path / 'old'}"
    put(tmp_path / "old", images[three], labels[three])
    put(tmp_path / "more", images[three], labels[three])
    words = [str(tmp_path / "more"), "--model", "v1", "--dataset", dataset, "--json"]
    with pytest.raises(Esp8kError, match="no v1 was trained on"):
        own.main(words)

    torch.manual_seed(0)
    path = tmp_path / "build" / "v1" / "model.pt"
    weights = models.build("v1", 3).state_dict()
    first = checkpoint.save(path, "v1", weights, {"dataset": dataset})
    assert own.main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["dataset"], told["learnt"], told["held_out"]) == (dataset, 15, 3)
    stored = checkpoint.load(path, "v1")
    assert stored.weights_hash == told["weights_hash"] != first
    assert stored.config["own"]["before"] == first
    assert stored.module()(torch.zeros(1, 1, 28, 28)).shape == (1, 3)
    assert own.start("v1", dataset).weights_hash == first  # a second run begins there


def test_the_picture_names_what_was_misread() -> None:
    images, labels = written(1, seed=1)
    before, after = labels.copy(), labels.copy()
    before[0], after[0], after[1] = 8, 8, 7
    answers = hand.Answers(images, labels, before, after)
    drawn = hand.drawn(hand.Config(), own.Gain((80, 70), (99, 99)), answers)
    assert drawn.count("<image") == 10 + 2
    assert drawn.count('class="wrong"') == 3 and drawn.count('class="right"') == 1
    assert "prefers-color-scheme: dark" in drawn


def test_what_a_hand_teaches_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = written(1, seed=1)
    found = own.Gain((80, 70), (99, 98)), hand.Answers(images, labels, labels, labels)
    monkeypatch.setattr(hand, "learn", lambda *_: found)
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    assert hand.main([]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "that hand: 80.00 % before, 70.00 % after"
    assert told[1] == "MNIST:     99.00 % before, 98.00 % after"
    assert (tmp_path / "own.svg").exists()

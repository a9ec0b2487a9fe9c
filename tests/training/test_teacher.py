"""The teacher: whose it is, that it sees nothing more, and what it does to the loss."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from core.errors import Esp8kError
from core.paths import ROOT
from training import checkpoint, data, fit, models, teacher
from training.fit import Trainer, distillation
from training.layers import network
from training.schedule import Recipe

DISTILLED = Recipe(epochs=1, distill=0.7)
Pairs = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def pairs(mnist: data.Data) -> Pairs:
    return mnist.train_images[:512], mnist.train_labels[:512]


@pytest.fixture
def short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Teachers of one pass and their own folder; how many images each training had."""
    trained: list[int] = []
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    monkeypatch.setattr(teacher, "RECIPE", replace(teacher.RECIPE, epochs=1))
    train = teacher.train

    def watched(images: np.ndarray, *rest: Any, **options: Any) -> dict[str, Tensor]:
        trained.append(len(images))
        return train(images, *rest, **options)

    monkeypatch.setattr(teacher, "train", watched)
    return trained


def test_the_loss_of_distillation_is_hintons() -> None:
    student = torch.randn(7, 10, dtype=torch.double)
    hints = torch.randn(7, 10, dtype=torch.double)
    p, q = ((logits / 3).softmax(1) for logits in (hints, student))
    expected = (p * (p / q).log()).sum(1).mean() * 9
    assert distillation(student, hints, 3.0).item() == pytest.approx(expected.item())
    assert distillation(hints, hints, 3.0).item() == pytest.approx(0, abs=1e-12)


def test_a_step_weighs_label_and_teacher(pairs: Pairs, short: list[int]) -> None:
    found = teacher.teacher_for(DISTILLED, *pairs)
    trainer = Trainer(models.build("v2"), *pairs, DISTILLED, 0, teacher=found)
    views, labels = torch.randn(64, 1, 28, 28), torch.from_numpy(pairs[1][:64]).long()
    twin = models.build("v2").train()
    twin.load_state_dict(trainer.model.state_dict())
    output, hints = twin(views), found(views) if found else torch.zeros(())
    expected = 0.3 * functional.cross_entropy(output, labels)
    expected = expected + 0.7 * distillation(output, hints, 2.0)
    loss, _ = trainer.step(views, labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_teacher_says_in_c_what_its_network_says(
    pairs: Pairs, short: list[int]
) -> None:
    found = teacher.teacher_for(DISTILLED, *pairs)
    assert found is not None
    [path] = Path(teacher.build_root() / "teacher").iterdir()
    model = network(teacher.SPEC)
    model.load_state_dict(checkpoint.read(path)["state_dict"])
    views = fit.normalise(fit.prepare(pairs[0][:100]))
    torch.testing.assert_close(
        found(views), fit.logits(model, views), rtol=0, atol=1e-3
    )
    assert not found(views).requires_grad


def test_a_teacher_is_trained_once_for_its_images_and_for_no_others(
    pairs: Pairs, short: list[int]
) -> None:
    images, labels = pairs
    first = teacher.teacher_for(DISTILLED, images, labels)
    again = teacher.teacher_for(DISTILLED, images.copy(), labels.copy())
    assert first and again and first.record() == again.record()
    assert short == [512]
    fewer = teacher.teacher_for(DISTILLED, images[:256], labels[:256])
    assert fewer and fewer.digest != first.digest
    wrong = labels.copy()
    wrong[0] = (wrong[0] + 1) % 10
    teacher.teacher_for(DISTILLED, images, wrong)
    assert short == [512, 256, 512]


def test_a_run_goes_on_with_its_own_teacher_only(
    pairs: Pairs, short: list[int]
) -> None:
    recipe = replace(DISTILLED, epochs=2)

    def run(part: Pairs) -> Trainer:
        torch.manual_seed(0)
        found = teacher.teacher_for(recipe, *part)
        return Trainer(models.build("v2"), *pairs, recipe, 0, teacher=found)

    whole, first = run(pairs), run(pairs)
    for trainer in (whole, whole, first):
        trainer.run_epoch()
    state = deepcopy(first.state())
    again = run(pairs)
    again.restore(state)
    again.run_epoch()
    hashes = {checkpoint.weights_hash(r.weights()) for r in (whole, again)}
    assert len(hashes) == 1
    with pytest.raises(Esp8kError, match="the interrupted run had teacher"):
        run((pairs[0][:300], pairs[1][:300])).restore(state)


def test_without_distillation_there_is_no_teacher(
    pairs: Pairs, short: list[int]
) -> None:
    assert teacher.teacher_for(Recipe(), *pairs) is None
    assert short == []


def test_the_shipped_teacher_is_of_all_training_images(mnist: data.Data) -> None:
    key = teacher.key_of(mnist.train_images, mnist.train_labels)
    content = checkpoint.read(teacher.SHIPPED)
    assert content["key"] == key
    filed = json.loads((ROOT / "training" / "results" / "v3.json").read_text())
    found = teacher.Teacher(content["state_dict"])
    assert filed["teacher"] == found.record()


def test_drawing_a_teacher_leaves_the_students_draw(
    pairs: Pairs, short: list[int]
) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    teacher.teacher_for(DISTILLED, *pairs)
    assert torch.equal(torch.rand(4), expected) and short == [512]

"""A run keeps to the device that it is given. No GPU has run this yet."""

import pytest
import torch

from core.errors import Esp8kError
from training import data, fit, models
from training.fit import Trainer
from training.schedule import OPTIMIZERS, Recipe

NO_GPU = not torch.cuda.is_available()


def run(mnist: data.Data, optimizer: str, device: str) -> Trainer:
    """Two short epochs of v2."""
    part = mnist.train_images[:96], mnist.train_labels[:96]
    recipe = Recipe(epochs=2, batch=32, peak=0.01, optimizer=optimizer)
    torch.manual_seed(0)
    with torch.device("cpu"):
        model = models.build("v2")
    trainer = Trainer(model, *part, recipe, 0, device)
    for _ in range(recipe.epochs):
        trainer.run_epoch()
    return trainer


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_tensor_is_made_where_nobody_said(
    optimizer: str, mnist: data.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told no place goes to a device without values, where a step fails."""
    monkeypatch.setattr(fit, "fuse", lambda _model: None)
    plain = run(mnist, optimizer, "cpu").weights()
    with torch.device("meta"):
        placed = run(mnist, optimizer, "cpu").weights()
    assert all(torch.equal(plain[name], placed[name]) for name in plain)


@pytest.mark.skipif(NO_GPU, reason="no GPU")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_gpu_learns_what_the_processor_learns(
    optimizer: str, mnist: data.Data
) -> None:
    here, there = (run(mnist, optimizer, device) for device in ("cpu", "cuda"))
    assert there.history[0].loss == pytest.approx(here.history[0].loss, rel=1e-3)
    assert all(tensor.is_cuda for tensor in there.weights().values())


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU")
def test_a_missing_gpu_is_named_with_its_cure(mnist: data.Data) -> None:
    with pytest.raises(Esp8kError, match="there is no GPU") as caught:
        run(mnist, "adamw", "cuda")
    assert "CUDA build" in caught.value.hint

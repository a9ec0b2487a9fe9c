"""Sharpness-aware steps: the slope of the worst place nearby, from where one stands."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from training import data, models
from training.augment import Affine
from training.fit import Trainer, normalise, prepare
from training.recipes import recipe
from training.schedule import Recipe

RADIUS = 0.07
STILL = Affine(degrees=0, scale=0, shear=0, shift=0)


def slope(model: torch.nn.Module, views: Tensor, labels: Tensor) -> list[Tensor]:
    return list(
        torch.autograd.grad(
            cross_entropy(model(views), labels), list(model.parameters())
        )
    )


def test_a_step_goes_down_the_slope_of_the_worst_place_nearby(mnist: data.Data) -> None:
    images, labels = mnist.train_images[:64], mnist.train_labels[:64]
    torch.manual_seed(0)
    model, twin = models.build("v1"), models.build("v1")
    twin.load_state_dict(model.state_dict())
    step = Recipe(epochs=1, batch=64, peak=2.5, warmup=1.0, ema=0.0, affine=STILL)
    one = replace(step, sharpness=RADIUS)
    trainer = Trainer(model, images, labels, one, 0)
    trainer.optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    rate = trainer.run_epoch().learning_rate

    views, wanted = normalise(prepare(images)), torch.from_numpy(labels).long()
    here = slope(twin, views, wanted)
    norm = torch.sqrt(sum((g**2).sum() for g in here) + torch.zeros(()))
    start = [w.detach().clone() for w in twin.parameters()]
    with torch.no_grad():
        for weight, g in zip(twin.parameters(), here, strict=True):
            weight += RADIUS * g / norm
    above = slope(twin, views, wanted)
    moved = 0.0
    for found, w, g, flat in zip(model.parameters(), start, above, here, strict=True):
        assert torch.allclose(found, w - rate * g, rtol=0, atol=1e-6 * rate + 1e-7)
        moved = max(moved, float(rate * (g - flat).abs().max()))
    assert moved > 1e-4, "a plain step would have passed"


def test_only_v3_without_its_teacher_is_trained_so() -> None:
    assert recipe("v3", teacher=False).sharpness == RADIUS
    for model in models.MODELS:
        assert recipe(model).sharpness == 0.0
        assert "sharpness" not in recipe(model).record()

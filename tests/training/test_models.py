"""The networks are what the design says, to the parameter."""

from functools import partial

import pytest
import torch
from torch import nn

from core.errors import Esp8kError
from training import models
from training.layers import network

SIZES = {
    "v1": (7_762, 231_392),
    "v2": (7_890, 231_392),
    "v3": (7_896, 861_400),
    "v3-small": (7_660, 201_800),
}


@pytest.mark.parametrize("name", SIZES)
def test_the_designed_models_have_exactly_these_sizes(name: str) -> None:
    model = models.build(name)
    assert (models.parameters(model), models.macs(model)) == SIZES[name]


@pytest.mark.parametrize("name", models.BUILDERS)
def test_every_model_gives_ten_logits_and_stays_below_the_limit(name: str) -> None:
    model = models.build(name).eval()
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)
    assert models.parameters(model) < 8_000
    assert models.macs(model) <= 1_000_000


def test_counting_macs_leaves_the_model_as_it_was() -> None:
    model = models.build("v2").train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    models.macs(model)
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_pooling_before_the_activation_is_the_same_function() -> None:
    values = torch.randn(2, 8, 26, 26, generator=torch.Generator().manual_seed(0))
    pool, act = nn.MaxPool2d(2), nn.LeakyReLU(0.01)
    assert torch.equal(act(pool(values)), pool(act(values)))


def test_an_unknown_model_is_refused_with_the_known_names() -> None:
    with pytest.raises(Esp8kError, match="no model 'v9'") as caught:
        models.build("v9")
    assert "v1, v2, v3, v3-small" in caught.value.hint


def test_a_model_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.BUILDERS, "v1", lambda classes: nn.Linear(784, 11))
    with pytest.raises(Esp8kError, match="8,635 parameters"):
        models.build("v1")


@pytest.mark.parametrize(
    ("spec", "layer"),
    [("c9p c11p c12 gap", "AvgPool2d"), ("c9p d c9p fc", "groups"), ("r fc", "Resid")],
)
def test_what_float16_cannot_export_is_refused_before_it_is_trained(
    monkeypatch: pytest.MonkeyPatch, spec: str, layer: str
) -> None:
    monkeypatch.setitem(models.BUILDERS, "v1", partial(network, spec))
    with pytest.raises(Esp8kError, match=layer):
        models.build("v1")


def test_half_an_entry_says_which_half_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = models.BUILDERS
    one_more = known | {"v4": partial(network, "c6p c8 c16p c32 fc")}
    monkeypatch.setattr(models, "BUILDERS", one_more)
    with pytest.raises(Esp8kError, match="half entered") as caught:
        models.main([])
    assert "core/words.py" in caught.value.hint
    one_less = {name: made for name, made in known.items() if name != "v2"}
    monkeypatch.setattr(models, "BUILDERS", one_less)
    with pytest.raises(Esp8kError, match="no model 'v2'") as caught:
        models.main([])
    assert "training/models.py" in caught.value.hint

"""The search: specs mean what they say, and the test set stays unread."""

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import Esp8kError
from training import data, models
from training.layers import network
from training.studies import search


def test_the_spec_of_v2s_layers_is_v2_without_its_idle_biases() -> None:
    ours, spec = models.build("v2"), network("c8p c8 c16p c32 fc")
    plain = [str(layer).replace(", bias=False", "") for layer in spec]
    assert [str(layer) for layer in ours.children()] == plain


def test_overlapping_pools_keep_the_size_of_plain_ones() -> None:
    wide, plain = network("c10p4 c8 fc"), network("c10p c8 fc")
    pools = [layer for layer in wide if isinstance(layer, nn.MaxPool2d)]
    assert [str(p) for p in pools] == [str(nn.MaxPool2d(4, 2, 1))]
    assert models.parameters(wide) == models.parameters(plain)


@pytest.mark.parametrize(
    ("spec", "parameters", "macs"),
    [
        ("c8k5s2 c10 c14p c32 fc", 7_630, 198_848),
        ("c10 c10p c16 d c20p w12 fc", 6_952, 839_376),
        ("c9 c11p c12 c12 c13 c13 gap", 6_661, 844_726),
        ("c4p r fc", 4 * 9 + 8 + 16 * 9 + 8 + 676 * 10 + 10, 26 * 26 * 36 + 31_096),
    ],
)
def test_a_spec_has_the_size_counted_by_hand(
    spec: str, parameters: int, macs: int
) -> None:
    model = network(spec)
    assert (models.parameters(model), models.macs(model)) == (parameters, macs)


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(Esp8kError, match="no layer 'q3'"):
        network("c8 q3 fc")


def test_a_network_over_the_limit_is_refused() -> None:
    with pytest.raises(Esp8kError, match="parameters, the limit"):
        search.attempt(search.Config(spec="c8 fc"))


def test_an_attempt_never_sees_a_test_image(
    mnist: data.Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = data.Data(
        mnist.name,
        mnist.train_images,
        mnist.train_labels,
        np.full((0, 28, 28), 0, np.uint8),
        np.zeros(0, np.uint8),
        mnist.hash,
    )
    monkeypatch.setattr(data, "load", lambda: blind)
    config = search.Config(model="v2", epochs=1, images=640)
    result = search.attempt(config)
    assert set(result["validation"]) == {"raw", "0.99", "0.996", "0.998", "0.999"}
    assert result["validation"]["raw"]["loss"] > 0
    assert search.attempt(config) == result  # the same seed, the same answer
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    "given",
    [("--images", "-5"), ("--seed", "-1"), ("--peak", "nan"), ("--warmup", "2")],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    given: tuple[str, str],
) -> None:
    """-5 images were all but five, a rate of NaN was kept as a result."""
    with pytest.raises(Esp8kError, match=f"{given[0]} .* is out of range"):
        search.main(given)

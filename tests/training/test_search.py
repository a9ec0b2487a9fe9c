"""The search: specs mean what they say, and the test set stays unread."""

import numpy as np
import pytest
import torch

from training import data, models, search
from training.errors import Esp8kError


def test_the_spec_of_v3_is_v3() -> None:
    ours, spec = models.build("v3"), search.network("c10 c10p c14 c18p c16 fc")
    assert [str(a) for a in ours.children()] == [str(b) for b in spec.children()]


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
    model = search.network(spec)
    assert (models.parameters(model), models.macs(model)) == (parameters, macs)


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(Esp8kError, match="no layer 'q3'"):
        search.network("c8 q3 fc")


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

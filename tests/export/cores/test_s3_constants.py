"""The constants of the ESP32-S3's kernels, on all that they are used for."""

from dataclasses import replace

import numpy as np
import pytest

from core.words import MODELS
from export.arithmetic import int8 as arithmetic
from export.cores.s3 import add, lines, requant, rising
from export.graph.fusion import plan_stages
from tests.support.components import Networks

EACH = [
    model if model in ("v2", "v3") else pytest.param(model, marks=pytest.mark.slow)
    for model in MODELS
]


def channel(constants: requant.Constants, c: int) -> requant.Constants:
    """Those of one channel."""
    one = {
        name: getattr(constants, name)[c : c + 1]
        for name in ("offset", "multiplier", "border", "back")
    }
    return replace(constants, **one)


@pytest.mark.parametrize("model", EACH)
def test_requantisation_is_exact_on_every_sum(model: str, networks: Networks) -> None:
    for stage in plan_stages(networks(model)[0]):
        steps = rising.weighted(stage) if stage.weighs else None
        if steps is None:
            continue
        constants = requant.solve(steps)
        assert constants is not None
        mantissa, shift = arithmetic.channel_multipliers(stage.network, stage.head)
        zero = stage.head_output.zero_point
        for c in range(len(steps.real)):
            sums = np.arange(steps.least[c], steps.greatest[c] + 1)
            total = sums - steps.turn[c]
            exact = arithmetic.requantize(total, mantissa[c], shift[c]) + zero
            (found,) = channel(constants, c).apply(sums[None])
            np.testing.assert_array_equal(found, arithmetic.clamp(exact))


def test_a_channel_that_gives_one_value_has_constants() -> None:
    least = np.array([-500, -500])
    values = np.array([[127], [-128]])
    steps = rising.stepped(
        lambda sums: np.broadcast_to(values, sums.shape),
        np.array([1.0, 1.0]),
        least,
        -least,
        0 * least,
    )
    constants = requant.solve(steps)
    assert constants is not None
    sums = np.broadcast_to(np.arange(-500, 501), (2, 1001))
    assert (constants.apply(sums) == values).all()


def test_lines_are_found_for_what_rises_in_two_slopes_only() -> None:
    q = np.arange(-128, 128)
    leaky = np.clip(np.where(q >= -20, q + 20, (q + 20) // 8) - 30, -128, 127)
    found = lines.find(leaky, -20)
    assert found is not None
    np.testing.assert_array_equal(found.apply(q), leaky)
    assert lines.find(np.where(q < 0, 5, 3), 0) is None
    assert lines.find(np.rint(127 * np.tanh(q / 40)), 0) is None


def test_the_factors_of_an_offset_lie_in_its_range() -> None:
    one, other = add.factors(123_456_000, 123_456_040) or (0, 0)
    assert 123_456_000 <= one * other <= 123_456_040
    assert add.factors(7, 6) is None

"""By which powers of two a float16 network's weights and inputs are scaled."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import Esp8kError
from export.arithmetic import float16 as arithmetic
from export.arithmetic import float16_scales
from export.graph.fusion import plan_stages
from export.graph.network import Network
from tests.support.components import Networks


def scaled(network: Network, factor: float) -> Network:
    """All weights times a power of two."""
    tensors = list(network.tensors)
    for op in network.operators:
        if op.kind in ("CONV_2D", "FULLY_CONNECTED"):
            tensor = tensors[op.inputs[1]]
            assert tensor.data is not None
            data = (tensor.data.astype(np.float32) * factor).astype(np.float16)
            tensors[op.inputs[1]] = replace(tensor, data=data)
    return replace(network, tensors=tuple(tensors))


def test_tiny_values_go_only_where_they_could_become_subnormal(
    networks: Networks,
) -> None:
    found = {}
    for model in ("v1", "v2"):
        network = networks(model)[1]
        found[model] = arithmetic.flushed(plan_stages(network))
    # v1 has no slope, whose 24 bits make the grid finer
    assert found == {"v1": {3}, "v2": {1, 3}}


def test_inputs_are_as_much_too_large_as_weights_are_too_small(
    networks: Networks,
) -> None:
    network = networks("v2")[1]
    stages = plan_stages(network)
    found = float16_scales.plan(stages)
    assert found.weights.keys() == {1, 2, 3, 4}
    for stage in stages[1:]:
        power = found.weights[stage.number]
        assert power + found.outputs[stage.number - 1] == float16_scales.MISSING
        stored = np.ldexp(arithmetic.constant(network, stage.head.inputs[1]), power)
        assert 2.0**15 <= np.abs(stored).max() < 2.0**16
        assert np.abs(stored[stored != 0]).min() >= 2.0**-14


def test_inputs_that_might_be_too_large_then_stay_as_they_are(
    networks: Networks,
) -> None:
    network = scaled(networks("v2")[1], 2.0**8)
    stages = plan_stages(network)
    assert arithmetic.largest(stages)[3] > 2.0**40
    assert float16_scales.plan(stages).weights.keys() == {1}


@pytest.mark.parametrize(
    ("values", "log2"),
    [([1.0, 3.0], 0), ([0.0], 0), ([0.75, 4], -2), ([1 / 255], -31), ([2.0**-24], -24)],
)
def test_the_least_bit_is_the_lowest_of_all(values: list[float], log2: int) -> None:
    assert arithmetic.least_bit(np.array(values, np.float32)) == log2


def test_values_that_may_leave_float32_are_refused(networks: Networks) -> None:
    network = scaled(networks("v2")[1], 2.0**12)
    arithmetic.largest(plan_stages(network))
    deep = [*plan_stages(network)[:4]] * 3
    with pytest.raises(Esp8kError, match="too large for float32"):
        arithmetic.largest(tuple(deep))

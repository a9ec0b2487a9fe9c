"""What a hook saw of an engine, against the oracle's values."""

import numpy as np

from core.pixels import to_bytes
from export.graph.network import Network
from export.plan.record import Plan
from export.reference import int8


def assert_as_expected(
    seen: dict[int, np.ndarray], plan: Plan, network: Network, pixels: np.ndarray
) -> None:
    """Hold all stages of the int8 engine to the oracle; `pixels`: q, a batch of one."""
    values = int8.run(network, pixels)
    assert len(seen) == len(plan.engine("int8"))
    for stage in plan.engine("int8"):
        height, width, channels = stage.shape
        full = values[stage.tensor][0].reshape(-1, *_width(network, stage.tensor))
        required = full[:height, :width].reshape(-1)
        if stage.representation.startswith("u8"):
            required = to_bytes(required)
        np.testing.assert_array_equal(seen[stage.number], required.view(np.uint8))


def _width(network: Network, tensor: int) -> tuple[int, int]:
    shape = network.tensors[tensor].shape
    return (shape[2], shape[3]) if len(shape) == 4 else (1, shape[-1])

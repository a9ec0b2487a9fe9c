"""What each stage must give, for whoever compares: `bisect`, and tests.

    expected = stage_outputs(plan, network, image)    # one array a stage

Of each value the part that is required, as the C's hook sees it: bytes as u = q + 128.
"""

import numpy as np

from core.pixels import to_bytes, to_int8
from export.graph.geometry import hwc
from export.graph.network import Network
from export.plan.record import Plan
from export.reference import float16, int8


def stage_outputs(plan: Plan, network: Network, image: np.ndarray) -> list[np.ndarray]:
    """What each stage must give for one image of raw bytes: the required region.

    The engine is that of `network`: uint8 arrays (int8 for the logits) or float32,
    too large by a power of two where the stage's plan says so.
    """
    pixels = np.asarray(image, np.uint8).reshape(1, -1)
    if network.tensors[network.inputs[0]].dtype == "int8":
        engine = "int8"
        values = int8.run(network, to_int8(pixels))
    else:
        engine = "f16"
        values = float16.run(network, pixels)
    found = []
    for stage in plan.engine(engine):
        height, width, _ = stage.shape
        full = values[stage.tensor][0].reshape(hwc(network.tensors[stage.tensor].shape))
        region = full[:height, :width]
        if stage.power:
            region = np.ldexp(region, stage.power)
        if stage.representation.startswith("u8"):
            region = to_bytes(region)
        found.append(np.ascontiguousarray(region))
    return found

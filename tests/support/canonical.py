"""Ways of saying a thing in a .tflite, made one way: held to TensorFlow Lite Micro."""

import numpy as np

from export.frontend.canonical.ends import from_core, to_outer
from export.frontend.support import core_of, require_supported
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tools.bench.drawn.tflite_builder import TfliteBuilder

COUNT = 12  # inputs
B = TfliteBuilder


def held(model: bytes, ends: str = "int8") -> list[str]:
    """The canonical operators, whose reference equals TFLite Micro."""
    network, found = core_of(read_tflite(model, "net"))
    require_supported(network)
    assert found.inputs[0].outer == ends
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-128, 128, (COUNT, *e.shape[1:])) for e in found.inputs]
    inputs = [x.astype(np.int8) for x in inputs]
    answer = int8.sequence(network, inputs)
    if tflm.available():
        outer = [to_outer(e, x) for e, x in zip(found.inputs, inputs, strict=True)]
        oracle = tflm.sequence(model, outer, len(found.outputs))
        for end, ours, theirs in zip(found.outputs, answer, oracle, strict=True):
            mine = from_core(end, ours).reshape(COUNT, -1)
            assert np.array_equal(mine, theirs)
    return [op.kind for op in network.operators]


def whole(b: B, *values: int) -> int:
    """A constant of whole numbers."""
    data = np.array(values, np.int32)
    return b.tensor(data.shape, None, 0, data, "int32")

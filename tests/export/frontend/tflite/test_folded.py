"""What follows from shapes alone, in a float .tflite."""

import numpy as np

from export.frontend.tflite import folded
from export.frontend.tflite.run import run
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder


def test_what_shapes_alone_lead_to_is_constant_before_it_is_quantized() -> None:
    b = TfliteBuilder()
    start, end = (b.tensor((1, 2, 3), dtype="float32") for _ in range(2))
    shape, whole = (b.tensor((3,), dtype="int32") for _ in range(2))
    wide = b.tensor((3,), dtype="int64")
    b.operator("SHAPE", [start], shape, outType=2)
    b.operator("CAST", [shape], wide)
    b.operator("CAST", [wide], whole)
    b.operator("RESHAPE", [start, whole], end)
    model = folded.by_shapes(b.build([start], [end]))
    network = read_tflite(model, "net")
    assert [op.kind for op in network.operators] == ["RESHAPE"]
    assert network.tensors[whole].data.tolist() == [1, 2, 3]
    values = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    assert np.array_equal(run(model, (values,))[0], values)
    assert folded.by_shapes(model) == model

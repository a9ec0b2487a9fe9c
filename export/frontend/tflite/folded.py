"""A float .tflite in which what follows from shapes alone is constant.

    raw = folded.by_shapes(raw)

Converters leave SHAPE, CAST and others in front of a RESHAPE. TensorFlow's quantizer
does not know all of them, whatever they compute.
"""

from export.frontend.canonical import static
from export.graph.flatbuffer import drop_unused_codes, packed, stored, unpacked
from export.graph.read import read_tflite

WHOLE = ("int32", "int64")


def by_shapes(raw: bytes) -> bytes:
    """The same model; its own bytes where there is nothing to compute."""
    network = read_tflite(raw, "float")
    known = {
        after.index: after.data
        for before, after in zip(
            network.tensors, static.fold(network).tensors, strict=True
        )
        if before.data is None and after.data is not None and after.dtype in WHOLE
    }
    if not known:
        return raw
    model = unpacked(raw)
    graph = model.subgraphs[0]
    for index, data in known.items():
        graph.tensors[index].buffer = stored(model, data)
    graph.operators = [
        op for op in graph.operators if not known.keys() >= {int(i) for i in op.outputs}
    ]
    drop_unused_codes(model)
    return packed(model)

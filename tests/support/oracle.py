"""TensorFlow Lite Micro as the oracle, tensor by tensor.

`compare(model, images, label)` makes every intermediate tensor an output of the
graph, so that each operator is seen by itself and not only what later ones let through,
also where the graph ends in a DEQUANTIZE.
"""

import numpy as np

from export.graph.flatbuffer import packed, unpacked
from export.graph.read import read_tflite
from export.reference import int8, tflm


def exposed(model: bytes) -> bytes:
    """The model with the result of every operator among its outputs."""
    content = unpacked(model)
    graph = content.subgraphs[0]
    last = list(graph.outputs)
    inner = [int(op.outputs[0]) for op in graph.operators]
    graph.outputs = np.array(last + [i for i in inner if i not in last], np.int32)
    return packed(content)


def outputs(model: bytes, images: np.ndarray) -> list[np.ndarray]:
    """Every output of the graph by TFLite Micro, each (N, ...)."""
    interpreter = tflm.interpreter(model)
    count = len(read_tflite(model, "").outputs)
    rows = []
    for image in images:
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        rows.append([interpreter.get_output(i).copy()[0] for i in range(count)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def compare(model: bytes, images: np.ndarray, label: str) -> dict[int, np.ndarray]:
    """Assert that the reference equals the oracle; the oracle's values by tensor."""
    open_model = exposed(model)
    network = read_tflite(open_model, label)
    values = int8.run(network, images)
    makers = {op.outputs[0]: op for op in network.operators}
    found = outputs(open_model, images)
    expected = dict(zip(network.outputs, found, strict=True))
    for index, op in makers.items():  # the first difference names the culprit
        differing = int((values[index] != expected[index]).sum())
        assert differing == 0, (
            f"{label}: {op.kind} {op.attributes}, tensor {index}: "
            f"{differing} of {values[index].size} values differ"
        )
    return expected

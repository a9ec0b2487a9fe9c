"""A float .tflite's constants, as TensorFlow's quantizer can do no harm to them."""

from copy import copy
from typing import Any

import numpy as np

from export.frontend.tflite.real import scale_of
from export.graph.flatbuffer import packed, stored, unpacked
from export.graph.kinds import LSTM
from export.graph.options import kind_of

BIASES = {  # where operators have them among their inputs
    **dict.fromkeys(("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"), (2,)),
    "TRANSPOSE_CONV": (3,),
    LSTM: range(12, 16),
}


def with_own_constants(raw: bytes) -> bytes:
    """The same model with a bias for every operator, and bytes for every constant.

    A bias's scale is that of the input times that of the weights; a layer that is used
    twice, for inputs of two scales, would have the first one's for both. And where two
    constants share their bytes, as converters write equal ones, TensorFlow would read
    what it has made of the first as the second's real numbers.
    """
    model = unpacked(raw)
    held: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if tensor.buffer in held and data is not None:
                tensor.buffer = stored(model, np.array(data, np.uint8))
            held.add(tensor.buffer)
        seen: set[int] = set()
        for op in graph.operators:
            kind = kind_of(model.operatorCodes[op.opcodeIndex])
            op.inputs = np.array(op.inputs, np.int32)
            for place in BIASES.get(kind, ()):
                if place < len(op.inputs) and op.inputs[place] in seen:
                    op.inputs[place] = _twin(model, graph, op.inputs[place])
                seen.update(map(int, op.inputs[place : place + 1]))
    return packed(model)


def _twin(model: Any, graph: Any, index: int) -> int:
    """Another tensor of a constant's values; what is no constant has none."""
    if index < 0:
        return index
    data = model.buffers[graph.tensors[index].buffer].data
    if data is None or len(data) == 0:
        return index
    twin = copy(graph.tensors[index])
    twin.buffer = stored(model, np.array(data, np.uint8))
    graph.tensors.append(twin)
    return len(graph.tensors) - 1


def with_scaled_zeros(raw: bytes) -> bytes:
    """The same quantized model; of 16 bits a constant of zeros has the scale 0.

    Nobody takes that. Any will do; that of what it is added to leaves that its bits.
    """
    model = unpacked(raw)
    for graph in model.subgraphs:
        for op in graph.operators:
            ends = [graph.tensors[i] for i in op.outputs]
            for tensor in (graph.tensors[i] for i in op.inputs if i >= 0):
                data, scale = model.buffers[tensor.buffer].data, scale_of(tensor)
                if data is None or scale is None or scale.any() or np.any(data):
                    continue
                for end in ends:
                    tensor.quantization.scale = scale_of(end)
    return packed(model)

"""A .tflite that is quantized otherwise than here, as floating point again.

    what = otherwise(network)   # "uint8, as TensorFlow 1 did", or None
    raw = floats(raw)

TensorFlow 1 quantized to uint8, with a zero point of the weights; a converter can make
activations of int16. Of uint8 the engine has what `export.frontend.canonical.unsigned`
takes, of int16 some operators. In floating point such a model is quantized anew, by
calibration inputs, and what that costs is told.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from export.frontend.support import integer_core, require_supported
from export.frontend.tflite.real import real, scale_of
from export.graph.flatbuffer import drop_unused_codes, packed, stored, unpacked
from export.graph.kinds import LSTM, QUANTIZE_KINDS
from export.graph.network import Network
from export.graph.options import kind_of

TYPES: dict[int, Any] = {
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT64: np.dtype(np.int64),
}
STATEFUL = (LSTM, "SVDF")  # they hold int16 in any case
TOLD = {"uint8": "to uint8, as TensorFlow 1 did", "int16": "to int16 activations"}


def otherwise(network: Network, anew: bool = False) -> str | None:
    """How a model is quantized that is not to int8, and not taken as it is.

    `anew`: there are inputs to quantize int16 by, which takes half the memory.
    """
    kind = held(network)
    if kind is None or (kind == "uint8" or not anew) and obstacle(network) is None:
        return None
    return TOLD[kind]


def held(network: Network) -> str | None:
    """The type of a model's values, where it is not int8: uint8 or int16."""
    kinds = {op.kind for op in network.operators}
    if kinds.intersection(STATEFUL):
        return None
    for op in network.operators:
        if op.kind in QUANTIZE_KINDS or not op.outputs:
            continue
        end = network.tensors[op.outputs[0]]
        if end.quant is not None and end.dtype in TOLD:
            return end.dtype
    return None


def obstacle(network: Network) -> Esp8kError | None:
    """Why the engine does not take a model as it is."""
    try:
        require_supported(integer_core(network))
    except Esp8kError as error:
        return error
    return None


def reach(network: Network) -> str:
    """From which to which number its first input reaches."""
    end = network.tensors[network.inputs[0]]
    if end.quant is None or end.dtype not in TOLD:
        return ""
    least, most = np.iinfo(end.dtype).min, np.iinfo(end.dtype).max
    low, high = (float(end.scale) * (q - end.zero_point) for q in (least, most))
    return f"from {low:.4g} to {high:.4g}"


def floats(raw: bytes) -> bytes:
    """The same model in float32: every quantized value is a real one."""
    model = unpacked(raw)
    for graph in model.subgraphs:
        for op in graph.operators:
            _give_bias_a_scale(model, graph, op)
        for tensor in graph.tensors:
            _make_real(model, tensor)
        _drop_between(model, graph)
    drop_unused_codes(model)
    return packed(model)


def _give_bias_a_scale(model: Any, graph: Any, op: Any) -> None:
    """That of the products, where the file leaves it out."""
    if len(op.inputs) != 3 or op.inputs[2] < 0:
        return
    source, weights, bias = (graph.tensors[i] for i in op.inputs)
    both = scale_of(source), scale_of(weights)
    if bias.type != schema.TensorType.INT32 or scale_of(bias) is not None:
        return
    if both[0] is None or both[1] is None:
        return
    bias.quantization = schema.QuantizationParametersT()
    bias.quantization.scale = both[0] * both[1]


def _make_real(model: Any, tensor: Any) -> None:
    """float32 in place of what has a scale."""
    if scale_of(tensor) is None or tensor.type not in TYPES:
        return
    data = model.buffers[tensor.buffer].data
    if data is not None and len(data):
        values = np.frombuffer(bytes(data), TYPES[tensor.type])
        tensor.buffer = stored(model, real(values, tensor))
    tensor.type, tensor.quantization = schema.TensorType.FLOAT32, None


def _drop_between(model: Any, graph: Any) -> None:
    """QUANTIZE and DEQUANTIZE do nothing to real numbers."""
    same: dict[int, int] = {}
    kept = []
    for op in graph.operators:
        op.inputs = np.array([same.get(int(i), int(i)) for i in op.inputs], np.int32)
        if kind_of(model.operatorCodes[op.opcodeIndex]) in QUANTIZE_KINDS:
            same[int(op.outputs[0])] = int(op.inputs[0])
        else:
            kept.append(op)
    graph.operators = kept
    graph.outputs = np.array([same.get(int(i), int(i)) for i in graph.outputs])

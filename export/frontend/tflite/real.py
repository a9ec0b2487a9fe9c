"""Stored integers and halves of a .tflite as the real numbers they stand for.

raw = with_float_constants(raw)     # float16 and dynamic-range weights as float32
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import drop_unused_codes, packed, stored, unpacked
from export.graph.options import kind_of

HALF, SINGLE, BYTE = (
    schema.TensorType.FLOAT16,
    schema.TensorType.FLOAT32,
    schema.TensorType.INT8,
)


def with_float_constants(raw: bytes) -> bytes:
    """The same model with every stored weight as float32."""
    model = unpacked(raw)
    for graph in model.subgraphs:
        kept = []
        for op in graph.operators:
            kind = kind_of(model.operatorCodes[op.opcodeIndex])
            if kind == "DEQUANTIZE" and _widen(
                model, graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
            ):
                continue
            if any(graph.tensors[i].type == SINGLE for i in op.outputs):
                for index in op.inputs:
                    if index >= 0:
                        _widen(model, graph.tensors[index], graph.tensors[index])
            kept.append(op)
        graph.operators = kept
    drop_unused_codes(model)
    return packed(model)


def _widen(model: Any, source: Any, target: Any) -> bool:
    """Give `target` the float32 values of a constant `source`; false if it is none."""
    data = model.buffers[source.buffer].data
    if data is None or len(data) == 0 or source.type not in (HALF, BYTE):
        return False
    if source.type == HALF:
        values = np.frombuffer(bytes(data), np.float16).astype(np.float32)
    else:
        if scale_of(source) is None:
            return False
        values = real(np.frombuffer(bytes(data), np.int8), source)
    target.buffer = stored(model, values)
    target.type, target.quantization = SINGLE, None
    return True


def scale_of(tensor: Any) -> np.ndarray | None:
    """A tensor's scale, or those of its channels; None where it is not quantized."""
    q = tensor.quantization
    if q is None or q.scale is None or len(q.scale) == 0:
        return None
    return np.asarray(q.scale, np.float32)


def real(flat: np.ndarray, tensor: Any) -> np.ndarray:
    """The real numbers that the values of a quantized tensor stand for, float32."""
    scale, q = scale_of(tensor), tensor.quantization
    assert scale is not None
    values = flat.reshape(tensor.shape).astype(np.float64)
    zero = np.zeros(len(scale), np.float64)
    if q.zeroPoint is not None and len(q.zeroPoint):
        zero[:] = q.zeroPoint
    shape = [1] * values.ndim
    if len(scale) > 1:
        shape[q.quantizedDimension if values.ndim > 1 else 0] = len(scale)
    found = (values - zero.reshape(shape)) * scale.reshape(shape)
    return np.asarray(found, np.float32)

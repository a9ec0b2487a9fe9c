"""A .tflite as a `Network`: typed values in place of the schema's objects.

    from export.graph.read import read_tflite
    network = read_tflite("build/v2/model_int8.tflite", "v2")

Integer models come through unchanged. In a float16 model the DEQUANTIZE of each
constant is collapsed: the tensor that the operator reads becomes the float16
constant itself. `export.graph.options` reads what operators are told.
"""

import dataclasses
import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from core.inputs import MODEL_BYTES, read_bytes
from core.text import one_line
from export.graph.anew import is_marked
from export.graph.attributes import Along, Handle, Once
from export.graph.flatbuffer import is_tflite, unpacked
from export.graph.network import (
    ELEMENTS,
    Network,
    Operator,
    Quant,
    Tensor,
    numbered,
    resolved,
)
from export.graph.options import kind_of, options
from export.graph.sparse import unpack

DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT32: "int32",
    schema.TensorType.INT64: "int64",
    schema.TensorType.UINT8: "uint8",
    schema.TensorType.INT8: "int8",
    schema.TensorType.INT16: "int16",
    schema.TensorType.BOOL: "bool",
}


def read_tflite(source: Path | str | bytes, name: str) -> Network:
    """Read a .tflite file, or its bytes."""
    if isinstance(source, bytes):
        label, raw = name, source
    else:
        label = one_line(Path(source).name)
        raw = read_bytes(Path(source), MODEL_BYTES, "a .tflite")
    if len(raw) < 16 or not is_tflite(raw):
        raise Esp8kError(
            f"{label} is not a .tflite file",
            "a .tflite carries the identifier TFL3 in bytes 4 to 7",
        )
    try:
        return _network(raw, name)
    except Esp8kError:
        raise
    except Exception as error:  # the flatbuffers reader raises whatever it meets
        raise Esp8kError(
            f"{label} is damaged or cut short ({len(raw)} bytes)",
            "make it again: make export, or convert the model again",
        ) from error


def _network(raw: bytes, name: str) -> Network:
    """What the flatbuffer holds; raises anything where it is damaged."""
    model = unpacked(raw)
    graph = model.subgraphs[0]
    tensors = [_tensor(model, raw, i, t) for i, t in enumerate(graph.tensors)]
    kinds = [kind_of(code) for code in model.operatorCodes]
    operators = [
        _operator(kinds, tensors, op)
        for op in ([] if graph.operators is None else graph.operators)
    ]
    ends = _indices(graph.inputs), _indices(graph.outputs)
    initial = _initial(model, raw, kinds, operators)
    count = len(tensors)
    used = [i for op in operators for i in (*op.inputs, *op.outputs)]
    if any(not -1 <= i < count for i in (*used, *ends[0], *ends[1])):
        raise IndexError("an operator or an end names a tensor that there is not")
    tensors, operators = _collapse_float16(tensors, operators)
    return Network(
        name=name,
        tensors=tuple(tensors),
        operators=numbered(operators),
        inputs=ends[0],
        outputs=ends[1],
        sha256=hashlib.sha256(raw).hexdigest(),
        initial=initial,
        anew=is_marked(model),
    )


def _initial(
    model: Any, raw: bytes, kinds: list[str], operators: list[Operator]
) -> dict[str, np.ndarray]:
    """What CALL_ONCE's subgraphs assign to variables, by the variable's name."""
    found: dict[str, np.ndarray] = {}
    for once in operators:
        if once.kind != "CALL_ONCE":
            continue
        graph = model.subgraphs[once.told(Once).subgraph]
        tensors = [_tensor(model, raw, i, t) for i, t in enumerate(graph.tensors)]
        names: dict[int, str] = {}
        for packed in graph.operators:
            op = _operator(kinds, tensors, packed)
            if op.kind == "VAR_HANDLE":
                names[op.outputs[0]] = op.told(Handle).name
            elif op.kind == "ASSIGN_VARIABLE":
                data = tensors[op.inputs[1]].data
                if data is None or op.inputs[0] not in names:
                    raise Esp8kError(
                        f"CALL_ONCE: it computes what {names.get(op.inputs[0])} holds",
                        "give the variable a constant as its first value",
                    )
                found[names[op.inputs[0]]] = data
            else:
                raise Esp8kError(
                    f"CALL_ONCE: its subgraph has {op.kind}",
                    "give the variables constants as their first values",
                )
    return found


def _indices(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(v) for v in values)


def _tensor(model: Any, raw: bytes, index: int, t: Any) -> Tensor:
    name = t.name.decode("utf-8", "replace") if t.name else str(index)
    shape = _indices(t.shape)
    dtype = DTYPES.get(t.type, f"type {t.type}")
    if min(shape, default=1) < 0 or math.prod(shape) > ELEMENTS:
        raise Esp8kError(
            f"tensor {index} ({one_line(name)}) has the shape {shape}",
            "give the model a fixed input shape: keras.Input(shape, batch_size=1)",
        )
    return Tensor(
        index,
        one_line(name),
        shape,
        dtype,
        _quant(t, shape),
        _data(model, raw, t, shape),
        _indices(t.shapeSignature),
    )


def _quant(t: Any, shape: tuple[int, ...]) -> Quant | None:
    q = t.quantization
    if q is None or q.scale is None or len(q.scale) == 0:
        return None
    scale = np.asarray(q.scale, np.float32)
    zero = np.zeros(len(scale), np.int64)
    if q.zeroPoint is not None:
        zero[:] = q.zeroPoint  # one for all, or one each
    axis = int(q.quantizedDimension)
    if len(shape) == 1:  # a bias: converters name the weights' dimension there
        axis = 0
    if len(scale) > 1 and not 0 <= axis < len(shape):
        raise ValueError("quantized along a dimension that there is not")
    return Quant(scale, zero, axis)


def _data(model: Any, raw: bytes, t: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    buffer = model.buffers[t.buffer]
    if buffer.size:  # stored behind the flatbuffer
        content = raw[buffer.offset : buffer.offset + buffer.size]
    elif buffer.data is None or len(buffer.data) == 0:
        return None
    else:
        content = bytes(buffer.data)
    if t.sparsity is not None:
        return unpack(np.frombuffer(content, DTYPES[t.type]), t.sparsity, shape)
    data = np.frombuffer(content, DTYPES[t.type]).reshape(shape)
    data.flags.writeable = False
    return data


def _operator(kinds: list[str], tensors: list[Tensor], op: Any) -> Operator:
    kind = kinds[op.opcodeIndex]
    inputs, outputs = _indices(op.inputs), _indices(op.outputs)
    a = options(kind, op.builtinOptions)
    if kind == "MEAN" or kind == "PAD":
        a = resolved(a, tensors[inputs[0]], tensors[inputs[1]])
    elif isinstance(a, Along) and kind == "CONCATENATION":
        axis = a.axis % len(tensors[outputs[0]].shape)
        a = dataclasses.replace(a, axis=axis)
    return Operator(-1, kind, inputs, outputs, a)


def _collapse_float16(
    tensors: list[Tensor], operators: list[Operator]
) -> tuple[list[Tensor], list[Operator]]:
    """Let operators read float16 constants without the DEQUANTIZE between."""
    tensors = list(tensors)
    kept = []
    for op in operators:
        source = tensors[op.inputs[0]] if op.inputs else None
        half = source is not None and source.dtype == "float16"
        if op.kind == "DEQUANTIZE" and half and source is not None:
            target = tensors[op.outputs[0]]
            tensors[target.index] = dataclasses.replace(
                target, dtype="float16", data=source.data
            )
        else:
            kept.append(op)
    return tensors, kept

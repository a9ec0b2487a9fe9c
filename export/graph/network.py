"""The graph of a .tflite as plain dataclasses: what every later stage reads.

    from export.graph.network import read_tflite
    network = read_tflite("build/v2/model_int8.tflite", "v2")

Integer models come through unchanged. In a float16 model the DEQUANTIZE of each
constant is collapsed: the tensor that the operator reads becomes the float16
constant itself. Nothing here knows any arithmetic; see `export.arithmetic.int8`.
"""

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from core.inputs import MODEL_BYTES, read_bytes
from core.text import one_line
from export.graph.attributes import (
    Along,
    Attributes,
    Handle,
    Once,
    Padding,
    Pool,
    Reduction,
    Window,
)
from export.graph.kinds import CHANNEL_TABLE, MAC_KINDS
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
Family = TypeVar("Family", bound=Attributes)
ELEMENTS = 1 << 28  # of one tensor: more is no microcontroller's


@dataclass(frozen=True, eq=False)
class Quant:
    """real = scale * (q - zero_point), per tensor (1,) or per channel (C,)."""

    scale: np.ndarray  # float32, (1,) or (C,)
    zero_point: np.ndarray  # int64, same shape
    axis: int  # the channel's dimension; meaningless for a per-tensor scale


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value of the graph; `data` is there for constants only."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str  # int8 | int32 | float32 | float16 | ...
    quant: Quant | None
    data: np.ndarray | None
    signature: tuple[int, ...] = ()  # the shape, -1 for lengths that were left open

    @property
    def scale(self) -> np.float32:
        """The one scale of a per-tensor quantized value."""
        return np.float32(self._quant().scale[0])

    @property
    def zero_point(self) -> int:
        """The one zero point of a per-tensor quantized value."""
        return int(self._quant().zero_point[0])

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """What it takes in memory, where it is a value of the int8 engine."""
        return self.size * (2 if self.dtype == "int16" else 1)

    def _quant(self) -> Quant:
        if self.quant is None:
            raise Esp8kError(
                f"tensor {self.index} ({self.name}) has no quantization",
                "convert the model with full integer quantization (int8 in and out)",
            )
        return self.quant


@dataclass(frozen=True, eq=False)
class Operator:
    """One step; inputs and outputs are tensor indices, -1 for an absent one."""

    index: int
    kind: str  # TFLite's builtin name, CONV_2D
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    attributes: Attributes

    @property
    def shown(self) -> str:
        """Its kind; of a table for each channel, what it was made of."""
        return self.attributes.of if self.kind == CHANNEL_TABLE else self.kind

    def told(self, family: type[Family]) -> Family:
        """Its attributes, which are of the family that its kind has."""
        assert isinstance(self.attributes, family), self.kind
        return self.attributes


@dataclass(frozen=True, eq=False)
class Variable:
    """A value that one call leaves for the next one."""

    name: str
    read: int  # tensor that holds the old value
    written: int  # tensor that holds the new value
    initial: np.ndarray  # int8 or int16, what it holds before the first call


@dataclass(frozen=True, eq=False)
class Network:
    """A whole model, operators in execution order."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sha256: str  # of the file
    variables: tuple[Variable, ...] = ()
    initial: Mapping[str, np.ndarray] = field(default_factory=dict)  # VAR_HANDLE's

    @property
    def ends(self) -> tuple[int, ...]:
        """What outlives a call: outputs, and the new values of variables."""
        return (*self.outputs, *(v.written for v in self.variables))

    @property
    def starts(self) -> tuple[int, ...]:
        """What is there before a call: inputs, and the old values of variables."""
        return (*self.inputs, *(v.read for v in self.variables))

    def input(self, op: Operator, position: int) -> Tensor | None:
        """The operator's input at `position`, None where it is absent."""
        if position >= len(op.inputs) or op.inputs[position] < 0:
            return None
        return self.tensors[op.inputs[position]]

    def output(self, op: Operator) -> Tensor:
        """The operator's (only) output."""
        return self.tensors[op.outputs[0]]

    def readers(self) -> dict[int, list[Operator]]:
        """The operators that read a value, by tensor index; once for each input."""
        found: dict[int, list[Operator]] = {}
        for op in self.operators:
            for index in op.inputs:
                found.setdefault(index, []).append(op)
        return found

    def macs(self) -> int:
        """Multiply-accumulates of one inference, padding included."""
        return sum(operator_macs(self, op) for op in self.operators)


def numbered(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Operators in their order, each with its index."""
    return tuple(dataclasses.replace(op, index=i) for i, op in enumerate(operators))


def operator_macs(network: Network, op: Operator) -> int:
    """Multiply-accumulates of one operator, padding included."""
    out = network.output(op)
    if op.kind == "UNIDIRECTIONAL_SEQUENCE_LSTM":  # (1, T, I), then (1, S)
        units = network.tensors[op.inputs[1]].size
        return 4 * out.size * (network.tensors[op.inputs[0]].shape[-1] + units)
    if op.kind == "SVDF":  # feature weights (F, I), time weights (F, M)
        return sum(network.tensors[i].size for i in op.inputs[2:4])
    if op.kind not in MAC_KINDS:
        return 0
    weights = network.tensors[op.inputs[1]]
    if op.kind == "DEPTHWISE_CONV_2D":  # (1, Kh, Kw, C)
        return out.size * weights.shape[1] * weights.shape[2]
    return out.size * (weights.size // weights.shape[0])  # (O, ...)


def same_total(size: int, kernel: int, stride: int, dilation: int, out: int) -> int:
    """Zeros of one axis under SAME, before and behind."""
    return max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)


def same_padding(size: int, kernel: int, stride: int, dilation: int, out: int) -> int:
    """Zeros before the first element of one axis under SAME, as TFLite places them."""
    return same_total(size, kernel, stride, dilation, out) // 2


def pads_before(network: Network, op: Operator) -> tuple[int, int]:
    """(top, left) implicit padding of a convolution or a pool."""
    a = op.told(Window)
    if a.pads is not None:
        (top, _), (left, _) = a.pads
        return top, left
    if a.padding == "VALID":
        return 0, 0
    _, height, width, _ = network.tensors[op.inputs[0]].shape
    _, out_h, out_w, _ = network.output(op).shape
    if isinstance(a, Pool):
        kernel_h, kernel_w = a.kernel_h, a.kernel_w
    else:
        kernel_h, kernel_w = network.tensors[op.inputs[1]].shape[1:3]
    return (
        same_padding(height, kernel_h, a.stride_h, a.dilation_h, out_h),
        same_padding(width, kernel_w, a.stride_w, a.dilation_w, out_w),
    )


# ==== Reading the flatbuffer ====


def read_tflite(source: Path | str | bytes, name: str) -> Network:
    """Read a .tflite file, or its bytes."""
    if isinstance(source, bytes):
        label, raw = name, source
    else:
        label = one_line(Path(source).name)
        raw = read_bytes(Path(source), MODEL_BYTES, "a .tflite")
    if len(raw) < 16 or raw[4:8] != b"TFL3":
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
    model = schema.ModelT.InitFromPackedBuf(raw, 0)
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


def resolved(a: Attributes, source: Tensor, constant: Tensor) -> Attributes:
    """With the axes or the paddings that a constant holds, where it is known."""
    if constant.data is None:
        return a
    if isinstance(a, Reduction):
        return dataclasses.replace(a, axes=axes_of(constant, source))
    if isinstance(a, Padding):
        return dataclasses.replace(a, paddings=paddings_of(constant))
    return a


def axes_of(axes: Tensor, source: Tensor) -> tuple[int, ...]:
    """The dimensions that a constant names, in order."""
    assert axes.data is not None
    rank = len(source.shape)
    return tuple(sorted({int(a) % rank for a in axes.data.flat}))


def paddings_of(pads: Tensor) -> tuple[tuple[int, int], ...]:
    """(before, after) of each dimension."""
    assert pads.data is not None
    return tuple((int(a), int(b)) for a, b in pads.data)


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

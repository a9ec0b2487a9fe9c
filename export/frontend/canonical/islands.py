"""Float operators between DEQUANTIZE and QUANTIZE: a table of 256 entries.

Converters leave what they have no int8 form for in float: ELU, NEG, SQUARE and others;
`export.frontend.tflite.pointwise` does so on purpose. As long as one element depends
on one element, all results are computed here, in float32 as TFLite Micro does. Nothing
at all may stand between them. What only moves values moves their integers, so that
such a chain is found behind it: TensorFlow's quantizer leaves a SPLIT in float, now
and then, of which one part is never read.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.frontend.canonical.ends import End, quantized, real
from export.frontend.canonical.rewriter import Rewriter
from export.graph.attributes import Table
from export.graph.network import Network, Operator, Tensor, numbered

ALL = np.arange(-128, 128, dtype=np.int64).astype(np.int8)
Values = np.ndarray


def _wide(call: Callable[[Values], Values]) -> Callable[[Values], Values]:
    """A function of libm, as good as correctly rounded."""
    return lambda x: call(x.astype(np.float64)).astype(np.float32)


def _logistic(x: Values) -> Values:
    """As TensorFlow Lite cuts it off on both sides."""
    found = ONE / (ONE + _wide(np.exp)(-x))
    return np.where(x > 16.619047, ONE, np.where(x < -9, _wide(np.exp)(x), found))


ONE = np.float32(1)
UNARY: dict[str, Callable[[Values], Values]] = {
    "ELU": lambda x: np.where(x < 0, _wide(np.expm1)(np.minimum(x, 0)), x),
    "NEG": lambda x: -x,
    "ABS": np.abs,
    "SQUARE": lambda x: x * x,
    "EXP": _wide(np.exp),
    "LOG": _wide(np.log),
    "SQRT": np.sqrt,
    "RSQRT": lambda x: ONE / np.sqrt(x),
    "SIN": _wide(np.sin),
    "COS": _wide(np.cos),
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "RELU": lambda x: np.maximum(x, np.float32(0)),
    "RELU6": lambda x: np.clip(x, np.float32(0), np.float32(6)),
    "TANH": _wide(np.tanh),
    "LOGISTIC": _logistic,
    "LOGICAL_NOT": np.logical_not,
}
BINARY: dict[str, Callable[[Values, Values], Values]] = {
    "ADD": lambda a, b: a + b,
    "SUB": lambda a, b: a - b,
    "MUL": lambda a, b: a * b,
    "DIV": lambda a, b: a / b,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
    "SQUARED_DIFFERENCE": lambda a, b: (a - b) * (a - b),
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LOGICAL_AND": np.logical_and,
    "LOGICAL_OR": np.logical_or,
}
TERNARY = {"SELECT": np.where, "SELECT_V2": np.where}
POINTWISE: dict[str, Callable[..., Values]] = {**UNARY, **BINARY, **TERNARY}
# Operators that move values, and which of their inputs these are.
MOVING = {"SPLIT": 1}
MOVING |= dict.fromkeys(("SPLIT_V", "UNPACK", "RESHAPE", "EXPAND_DIMS", "SQUEEZE"), 0)
MOVING |= dict.fromkeys(("TRANSPOSE", "SLICE", "STRIDED_SLICE"), 0)


def sunk(network: Network) -> Network:
    """The network with each DEQUANTIZE behind what moves its values."""
    r = Rewriter(network)
    integers: dict[int, int] = {}  # of float values
    for op in network.operators:
        at = MOVING.get(op.kind, len(op.inputs))
        source = integers.get(op.inputs[at]) if at < len(op.inputs) else None
        if source is None:
            r.keep(op)
            if op.kind == "DEQUANTIZE" and _int8(network, op.inputs[0]) is not None:
                integers[op.outputs[0]] = op.inputs[0]
            continue
        like = r.tensors[source]
        moved = tuple(r.value(r.tensors[i].shape, like) for i in op.outputs)
        inputs = (*op.inputs[:at], source, *op.inputs[at + 1 :])
        r.keep(dataclasses.replace(op, inputs=inputs, outputs=moved))
        for value, part in zip(op.outputs, moved, strict=True):
            integers[value] = part
            r.emit("DEQUANTIZE", (part,), value)
    return r.finished()


@dataclass(frozen=True)
class Known:
    """A float value that depends on one int8 value, element by element."""

    source: int  # the int8 tensor
    values: Values  # for each int8
    operators: tuple[Operator, ...]  # that compute it, in order


def tabled(network: Network) -> Network:
    """The network with a TABLE in place of each QUANTIZE of such a value."""
    known: dict[int, Known] = {}
    operators = []
    for op in network.operators:
        operators.append(op)
        found = _known(network, known, op)
        if found is not None:
            known[op.outputs[0]] = found
        elif op.kind == "QUANTIZE" and op.inputs[0] in known:
            operators[-1] = _table(network, known[op.inputs[0]], op)
    if not known:
        return network
    return _read(dataclasses.replace(network, operators=numbered(operators)), known)


def _table(network: Network, known: Known, op: Operator) -> Operator:
    """A TABLE, or the QUANTIZE as it is where a result is no number."""
    target = _int8(network, op.outputs[0])
    if target is None or not np.isfinite(known.values).all():
        return op
    of = ", ".join(one.kind for one in known.operators) or f"DEQUANTIZE, {op.kind}"
    values = quantized(target, known.values)
    return dataclasses.replace(
        op, kind="TABLE", inputs=(known.source,), attributes=Table(values=values, of=of)
    )


def _read(network: Network, known: dict[int, Known]) -> Network:
    """Without the operators of `known` that nobody reads any more."""
    read, kept = set(network.ends), []
    for op in reversed(network.operators):
        if op.outputs[0] not in known or read.intersection(op.outputs):
            kept.append(op)
            read.update(op.inputs)
    return dataclasses.replace(network, operators=numbered(reversed(kept)))


def _int8(network: Network, index: int) -> End | None:
    tensor = network.tensors[index]
    if tensor.dtype != "int8" or not tensor.is_per_tensor:
        return None
    return End("int8", float(tensor.scale), tensor.zero_point, tensor.shape)


def _known(network: Network, known: dict[int, Known], op: Operator) -> Known | None:
    """What an operator computes, where that follows from one int8."""
    if len(op.outputs) != 1:
        return None
    if op.kind == "DEQUANTIZE":
        source = _int8(network, op.inputs[0])
        if source is None:
            return None
        return Known(op.inputs[0], real(source, ALL), ())
    before = [known[i] for i in op.inputs if i in known]
    inputs = [
        known[i].values if i in known else _number(network.tensors[i])
        for i in op.inputs
    ]
    values = _applied(op, inputs) if len({k.source for k in before}) == 1 else None
    if values is None:
        return None
    through = {one.index: one for k in before for one in k.operators}
    return Known(before[0].source, values, (*through.values(), op))


def _number(tensor: Tensor) -> Values | None:
    """A constant of one number, once or for each element."""
    data = tensor.data
    if data is None or data.dtype != np.float32 or not is_one(data):
        return None
    return np.asarray(data.reshape(-1)[0])


def is_one(data: np.ndarray) -> bool:
    """Whether a constant is one number, once or repeated."""
    return data.size > 0 and bool((data == data.reshape(-1)[0]).all())


def _applied(op: Operator, inputs: list[Values | None]) -> Values | None:
    """A pointwise operator on all that its inputs can be."""
    if op.kind not in POINTWISE or any(value is None for value in inputs):
        return None
    fused = op.attributes.activation
    if fused not in ("NONE", "RELU", "RELU6"):
        return None
    with np.errstate(all="ignore"):
        found = POINTWISE[op.kind](*inputs)
        found = found if fused == "NONE" else UNARY[fused](found)
    return found if found.dtype == bool else np.asarray(found, np.float32)

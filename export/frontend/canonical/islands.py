"""Float operators between DEQUANTIZE and QUANTIZE: a table of 256 entries.

Converters leave what they have no int8 form for in float: ELU, NEG, SQUARE and others.
As long as one element depends on one element, all results are computed here, in
float32 as TFLite Micro does. Nothing at all may stand between them. What only moves
values moves their integers, so that such a chain is found behind it: TensorFlow's
quantizer leaves a SPLIT in float, now and then, of which one part is never read.
"""

import dataclasses
from collections.abc import Callable

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


UNARY: dict[str, Callable[[Values], Values]] = {
    "ELU": lambda x: np.where(x < 0, _wide(np.expm1)(np.minimum(x, 0)), x),
    "NEG": lambda x: -x,
    "ABS": np.abs,
    "SQUARE": lambda x: x * x,
    "EXP": _wide(np.exp),
    "LOG": _wide(np.log),
    "SQRT": np.sqrt,
    "RSQRT": lambda x: np.float32(1) / np.sqrt(x),
    "SIN": _wide(np.sin),
    "COS": _wide(np.cos),
    "FLOOR": np.floor,
    "CEIL": np.ceil,
    "RELU": lambda x: np.maximum(x, np.float32(0)),
}
BINARY: dict[str, Callable[[Values, Values], Values]] = {
    "ADD": lambda a, b: a + b,
    "SUB": lambda a, b: a - b,
    "MUL": lambda a, b: a * b,
    "DIV": lambda a, b: a / b,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
}
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


def tabled(network: Network) -> Network:
    """The network with a TABLE for each such chain."""
    operators = list(network.operators)
    for start in network.operators:
        chain = _chain(network, operators, start)
        if chain is None:
            continue
        values = _values(network, chain)
        if values is None:
            continue
        first, last = chain[0], chain[-1]
        made = Operator(
            -1,
            "TABLE",
            first.inputs[:1],
            last.outputs,
            Table(values=values, of=", ".join(op.kind for op in chain[1:-1] or chain)),
        )
        operators[operators.index(last)] = made
        operators = [op for op in operators if op not in chain[:-1]]
    return dataclasses.replace(network, operators=numbered(operators))


def _chain(
    network: Network, operators: list[Operator], start: Operator
) -> list[Operator] | None:
    """From a DEQUANTIZE to a QUANTIZE, with one reader each."""
    if start.kind != "DEQUANTIZE" or start not in operators or len(start.outputs) != 1:
        return None
    if _int8(network, start.inputs[0]) is None:
        return None
    chain = [start]
    while chain[-1].kind != "QUANTIZE":
        value = chain[-1].outputs[0]
        readers = [op for op in operators if value in op.inputs]
        if len(readers) != 1 or value in network.ends or len(readers[0].outputs) != 1:
            return None
        chain.append(readers[0])
    return chain if _int8(network, chain[-1].outputs[0]) else None


def _int8(network: Network, index: int) -> End | None:
    tensor = network.tensors[index]
    if tensor.dtype != "int8" or not tensor.is_per_tensor:
        return None
    return End("int8", float(tensor.scale), tensor.zero_point, tensor.shape)


def _values(network: Network, chain: list[Operator]) -> np.ndarray | None:
    """The int8 results of all inputs; None where one is no number."""
    source = _int8(network, chain[0].inputs[0])
    target = _int8(network, chain[-1].outputs[0])
    assert source is not None and target is not None
    x, previous = real(source, ALL), chain[0].outputs[0]
    with np.errstate(all="ignore"):
        for op in chain[1:-1]:
            found = _applied(network, op, previous, x)
            if found is None:
                return None
            x, previous = np.asarray(found, np.float32), op.outputs[0]
    return quantized(target, x) if np.isfinite(x).all() else None


def _applied(network: Network, op: Operator, previous: int, x: Values) -> Values | None:
    if op.kind in UNARY and len(op.inputs) == 1:
        return UNARY[op.kind](x)
    fused = op.attributes.activation
    if op.kind not in BINARY or len(op.inputs) != 2 or fused != "NONE":
        return None
    if op.inputs == (previous, previous):
        return BINARY[op.kind](x, x)
    others: list[Tensor] = [network.tensors[i] for i in op.inputs if i != previous]
    data = others[0].data
    if data is None or data.size != 1 or data.dtype != np.float32:
        return None
    number = data.reshape(-1)[0]
    first = op.inputs[0] == previous
    return BINARY[op.kind](x, number) if first else BINARY[op.kind](number, x)

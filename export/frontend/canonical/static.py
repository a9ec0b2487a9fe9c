"""What follows from shapes and constants alone: computed now, gone from the graph.

Keras writes SHAPE, STRIDED_SLICE and PACK in front of each RESHAPE of a model whose
batch is free; with the fixed shapes that a microcontroller needs all of it is known.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from export.frontend.refusal import refuse
from export.graph.attributes import Along, Reduction, Slice
from export.graph.network import (
    Network,
    Operator,
    Tensor,
    numbered,
    resolved,
)

Arrays = list[np.ndarray]
LARGEST = 1 << 22  # elements of a constant that is computed


def fold(network: Network) -> Network:
    """The network without operators whose result is known."""
    tensors = list(network.tensors)
    kept = []
    for op in network.operators:
        folded = _value(network, tensors, op)
        if folded is None:
            kept.append(_resolved(tensors, op))
            continue
        target = tensors[op.outputs[0]]
        folded = np.ascontiguousarray(folded).reshape(target.shape)
        folded.flags.writeable = False
        tensors[target.index] = dataclasses.replace(target, data=folded)
    operators = _needed(tuple(kept), network.ends)
    return dataclasses.replace(
        network, tensors=tuple(tensors), operators=numbered(operators)
    )


def _needed(
    operators: tuple[Operator, ...], outputs: tuple[int, ...]
) -> list[Operator]:
    """Operators that an output, or a variable, depends on."""
    wanted, kept = set(outputs), []
    for op in reversed(operators):
        if not op.outputs or wanted.intersection(op.outputs):
            wanted.update(op.inputs)
            kept.append(op)
    return kept[::-1]


def _resolved(tensors: list[Tensor], op: Operator) -> Operator:
    """Attributes that stand in a constant, perhaps one that was just computed."""
    if len(op.inputs) < 2:
        return op
    a = resolved(op.attributes, *(tensors[i] for i in op.inputs[:2]))
    return dataclasses.replace(op, attributes=a)


def _value(network: Network, tensors: list[Tensor], op: Operator) -> np.ndarray | None:
    """The result of an operator, None where it is not known or not ours to say."""
    if len(op.outputs) != 1 or op.outputs[0] < 0 or not op.inputs:
        return None
    if tensors[op.outputs[0]].size > LARGEST:
        return None
    if op.kind == "SHAPE" and op.inputs[0] >= 0:
        return np.array(tensors[op.inputs[0]].shape, _dtype(tensors, op))
    if op.kind == "RANK" and op.inputs[0] >= 0:
        return np.array(len(tensors[op.inputs[0]].shape), _dtype(tensors, op))
    if op.kind == "ZEROS_LIKE" and tensors[op.outputs[0]].quant is None:
        return np.zeros(tensors[op.outputs[0]].shape, _dtype(tensors, op))
    function = FUNCTIONS.get(op.kind)
    if function is None or min(op.inputs) < 0:
        return None
    sources = [tensors[i] for i in op.inputs]
    target = tensors[op.outputs[0]]
    whole = target.dtype in ("int32", "int64", "bool")
    if not whole and op.kind not in MOVES:
        return None
    data = [t.data for t in sources if t.data is not None]
    if len(data) != len(sources):
        return None
    try:
        found = np.asarray(function(op, data))
    except Exception as error:  # numpy raises whatever the constants lead to
        what = "its constants do not fit each other"
        raise refuse(network, op, what) from error
    if found.size != target.size:
        return None
    return found.astype(_dtype(tensors, op))


def _dtype(tensors: list[Tensor], op: Operator) -> np.dtype:
    return np.dtype(tensors[op.outputs[0]].dtype)


def slices(
    op: Operator,
    shape: tuple[int, ...],
    begin: np.ndarray,
    end: np.ndarray,
    strides: np.ndarray,
) -> tuple[int | slice | None, ...]:
    """STRIDED_SLICE's masks as numpy's index."""
    a = op.told(Slice)
    found: list[int | slice | None] = []
    count = len(begin)
    real = 0  # dimensions of the input used so far
    for i in range(count):
        bit = 1 << i
        if a.ellipsis_mask & bit:
            later = sum(
                1 for j in range(i + 1, count) if not a.new_axis_mask & (1 << j)
            )
            passed = len(shape) - real - later
            found += [slice(None)] * passed
            real += passed
        elif a.new_axis_mask & bit:
            found.append(None)
        elif a.shrink_axis_mask & bit:
            found.append(int(begin[i]))
            real += 1
        else:
            step = int(strides[i])
            first = None if a.begin_mask & bit else int(begin[i])
            last = None if a.end_mask & bit else int(end[i])
            if a.offset and last is not None:
                last += int(begin[i])
            if step < 0 and last is not None and last < 0:
                last += shape[real]
                last = None if last < 0 else last
            found.append(slice(first, last, step))
            real += 1
    return tuple(found)


def _strided_slice(op: Operator, x: Arrays) -> np.ndarray:
    return x[0][slices(op, x[0].shape, x[1], x[2], x[3])]


def _slice(op: Operator, x: Arrays) -> np.ndarray:
    ends = [None if s < 0 else b + s for b, s in zip(x[1].flat, x[2].flat, strict=True)]
    return x[0][tuple(slice(b, e) for b, e in zip(x[1].flat, ends, strict=True))]


def _quotient(x: Arrays) -> np.ndarray:
    if not np.all(x[1]):
        raise ValueError("division by zero")
    return x[0] // x[1]


def _reduce(call: Callable[..., Any]) -> Callable[[Operator, Arrays], np.ndarray]:
    def reduced(op: Operator, x: Arrays) -> np.ndarray:
        axes = tuple(int(a) for a in x[1].flat)
        keep = op.told(Reduction).keep_dims
        return np.asarray(call(x[0], axis=axes, keepdims=keep))

    return reduced


MOVES: dict[str, Callable[[Operator, Arrays], np.ndarray]] = {
    "RESHAPE": lambda op, x: x[0],
    "SQUEEZE": lambda op, x: x[0],
    "EXPAND_DIMS": lambda op, x: x[0],
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "TRANSPOSE": lambda op, x: x[0].transpose(tuple(int(i) for i in x[1].flat)),
    "GATHER": lambda op, x: np.take(x[0], x[1], op.told(Along).axis),
    "PACK": lambda op, x: np.stack(x, op.told(Along).axis),
    "CONCATENATION": lambda op, x: np.concatenate(x, op.told(Along).axis),
    "TILE": lambda op, x: np.tile(x[0], tuple(int(i) for i in x[1].flat)),
    "BROADCAST_TO": lambda op, x: np.broadcast_to(x[0], tuple(x[1].flat)),
    "FILL": lambda op, x: np.full(tuple(int(i) for i in x[0].flat), x[1]),
}
FUNCTIONS: dict[str, Callable[[Operator, Arrays], np.ndarray]] = {
    **MOVES,
    "CAST": lambda op, x: x[0],
    "ADD": lambda op, x: x[0] + x[1],
    "SUB": lambda op, x: x[0] - x[1],
    "MUL": lambda op, x: x[0] * x[1],
    "FLOOR_DIV": lambda op, x: _quotient(x),
    "FLOOR_MOD": lambda op, x: x[0] - x[1] * _quotient(x),
    "DIV": lambda op, x: _quotient(x),
    "MINIMUM": lambda op, x: np.minimum(x[0], x[1]),
    "MAXIMUM": lambda op, x: np.maximum(x[0], x[1]),
    "NEG": lambda op, x: -x[0],
    "REDUCE_PROD": _reduce(np.prod),
    "REDUCE_MAX": _reduce(np.max),
    "REDUCE_MIN": _reduce(np.min),
    "SUM": _reduce(np.sum),
    "RANGE": lambda op, x: np.arange(*(int(v) for v in x)),
    "BROADCAST_ARGS": lambda op, x: np.array(
        np.broadcast_shapes(tuple(x[0].flat), tuple(x[1].flat))
    ),
    "EQUAL": lambda op, x: x[0] == x[1],
    "NOT_EQUAL": lambda op, x: x[0] != x[1],
    "GREATER": lambda op, x: x[0] > x[1],
    "LESS": lambda op, x: x[0] < x[1],
    "SELECT": lambda op, x: np.where(x[0], x[1], x[2]),
    "SELECT_V2": lambda op, x: np.where(x[0], x[1], x[2]),
}

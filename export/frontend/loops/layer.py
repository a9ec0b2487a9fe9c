"""LSTM operators in the place of the steps that a graph has for them.

raw = in_place(raw, layers, starts)     # None: a state is read otherwise
"""

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.frontend import lstm_layer
from export.frontend.loops.graph import (
    drop_unread,
    lengths,
    pack_options,
    reshaped,
    unpack_options,
)
from export.graph.flatbuffer import (
    drop_unused_codes,
    operator,
    packed,
    stored,
    unpacked,
)
from export.graph.kinds import LSTM
from export.graph.options import kind_of

Array = np.ndarray

INPUTS = 24  # of the operator; what is not used of them is -1
WEIGHTS, RECURRENT, BIAS = 1, 5, 12  # the first gate's; the others follow
STATES = 18, 19  # hidden, cell


@dataclass(frozen=True)
class Layer:
    """What an operator is made of: tensors by turn, constants by gate."""

    rows: tuple[int, ...]  # (1, I) each
    hidden: tuple[int, ...]  # (1, H) each, behind the turn
    weights: Array  # (4, H, I): input, forget, cell, output
    recurrent: Array  # (4, H, H)
    bias: Array  # (4, H)


def in_place(raw: bytes, layers: Sequence[Layer], starts: int) -> bytes | None:
    """The model without its last inputs, which only steps of the layers read."""
    model = unpacked(raw)
    graph = model.subgraphs[0]
    zeros = set(map(int, graph.inputs[-starts:]))
    graph.inputs = graph.inputs[:-starts]
    for layer in layers:
        _put(model, layer)
    try:
        graph.operators = _sorted(graph.operators)
    except CycleError:  # a row is made of the state before it
        return None
    _join(model)
    drop_unread(graph)
    read = {int(i) for op in graph.operators for i in op.inputs}
    if zeros & (read | set(map(int, graph.outputs))):  # by who reads a cell, say
        return None
    drop_unused_codes(model)
    return lstm_layer.anew(packed(model))


def _put(model: Any, layer: Layer) -> None:
    """Rows put together, the operator, and its rows one by one, in no order."""
    graph, count = model.subgraphs[0], len(layer.rows)
    hidden = set(layer.hidden)
    kept = [op for op in graph.operators if hidden.isdisjoint(op.outputs)]
    row, state = (graph.tensors[i] for i in (layer.rows[0], layer.hidden[0]))

    def all_of(like: Any) -> int:
        shape = (count, *lengths(like.shape))
        return _added(graph, reshaped(like, shape), "rows")

    given, found = all_of(row), all_of(state)
    together = operator(model, "PACK", pack_options(count), layer.rows)
    together.outputs = np.array([given], np.int32)
    whole = operator(model, LSTM, _options(), _inputs(model, layer, given))
    whole.outputs = np.array([found], np.int32)
    apart = operator(model, "UNPACK", unpack_options(count), [found])
    apart.outputs = np.array(layer.hidden, np.int32)
    graph.operators = [*kept, together, whole, apart]


def _options() -> Any:
    """Of rows (T, 1, I), which is what a loop has."""
    a = schema.UnidirectionalSequenceLSTMOptionsT()
    a.fusedActivationFunction = schema.ActivationFunctionType.TANH
    a.timeMajor = True
    return a


def _inputs(model: Any, layer: Layer, given: int) -> list[int]:
    """The operator's, with states of its own and no peepholes or projection."""
    graph, inputs = model.subgraphs[0], [-1] * INPUTS
    inputs[0] = given
    parts = (WEIGHTS, layer.weights), (RECURRENT, layer.recurrent), (BIAS, layer.bias)
    for first, gates in parts:
        for gate, values in enumerate(gates):
            inputs[first + gate] = _tensor(model, values.shape, stored(model, values))
    for place in STATES:
        inputs[place] = _tensor(model, (1, layer.bias.shape[1]), 0)
        graph.tensors[inputs[place]].isVariable = True
    return inputs


def _tensor(model: Any, shape: tuple[int, ...], buffer: int) -> int:
    tensor = schema.TensorT()
    tensor.type, tensor.buffer = schema.TensorType.FLOAT32, buffer
    tensor.shape = np.array(shape, np.int32)
    return _added(model.subgraphs[0], tensor, "layer")


def _added(graph: Any, tensor: Any, name: str) -> int:
    tensor.name = f"{name};{len(graph.tensors)}".encode()
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _sorted(operators: Sequence[Any]) -> list[Any]:
    """Each behind those whose results it reads."""
    writers = {int(i): n for n, op in enumerate(operators) for i in op.outputs}
    sources = [[writers.get(int(i)) for i in op.inputs] for op in operators]
    order = TopologicalSorter(
        {n: [k for k in read if k is not None] for n, read in enumerate(sources)}
    )
    return [operators[n] for n in order.static_order()]


def _join(model: Any) -> None:
    """What is taken apart and put together again is read as it was."""
    graph = model.subgraphs[0]
    apart: dict[tuple[int, ...], int] = {}  # its rows: the whole
    same: dict[int, int] = {}
    for op in graph.operators:
        op.inputs = np.array([same.get(int(i), int(i)) for i in op.inputs], np.int32)
        kind = kind_of(model.operatorCodes[op.opcodeIndex])
        if kind == "UNPACK" and op.builtinOptions.axis == 0:
            apart[tuple(map(int, op.outputs))] = int(op.inputs[0])
        rows = tuple(map(int, op.inputs))
        if kind == "PACK" and op.builtinOptions.axis == 0 and rows in apart:
            same[int(op.outputs[0])] = apart[rows]
    ends = [same.get(int(i), int(i)) for i in graph.outputs]
    graph.outputs = np.array(ends, np.int32)

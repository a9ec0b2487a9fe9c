"""A .tflite's loops, each turn written out: Keras's LSTM and GRU of a free batch.

    if is_looped(read_tflite(raw, name)):
        raw = unrolled(raw)

A WHILE whose condition needs no input's value is walked through: what is known is
computed by TensorFlow Lite itself, all else is written down once for each turn. It
runs in this process: `core.isolate` keeps its crashes away.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from export.frontend import cures, lstm_layer
from export.frontend.loops.constants import computed
from export.frontend.loops.graph import (
    EACH,
    Unrolled,
    drop_unread,
    each_row,
    lengths,
    zeros_like,
)
from export.frontend.loops.lstm import taken_together
from export.frontend.loops.rows import LIST, Inputs, Known, Made, Rows, Value, moved
from export.frontend.onnx.recurrent import STEPS
from export.frontend.refusal import reason
from export.frontend.tflite import open_shapes
from export.graph.flatbuffer import drop_unused_codes, packed, unpacked
from export.graph.network import Network
from export.graph.read import DTYPES

OPEN_HINT = (
    "convert it with keras.Input(shape, batch_size=1) that names every length: as "
    "many steps are written out"
)
LARGEST = 20_000  # operators: a loop in a loop


def is_looped(network: Network) -> bool:
    """Whether it holds a loop, or a list of one that was taken out."""
    return any(
        op.kind == "WHILE" or op.kind.startswith(LIST) for op in network.operators
    )


def unrolled(raw: bytes, whole_lstm: bool = True) -> bytes:
    """The same model in one graph, with a batch of 1.

    `whole_lstm`: whether the loop of an LSTM may become one operator.
    """
    try:
        found = _with_lstms(raw) if whole_lstm else None
        return open_shapes.settled(found or _written(raw)[0])
    except Esp8kError:
        raise
    except Exception as error:  # whatever a damaged body leads to
        what = f"the model's loop cannot be written out: {reason(error)}"
        raise Esp8kError(what, cures.LOOP) from error


def _with_lstms(raw: bytes) -> bytes | None:
    """Where the steps of all loops like that are an LSTM's and nothing else's.

    Not in a file that has LSTMs of its own: their states go on from call to call.
    """
    if lstm_layer.count(raw):
        return None
    try:
        written, starts = _written(raw, open_states=True)
    except Esp8kError:  # which is told of what is written out
        return None
    return taken_together(written, starts) if starts else None


def _written(raw: bytes, open_states: bool = False) -> tuple[bytes, int]:
    """The same, with lengths that the batch leaves open; how many states are open.

    Such a state of zeros is an input behind the others.
    """
    model = unpacked(raw)
    main = model.subgraphs[0]
    for graph in model.subgraphs:  # as seeds of dropout, which count calls
        drop_unread(graph)
    for index in main.inputs:
        signature = lengths(main.tensors[index].shapeSignature)
        if -1 in signature[1:]:
            what = f"the model loops over a length that is open: {signature}"
            raise Esp8kError(what, OPEN_HINT)
    walk = _Walk(model, open_states)
    starts = [walk.into.tensor(main.tensors[index]) for index in main.inputs]
    ends = walk.run(main, list(starts))
    graph = walk.into.graph
    starts += walk.states
    graph.inputs = np.array([start.index for start in starts], np.int32)
    graph.outputs = np.array([walk.into.placed(end) for end in ends], np.int32)
    drop_unread(graph)
    model.subgraphs, model.signatureDefs = [graph], None
    drop_unused_codes(model)
    return packed(model), len(walk.states)


class _Walk:
    """Runs through subgraphs and writes down what is not known."""

    def __init__(self, model: Any, open_states: bool) -> None:
        """Nothing is walked yet."""
        self.model, self.open_states = model, open_states
        self.states: list[Made] = []  # that stand for zeros
        self.into = Unrolled(model)
        self._constants: dict[tuple[Any, ...], Known] = {}  # of the file
        self._results: dict[tuple[int, ...], list[Known]] = {}  # of what reads them
        self._seen: list[Known] = []  # kept, so that no id is used twice

    def run(self, graph: Any, values: list[Value]) -> list[Value]:
        """What a graph gives for its inputs."""
        known = dict(zip(map(int, graph.inputs), values, strict=True))
        for op in graph.operators:
            inputs = [
                None if i < 0 else self._read(graph, known, int(i)) for i in op.inputs
            ]
            found = self._step(graph, op, inputs)
            known.update(zip(map(int, op.outputs), found, strict=True))
        return [self._read(graph, known, int(i)) for i in graph.outputs]

    def _read(self, graph: Any, known: dict[int, Value], index: int) -> Value:
        """What was computed, or a constant of the file."""
        if index in known:
            return known[index]
        tensor = graph.tensors[index]
        shape = lengths(tensor.shape)
        key = (tensor.buffer, tensor.type, shape, id(tensor.quantization))
        if key not in self._constants:
            content = bytes(self.model.buffers[tensor.buffer].data)
            data = np.frombuffer(content, DTYPES[tensor.type]).reshape(shape)
            self._constants[key] = Known(data, tensor.quantization)
        return self._constants[key]

    def _step(self, graph: Any, op: Any, inputs: Inputs) -> Sequence[Value]:
        kind = self.into.kind(op)
        if kind == "READ_VARIABLE":
            what = "the model has a variable that it keeps from call to call"
            raise Esp8kError(what, "make its state a second input and output")
        if kind == "WHILE":
            return self._loop(op, [value for value in inputs if value is not None])
        targets = [graph.tensors[i] for i in op.outputs]
        found = moved(kind, op.builtinOptions, inputs, self.into.rows)
        if found is None:
            found = _without_effect(kind, op, inputs, targets[0])
        if found is None and kind == "SHAPE" and isinstance(inputs[0], Made):
            found = self._shape(inputs[0], targets[0])
        if found is not None:
            return [found]
        first = inputs[0]
        if kind in EACH and isinstance(first, Rows) and None not in first.items:
            return [each_row(op, first, targets[0], self._put)]
        return self._put(op, inputs, targets)

    def _put(
        self, op: Any, inputs: Inputs, targets: list[Any]
    ) -> Sequence[Known | Made]:
        """An operator's results where all it reads is known; else it is written."""
        known = [value for value in inputs if isinstance(value, Known)]
        if len(known) == len(inputs) - inputs.count(None):
            key = (id(op), *map(id, inputs))
            if key not in self._results:  # once for all turns: weights that it widens
                self._results[key] = computed(self.model, op, inputs, targets)
                self._seen += known
            return self._results[key]
        return self.into.put(op, inputs, targets)

    def _loop(self, op: Any, values: list[Value]) -> list[Value]:
        """The values after the last turn."""
        condition = self.model.subgraphs[op.builtinOptions.condSubgraphIndex]
        body = self.model.subgraphs[op.builtinOptions.bodySubgraphIndex]
        opened = self._opened(body, values) if self.open_states else values
        most = STEPS if opened is values else lstm_layer.STEPS
        values = opened
        for _ in range(most + 1):
            (goes_on,) = self.run(condition, values)
            if not isinstance(goes_on, Known):
                what = "how often the model's loop turns depends on its input"
                raise Esp8kError(what, cures.CONTROL)
            if not goes_on.data.any():
                return values
            if len(self.into.graph.operators) > LARGEST:
                break
            values = self.run(body, values)
        raise Esp8kError(
            f"the model's loop turns more than {most} times, or over too much",
            "feed fewer steps, or make one step the model, with its state as a second "
            "input and output",
        )

    def _opened(self, body: Any, values: list[Value]) -> list[Value]:
        """With a tensor for each state of zeros, where the body may be an LSTM's."""
        kinds = [self.into.kind(op) for op in body.operators]
        if kinds.count("LOGISTIC") < 3 or kinds.count("TANH") < 2:
            return values
        found, changed = list(values), body.inputs != body.outputs
        for place, value in enumerate(values):
            if changed[place] and _is_state(value):
                self.states.append(self.into.tensor(body.tensors[body.inputs[place]]))
                found[place] = self.states[-1]
        return found

    def _shape(self, source: Made, target: Any) -> Value | None:
        """A shape with a batch of 1; None where more than the batch is open."""
        tensor = self.into.graph.tensors[source.index]
        if lengths(tensor.shapeSignature).count(-1) > 1:
            return None
        return Known(np.array(source.shape, DTYPES[target.type]))


def _is_state(value: Value) -> bool:
    """Whether it is what a recurrent layer begins with: zeros of (1, H)."""
    if not isinstance(value, Known) or value.data.any():
        return False
    return value.data.dtype == np.float32 and value.data.shape[:-1] == (1,)


def _without_effect(kind: str, op: Any, inputs: Inputs, target: Any) -> Value | None:
    """x + 0, x - 0 and x * 0: a recurrent layer begins with zeros."""
    a = op.builtinOptions
    if kind not in ("ADD", "SUB", "MUL") or (a and a.fusedActivationFunction):
        return None
    if target.type != schema.TensorType.FLOAT32:
        return None
    for kept, zero in [(0, 1)] if kind == "SUB" else [(0, 1), (1, 0)]:
        value, other = inputs[kept], inputs[zero]
        if not isinstance(other, Known) or other.data.any():
            continue
        if kind == "MUL":
            return zeros_like(target)
        if isinstance(value, Made) and value.shape == lengths(target.shape):
            return value
    return None

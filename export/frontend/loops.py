"""A .tflite's loops, each turn written out: Keras's LSTM and GRU of a free batch.

    if is_looped(read_tflite(raw, name)):
        raw = unrolled(raw)

A WHILE whose condition needs no input's value is walked through: what is known is
computed by TensorFlow Lite itself, all else is written down once for each turn. It
runs in this process: `core.isolate` keeps its crashes away.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from core.text import one_line
from export.frontend import cures, open_shapes
from export.frontend.float_tflite import drop_unused_codes
from export.frontend.loop_rows import LIST, Inputs, Known, Made, Rows, Value, moved
from export.frontend.onnx_recurrent import STEPS
from export.frontend.tflite import silent
from export.graph.flatbuffer import packed, unpacked
from export.graph.network import Network
from export.graph.options import kind_of
from export.graph.read import DTYPES

OPEN_HINT = (
    "convert it with keras.Input(shape, batch_size=1) that names every length: as "
    "many steps are written out"
)
LARGEST = 20_000  # operators: a loop in a loop
EACH = ("QUANTIZE", "DEQUANTIZE")  # they do to a row what they do to all
TYPES = {np.dtype(name): number for number, name in DTYPES.items()}


def is_looped(network: Network) -> bool:
    """Whether it holds a loop, or a list of one that was taken out."""
    return any(
        op.kind == "WHILE" or op.kind.startswith(LIST) for op in network.operators
    )


def unrolled(raw: bytes) -> bytes:
    """The same model in one graph, with a batch of 1."""
    try:
        return open_shapes.settled(_unrolled(raw))
    except Esp8kError:
        raise
    except Exception as error:  # whatever a damaged body leads to
        what = f"the model's loop cannot be written out: {error}"
        raise Esp8kError(one_line(what)[:200], cures.LOOP) from error


def _unrolled(raw: bytes) -> bytes:
    """The same, with lengths that the batch leaves open."""
    model = unpacked(raw)
    main = model.subgraphs[0]
    for index in main.inputs:
        signature = _lengths(main.tensors[index].shapeSignature)
        if -1 in signature[1:]:
            what = f"the model loops over a length that is open: {signature}"
            raise Esp8kError(what, OPEN_HINT)
    walk = _Walk(model)
    starts = [walk.tensor(main.tensors[index]) for index in main.inputs]
    ends = walk.run(main, list(starts))
    graph = walk.graph
    graph.inputs = np.array([start.index for start in starts], np.int32)
    graph.outputs = np.array([walk.placed(end) for end in ends], np.int32)
    _drop_unread(graph)
    model.subgraphs, model.signatureDefs = [graph], None
    drop_unused_codes(model)
    return packed(model)


def _lengths(shape: Any) -> tuple[int, ...]:
    return () if shape is None else tuple(int(size) for size in shape)


def _drop_unread(graph: Any) -> None:
    """Operators that no output depends on, as what fills all but the last row."""
    wanted, kept = set(map(int, graph.outputs)), []
    for op in reversed(graph.operators):
        if wanted.intersection(map(int, op.outputs)):
            wanted.update(map(int, op.inputs))
            kept.append(op)
    graph.operators = kept[::-1]


def _constant(model: Any, known: Known) -> Any:
    """A tensor of a new buffer."""
    data = known.data
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(data.tobytes(), np.uint8)
    tensor.buffer, tensor.shape = len(model.buffers), np.array(data.shape, np.int32)
    tensor.quantization = known.quant
    tensor.type, tensor.name = TYPES[data.dtype], b"constant;%d" % tensor.buffer
    model.buffers.append(buffer)
    return tensor


class _Walk:
    """Runs through subgraphs and writes down what is not known."""

    def __init__(self, model: Any) -> None:
        """Begin with an empty graph."""
        self.model = model
        self.kinds = [kind_of(code) for code in model.operatorCodes]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self._constants: dict[tuple[Any, ...], Known] = {}  # of the file
        self._results: dict[tuple[int, ...], list[Known]] = {}  # of what reads them
        self._seen: list[Known] = []  # kept, so that no id is used twice
        self._placed: dict[int, tuple[int, Known]] = {}  # by id, which Known keeps
        self._writers: dict[int, Any] = {}  # the operator of each tensor
        self._parts: dict[int, Rows] = {}  # of tensors, taken apart once

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
        shape = _lengths(tensor.shape)
        key = (tensor.buffer, tensor.type, shape, id(tensor.quantization))
        if key not in self._constants:
            content = bytes(self.model.buffers[tensor.buffer].data)
            data = np.frombuffer(content, DTYPES[tensor.type]).reshape(shape)
            self._constants[key] = Known(data, tensor.quantization)
        return self._constants[key]

    def _step(self, graph: Any, op: Any, inputs: Inputs) -> Sequence[Value]:
        kind = self.kinds[op.opcodeIndex]
        if kind == "WHILE":
            return self._loop(op, [value for value in inputs if value is not None])
        targets = [graph.tensors[i] for i in op.outputs]
        found = moved(kind, op.builtinOptions, inputs, self._rows)
        if found is None:
            found = _without_effect(kind, op, inputs, targets[0])
        if found is None and kind == "SHAPE" and isinstance(inputs[0], Made):
            found = self._shape(inputs[0], targets[0])
        if found is not None:
            return [found]
        first = inputs[0]
        if kind in EACH and isinstance(first, Rows) and None not in first.items:
            return [self._each(op, first, targets[0])]
        return self._put(op, inputs, targets)

    def _each(self, op: Any, rows: Rows, target: Any) -> Rows:
        """One operator for each row: what reads one row needs no other."""
        made: list[Known | Made] = []
        for item in rows.items:
            assert item is not None
            shape = item.data.shape if isinstance(item, Known) else item.shape
            made += self._put(op, [item], [_reshaped(target, shape)])
        return Rows(tuple(made))

    def _put(
        self, op: Any, inputs: Inputs, targets: list[Any]
    ) -> Sequence[Known | Made]:
        """An operator's results where all it reads is known; else it is written."""
        known = [value for value in inputs if isinstance(value, Known)]
        if len(known) == len(inputs) - inputs.count(None):
            key = (id(op), *map(id, inputs))
            if key not in self._results:  # once for all turns: weights that it widens
                self._results[key] = self._computed(op, inputs, targets)
                self._seen += known
            return self._results[key]
        made = copy.copy(op)
        reads = [-1 if value is None else self.placed(value) for value in inputs]
        made.inputs = np.array(reads, np.int32)
        return self._written(made, targets)

    def _loop(self, op: Any, values: list[Value]) -> list[Value]:
        """The values after the last turn."""
        condition = self.model.subgraphs[op.builtinOptions.condSubgraphIndex]
        body = self.model.subgraphs[op.builtinOptions.bodySubgraphIndex]
        for _ in range(STEPS + 1):
            (goes_on,) = self.run(condition, values)
            if not isinstance(goes_on, Known):
                what = "how often the model's loop turns depends on its input"
                raise Esp8kError(what, cures.CONTROL)
            if not goes_on.data.any():
                return values
            if len(self.graph.operators) > LARGEST:
                break
            values = self.run(body, values)
        raise Esp8kError(
            f"the model's loop turns more than {STEPS} times, or over too much",
            "feed fewer steps, or make one step the model, with its state as a second "
            "input and output",
        )

    # ==== What is known ====

    def _shape(self, source: Made, target: Any) -> Value | None:
        """A shape with a batch of 1; None where more than the batch is open."""
        tensor = self.graph.tensors[source.index]
        if _lengths(tensor.shapeSignature).count(-1) > 1:
            return None
        return Known(np.array(source.shape, DTYPES[target.type]))

    def _computed(self, op: Any, inputs: Inputs, targets: list[Any]) -> list[Known]:
        """The results of one operator on constants, by TensorFlow Lite."""
        if self.kinds[op.opcodeIndex] == "FILL":  # where it wants a scale of its own
            shape, one = (value.data for value in inputs if isinstance(value, Known))
            return [Known(np.full(shape, one), targets[0].quantization)]
        model, graph, run = schema.ModelT(), schema.SubGraphT(), copy.copy(op)
        model.version, model.subgraphs, model.buffers = 3, [graph], [schema.BufferT()]
        model.operatorCodes = [self.model.operatorCodes[op.opcodeIndex]]
        graph.tensors, graph.operators, run.opcodeIndex = [], [run], 0
        reads = []
        for value in inputs:
            reads.append(-1 if value is None else len(graph.tensors))
            if isinstance(value, Known):
                graph.tensors.append(_constant(model, value))
        writes = [len(graph.tensors) + i for i in range(len(targets))]
        for tensor in targets:
            target = copy.copy(tensor)
            target.buffer = 0
            graph.tensors.append(target)
        run.inputs, run.outputs = np.array(reads, np.int32), np.array(writes, np.int32)
        graph.inputs, graph.outputs = np.array([], np.int32), run.outputs
        found = _ran(packed(model), writes)
        pairs = zip(found, targets, strict=True)
        return [Known(data, target.quantization) for data, target in pairs]

    # ==== What is written down ====

    def _written(self, op: Any, targets: list[Any]) -> list[Made]:
        """One operator more, with tensors like `targets` of its own."""
        made = [self.tensor(target) for target in targets]
        op.outputs = np.array([one.index for one in made], np.int32)
        self.graph.operators.append(op)
        self._writers.update((one.index, op) for one in made)
        return made

    def tensor(self, like: Any) -> Made:
        """A tensor more, which no operator writes yet."""
        tensor, index = copy.copy(like), len(self.graph.tensors)
        tensor.name, tensor.buffer = b"%s;%d" % (like.name or b"", index), 0
        self.graph.tensors.append(tensor)
        return Made(index, _lengths(like.shape))

    def placed(self, value: Value) -> int:
        """The tensor of the new graph that holds a value."""
        if isinstance(value, Made):
            return value.index
        if isinstance(value, Rows):
            return self._stacked(value)
        if id(value) not in self._placed:
            self._placed[id(value)] = len(self.graph.tensors), value
            self.graph.tensors.append(_constant(self.model, value))
        return self._placed[id(value)][0]

    def _stacked(self, rows: Rows) -> int:
        """PACK of rows; those that nothing wrote are zeros like the others."""
        one = next((item for item in rows.items if item is not None), None)
        if one is None:
            raise Esp8kError("the model reads a list that holds nothing", cures.LOOP)
        like = self.graph.tensors[self.placed(one)]
        zeros = _zeros(like)
        reads = [self.placed(zeros if x is None else x) for x in rows.items]
        a = schema.PackOptionsT()
        a.axis, a.valuesCount = 0, len(reads)
        shape = (len(reads), *_lengths(like.shape))
        op = self._operator("PACK", a, reads)
        return self._written(op, [_reshaped(like, shape)])[0].index

    def _rows(self, value: Value) -> Rows | None:
        """A value as its rows; a tensor is taken apart, once."""
        if isinstance(value, Rows):
            return value
        if isinstance(value, Known):
            return Rows(tuple(Known(row, value.quant) for row in value.data))
        tensor = self.graph.tensors[value.index]
        if not value.shape or -1 in _lengths(tensor.shapeSignature)[:1]:
            return None
        if value.index not in self._parts:
            self._parts[value.index] = self._parted(value, tensor)
        return self._parts[value.index]

    def _parted(self, value: Made, tensor: Any) -> Rows:
        """UNPACK; of what was made real, before that: rows of the engine's integers."""
        op = self._writers.get(value.index)
        if op is not None and self.kinds[op.opcodeIndex] in EACH:
            source = int(op.inputs[0])
            rows = self._rows(Made(source, value.shape))
            if rows is not None:
                return self._each(op, rows, tensor)
        a = schema.UnpackOptionsT()
        a.axis, a.num = 0, value.shape[0]
        unpack = self._operator("UNPACK", a, [value.index])
        like = _reshaped(tensor, value.shape[1:])
        return Rows(tuple(self._written(unpack, [like] * a.num)))

    def _operator(self, kind: str, a: Any, inputs: list[int]) -> Any:
        """An operator that the file does not have."""
        if kind not in self.kinds:
            code, number = schema.OperatorCodeT(), getattr(schema.BuiltinOperator, kind)
            code.builtinCode = code.deprecatedBuiltinCode = number
            code.version = 1
            self.model.operatorCodes.append(code)
            self.kinds.append(kind)
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs = self.kinds.index(kind), np.array(inputs, np.int32)
        op.builtinOptionsType = getattr(schema.BuiltinOptions, f"{kind.title()}Options")
        op.builtinOptions = a
        return op


def _reshaped(tensor: Any, shape: tuple[int, ...]) -> Any:
    found = copy.copy(tensor)
    found.shape, found.shapeSignature = np.array(shape, np.int32), None
    return found


def _zeros(like: Any) -> Known:
    """A constant of a tensor's shape that stands for zeros."""
    quant = like.quantization
    zero = 0 if quant is None or quant.zeroPoint is None else quant.zeroPoint[0]
    return Known(np.full(_lengths(like.shape), zero, DTYPES[like.type]), quant)


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
            return _zeros(target)
        if isinstance(value, Made) and value.shape == _lengths(target.shape):
            return value
    return None


def _ran(raw: bytes, targets: list[int]) -> list[np.ndarray]:
    """Some tensors of a model without inputs, when it has run."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF
    with silent():
        interpreter = Interpreter(
            model_content=raw, num_threads=1, experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
        interpreter.invoke()
    return [interpreter.get_tensor(index).copy() for index in targets]

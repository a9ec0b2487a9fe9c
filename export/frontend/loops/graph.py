"""The graph without a loop that is written down while the loop's turns are walked.

    graph = Unrolled(model)                 # empty
    made = graph.put(op, inputs, targets)   # a copy of `op`, which reads `inputs`
    index = graph.placed(made[0])           # the tensor that an operator would read

Values are those of `export.frontend.loops.rows`.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from export.frontend import cures
from export.frontend.loops.constants import constant
from export.frontend.loops.rows import Inputs, Known, Made, Rows, Value
from export.graph.flatbuffer import operator
from export.graph.kinds import QUANTIZE_KINDS
from export.graph.options import kind_of
from export.graph.read import DTYPES

EACH = QUANTIZE_KINDS  # they do to a row what they do to all

Put = Callable[[Any, Inputs, list[Any]], Sequence[Known | Made]]


def lengths(shape: Any) -> tuple[int, ...]:
    """A shape of the flatbuffer's; () where the file leaves it out."""
    return () if shape is None else tuple(int(size) for size in shape)


def zeros_like(like: Any) -> Known:
    """A constant of a tensor's shape that stands for zeros."""
    quant = like.quantization
    zero = 0 if quant is None or quant.zeroPoint is None else quant.zeroPoint[0]
    return Known(np.full(lengths(like.shape), zero, DTYPES[like.type]), quant)


def each_row(op: Any, rows: Rows, target: Any, put: Put) -> Rows:
    """One operator for each row: what reads one row needs no other."""
    made: list[Known | Made] = []
    for item in rows.items:
        assert item is not None
        shape = item.data.shape if isinstance(item, Known) else item.shape
        made += put(op, [item], [reshaped(target, shape)])
    return Rows(tuple(made))


class Unrolled:
    """A graph that grows behind its inputs; a value becomes a tensor when it is read.

    The model gains the codes of PACK and UNPACK where it has none.
    """

    def __init__(self, model: Any) -> None:
        """Begin with an empty graph."""
        self.model = model
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self._placed: dict[int, tuple[int, Known]] = {}  # by id, which Known keeps
        self._writers: dict[int, Any] = {}  # the operator of each tensor
        self._parts: dict[int, Rows] = {}  # of tensors, taken apart once

    def kind(self, op: Any) -> str:
        """What one of the model's operators is."""
        return kind_of(self.model.operatorCodes[op.opcodeIndex])

    def tensor(self, like: Any) -> Made:
        """A tensor more, which no operator writes yet."""
        tensor, index = copy.copy(like), len(self.graph.tensors)
        tensor.name, tensor.buffer = b"%s;%d" % (like.name or b"", index), 0
        self.graph.tensors.append(tensor)
        return Made(index, lengths(like.shape))

    def put(self, op: Any, inputs: Inputs, targets: list[Any]) -> list[Made]:
        """A copy of an operator, with tensors like `targets` of its own."""
        made = copy.copy(op)
        reads = [-1 if value is None else self.placed(value) for value in inputs]
        made.inputs = np.array(reads, np.int32)
        return self._write(made, targets)

    def placed(self, value: Value) -> int:
        """The tensor that holds a value; `Esp8kError` for a list that holds none."""
        if isinstance(value, Made):
            return value.index
        if isinstance(value, Rows):
            return self._stacked(value)
        if id(value) not in self._placed:
            self._placed[id(value)] = len(self.graph.tensors), value
            self.graph.tensors.append(constant(self.model, value))
        return self._placed[id(value)][0]

    def rows(self, value: Value) -> Rows | None:
        """A value as its rows; a tensor is taken apart, once."""
        if isinstance(value, Rows):
            return value
        if isinstance(value, Known):
            return Rows(tuple(Known(row, value.quant) for row in value.data))
        tensor = self.graph.tensors[value.index]
        if not value.shape or -1 in lengths(tensor.shapeSignature)[:1]:
            return None
        if value.index not in self._parts:
            self._parts[value.index] = self._parted(value, tensor)
        return self._parts[value.index]

    def _stacked(self, rows: Rows) -> int:
        """PACK of rows; those that nothing wrote are zeros like the others."""
        one = next((item for item in rows.items if item is not None), None)
        if one is None:
            raise Esp8kError("the model reads a list that holds nothing", cures.LOOP)
        like = self.graph.tensors[self.placed(one)]
        zeros = zeros_like(like)
        reads = [self.placed(zeros if x is None else x) for x in rows.items]
        a = pack_options(len(reads))
        shape = (len(reads), *lengths(like.shape))
        op = operator(self.model, "PACK", a, reads)
        return self._write(op, [reshaped(like, shape)])[0].index

    def _parted(self, value: Made, tensor: Any) -> Rows:
        """UNPACK; of what was made real, before that: rows of the engine's integers."""
        op = self._writers.get(value.index)
        if op is not None and self.kind(op) in EACH:
            source = int(op.inputs[0])
            rows = self.rows(Made(source, value.shape))
            if rows is not None:
                return each_row(op, rows, tensor, self.put)
        count = value.shape[0]
        unpack = operator(self.model, "UNPACK", unpack_options(count), [value.index])
        like = reshaped(tensor, value.shape[1:])
        return Rows(tuple(self._write(unpack, [like] * count)))

    def _write(self, op: Any, targets: list[Any]) -> list[Made]:
        """One operator more; its inputs are set, its outputs are made here."""
        made = [self.tensor(target) for target in targets]
        op.outputs = np.array([one.index for one in made], np.int32)
        self.graph.operators.append(op)
        self._writers.update((one.index, op) for one in made)
        return made


# ==== Parts of a graph ====


def pack_options(count: int) -> Any:
    """Of so many values along a new first axis."""
    a = schema.PackOptionsT()
    a.axis, a.valuesCount = 0, count
    return a


def unpack_options(count: int) -> Any:
    """Of so many rows of a first axis."""
    a = schema.UnpackOptionsT()
    a.axis, a.num = 0, count
    return a


def drop_unread(graph: Any) -> None:
    """Operators that no output depends on, as what fills all but the last row."""
    wanted, kept = set(map(int, graph.outputs)), []
    for op in reversed(graph.operators):
        if wanted.intersection(map(int, op.outputs)):
            wanted.update(map(int, op.inputs))
            kept.append(op)
    graph.operators = kept[::-1]


def reshaped(tensor: Any, shape: tuple[int, ...]) -> Any:
    """A tensor of the same type and scale, of another shape."""
    found = copy.copy(tensor)
    found.shape, found.shapeSignature = np.array(shape, np.int32), None
    return found

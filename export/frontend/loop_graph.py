"""The graph without a loop that is written down while the loop's turns are walked.

    graph = Unrolled(model)                 # empty
    made = graph.put(op, inputs, targets)   # a copy of `op`, which reads `inputs`
    index = graph.placed(made[0])           # the tensor that an operator would read

Values are those of `export.frontend.loop_rows`.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from export.frontend import cures
from export.frontend.loop_constants import constant
from export.frontend.loop_rows import Inputs, Known, Made, Rows, Value
from export.graph.flatbuffer import operator_code
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
        made += put(op, [item], [_reshaped(target, shape)])
    return Rows(tuple(made))


class Unrolled:
    """A graph that grows behind its inputs; a value becomes a tensor when it is read.

    `kinds` are the model's, by its operator codes: both gain what PACK and UNPACK need.
    """

    def __init__(self, model: Any) -> None:
        """Begin with an empty graph."""
        self.model = model
        self.kinds = [kind_of(code) for code in model.operatorCodes]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self._placed: dict[int, tuple[int, Known]] = {}  # by id, which Known keeps
        self._writers: dict[int, Any] = {}  # the operator of each tensor
        self._parts: dict[int, Rows] = {}  # of tensors, taken apart once

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
        a = schema.PackOptionsT()
        a.axis, a.valuesCount = 0, len(reads)
        shape = (len(reads), *lengths(like.shape))
        op = self._operator("PACK", a, reads)
        return self._write(op, [_reshaped(like, shape)])[0].index

    def _parted(self, value: Made, tensor: Any) -> Rows:
        """UNPACK; of what was made real, before that: rows of the engine's integers."""
        op = self._writers.get(value.index)
        if op is not None and self.kinds[op.opcodeIndex] in EACH:
            source = int(op.inputs[0])
            rows = self.rows(Made(source, value.shape))
            if rows is not None:
                return each_row(op, rows, tensor, self.put)
        a = schema.UnpackOptionsT()
        a.axis, a.num = 0, value.shape[0]
        unpack = self._operator("UNPACK", a, [value.index])
        like = _reshaped(tensor, value.shape[1:])
        return Rows(tuple(self._write(unpack, [like] * a.num)))

    def _write(self, op: Any, targets: list[Any]) -> list[Made]:
        """One operator more; its inputs are set, its outputs are made here."""
        made = [self.tensor(target) for target in targets]
        op.outputs = np.array([one.index for one in made], np.int32)
        self.graph.operators.append(op)
        self._writers.update((one.index, op) for one in made)
        return made

    def _operator(self, kind: str, a: Any, inputs: list[int]) -> Any:
        """An operator that the file does not have."""
        if kind not in self.kinds:
            self.model.operatorCodes.append(operator_code(kind))
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

"""The graph of a model as plain dataclasses: what every later stage reads.

    network.input(op, 1).data      # the weights of a convolution
    network.readers()[op.outputs[0]]

`export.graph.read` makes one of a .tflite. Nothing here knows any arithmetic; see
`export.arithmetic.int8`.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from core.errors import Esp8kError
from export.graph.attributes import Attributes, Padding, Reduction
from export.graph.kinds import CHANNEL_TABLE, LSTM, MAC_KINDS

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
    def is_per_tensor(self) -> bool:
        """Whether it is quantized by one scale, which is above 0 and finite."""
        q = self.quant
        return q is not None and len(q.scale) == 1 and 0 < float(q.scale[0]) < math.inf

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """What a value of an engine takes in memory: an int16 two, an int8 one."""
        return self.size * (2 if self.dtype == "int16" else 1)

    def _quant(self) -> Quant:
        if self.quant is None:
            raise Esp8kError(
                f"tensor {self.index} ({self.name}) has no quantization",
                "convert the model with full integer quantization (int8 in and out)",
            )
        return self.quant


def same_quantization(a: Tensor, b: Tensor) -> bool:
    """Whether both are quantized, and the same integers are the same real numbers."""
    if a.quant is None or b.quant is None:
        return False
    return np.array_equal(a.quant.scale, b.quant.scale) and np.array_equal(
        a.quant.zero_point, b.quant.zero_point
    )


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
    anew: bool = False  # its LSTMs begin with zeros in each call

    @property
    def engine(self) -> str:
        """What computes it: int8, or int16 where its values are of 16 bits."""
        wide = any(self.tensors[i].dtype == "int16" for i in self.inputs)
        return "int16" if wide else "int8"

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

    def writers(self) -> dict[int, Operator]:
        """The operator that computes each value, by tensor index."""
        return {index: op for op in self.operators for index in op.outputs}

    def macs(self) -> int:
        """Multiply-accumulates of one inference, padding included."""
        return sum(operator_macs(self, op) for op in self.operators)


def numbered(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Operators in their order, each with its index."""
    return tuple(dataclasses.replace(op, index=i) for i, op in enumerate(operators))


def operator_macs(network: Network, op: Operator) -> int:
    """Multiply-accumulates of one operator, padding included."""
    out = network.output(op)
    if op.kind == LSTM:  # (1, T, I), then (1, S)
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

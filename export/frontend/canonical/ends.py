"""The ends of a model: float or uint8 outside, int8 inside, or float outside int16.

    network, ends = separate(canonical(network))

What the file has around the int8 core is taken off and told: QUANTIZE of a float or
a uint8 input, DEQUANTIZE, QUANTIZE to uint8 or ARG_MAX of an output. `from_core` and
`to_outer` do the same in numpy, exactly as TFLite Micro's own operators do.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from export.arithmetic import int8
from export.graph.network import (
    Network,
    Operator,
    Quant,
    Tensor,
    numbered,
    same_quantization,
)

INNER = ("int8", "int16")  # types of the core


@dataclass(frozen=True)
class End:
    """One input or output: what the file has there, and what the core has."""

    outer: str  # int8 | int16 | uint8 | float32 | argmax: the type outside
    scale: float  # of the core's value: real = scale * (q - zero_point)
    zero_point: int
    shape: tuple[int, ...]  # of the core's value
    inner: str = "int8"  # or int16: the core's type

    @property
    def held(self) -> str:
        """What the C has there, in a word."""
        return "bytes" if self.inner == "int8" else self.inner

    @property
    def size(self) -> int:
        """Elements of the core's value."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Ends:
    """All of them, in the file's order."""

    inputs: tuple[End, ...]
    outputs: tuple[End, ...]


def separate(network: Network) -> tuple[Network, Ends]:
    """The int8 core, and what stood around it."""
    tensors = list(network.tensors)
    operators = list(network.operators)
    inputs, starts = [], []
    for index in network.inputs:
        inner, outer = _input(tensors, operators, index)
        inputs.append(inner)
        starts.append(_end(tensors[inner], outer))
    outputs, stops = [], []
    for index in network.outputs:
        inner, outer = _output(tensors, operators, index)
        outputs.append(inner)
        stops.append(_end(tensors[inner], outer))
    core = dataclasses.replace(
        network,
        tensors=tuple(tensors),
        operators=numbered(operators),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
    )
    return core, Ends(tuple(starts), tuple(stops))


def _end(tensor: Tensor, outer: str) -> End:
    q = tensor.quant
    scale, zero = (1.0, 0) if q is None else (float(q.scale[0]), int(q.zero_point[0]))
    return End(outer, scale, zero, tensor.shape, tensor.dtype)


def _input(
    tensors: list[Tensor], operators: list[Operator], index: int
) -> tuple[int, str]:
    """(tensor of the core, type outside) of one input; `operators` may lose one."""
    tensor = tensors[index]
    users = [op for op in operators if index in op.inputs]
    if tensor.dtype == "float32" and len(users) == 1 and users[0].kind == "QUANTIZE":
        inner = users[0].outputs[0]
        if tensors[inner].dtype in INNER:
            operators.remove(users[0])
            return inner, "float32"
    if tensor.dtype == "uint8" and tensor.quant is not None:
        tensors[index] = shifted(tensor)
        if len(users) == 1 and users[0].kind == "QUANTIZE":
            inner = users[0].outputs[0]
            if same_quantization(tensors[index], tensors[inner]):
                operators.remove(users[0])
                return inner, "uint8"
        return index, "uint8"
    return index, tensor.dtype


def _output(
    tensors: list[Tensor], operators: list[Operator], index: int
) -> tuple[int, str]:
    makers = [op for op in operators if index in op.outputs]
    read = any(index in op.inputs for op in operators)
    if len(makers) != 1 or read or not makers[0].inputs:
        return index, tensors[index].dtype
    maker, tensor = makers[0], tensors[index]
    inner = maker.inputs[0]
    if maker.kind == "DEQUANTIZE" and tensors[inner].dtype in INNER:
        operators.remove(maker)
        return inner, "float32"
    if maker.kind == "QUANTIZE" and tensor.dtype == "uint8" and tensor.quant:
        tensors[index] = shifted(tensor)
        same = same_quantization(tensors[index], tensors[inner])
        if tensors[inner].dtype == "int8" and same:
            operators.remove(maker)
            return inner, "uint8"
        return index, "uint8"
    if maker.kind == "ARG_MAX" and _last_axis(tensors, maker):
        operators.remove(maker)
        return inner, "argmax"
    return index, tensor.dtype


def _last_axis(tensors: list[Tensor], op: Operator) -> bool:
    source, axis = tensors[op.inputs[0]], tensors[op.inputs[1]].data
    if axis is None or source.dtype not in INNER or not source.shape:
        return False
    at = int(axis.reshape(-1)[0]) % len(source.shape)
    return source.shape[at] == source.size


def shifted(tensor: Tensor) -> Tensor:
    """A uint8 tensor as int8: the same numbers less 128."""
    q, data = tensor.quant, tensor.data
    assert q is not None
    moved = Quant(q.scale, q.zero_point - 128, q.axis)
    if data is not None:
        data = (data.astype(np.int16) - 128).astype(np.int8)
    return dataclasses.replace(tensor, dtype="int8", quant=moved, data=data)


# ==== The same in numpy ====


def quantized(end: End, values: np.ndarray) -> np.ndarray:
    """The core's integers of real numbers, as QUANTIZE rounds them."""
    return int8.quantized(values, end.scale, end.zero_point, end.inner)


def to_outer(end: End, q: np.ndarray) -> np.ndarray:
    """Values that the file takes and that become `q` in the core."""
    if end.outer == "uint8":
        return (q.astype(np.int16) + 128).astype(np.uint8)
    if end.outer == "float32":
        return real(end, q)
    return q


def from_core(end: End, q: np.ndarray) -> np.ndarray:
    """What the file gives for the core's int8, (N, ...)."""
    if end.outer == "argmax":
        return np.asarray(q.reshape(len(q), -1).argmax(1))
    return to_outer(end, q)


def real(end: End, q: np.ndarray) -> np.ndarray:
    """The real numbers that the core's integers stand for, float32."""
    away = q.astype(np.float32) - np.float32(end.zero_point)
    return np.asarray(away * np.float32(end.scale), np.float32)

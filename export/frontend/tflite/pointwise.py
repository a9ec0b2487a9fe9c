"""Functions of one value, element by element, that int8 has no operators for.

    found = pointwise.regions(read_tflite(ranged, "float"))
    raw = pointwise.expanded(quantized(pointwise.folded(ranged, found)), found, ranged)

softplus is LOG(EXP(x) + 1), SELU chooses by x > 0: TensorFlow's quantizer makes int8 of
each operator, which TensorFlow Lite Micro has no kernels for, or refuses. Together they
are a function of one number, so a table of 256 bytes. While the rest is quantized an
ELU, which the quantizer leaves in float, stands for all of them.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.frontend.canonical.islands import POINTWISE, is_one
from export.graph.flatbuffer import (
    code_number,
    drop_unused_codes,
    operator,
    operator_code,
    packed,
    stored,
    unpacked,
)
from export.graph.network import Network, Operator
from export.graph.options import kind_of

STANDS_FOR = "ELU"
LEAST = 1e-30  # of what a logarithm is taken
# What has no int8 kernel in TensorFlow Lite Micro, or none in TensorFlow's quantizer.
FLOAT_ONLY = frozenset(
    ("EXP", "LOG", "SQRT", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "SQUARE", "NEG")
    + ("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL", "NOT_EQUAL")
    + ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "SELECT", "SELECT_V2")
)


@dataclass(frozen=True)
class Region:
    """Operators, by their numbers, that make one value of one other."""

    start: int  # tensors
    end: int
    operators: frozenset[int]


def regions(network: Network) -> tuple[Region, ...]:
    """Those that hold an operator of FLOAT_ONLY, apart from each other, in order."""
    rules = _dominators(network)
    found: list[Region] = []
    for op in network.operators:
        taken = any(op.index in region.operators for region in found)
        if op.kind in FLOAT_ONLY and not taken:
            region = _around(network, rules, op)
            if region is not None and _apart(region, found):
                found.append(region)
    return tuple(found)


def _apart(region: Region, others: list[Region]) -> bool:
    return not any(region.operators & other.operators for other in others)


def _dominators(network: Network) -> dict[int, frozenset[int]]:
    """Of each computed value those that it is a function of, itself among them."""
    found = {index: frozenset([index]) for index in network.starts}
    for op in network.operators:
        common = _common(network, found, op)
        for index in op.outputs:
            found[index] = common | {index}
    return found


def _common(
    network: Network, found: dict[int, frozenset[int]], op: Operator
) -> frozenset[int]:
    """What all that a pointwise operator reads are functions of."""
    if op.kind not in POINTWISE or len(op.outputs) != 1:
        return frozenset()
    shape = network.output(op).shape
    reads: list[frozenset[int]] = []
    for tensor in (network.tensors[i] for i in op.inputs):
        if tensor.data is None and tensor.shape == shape:
            reads.append(found.get(tensor.index, frozenset()))
        elif tensor.data is None or not is_one(tensor.data):
            return frozenset()
    return frozenset.intersection(*reads) if reads else frozenset()


def _around(
    network: Network, rules: dict[int, frozenset[int]], op: Operator
) -> Region | None:
    """From the first value that it is a function of to the last that is one of it."""
    (made,) = op.outputs
    order = {i: one.index for one in network.operators for i in one.outputs}
    floats = [i for i in rules[made] if network.tensors[i].dtype == "float32"]
    starts = sorted((i for i in floats if i != made), key=lambda i: order.get(i, -1))
    for start in starts:
        ends = [i for i in order if start in rules[i] and i != start]
        for end in sorted(ends, key=order.__getitem__, reverse=True):
            region = _between(network, start, end)
            if op.index in region.operators and _is_closed(network, region):
                return region
    return None


def _between(network: Network, start: int, end: int) -> Region:
    """What computes the end from the start."""
    writers = network.writers()
    waiting, found = [end], set[int]()
    while waiting:
        index = waiting.pop()
        op = None if index == start else writers.get(index)
        if op is not None and op.index not in found:
            found.add(op.index)
            waiting.extend(op.inputs)
    return Region(start, end, frozenset(found))


def _is_closed(network: Network, region: Region) -> bool:
    """Whether it ends in a float, and nothing else reads what lies between."""
    inner = {i for n in region.operators for i in network.operators[n].outputs}
    inner.discard(region.end)
    others = (op for op in network.operators if op.index not in region.operators)
    read = {i for op in others for i in op.inputs} | {*network.ends}
    return not inner & read and network.tensors[region.end].dtype == "float32"


# ==== In a file ====


def folded(raw: bytes, found: tuple[Region, ...]) -> bytes:
    """The float .tflite with one operator in place of each region."""
    model = unpacked(raw)
    graph = model.subgraphs[0]
    for region in found:
        last = graph.operators[max(region.operators)]
        made = operator(model, STANDS_FOR, None, [region.start])
        made.outputs = last.outputs
        graph.operators[max(region.operators)] = made
    gone = {n for region in found for n in region.operators - {max(region.operators)}}
    graph.operators = [op for n, op in enumerate(graph.operators) if n not in gone]
    _end_otherwise(model)
    drop_unused_codes(model)
    return packed(model)


def _end_otherwise(model: Any) -> None:
    """A RESHAPE to its own shape behind each output that would stay float.

    The quantizer refuses such an output.
    """
    graph = model.subgraphs[0]
    graph.outputs = np.array(graph.outputs, np.int32)
    for op in list(graph.operators):
        places = np.flatnonzero(graph.outputs == op.outputs[0])
        if kind_of(model.operatorCodes[op.opcodeIndex]) == STANDS_FOR and len(places):
            graph.outputs[places] = _reshaped(model, int(op.outputs[0]))


def _reshaped(model: Any, index: int) -> int:
    """The same value behind a RESHAPE, with its name."""
    graph = model.subgraphs[0]
    end, shape = copy.copy(graph.tensors[index]), schema.TensorT()
    graph.tensors[index].name += b";float"
    lengths = np.array(end.shape, np.int32)
    shape.name, shape.buffer = b"shape", stored(model, lengths)
    shape.type, shape.shape = schema.TensorType.INT32, np.array([len(lengths)])
    made = operator(model, "RESHAPE", None, [index, len(graph.tensors)])
    made.outputs = np.array([len(graph.tensors) + 1], np.int32)
    graph.tensors += [shape, end]
    graph.operators.append(made)
    return len(graph.tensors) - 1


def expanded(raw: bytes, found: tuple[Region, ...], source: bytes) -> bytes:
    """The quantized .tflite with the regions' own operators, of the float `source`."""
    model, old = unpacked(raw), unpacked(source)
    graph = model.subgraphs[0]
    stood = iter(_standing(old, found))
    operators: list[Any] = []
    for op in graph.operators:
        kind = kind_of(model.operatorCodes[op.opcodeIndex])
        region = next(stood) if kind == STANDS_FOR else None
        copied = [op] if region is None else _copied(model, old, region, op)
        operators.extend(copied)
    graph.operators = operators
    drop_unused_codes(model)
    return packed(model)


def _standing(old: Any, found: tuple[Region, ...]) -> Iterator[Region | None]:
    """What each operator of that kind stands for, in order; None: for itself."""
    last = {max(region.operators): region for region in found}
    gone = {number for region in found for number in region.operators}
    for number, op in enumerate(old.subgraphs[0].operators):
        kind = kind_of(old.operatorCodes[op.opcodeIndex])
        if number in last or (kind == STANDS_FOR and number not in gone):
            yield last.get(number)


def _copied(model: Any, old: Any, region: Region, op: Any) -> Iterator[Any]:
    """A region's operators between the tensors of what stands for it."""
    graph = model.subgraphs[0]
    places = {region.start: int(op.inputs[0]), region.end: int(op.outputs[0])}
    for number in sorted(region.operators):
        one = copy.copy(old.subgraphs[0].operators[number])
        code = old.operatorCodes[one.opcodeIndex]
        if kind_of(code) == "SELECT":  # the same, which TensorFlow Lite Micro has
            code = operator_code("SELECT_V2")
            one.builtinOptionsType = schema.BuiltinOptions.SelectV2Options
            one.builtinOptions = schema.SelectV2OptionsT()
        one.opcodeIndex = code_number(model, code)
        for index in map(int, (*one.inputs, *one.outputs)):
            if index not in places:
                places[index] = len(graph.tensors)
                graph.tensors.append(_tensor(model, old, index))
        one.inputs = np.array([places[int(i)] for i in one.inputs], np.int32)
        one.outputs = np.array([places[int(i)] for i in one.outputs], np.int32)
        if kind_of(code) == "LOG":
            yield _above_zero(model, one)
        yield one


def _above_zero(model: Any, logarithm: Any) -> Any:
    """A MAXIMUM before it: of 0, which 8 bits round to, it is the least there is."""
    graph, least = model.subgraphs[0], schema.TensorT()
    least.name, least.type, least.shape = b"least", schema.TensorType.FLOAT32, []
    least.buffer = stored(model, np.array(LEAST, np.float32))
    value = copy.copy(graph.tensors[logarithm.inputs[0]])
    made = operator(model, "MAXIMUM", None, [logarithm.inputs[0], len(graph.tensors)])
    value.quantization, value.buffer = None, 0
    graph.tensors += [least, value]
    made.outputs = logarithm.inputs = np.array([len(graph.tensors) - 1], np.int32)
    return made


def _tensor(model: Any, old: Any, index: int) -> Any:
    """A copy of a float tensor, and of its constant."""
    tensor = copy.copy(old.subgraphs[0].tensors[index])
    tensor.quantization = None
    model.buffers.append(copy.copy(old.buffers[tensor.buffer]))
    tensor.buffer = len(model.buffers) - 1
    return tensor

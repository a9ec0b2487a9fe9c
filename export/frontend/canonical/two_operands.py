"""Operators of two operands, brought to the shapes that kernels take."""

import dataclasses

from export.arithmetic import elementwise, int8
from export.frontend import scales
from export.frontend.canonical.rewriter import Rewriter, Shape
from export.graph.attributes import Table
from export.graph.network import Operator, Tensor


def binary(r: Rewriter, op: Operator) -> None:
    """Both operands in the output's rank; at most (H, W, C) behind a batch of 1."""
    if len(op.inputs) < 2 or min(op.inputs[:2]) < 0:
        return r.keep(op)
    if _tabled(r, op):
        return None
    target = r.tensors[op.outputs[0]]
    rank = len(target.shape)
    shapes = [r.tensor(op, i).shape for i in (0, 1)]
    if max(map(len, shapes)) > rank:
        return r.keep(op)
    full = [(1,) * (rank - len(s)) + s for s in shapes]
    led = rank < 4 and all(r.tensor(op, i).data is None for i in (0, 1))
    if shapes[0] == shapes[1] and rank <= 4 and (led or shapes[0][:1] == (1,)):
        return r.keep(op)  # values without a 1 in front get one, constants do not
    if any(a != b and 1 not in (a, b) for a, b in zip(*full, strict=True)):
        return r.keep(op)
    merged = _merged(full)
    if len(merged[0]) > 3:
        return r.keep(op)
    wide = [(1,) * (4 - len(m)) + tuple(m) for m in merged]
    if rank == 4 and target.shape[0] == 1:
        wide = full
    given = [r.reshaped(op.inputs[i], wide[i]) for i in (0, 1)]
    shape = tuple(max(a, b) for a, b in zip(*wide, strict=True))
    r.deliver(op.kind, (*given, *op.inputs[2:]), shape, op.outputs[0], op.attributes)


def _tabled(r: Rewriter, op: Operator) -> bool:
    """One constant number as the other operand: a table of 256 entries."""
    given, out = [r.tensor(op, i) for i in (0, 1)], r.tensors[op.outputs[0]]
    single = [t.data is not None and t.size == 1 for t in given]
    if single.count(True) != 1 or not all(map(_is_int8, (*given, out))):
        return False
    at = single.index(False)
    network = dataclasses.replace(r.network, tensors=tuple(r.tensors))
    if op.attributes.activation not in int8.FUSED:
        return False
    if given[at].size != out.size or scales.out_of_proportion(network, op):
        return False
    values = elementwise.with_constant(network, op)
    if values is None:
        return False
    source = r.reshaped(op.inputs[at], out.shape)
    r.emit("TABLE", (source,), op.outputs[0], Table(values=values, of=op.kind))
    return True


def _is_int8(tensor: Tensor) -> bool:
    return tensor.dtype == "int8" and tensor.is_per_tensor


def _merged(shapes: list[Shape]) -> tuple[list[int], list[int]]:
    """Neighbouring dimensions that broadcast alike, as one."""
    first: list[int] = []
    second: list[int] = []
    alike = None
    for a, b in zip(*shapes, strict=True):
        if a == b == 1:
            continue
        pattern = (a == b, a == 1)
        if pattern == alike:
            first[-1], second[-1] = first[-1] * a, second[-1] * b
        else:
            first.append(a)
            second.append(b)
        alike = pattern
    return first or [1], second or [1]

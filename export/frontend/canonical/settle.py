"""Outputs and variables, each in a place of its own that nothing else reads too late.

The generated C writes an output or a variable's new value where the caller holds it.
That is right as long as no operator still wants the old value, or the output as a
value of the network; else a copy is made at the end.
"""

import dataclasses

from export.frontend.canonical.rewriter import Rewriter
from export.graph.attributes import Movement
from export.graph.fusion import aliases
from export.graph.kinds import UNARY_KINDS
from export.graph.moves import Axis, Moves
from export.graph.network import Network, Variable

LATE = (*UNARY_KINDS, "MAX_POOL_2D")  # may run as part of an earlier operator


def settle(network: Network) -> Network:
    """The same network with the copies that it needs."""
    r = Rewriter(network)
    r.operators = list(network.operators)
    roots = aliases(network)
    held = {roots.get(i, i) for i in network.inputs}
    held.update(v.read for v in network.variables)
    reads = {
        roots.get(i, i)
        for op in network.operators
        if op.kind != "RESHAPE"
        for i in op.inputs
        if i >= 0
    }
    taken: set[int] = set()
    outputs = []
    for index in network.outputs:
        root = roots.get(index, index)
        constant = network.tensors[root].data is not None
        if not constant and (root in held or root in reads or root in taken):
            index = root = _copy(r, index)
        taken.add(root)
        outputs.append(index)
    variables = _variables(r, roots, held, taken)
    return r.finished(outputs=tuple(outputs), variables=variables)


def _copy(r: Rewriter, index: int) -> int:
    tensor = r.tensors[index]
    moves = Moves(0, (Axis(tensor.size, 1),))
    made = r.value(tensor.shape, tensor, f"copy of {tensor.name}")
    return r.emit("MOVE", (index,), made, Movement(moves=moves, of="copy"))


def _variables(
    r: Rewriter, roots: dict[int, int], held: set[int], taken: set[int]
) -> tuple[Variable, ...]:
    """New values: written in place, or copied when all old ones have been read."""
    variables = r.network.variables
    before = len(r.operators)
    written = {v.read: v.written for v in variables}
    copied = []
    for v in variables:
        root = roots.get(v.written, v.written)
        if root == v.read:
            continue  # it keeps its value
        if root in held:  # another variable, or an input: set aside first
            written[v.read] = _copy(r, v.written)
            copied.append(v.read)
        elif root in taken or not _writable(r, before, roots, v.read, root):
            copied.append(v.read)
        else:
            taken.add(root)
    for read in copied:
        written[read] = _copy(r, written[read])
    return tuple(dataclasses.replace(v, written=written[v.read]) for v in variables)


def _writable(
    r: Rewriter, before: int, roots: dict[int, int], read: int, root: int
) -> bool:
    """Whether the new value is made after the last operator that reads the old one."""
    maker = next((n for n, op in enumerate(r.operators) if root in op.outputs), None)
    if maker is None or r.operators[maker].kind in LATE:
        return False
    readers = [
        n
        for n, op in enumerate(r.operators)
        if op.kind != "RESHAPE" and any(roots.get(i, i) == read for i in op.inputs)
    ]
    return all(n < maker for n in readers)

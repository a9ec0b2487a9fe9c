"""A RESHAPE back to the shape that a value had before is that value."""

import dataclasses

from export.graph.network import Network, Tensor, numbered, same_quantization


def shapes(network: Network) -> Network:
    """Readers of such a RESHAPE read the value itself; RESHAPEs nobody reads go."""
    roots: dict[int, int] = {}
    same: dict[int, int] = {}
    operators = []
    ends = {*network.outputs, *(v.written for v in network.variables)}
    for op in network.operators:
        inputs = tuple(same.get(i, i) for i in op.inputs)
        op = dataclasses.replace(op, inputs=inputs)
        if op.kind == "RESHAPE":
            source, target = inputs[0], op.outputs[0]
            roots[target] = roots.get(source, source)
            found = _earlier(network.tensors, roots, same, target)
            if found is not None and target not in ends:
                same[target] = found
        operators.append(op)
    read = {i for op in operators for i in op.inputs} | ends
    kept = [op for op in operators if op.kind != "RESHAPE" or op.outputs[0] in read]
    while len(kept) < len(operators):
        operators = kept
        read = {i for op in operators for i in op.inputs} | ends
        kept = [op for op in operators if op.kind != "RESHAPE" or op.outputs[0] in read]
    return dataclasses.replace(network, operators=numbered(kept))


def _earlier(
    tensors: tuple[Tensor, ...],
    roots: dict[int, int],
    same: dict[int, int],
    target: int,
) -> int | None:
    """The value of the same bytes, shape and scale that came first."""
    wanted, root = tensors[target], roots[target]
    alike = [root, *(t for t, r in roots.items() if r == root and t != target)]
    for index in alike:
        other = tensors[index]
        if index in same or other.shape != wanted.shape or other.data is not None:
            continue
        if same_quantization(other, wanted):
            return index
    return None

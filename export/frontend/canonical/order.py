"""A value's last reader runs as soon as the one before it has, if that takes no room.

A shortcut's 1x1 convolution stands behind the layers that it passes by: till then its
input would lie in memory, which often is larger than its output.
"""

import dataclasses

from export.graph.network import Network, Operator, numbered


def hastened(network: Network) -> Network:
    """The network with such operators moved to the front."""
    operators = list(network.operators)
    for op in network.operators:
        place = _place(network, operators, op)
        if place is not None:
            operators.remove(op)
            operators.insert(place, op)
    return dataclasses.replace(network, operators=numbered(operators))


def _place(network: Network, operators: list[Operator], op: Operator) -> int | None:
    """Behind the last but one reader of its only input, where that comes earlier."""
    values = {i for i in op.inputs if i >= 0 and network.tensors[i].data is None}
    if len(values) != 1 or len(op.outputs) != 1 or values & {*network.ends}:
        return None
    (source,) = values
    readers = [i for i, one in enumerate(operators) if source in one.inputs]
    if len(readers) < 2 or operators[readers[-1]] is not op:
        return None
    if any(operators[i].kind == "RESHAPE" for i in readers):
        return None  # others read the same bytes
    if network.tensors[source].bytes < network.output(op).bytes:
        return None
    return readers[-2] + 1 if readers[-2] + 1 < readers[-1] else None

"""Which rows and columns of each value are required: what some later layer reads.

Found by walking backwards from the outputs. What is not required is neither computed
nor stored.
"""

from export.graph.attributes import Window
from export.graph.geometry import Shape, geometry, hwc
from export.graph.kinds import (
    BINARY_KINDS,
    CHANNEL_TABLE,
    UNARY_KINDS,
    WHOLE_KINDS,
)
from export.graph.network import Network, Operator

ALL = 1 << 30  # rows or columns: everything there is


def required(
    network: Network, alias: dict[int, int], groups: list[list[Operator]]
) -> dict[int, Shape]:
    """The region of every value that anything reads, from its top left."""
    found: dict[int, tuple[int, int]] = {}

    def need(index: int, rows: int, columns: int) -> None:
        full = hwc(network.tensors[index].shape)
        old = found.get(index, (0, 0))
        found[index] = (
            min(full[0], max(old[0], rows)),
            min(full[1], max(old[1], columns)),
        )

    # The output, and whatever is read in another shape, is required whole.
    for index in (*(alias.get(i, i) for i in network.ends), *alias.values()):
        need(index, ALL, ALL)
    for group in reversed(groups):
        if group[0].kind in WHOLE_KINDS:
            need(group[0].outputs[0], ALL, ALL)
        for op in reversed(group):
            rows, columns = found.get(op.outputs[0], (0, 0))
            below, beside = reads(network, op, rows, columns)
            if op is not group[0] and _overlapping(network, op):
                below += -below % op.told(Window).stride_h  # in whole strides
            for index in computed(network, op):
                root = alias.get(index, index)
                if root != index or op.kind == "FULLY_CONNECTED":
                    need(root, ALL, ALL)
                else:
                    need(root, below, beside)
    regions = {i: (*at, hwc(network.tensors[i].shape)[2]) for i, at in found.items()}
    return regions | {i: hwc(network.tensors[i].shape) for i in alias}


def reads(network: Network, op: Operator, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of its input that `op` needs for so many of its output."""
    if op.kind in (*UNARY_KINDS, *BINARY_KINDS, CHANNEL_TABLE):
        return rows, columns
    if not isinstance(op.attributes, Window) or op.kind == "TRANSPOSE_CONV":
        return ALL, ALL
    return geometry(network, op).reads(rows, columns)


def computed(network: Network, op: Operator) -> tuple[int, ...]:
    """The inputs of `op` that are computed, not constant."""
    return tuple(i for i in op.inputs if i >= 0 and network.tensors[i].data is None)


def _overlapping(network: Network, op: Operator) -> bool:
    return op.kind == "MAX_POOL_2D" and geometry(network, op).overlaps

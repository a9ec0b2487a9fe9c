"""From the operators of a network to the stages that are generated.

A stage is one C function: a convolution or a fully connected layer together with
the pool and the activations behind it, or one of the lesser operators alone. Which
operators a stage fuses is decided here for every engine; which rows and columns of
each value it computes, in `export.graph.regions`.

    stages = plan_stages(read_tflite("build/v2/model_int8.tflite", "v2"))
"""

import numpy as np

from export.graph.attributes import Leaky, Pool, Table
from export.graph.geometry import geometry, hwc
from export.graph.kinds import CHANNEL_TABLE, CONV_KINDS, MAC_KINDS, UNARY_KINDS
from export.graph.network import Network, Operator
from export.graph.regions import required
from export.graph.stage import Stage, build

STEMS = {  # of the names of stages; all else has its kind's
    "CONV_2D": "conv",
    "DEPTHWISE_CONV_2D": "depthwise",
    "FULLY_CONNECTED": "dense",
    "MAX_POOL_2D": "maxpool",
    "AVERAGE_POOL_2D": "avgpool",
    "CONCATENATION": "concat",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "lstm",
}


COMMUTING = ("LEAKY_RELU", "RELU", CHANNEL_TABLE)  # with a pool, where they rise


def plan_stages(
    network: Network, strips: bool = False, tables: bool = True, unary: bool = True
) -> tuple[Stage, ...]:
    """Group the operators of `network` and resolve each stage.

    `strips`: the engine can fuse a pool whose windows overlap, a strip of rows at a
    time. `tables`: it can look up a table for each channel behind a sum. `unary`: it
    can do an activation, an operator of its own, behind what it computes.
    """
    alias = aliases(network)
    groups = _groups(network, alias, strips, tables, unary)
    regions = required(network, alias, groups)
    stages = []
    counts: dict[str, int] = {}
    for number, group in enumerate(groups):
        stem = STEMS.get(group[0].kind, group[0].kind.lower())
        counts[stem] = counts.get(stem, 0) + 1
        name = f"{stem}{counts[stem]}"
        stages.append(build(network, group, number, name, regions, alias))
    return tuple(stages)


def aliases(network: Network) -> dict[int, int]:
    """Tensors that are another one's bytes under a new shape."""
    alias: dict[int, int] = {}
    for op in network.operators:
        if op.kind == "RESHAPE":
            source = op.inputs[0]
            alias[op.outputs[0]] = alias.get(source, source)
    return alias


def _groups(
    network: Network, alias: dict[int, int], strips: bool, tables: bool, unary: bool
) -> list[list[Operator]]:
    users: dict[int, list[Operator]] = {}
    operators = [op for op in network.operators if op.kind != "RESHAPE"]
    for op in operators:
        for index in op.inputs:
            users.setdefault(alias.get(index, index), []).append(op)
    ends = {alias.get(i, i) for i in network.ends}
    groups: list[list[Operator]] = []
    taken: set[int] = set()
    for op in operators:
        if op.index in taken:
            continue
        group = [op]
        while op.kind in (*MAC_KINDS, "MAX_POOL_2D", *UNARY_KINDS):
            readers = users.get(group[-1].outputs[0], [])
            if len(readers) != 1 or group[-1].outputs[0] in ends:
                break
            if group[-1].outputs[0] not in readers[0].inputs:
                break  # it reads another shape
            if readers[0].kind == CHANNEL_TABLE and not tables:
                break
            if readers[0].kind in UNARY_KINDS and not unary:
                break
            if not (
                _fuses(group, readers[0])
                or (strips and _fuses_in_strips(network, group, readers[0]))
            ):
                break
            group.append(readers[0])
        taken.update(member.index for member in group)
        groups.append(group)
    return groups


def _fuses(group: list[Operator], follower: Operator) -> bool:
    """Whether `follower` can be computed on the accumulators of the group."""
    if follower.kind == CHANNEL_TABLE:
        return group[0].kind in MAC_KINDS
    if follower.kind in UNARY_KINDS:
        return True
    return (
        _commutes(group, follower)
        and group[0].kind in CONV_KINDS
        and is_side_by_side(follower)
    )


def is_side_by_side(op: Operator) -> bool:
    """Whether it is a max pool whose windows cover what is there once each."""
    a = op.attributes
    return (
        op.kind == "MAX_POOL_2D"
        and isinstance(a, Pool)
        and (a.padding, a.activation) == ("VALID", "NONE")
        and (a.kernel_h, a.kernel_w) == (a.stride_h, a.stride_w)
    )


def _fuses_in_strips(network: Network, group: list[Operator], pool: Operator) -> bool:
    """Whether a pool of windows twice its stride can follow the group row by row."""
    head = group[0]
    if not _commutes(group, pool) or head.kind != "CONV_2D":
        return False
    height, width, _ = hwc(network.output(head).shape)
    in_h, in_w, _ = hwc(network.tensors[head.inputs[0]].shape)
    own = geometry(network, head)
    rows, columns = own.reads(height, width)
    a = pool.told(Pool)
    return (
        (own.top, own.left) == (0, 0)
        and rows <= in_h
        and columns <= in_w
        and a.kernel_h == 2 * a.stride_h
        and a.kernel_w == 2 * a.stride_w
        and height % a.stride_h == 0
    )


def rises(op: Operator) -> bool:
    """Whether a greater value never gives a smaller one."""
    a = op.attributes
    if op.kind == CHANNEL_TABLE:
        return bool((np.diff(op.told(Table).values.astype(int), axis=1) >= 0).all())
    return not isinstance(a, Leaky) or a.alpha >= 0


def _commutes(group: list[Operator], pool: Operator) -> bool:
    """Whether `pool` is a maximum that can be taken before what stands in the group."""
    return (
        pool.kind == "MAX_POOL_2D"
        and all(member.kind != "MAX_POOL_2D" for member in group)
        and all(member.kind in COMMUTING for member in group[1:])
        and all(map(rises, group))
        and pool.attributes.activation == "NONE"
    )

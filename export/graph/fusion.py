"""From the operators of a network to the stages that are generated.

A stage is one C function: a convolution or a fully connected layer together with
the pool and the activations behind it, or one of the lesser operators alone. Two
decisions are made here for every engine: which operators a stage fuses, and which
rows and columns of each value are live, found by walking backwards from the
outputs: what no later layer reads is neither computed nor stored.

    from export.planner import plan_stages
    stages = plan_stages(read_tflite("build/v2/model_int8.tflite", "v2"))
"""

import math
from dataclasses import dataclass

from export.graph.network import Network, Operator, operator_macs, pads_before

MAC_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
UNARY_KINDS = ("LEAKY_RELU", "RELU", "RELU6", "LOGISTIC", "TANH", "QUANTIZE")

Shape = tuple[int, int, int]  # (H, W, C), batch is always 1


@dataclass(frozen=True)
class Stage:
    """One generated function: a head operator, then at most a pool and tables."""

    name: str
    number: int
    head: Operator
    pool: Operator | None
    unary: tuple[Operator, ...]  # in network order; they commute with the pool
    inputs: tuple[int, ...]  # tensors of activations read, aliases resolved
    reads: tuple[int, ...]  # the same in the shapes in which they are read
    output: int  # tensor index of what the stage writes
    in_live: tuple[Shape, ...]  # stored region of each input, as it is read
    mac_live: Shape  # region that the head computes, before any pool
    out_live: Shape  # region that is stored
    macs: int  # as the network counts them
    live_macs: int  # what is left after the dead pixels

    @property
    def out_size(self) -> int:
        """Stored elements of the output."""
        return math.prod(self.out_live)

    @property
    def operators(self) -> tuple[Operator, ...]:
        """All operators of the stage, the head first."""
        return (self.head, *((self.pool,) if self.pool else ()), *self.unary)


def hwc(shape: tuple[int, ...]) -> Shape:
    """A tensor's shape as (H, W, C); leading ones dropped, flat ones are (1, 1, C)."""
    body = shape[1:] if len(shape) > 1 else shape
    if len(body) == 3:
        return body[0], body[1], body[2]
    if len(body) == 2:
        return body[0], 1, body[1]
    return 1, 1, math.prod(body)


def plan_stages(network: Network, bands: bool = False) -> tuple[Stage, ...]:
    """Group the operators of `network` and find each stage's live region.

    `bands`: the engine can fuse a pool whose windows overlap (export.kernels.band).
    """
    alias = aliases(network)
    groups = _groups(network, alias, bands)
    live = _live_regions(network, alias, groups)
    stages = []
    counts: dict[str, int] = {}
    for number, group in enumerate(groups):
        stem = _stem(group[0].kind)
        counts[stem] = counts.get(stem, 0) + 1
        stages.append(
            _stage(network, alias, live, group, number, f"{stem}{counts[stem]}")
        )
    return tuple(stages)


def activations(network: Network, op: Operator) -> tuple[int, ...]:
    """The inputs of `op` that are computed, not constant."""
    return tuple(i for i in op.inputs if i >= 0 and network.tensors[i].data is None)


# ==== Grouping ====


def aliases(network: Network) -> dict[int, int]:
    """Tensors that are another one's bytes under a new shape."""
    alias: dict[int, int] = {}
    for op in network.operators:
        if op.kind == "RESHAPE":
            source = op.inputs[0]
            alias[op.outputs[0]] = alias.get(source, source)
    return alias


def _groups(
    network: Network, alias: dict[int, int], bands: bool
) -> list[list[Operator]]:
    users: dict[int, list[Operator]] = {}
    operators = [op for op in network.operators if op.kind != "RESHAPE"]
    for op in operators:
        for index in op.inputs:
            users.setdefault(alias.get(index, index), []).append(op)
    ends = {alias.get(i, i) for i in network.outputs}
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
            if not (
                _fuses(group, readers[0])
                or (bands and _fuses_in_bands(network, group, readers[0]))
            ):
                break
            group.append(readers[0])
        taken.update(member.index for member in group)
        groups.append(group)
    return groups


def _fuses(group: list[Operator], follower: Operator) -> bool:
    """Whether `follower` can be computed on the accumulators of the group."""
    if follower.kind in UNARY_KINDS:
        return True
    attributes = follower.attributes
    return (
        _commutes(group, follower)
        and group[0].kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
        and attributes["padding"] == "VALID"
        and attributes["filter_h"] == attributes["stride_h"]
        and attributes["filter_w"] == attributes["stride_w"]
    )


def _fuses_in_bands(network: Network, group: list[Operator], pool: Operator) -> bool:
    """Whether a pool of windows twice its stride can follow the group row by row."""
    head, a = group[0], pool.attributes
    if not _commutes(group, pool) or head.kind != "CONV_2D":
        return False
    height, width, _ = hwc(network.output(head).shape)
    in_h, in_w, _ = hwc(network.tensors[head.inputs[0]].shape)
    rows, columns = _reads(network, head, height, width)
    return (
        pads_before(network, head) == (0, 0)
        and rows <= in_h
        and columns <= in_w
        and a["filter_h"] == 2 * a["stride_h"]
        and a["filter_w"] == 2 * a["stride_w"]
        and height % a["stride_h"] == 0
    )


def _commutes(group: list[Operator], pool: Operator) -> bool:
    """Whether `pool` is a maximum that can be taken before what stands in the group."""
    return (
        pool.kind == "MAX_POOL_2D"
        and all(member.kind != "MAX_POOL_2D" for member in group)
        and all(member.kind in ("LEAKY_RELU", "RELU") for member in group[1:])
        and all(member.attributes.get("alpha", 0) >= 0 for member in group)
        and pool.attributes["activation"] == "NONE"
    )


def _stem(kind: str) -> str:
    names = {
        "CONV_2D": "conv",
        "DEPTHWISE_CONV_2D": "depthwise",
        "FULLY_CONNECTED": "dense",
        "MAX_POOL_2D": "maxpool",
        "AVERAGE_POOL_2D": "avgpool",
        "CONCATENATION": "concat",
    }
    return names.get(kind, kind.lower())


# ==== Live regions ====


def _live_regions(
    network: Network, alias: dict[int, int], groups: list[list[Operator]]
) -> dict[int, tuple[int, int]]:
    """(rows, columns) of every value that anything reads, from the top left."""
    live: dict[int, tuple[int, int]] = {}

    def need(index: int, rows: int, columns: int) -> None:
        full = hwc(network.tensors[index].shape)
        old = live.get(index, (0, 0))
        live[index] = (
            min(full[0], max(old[0], rows)),
            min(full[1], max(old[1], columns)),
        )

    for index in network.outputs:
        root = alias.get(index, index)
        need(root, *hwc(network.tensors[root].shape)[:2])
    reshaped = {alias[i] for i in alias}
    for index in reshaped:  # another shape reads all of it
        need(index, *hwc(network.tensors[index].shape)[:2])
    for group in reversed(groups):
        for op in reversed(group):
            rows, columns = live.get(op.outputs[0], (0, 0))
            for index in activations(network, op):
                root = alias.get(index, index)
                if root != index or op.kind == "FULLY_CONNECTED":
                    need(root, *hwc(network.tensors[root].shape)[:2])
                    continue
                below, beside = _reads(network, op, rows, columns)
                if op is not group[0] and overlaps(op):  # computed in whole strides
                    below += -below % op.attributes["stride_h"]
                need(root, below, beside)
    return live


def _reads(network: Network, op: Operator, rows: int, columns: int) -> tuple[int, int]:
    """Rows and columns of its input that `op` needs for so many of its output."""
    a = op.attributes
    if op.kind in (*UNARY_KINDS, "ADD", "MUL"):
        return rows, columns
    if "stride_h" not in a:
        return 1 << 30, 1 << 30  # everything; the caller clips
    kernel_h, kernel_w = kernel_size(network, op)
    top, left = pads_before(network, op)
    reach_h = (kernel_h - 1) * a.get("dilation_h", 1) + 1
    reach_w = (kernel_w - 1) * a.get("dilation_w", 1) + 1
    return (
        (rows - 1) * a["stride_h"] + reach_h - top,
        (columns - 1) * a["stride_w"] + reach_w - left,
    )


def overlaps(pool: Operator) -> bool:
    """Whether the windows of a pool that fuses overlap."""
    a = pool.attributes
    return pool.kind == "MAX_POOL_2D" and a["filter_h"] > a["stride_h"]


def kernel_size(network: Network, op: Operator) -> tuple[int, int]:
    """(height, width) of a convolution's or a pool's window."""
    if "filter_h" in op.attributes:
        return op.attributes["filter_h"], op.attributes["filter_w"]
    _, height, width, _ = network.tensors[op.inputs[1]].shape
    return height, width


def _stage(
    network: Network,
    alias: dict[int, int],
    live: dict[int, tuple[int, int]],
    group: list[Operator],
    number: int,
    name: str,
) -> Stage:
    head = group[0]
    pool = next((op for op in group[1:] if op.kind == "MAX_POOL_2D"), None)
    reads = activations(network, head)

    def region(index: int) -> Shape:
        shape = hwc(network.tensors[index].shape)
        return shape if index in alias else (*live[index], shape[2])

    out_live = region(group[-1].outputs[0])
    mac_live = region(head.outputs[0])
    macs = operator_macs(network, head)
    whole = math.prod(hwc(network.output(head).shape))
    return Stage(
        name=name,
        number=number,
        head=head,
        pool=pool,
        unary=tuple(op for op in group[1:] if op is not pool),
        inputs=tuple(alias.get(i, i) for i in reads),
        reads=reads,
        output=group[-1].outputs[0],
        in_live=tuple(region(i) for i in reads),
        mac_live=mac_live,
        out_live=out_live,
        macs=macs,
        live_macs=macs * math.prod(mac_live) // whole,
    )

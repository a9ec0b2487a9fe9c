"""Which layout each value has: what its readers want of it."""

from export.cores.s3.layout import Border, Layout, lay, padded
from export.cores.s3.windows import Shape, cheapest
from export.graph.fusion import Stage, hwc
from export.graph.network import Network, pads_before

WINDOWED = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D")
LOWEST = -128
Reader = tuple[Stage, int]  # a stage, and which of its inputs it is


def layouts(network: Network, stages: tuple[Stage, ...]) -> dict[int, Layout]:
    """The layout of the network's input and of every stage's output."""
    readers: dict[int, list[Reader]] = {}
    for stage in stages:
        for at, tensor in enumerate(stage.inputs):
            readers.setdefault(tensor, []).append((stage, at))
    start = network.inputs[0]
    found = {start: _image(network, readers.get(start, []))}
    for stage in stages:
        pooled = stage.pool is not None
        shape = stage.out_live
        wanted = readers.get(stage.output, [])
        able = stage.head.kind in ("CONV_2D", "MAX_POOL_2D") and not pooled
        found[stage.output] = _layout(network, shape, wanted, able, stage.output)
    return found


def _image(network: Network, readers: list[Reader]) -> Layout:
    """The input: in the shape in which it is read, if that is one shape."""
    shape = hwc(network.tensors[network.inputs[0]].shape)
    read = {hwc(network.tensors[s.reads[at]].shape) for s, at in readers}
    if len(read) == 1:
        shape = read.pop()
    layout = _layout(network, shape, readers, True, network.inputs[0])
    if layout.border or layout.pixel != layout.channels:
        return layout
    tight = layout.width * layout.pixel
    return Layout(*shape, layout.pixel, tight)


def _layout(
    network: Network,
    shape: tuple[int, int, int],
    readers: list[Reader],
    able: bool,
    tensor: int,
) -> Layout:
    """`able`: whether the writer can let pixels follow each other without a gap."""
    height, width, channels = shape
    border, fill = _border(network, shape, readers)
    pixels = [padded(channels)]
    if able and channels % 8 and all(packs(s) for s, _ in readers):
        pixels.insert(0, channels)
    choices = [lay(height, width, channels, p, border, fill) for p in pixels]
    return min(choices, key=lambda one: _cost(network, one, readers))


def packs(stage: Stage) -> bool:
    """Whether a stage reads pixels at any alignment."""
    return stage.head.kind in ("CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D")


def _border(
    network: Network, shape: tuple[int, int, int], readers: list[Reader]
) -> tuple[Border, int]:
    """What the readers' padding reads, and what it reads there."""
    sides, fills = [], set()
    for stage, at in readers:
        needed = (
            padding(network, stage, shape) if same_shape(network, stage, at) else None
        )
        if needed:
            sides.append(needed)
            fills.add(fill(network, stage))
    if not sides:
        return Border(), 0
    if len(fills) > 1:  # the convolutions' goes before; a pool gets a portable kernel
        fills.discard(LOWEST)
    chosen = min(fills)
    kept = [
        padding(network, s, shape)
        for s, at in readers
        if same_shape(network, s, at) and fill(network, s) == chosen
    ]
    return (
        Border(*(max(getattr(b, side) for b in kept) for side in _SIDES)),
        chosen,
    )


_SIDES = ("top", "left", "bottom", "right")


def same_shape(network: Network, stage: Stage, at: int) -> bool:
    """Whether a stage reads a value in the shape in which it was made."""
    read, made = stage.reads[at], stage.inputs[at]
    if made == network.inputs[0]:
        return True
    return hwc(network.tensors[read].shape) == hwc(network.tensors[made].shape)


def fill(network: Network, stage: Stage) -> int:
    """What a stage's padding reads."""
    if stage.head.kind == "MAX_POOL_2D":
        return LOWEST
    return network.tensors[stage.head.inputs[0]].zero_point


def padding(network: Network, stage: Stage, shape: tuple[int, int, int]) -> Border:
    """The border that a stage reads around an input of (H, W, C) stored."""
    op = stage.head
    if op.kind not in WINDOWED or stage.reads[0] != op.inputs[0]:
        return Border()
    kernel, stride, dilation = window(network, stage)
    top, left = pads_before(network, op)
    rows, columns, _ = stage.mac_live
    bottom = (rows - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1 - top - shape[0]
    right = (columns - 1) * stride[1] + (kernel[1] - 1) * dilation[1] + 1 - left
    return Border(top, left, max(bottom, 0), max(right - shape[1], 0))


Pair = tuple[int, int]


def window(network: Network, stage: Stage) -> tuple[Pair, Pair, Pair]:
    """(kernel, stride, dilation) of a windowed stage's head."""
    a = stage.head.attributes
    if "filter_h" in a:
        kernel = a["filter_h"], a["filter_w"]
    else:
        kernel = network.tensors[stage.head.inputs[1]].shape[1:3]
    dilation = a.get("dilation_h", 1), a.get("dilation_w", 1)
    return kernel, (a["stride_h"], a["stride_w"]), dilation


def _cost(network: Network, layout: Layout, readers: list[Reader]) -> float:
    """Instructions of the readers, about; then bytes."""
    total = layout.size / 1e6
    for stage, _ in readers:
        if stage.head.kind == "CONV_2D":
            kernel, stride, dilation = window(network, stage)
            channels = stage.mac_live[2]
            top, left = pads_before(network, stage.head)
            start = -layout.at(top, left)
            shape = Shape(*kernel, dilation, layout.channels)
            way = cheapest(shape, layout, stride, start, channels)
            total += stage.mac_live[0] * stage.mac_live[1] * way.cost(channels)
        else:
            total += layout.size / 16
    return total

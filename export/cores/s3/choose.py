"""Which layout each value has: what its readers want of it."""

from export.cores.s3.layout import WORD, Border, Layout, lay, padded
from export.cores.s3.window import Shape
from export.cores.s3.windows import cheapest
from export.graph.geometry import hwc
from export.graph.kinds import CONV_KINDS
from export.graph.network import Network
from export.graph.stage import Stage
from export.plan.units import round_up

WINDOWED = (*CONV_KINDS, "MAX_POOL_2D")
PACKS = ("CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D")  # pixels at any alignment
ANYWHERE = ("CONV_2D", "FULLY_CONNECTED")  # and rows
LOWEST = -128
SIDES = ("top", "left", "bottom", "right")
Size = tuple[int, int, int]  # (H, W, C)
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
        wanted = readers.get(stage.output, [])
        able = stage.head.kind in ("CONV_2D", "MAX_POOL_2D") and stage.pool is None
        found[stage.output] = _layout(stage.region, wanted, able)
    return found


def _image(network: Network, readers: list[Reader]) -> Layout:
    """The input: in the shape in which it is read, if that is one shape.

    Its rows are no more than whole words where windows may begin at any address: C
    moves the rows that are kept of it by words.
    """
    shape = hwc(network.tensors[network.inputs[0]].shape)
    read = {stage.sources[at].shape for stage, at in readers}
    if len(read) == 1:
        shape = read.pop()
    layout = _layout(shape, readers, True)
    anywhere = all(stage.head.kind in ANYWHERE for stage, _ in readers)
    if layout.border or layout.pixel != layout.channels or not anywhere:
        return layout
    return Layout(*shape, layout.pixel, round_up(layout.width * layout.pixel, WORD))


def _layout(shape: Size, readers: list[Reader], able: bool) -> Layout:
    """`able`: whether the writer can let pixels follow each other without a gap."""
    height, width, channels = shape
    border, fill = _border(shape, readers)
    pixels = [padded(channels)]
    if able and channels % 8 and all(s.head.kind in PACKS for s, _ in readers):
        pixels.insert(0, channels)
    choices = [lay(height, width, channels, p, border, fill) for p in pixels]
    return min(choices, key=lambda one: _cost(one, readers))


def _border(shape: Size, readers: list[Reader]) -> tuple[Border, int]:
    """What the readers' padding reads, and what it reads there."""
    needed = [
        (padding(stage, shape), fill(stage))
        for stage, at in readers
        if same_shape(stage, at)
    ]
    fills = {value for border, value in needed if border}
    if not fills:
        return Border(), 0
    if len(fills) > 1:  # the convolutions' goes before; a pool gets a portable kernel
        fills.discard(LOWEST)
    chosen = min(fills)
    kept = [border for border, value in needed if value == chosen]
    return Border(*(max(getattr(b, side) for b in kept) for side in SIDES)), chosen


def same_shape(stage: Stage, at: int) -> bool:
    """Whether a stage reads a value in the shape in which it was made."""
    source = stage.sources[at]
    made = hwc(stage.network.tensors[source.tensor].shape)
    return source.is_input or source.shape == made


def fill(stage: Stage) -> int:
    """What a stage's padding reads."""
    if stage.head.kind == "MAX_POOL_2D":
        return LOWEST
    return stage.network.tensors[stage.head.inputs[0]].zero_point


def padding(stage: Stage, shape: Size) -> Border:
    """The border that a stage reads around an input of (H, W, C) stored."""
    if stage.head.kind not in WINDOWED:
        return Border()
    own = stage.geometry
    rows, columns = own.reads(*stage.head_region[:2])
    bottom, right = max(rows - shape[0], 0), max(columns - shape[1], 0)
    return Border(own.top, own.left, bottom, right)


def readable(stage: Stage, source: Layout) -> bool:
    """Whether the input has the shape and the border that a windowed stage reads."""
    if not same_shape(stage, 0):
        return False
    if stage.sources[0].is_input and stage.sources[0].shape != (
        source.height,
        source.width,
        source.channels,
    ):
        return False
    needed = padding(stage, (source.height, source.width, source.channels))
    return not needed or source.fill == fill(stage)


def window(stage: Stage, channels: int) -> Shape:
    """The window of a convolution's head."""
    own = stage.geometry
    dilation = own.dilation_h, own.dilation_w
    return Shape(own.kernel_h, own.kernel_w, dilation, channels)


def start(stage: Stage, source: Layout) -> int:
    """Offset of the first window from the source's first pixel."""
    return -source.at(stage.geometry.top, stage.geometry.left)


def _cost(layout: Layout, readers: list[Reader]) -> float:
    """Instructions of the readers, about; then bytes."""
    total = layout.size / 1e6
    for stage, _ in readers:
        if stage.head.kind == "CONV_2D":
            rows, columns, channels = stage.head_region
            shape = window(stage, layout.channels)
            stride = stage.geometry.stride_h, stage.geometry.stride_w
            way = cheapest(shape, layout, stride, start(stage, layout), channels)
            total += rows * columns * way.cost(channels)
        else:
            total += layout.size / 16
    return total

"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, summed directly, for int8.

Several positions and channels are summed abreast in registers. Where there is
padding, the rows that one row of output needs are copied into a window with its
border filled in, so that the inner loops know nothing of it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from export import mac16
from export.emit_int8 import (
    Emitted,
    Options,
    byte_array,
    finished,
    reads_beyond,
    requantisation,
    stage_arrays,
    table,
)
from export.network import Network, pads_before
from export.planner import Stage, kernel_size

ACCUMULATORS = 8  # what 16 registers hold beside operands and pointers
UNROLL = (8, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Shape:
    """The geometry of a weighted sum; a fully connected layer is one 1x1 position."""

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    top: int
    left: int
    padded: bool

    @property
    def reach_h(self) -> int:
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def reach_w(self) -> int:
        return (self.kernel_w - 1) * self.dilation_w + 1


def shape_of(network: Network, stage: Stage) -> Shape:
    """Kernel, strides and padding of the stage's head."""
    op = stage.head
    if op.kind == "FULLY_CONNECTED":
        return Shape(1, 1, 1, 1, 1, 1, 0, 0, False)
    a = op.attributes
    top, left = pads_before(network, op)
    padded = top > 0 or left > 0 or reads_beyond(network, stage)
    return Shape(
        *kernel_size(network, op),
        a["stride_h"],
        a["stride_w"],
        a["dilation_h"],
        a["dilation_w"],
        top,
        left,
        padded,
    )


def emit(
    network: Network,
    stage: Stage,
    options: Options,
    pitch: int,
    last: bool,
    out_pitch: int | None = None,
) -> Emitted:
    """The C of one stage; the pitches are the stored widths in elements."""
    op = stage.head
    data = network.tensors[op.inputs[1]].data
    assert data is not None
    weights = data.astype(np.int64)
    shape = shape_of(network, stage)
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    # (channels, taps): what one output is summed over
    flat = weights.reshape(len(weights), -1)
    if depthwise:
        flat = weights.reshape(-1, weights.shape[3]).T
    values = table(network, stage.unary)
    found = requantisation(network, op, flat, values)
    channels = stage.out_live[2]
    row = stage.out_live[1] * channels
    place = f"(y * {stage.out_live[1]} + x) * {channels}"
    if out_pitch not in (None, row):
        place = f"y * {out_pitch} + x * {channels}"
    rows, columns, abreast = blocks(stage)
    if depthwise:
        abreast = 1
    depth = stage.in_live[0][2] if op.kind != "FULLY_CONNECTED" else flat.shape[1]
    order = flat.reshape(-1, abreast, flat.shape[1]).transpose(0, 2, 1).reshape(-1)
    stem = f"{options.prefix}_int8_{stage.name}"
    values, output = finished(options, found, flat, values, stem, last)
    kind = "int16_t" if options.wide_weights else "int8_t"
    what = f"{stage.name}: weights, {abreast} channels abreast"
    array = byte_array(f"{stem}_weights", what, order, kind)
    if options.wide_weights and not depthwise:
        array = replace(array, mac16=mac16.weights(stage, flat))
    context = {
        "template": "depthwise_int8.c.jinja" if depthwise else "conv_int8.c.jinja",
        "name": stage.name,
        "function": stage.name,
        "place": place,
        "out_h": stage.out_live[0],
        "out_w": stage.out_live[1],
        "out_c": channels,
        "weights": f"{stem}_weights",
        "weight_type": kind,
        "mac16": mac16.context(array.mac16, stage),
        "biased": found.form != "single",
        # Sums beyond int32 wrap around, as TFLite's do; unsigned may.
        "sum": "uint32_t" if found.form == "wide" else "int32_t",
        "block_q": abreast,
        "pooled": stage.pool is not None,
        **output,
        "times": channels // depth if depthwise else 1,
        "depth": depth,
        **_geometry(network, stage, shape, pitch, depth, (rows, columns)),
    }
    return Emitted(context, stage_arrays(stage, stem, array, found, values))


def blocks(stage: Stage) -> tuple[int, int, int]:
    """(rows, columns, channels) that are summed abreast."""
    _, width, channels = stage.mac_live
    rows, columns = 1, [n for n in (2, 1, 4) if width % n == 0]
    if stage.pool is not None:
        rows = stage.pool.attributes["filter_h"]
        columns = [stage.pool.attributes["filter_w"]]
    found = [
        (rows, x, n)
        for x in columns
        for n in range(1, max(ACCUMULATORS // (rows * x), 1) + 1)
        if channels % n == 0
    ]
    # Every product needs a value and a weight: as few loads of them as can be.
    return min(found, key=lambda block: 1 / (rows * block[1]) + 1 / block[2])


def _geometry(
    network: Network,
    stage: Stage,
    shape: Shape,
    pitch: int,
    depth: int,
    block: tuple[int, int],
) -> dict[str, Any]:
    """Where the loops read and write."""
    rows, columns = block
    pooled = stage.pool is not None
    down, right = (rows if pooled else 1), (columns if pooled else 1)
    in_h, in_w, _ = stage.in_live[0]
    move_y = down * shape.stride_h * pitch
    window: dict[str, int] | None = None
    if shape.padded:
        width = (stage.mac_live[1] - 1) * shape.stride_w + shape.reach_w
        source = network.tensors[stage.inputs[0]]
        window = {
            "rows": (rows - 1) * shape.stride_h + shape.reach_h,
            "width": width * depth,
            "left": shape.left * depth,
            "copied": min(in_w, width - shape.left) * depth,
            "top": shape.top,
            "step": down * shape.stride_h,
            "in_h": in_h,
            "in_pitch": pitch,
            "fill": source.zero_point + 128,
        }
        pitch, move_y = width * depth, 0
    contiguous = shape.dilation_w == 1
    row = (shape.kernel_w if contiguous else 1) * depth
    positions = [(r, c) for r in range(rows) for c in range(columns)]
    return {
        "window": window,
        "scratch": window["rows"] * window["width"] if window else 0,
        "step_x": 1 if pooled else columns,
        "move_y": move_y,
        "move_x": right * shape.stride_w * depth,
        "kernel_h": shape.kernel_h,
        "kernel_w": shape.kernel_w,
        "segments": 1 if contiguous else shape.kernel_w,
        "segment_step": shape.dilation_w * depth,
        "tap_pitch": shape.dilation_h * pitch,
        "tap_step": shape.dilation_w * depth,
        "row": row,
        "unroll": next(n for n in UNROLL if row % n == 0),
        "block_p": rows * columns,
        "offsets": [
            r * shape.stride_h * pitch + c * shape.stride_w * depth
            for r, c in positions
        ],
        "out_offsets": [c * stage.out_live[2] for _, c in positions],
        "hold_weights": len(positions) >= 4,
    }

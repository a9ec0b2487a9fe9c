"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, summed directly, for int8.

Several positions and channels are summed abreast in registers. Where there is
padding, the rows that one row of output needs are copied into a window with its
border filled in, so that the inner loops know nothing of it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from export.graph.fusion import Stage, kernel_size
from export.graph.network import Network, pads_before
from export.kernels import horizontal_max, mac16
from export.kernels.arrays import byte_array
from export.kernels.horizontal_max import Across
from export.kernels.int8 import (
    Emitted,
    Options,
    finished,
    reads_beyond,
    requantisation,
    stage_arrays,
    table,
)
from export.plan.tiling import blocks, parts

FLAT = 12  # taps of a kernel that needs no loop
UNROLL = (8, 7, 6, 5, 4, 3, 2, 1)


@dataclass(frozen=True)
class Band:
    """Where rows go that a pool reads next (export.kernels.band)."""

    pitch: int  # bytes from one row to the next
    left: int  # columns that its first window begins before the first
    windows: int  # in a row; 0: the pool does not want their maxima


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
    band: Band | None = None,
) -> Emitted | None:
    """The C of one stage; `pitch` is the stored width of its input in elements.

    None where a band wants maxima that cannot be taken on the way.
    """
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
    wants = band is not None and band.windows > 0
    rows, columns, abreast = blocks(stage, whole=depthwise or wants)
    if depthwise:
        abreast = 1
    maxima = None
    if band is not None and wants:
        if columns % horizontal_max.STRIDE or found.form == "wide":
            return None
        width = stage.mac_live[1]
        maxima = horizontal_max.plan(width, band.left, band.windows, columns)
    depth = stage.in_live[0][2] if op.kind != "FULLY_CONNECTED" else flat.shape[1]
    order = flat.reshape(-1, abreast, flat.shape[1]).transpose(0, 2, 1).reshape(-1)
    stem = f"{options.prefix}_int8_{stage.name}"
    # Of windows' maxima the table is taken later, unless it saves a clamp here.
    late = band is not None and not options.wide_tables and values is not None
    entries, output = finished(
        options, found, flat, None if late else values, stem, last
    )
    kind = "int16_t" if options.wide_weights else "int8_t"
    what = f"{stage.name}: weights, {abreast} channels abreast"
    array = byte_array(f"{stem}_weights", what, order, kind)
    if options.wide_weights and not depthwise:
        sums = columns if maxima else 1 if stage.pool else 0
        array = replace(array, mac16=mac16.weights(flat, sums))
    context = {
        "template": "depthwise_int8.c.jinja" if depthwise else "conv_int8.c.jinja",
        "name": stage.name,
        "function": stage.name,
        "place": _place(stage, band, maxima),
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
        "maxima": maxima,
        "band_pitch": band.pitch if band else 0,
        "late_table": f"{stem}_table" if late else None,
        **output,
        "times": channels // depth if depthwise else 1,
        "depth": depth,
        **_geometry(network, stage, shape, pitch, depth, (rows, columns), options),
    }
    if maxima:
        context["scratch"] = 4 * maxima.states * channels
    entries = values if late else entries
    return Emitted(context, stage_arrays(stage, stem, array, found, entries))


def _place(stage: Stage, band: Band | None, maxima: Across | None) -> str:
    """Where a position's bytes are stored: C of y and x."""
    width, channels = stage.out_live[1:]
    if band is None or band.pitch == width * channels:
        return f"(y * {width} + x) * {channels}"
    return f"y * {band.pitch} + {'(x >> 1)' if maxima else 'x'} * {channels}"


def _geometry(
    network: Network,
    stage: Stage,
    shape: Shape,
    pitch: int,
    depth: int,
    block: tuple[int, int],
    options: Options,
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
    beside, below = shape.stride_w * depth, shape.stride_h * pitch
    channels = stage.out_live[2]
    if pooled:  # x counts the pool's outputs
        loops = parts(columns, rows, columns, beside, below, channels)
        loops[0] |= {"end": stage.out_live[1], "step": 1}
    else:
        width = stage.mac_live[1]
        loops = parts(width, rows, columns, beside, below, channels)
    return {
        "window": window,
        "scratch": window["rows"] * window["width"] if window else 0,
        "parts": loops,
        "move_y": move_y,
        "move_x": right * shape.stride_w * depth,
        "kernel_h": shape.kernel_h,
        "kernel_w": shape.kernel_w,
        "segments": 1 if contiguous else shape.kernel_w,
        "segment_step": shape.dilation_w * depth,
        "tap_pitch": shape.dilation_h * pitch,
        "tap_step": shape.dilation_w * depth,
        "row": row,
        **_turn(shape, row, shape.dilation_h * pitch, options),
    }


def _turn(shape: Shape, row: int, down: int, options: Options) -> dict[str, Any]:
    """What one turn of the innermost loop sums: part of a kernel's row, or all of it.

    `row` bytes of the kernel lie together, rows `down` apart.
    """
    small = shape.dilation_w == 1 < shape.kernel_h and shape.kernel_h * row <= FLAT
    if small and options.profile != "size":
        taps = [y * down + k for y in range(shape.kernel_h) for k in range(row)]
        return {"unroll": len(taps), "taps": taps, "flat": True, "rows": 1}
    unroll = next(n for n in UNROLL if row % n == 0)
    return {
        "unroll": unroll,
        "taps": list(range(unroll)),
        "flat": False,
        "rows": shape.kernel_h,
    }

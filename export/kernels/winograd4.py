"""Convolutions by exact integer Winograd F(4x4, 3x3), for the int8 engine."""

import numpy as np

from export.arithmetic import winograd
from export.graph.fusion import Stage, kernel_size
from export.graph.network import Network, pads_before
from export.kernels.arrays import byte_array
from export.kernels.int8 import (
    Emitted,
    Options,
    finished,
    reads_beyond,
    requantisation,
    stage_arrays,
    table,
)

ACCUMULATORS = 8


def emit(
    network: Network,
    stage: Stage,
    options: Options,
    pitch: int,
    last: bool,
    out_pitch: int | None = None,
) -> Emitted | None:
    """F(4x4, 3x3), or None where it does not apply or cannot be proved."""
    op = stage.head
    if op.kind != "CONV_2D":
        return None
    if not winograd.applies(stage, kernel_size(network, op), 4):
        return None
    if pads_before(network, op) != (0, 0) or reads_beyond(network, stage):
        return None
    data = network.tensors[op.inputs[1]].data
    assert data is not None
    weights = data.astype(np.int64)
    flat = weights.reshape(len(weights), -1)
    if weights.shape[3] == 1 or not winograd.fits4(flat):
        return None
    values = table(network, stage.unary)
    found = requantisation(network, op, flat, values)
    if found.form == "wide":
        return None
    depth, out_c = weights.shape[3], len(weights)
    mac_h, mac_w, _ = stage.mac_live
    tiles, block_q = _blocks(mac_w // 4, out_c)
    stem = f"{options.prefix}_int8_{stage.name}"
    values, output = finished(options, found, flat, values, stem, last)
    # (O / q, f, I, q): the order in which the inner loop reads
    order = winograd.filters4(weights).reshape(out_c // block_q, block_q, 36, depth)
    filters = byte_array(
        f"{stem}_filters",
        f"{stage.name}: G g G', {block_q} channels abreast",
        order.transpose(0, 2, 3, 1).reshape(-1),
        "int16_t",
    )
    arrays = stage_arrays(stage, stem, filters, found, values)
    across = 2 if stage.pool else 4
    out_pitch = out_pitch or stage.out_live[1] * out_c
    down = f"(y >> 1) * {out_pitch}" if stage.pool else f"y * {out_pitch}"
    right = f"(x >> 1) * {out_c}" if stage.pool else f"x * {out_c}"
    one_row = mac_h == 4
    context = {
        "template": "winograd4_int8.c.jinja",
        "method": "winograd4",
        "name": stage.name,
        "function": stage.name,
        "one_row": one_row,
        "depth": depth,
        "tiles": tiles,
        "total": mac_h * mac_w // 16,
        "pitch": pitch,
        "corner": f"in + x * {depth}" if one_row else f"in + y * {pitch} + x * {depth}",
        "mac_h": mac_h,
        "mac_w": mac_w,
        "out_c": out_c,
        "out_pitch": out_pitch,
        "across": across,
        "block_q": block_q,
        "weights": f"{stem}_filters",
        "pooled": stage.pool is not None,
        "place": right if one_row else f"{down} + {right}",
        **output,
        "bias": " + k->bias" if found.form != "single" else "",
        "scratch": 36 * tiles * (depth * 2 + block_q * 4),
    }
    return Emitted(context, arrays)


def _blocks(across: int, channels: int) -> tuple[int, int]:
    """(tiles, channels) abreast: as few loads a product as the registers allow."""
    pairs = [
        (p, q)
        for p in range(1, ACCUMULATORS + 1)
        for q in range(1, ACCUMULATORS // p + 1)
        if across % p == 0 and channels % q == 0
    ]
    return min(pairs, key=lambda pair: (1 / pair[0] + 1 / pair[1], pair[0]))

"""Convolutions by exact integer Winograd F(2x2, 3x3), for the int8 engine."""

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


def emit(
    network: Network,
    stage: Stage,
    options: Options,
    pitch: int,
    last: bool,
    out_pitch: int | None = None,
) -> Emitted | None:
    """F(2x2, 3x3), or None where it does not apply or cannot be proved."""
    op = stage.head
    if op.kind != "CONV_2D" or not winograd.applies(stage, kernel_size(network, op)):
        return None
    if pads_before(network, op) != (0, 0) or reads_beyond(network, stage):
        return None
    data = network.tensors[op.inputs[1]].data
    assert data is not None
    weights = data.astype(np.int64)
    transformed = winograd.filters(weights)  # (O, 16, I)
    if not winograd.fits(transformed):
        return None
    values = table(network, stage.unary)
    flat = weights.reshape(len(weights), -1)
    try:
        found = requantisation(network, op, flat, values, winograd.SCALE)
    except ValueError:
        return None
    depth, out_c = weights.shape[3], len(weights)
    mac_h, mac_w, _ = stage.mac_live
    total = mac_h * mac_w // 4
    tiles = 2 if total > 1 else 1
    most = 1 if depth == 1 else 8 // tiles
    block_q = next(n for n in range(min(most, out_c), 0, -1) if out_c % n == 0)
    stem = f"{options.prefix}_int8_{stage.name}"
    values, output = finished(options, found, flat, values, stem, last, winograd.SCALE)
    # (O / q, f, I, q): the order in which the inner loop reads
    order = transformed.reshape(out_c // block_q, block_q, 16, depth)
    flat_order = order.transpose(0, 2, 3, 1).reshape(-1)
    filters = byte_array(
        f"{stem}_filters",
        f"{stage.name}: 2G g 2G', {block_q} channels abreast",
        flat_order,
        "int16_t",
    )
    arrays = stage_arrays(stage, stem, filters, found, values)
    out_w = stage.out_live[1]
    out_pitch = out_pitch or out_w * out_c
    one_row = mac_h == 2
    place = f"(y * {out_w} + x) * {out_c}"
    if stage.pool:
        place = f"((y >> 1) * {out_w} + (x >> 1)) * {out_c}"
    if one_row:
        place = f"(x >> 1) * {out_c}" if stage.pool else f"x * {out_c}"
    across = "x" + (f" * {depth}" if depth > 1 else "")
    biased = found.form != "single"
    context = {
        "template": "winograd_int8.c.jinja",
        "method": "winograd",
        "name": stage.name,
        "function": stage.name,
        "one_row": one_row,
        "depth": depth,
        "tiles": tiles,
        "total": total,
        "adjacent": tiles == 2 and mac_w % 4 == 0,  # no pair crosses a row's end
        "pitch": pitch,
        "corner": f"in + {across}" if one_row else f"in + y * {pitch} + {across}",
        "mac_w": mac_w,
        "out_c": out_c,
        "block_q": block_q,
        "filter_type": "int16_t",
        "weights": f"{stem}_filters",
        "pooled": stage.pool is not None,
        "place": place,
        **output,
        "finish": [
            _finish_tile(stage, biased, f"o{p}", depth, out_pitch) for p in range(tiles)
        ],
        "lines": [[_product(f, p, tiles) for p in range(tiles)] for f in range(16)],
        "vertical": [[_vertical(r, p) for p in range(tiles)] for r in range(4)],
        "scratch": 16 * depth * tiles * 2
        + (16 * tiles * block_q * 4 if depth > 1 else 0),
    }
    return Emitted(context, arrays)


def _finish_tile(stage: Stage, biased: bool, out: str, depth: int, pitch: int) -> str:
    """C that turns the four sums in `t` into one or four stored bytes."""
    indent = " " * (16 if depth > 1 else 12)
    bias = " + k->bias" if biased else ""
    byte = f"{stage.name}_byte"
    if stage.pool is not None:
        best = "nn_max(nn_max(t.y00, t.y01), nn_max(t.y10, t.y11))"
        lines = [f"t.y00 = {best};", f"*{out} = {byte}(t.y00{bias}, k);"]
    else:
        channels = stage.out_live[2]
        places = (
            ("t.y00", 0),
            ("t.y01", channels),
            ("t.y10", pitch),
            ("t.y11", pitch + channels),
        )
        lines = [f"{out}[{at}] = {byte}({name}{bias}, k);" for name, at in places]
    return "\n".join(indent + line for line in lines)


def _product(f: int, p: int, tiles: int) -> str:
    """One product of a one-channel tile, added to its row's two sums."""
    m = f"v[{f * tiles + p}] * w"
    return (
        f"s{p} = {m};",
        f"const int32_t m{p} = {m}; s{p} += m{p}; d{p} = m{p};",
        f"const int32_t m{p} = {m}; s{p} += m{p}; d{p} -= m{p};",
        f"d{p} -= {m};",
    )[f % 4]


def _vertical(row: int, p: int) -> list[str]:
    """Adds a row's sums to the tile: A' = 1 1 1 0, 0 1 -1 -1."""
    first = {0: "=", 1: "+=", 2: "+="}.get(row)
    second = {1: "=", 2: "-=", 3: "-="}.get(row)
    lines = []
    if first:
        lines += [f"y00{p} {first} s{p};", f"y01{p} {first} d{p};"]
    if second:
        lines += [f"y10{p} {second} s{p};", f"y11{p} {second} d{p};"]
    return lines

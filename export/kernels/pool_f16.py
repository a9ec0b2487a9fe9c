"""The float16 engine's max pools that no convolution can take along: they overlap, or
are padded.

A pool takes the largest of its rows first, then of that row's columns. What would lie
beyond an edge is the edge again, which is in the same window, so padding never wins.
The values pass as they are: a convolution in front of a pool leaves its sums
unrounded, so a pool of its own gives the bits of one that is fused. Row by row, where
windows are two strides high, what two of them share is kept as one row, its maximum.
"""

from typing import Any

from export.graph.fusion import Stage, kernel_size
from export.graph.network import Network, pads_before
from export.plan.row_buffers import merges
from export.plan.tiling_f16 import divisor

UNROLL = 10  # elements in one piece of straight code


def is_short(network: Network, stage: Stage) -> bool:
    """Whether the last window of rows is cut off by the input's lower edge."""
    return last_rows(network, stage) < kernel_size(network, stage.head)[0]


def last_rows(network: Network, stage: Stage) -> int:
    """Rows that the last window really has."""
    step, top = stage.head.attributes["stride_h"], pads_before(network, stage.head)[0]
    rows = stage.in_live[0][0] - ((stage.out_live[0] - 1) * step - top)
    return min(rows, kernel_size(network, stage.head)[0])


def context(
    network: Network, stage: Stage, pitch: int, row_by_row: bool, value: str
) -> dict[str, Any]:
    """What the template needs; `value` is what becomes of the largest."""
    (kernel_h, kernel_w), a = kernel_size(network, stage.head), stage.head.attributes
    top, left = pads_before(network, stage.head)
    in_h, in_w, depth = stage.in_live[0]
    out_h, out_w, _ = stage.out_live
    merged = row_by_row and merges(network, stage)
    if row_by_row:  # above the first row the window is filled
        full, need = last_rows(network, stage), kernel_h
        if merged:  # the first half of the window is one row
            full, need = full - a["stride_h"] + 1, a["stride_h"] + 1
        rows = [str(i * pitch) for i in range(need)]
        for i in range(full, need):
            rows[i] = f"(rows < {need} ? {rows[full - 1]} : {rows[i]})"
    else:
        rows = [
            f"{_clamped('y', i - top, a['stride_h'], in_h, out_h)} * {pitch}"
            for i in range(kernel_h)
        ]
    columns = [
        f"{_clamped('x', i - left, a['stride_w'], in_w, out_w)} * {depth}"
        for i in range(kernel_w)
    ]
    in_place = row_by_row or kernel_h == 1
    return {
        "template": "maxpool_f16.c.jinja",
        "name": stage.name,
        "rows": rows,
        "columns": columns,
        "short": row_by_row and is_short(network, stage),
        "in_place": in_place,
        "writes": row_by_row and kernel_h > 1,
        "merged": merged,
        "out_h": 1 if row_by_row else out_h,
        "out_w": out_w,
        "depth": depth,
        "width": in_w * depth,
        "unroll": divisor(in_w * depth, UNROLL),
        "unroll_c": divisor(depth, UNROLL),
        "value": value,
        "scratch": 0 if in_place else 4 * in_w * depth,
        "method": "row by row" if row_by_row else "whole",
    }


def _clamped(name: str, shift: int, step: int, size: int, count: int) -> str:
    """The index of a window's row or column, within the input."""
    if count == 1:
        return str(min(max(shift, 0), size - 1))
    text = f"{name} * {step}" if step > 1 else name
    if shift:
        text += f" {'+' if shift > 0 else '-'} {abs(shift)}"
    if shift < 0:
        return f"nn_max({text}, 0)"
    if (count - 1) * step + shift >= size:
        return f"nn_min({text}, {size - 1})"
    return f"({text})" if " " in text else text

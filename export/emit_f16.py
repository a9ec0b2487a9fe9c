"""The float16 engine: what the templates need to know about each stage.

Weights stay binary16 in flash. A weight is decoded once for all positions that are
summed abreast, or, where a call has several such groups, into working memory; a small
filter stays in registers. Convolutions at the start of the network are computed row
by row, so that only a window of rows of their outputs is ever stored. The arithmetic
is that of `export.reference_f16`; without an FPU it is done in whole numbers.
"""

import math

import numpy as np

from export import emit_pool_f16
from export.emit_int8 import Array, Emitted, Options, reads_beyond
from export.network import Network, pads_before
from export.planner import Stage
from export.reference_f16 import PIXEL_SCALE, constant
from export.stream_f16 import MOST_KEPT
from export.tile_f16 import MOST_UNROLL, divisor, tile_of
from training.errors import Esp8kError

ROUNDING = {"none": "{x}", "round": "nn_round({x})", "flush": "nn_round_flush({x})"}
HELD = 8  # sums that gcc 12 would copy between registers, which it does not with more
SMALLEST_NORMAL = 2.0**-14  # of binary16


def emit(
    network: Network,
    stage: Stage,
    options: Options,
    pitch: int,
    rows: int = 0,
    rounding: str = "{x}",
) -> Emitted:
    """The C of one stage; `pitch` is the stored width of its input in elements.

    `rows` are those of its output that it computes a call, all of them if it is not
    streamed; `rounding` is what becomes of a value {x} when it is stored.
    """
    op = stage.head
    first = stage.inputs[0] == network.inputs[0]
    if op.kind == "MAX_POOL_2D" and not first:
        value = rounding.format(x=_finish(network, stage, False))
        return Emitted(
            emit_pool_f16.context(network, stage, pitch, rows > 0, value), []
        )
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED"):
        raise Esp8kError(f"no float16 kernel for {op.kind}", "use the int8 engine")
    weights = _half(network, op.inputs[1])
    if op.kind == "FULLY_CONNECTED":
        weights = weights[:, None, None, :]
        stride_h, stride_w = 1, 1
    else:
        a = op.attributes
        stride_h, stride_w = a["stride_h"], a["stride_w"]
        padded = pads_before(network, op) != (0, 0) or reads_beyond(network, stage)
        if padded or a["dilation_h"] != 1 or a["dilation_w"] != 1:
            raise Esp8kError(
                f"no float16 kernel for {op.kind} with padding or dilation",
                "use the int8 engine",
            )
    _, kernel_h, kernel_w, depth = weights.shape
    if first and not rows:
        raise Esp8kError("the first float16 layer must be streamed")
    out_h, out_w, out_c = stage.out_live
    out_h = rows or out_h
    size, row = math.prod(weights.shape[1:]), kernel_w * depth
    tile = tile_of(stage, out_h)
    blocks = out_h * out_w // (tile.out_rows * tile.out_columns)
    kept = size <= MOST_KEPT
    decoded = size if blocks > 1 and not kept else 0
    pool_h = stage.pool.attributes["filter_h"] if stage.pool else 1
    window_h = (out_h * pool_h - 1) * stride_h + kernel_h
    unroll = tile.unroll(row, options.profile)
    stem = f"{options.prefix}_f16_{stage.name}"
    value = rounding.format(x=_finish(network, stage, first))
    at = to = ""
    if out_h > tile.out_rows:
        at = f" + y * {tile.rows // tile.out_rows * stride_h * pitch}"
        to = f"y * {out_w * out_c} + "
    if out_w > tile.out_columns:
        at += f" + x * {tile.columns // tile.out_columns * stride_w * depth}"
        to += f"x * {out_c} + "
    context = {
        "template": "conv_f16.c.jinja",
        "name": stage.name,
        "in_type": "uint8_t" if first else "nn_real_t",
        "first": first,
        "out_h": out_h if out_h > tile.out_rows else 1,
        "out_w": out_w,
        "out_c": out_c,
        "step_y": tile.out_rows,
        "step_x": tile.out_columns,
        "at": at,
        "to": to,
        "weights": f"{stem}_weights",
        "biases": f"{stem}_biases",
        "size": size,
        "start": "0.0f" if first else "b",
        "soft": _soft(stage, out_h, pitch, stride_h, stride_w, value),
        "block_p": tile.rows * tile.columns,
        "holds": _holds(tile.rows * tile.columns, stage.pool is not None),
        "kernel_h": kernel_h,
        "window_h": window_h,
        "pitch": pitch,
        "pixels": window_h * pitch,
        "pixel_unroll": divisor(window_h * pitch, MOST_UNROLL),
        "row": row,
        "unroll": unroll,
        "taps": [ky * pitch + k for ky in range(kernel_h) for k in range(row)],
        "kept": kept,
        "offsets": [
            r * stride_h * pitch + c * stride_w * depth
            for r in range(tile.rows)
            for c in range(tile.columns)
        ],
        "outputs": [
            {
                "sums": group,
                "offset": (r * out_w + c) * out_c,
                "value": value.format(x=f"a{group[0]}"),
            }
            for r in range(tile.out_rows)
            for c in range(tile.out_columns)
            for group in [tile.group(r, c)]
        ],
        "decoded": decoded,
        "decode": _decoder(weights) if kept else _decoder(weights, "minus_"),
        "decode_unroll": divisor(size, MOST_UNROLL),
        "scratch": 4 * (decoded + (window_h * pitch if first else 0)),
        "method": _method(rows),
    }
    return Emitted(
        context,
        [
            _array(f"{stem}_weights", f"{stage.name}: weights, binary16", weights),
            _array(
                f"{stem}_biases",
                f"{stage.name}: biases",
                _no_minus_zero(_half(network, op.inputs[2])),
            ),
        ],
    )


def _holds(count: int, pooled: bool) -> list[str]:
    """A fence that names all sums, in lines of four, for those that gain by it."""
    if count != HELD or pooled:
        return []
    sums = [f"NN_SUM(a{n})" for n in range(count)]
    lines = [", ".join(sums[i : i + 4]) for i in range(0, count, 4)]
    return ("NN_HOLD(" + ",\n        ".join(lines) + ");").split("\n")


def _method(rows: int) -> str:
    return {0: "whole", 1: "row by row"}.get(rows, f"{rows} rows a call")


def _soft(
    stage: Stage, out_h: int, pitch: int, stride_h: int, stride_w: int, value: str
) -> dict[str, object]:
    """What the way for cores without an FPU needs: one output at a time."""
    pool = stage.pool.attributes if stage.pool else {"filter_h": 1, "filter_w": 1}
    size_h, size_w = pool["filter_h"], pool["filter_w"]
    _, out_w, out_c = stage.out_live
    depth = stage.in_live[0][2] if stage.head.kind == "CONV_2D" else 1
    at = to = ""
    if out_h > 1:
        at += f" + y * {size_h * stride_h * pitch}"
        to += f"y * {out_w * out_c} + "
    if out_w > 1:
        at += f" + x * {size_w * stride_w * depth}"
        to += f"x * {out_c} + "
    offsets = [
        y * stride_h * pitch + x * stride_w * depth
        for y in range(size_h)
        for x in range(size_w)
    ]
    return {
        "out_h": out_h,
        "at": at,
        "to": to,
        "pool": offsets[1:],
        "value": value.format(x="a"),
    }


def _finish(network: Network, stage: Stage, first: bool) -> str:
    """What becomes of a sum {x} after the pool, before it is rounded."""
    text = "{x}"
    if first:
        text = f"{text} * {_constant(float(PIXEL_SCALE))} + b"
    kind = stage.head.attributes["activation"]
    known = {"NONE": "{x}", "RELU": "nn_relu({x})", "RELU6": "nn_relu6({x})"}
    if kind not in known:
        raise Esp8kError(f"no float16 activation {kind}", "use the int8 engine")
    text = known[kind].format(x=text)
    for op in stage.unary:
        if op.kind == "LEAKY_RELU":
            alpha = float(np.float32(op.attributes["alpha"]))
            if not 0 <= alpha <= 1:
                raise Esp8kError(
                    f"no float16 kernel for {op.kind} with alpha {alpha:g}",
                    "use an alpha from 0 to 1, or the int8 engine",
                )
            text = f"nn_leaky({text}, {_constant(alpha)})"
        elif op.kind == "RELU":
            text = f"nn_relu({text})"
        else:
            raise Esp8kError(f"no float16 kernel for {op.kind}", "use int8")
    return text


def _decoder(values: np.ndarray, sign: str = "") -> str:
    """The cheapest function that is exact for these weights."""
    least = np.abs(values.astype(np.float32)).min()
    return f"nn_{sign}half_{'normal' if least >= SMALLEST_NORMAL else 'finite'}"


def _constant(value: float) -> str:
    """A float32 constant by its bits, its value in a comment."""
    bits = int(np.float32(value).view(np.uint32))
    return f"nn_float(0x{bits:08X}u /* {value:.9g} */)"


def _half(network: Network, index: int) -> np.ndarray:
    constant(network, index)  # refuses what is not binary16
    data = network.tensors[index].data
    assert data is not None
    if not np.isfinite(data.astype(np.float32)).all():
        raise Esp8kError(
            f"tensor {network.tensors[index].name} has infinite weights",
            "train again with smaller weights, or use the int8 engine",
        )
    return data


def _no_minus_zero(values: np.ndarray) -> np.ndarray:
    return values + np.float16(0)


def _array(name: str, comment: str, values: np.ndarray) -> Array:
    words = values.reshape(-1).view(np.uint16)
    texts = [f"0x{int(w):04X}" for w in words]
    return Array(name, "uint16_t", texts, comment, 8, 2 * len(texts))

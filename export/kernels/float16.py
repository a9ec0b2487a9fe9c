"""The float16 engine: what the templates need to know about each stage.

Weights stay binary16 in flash. A weight is decoded once for all positions that are
summed abreast, or, where a call has several such groups, into working memory; a small
filter stays in registers. Convolutions at the start of the network are computed row
by row, so that only a window of rows of their outputs is ever stored. The arithmetic
is that of `export.reference.float16`; without an FPU it is done in whole numbers.
"""

import math

import numpy as np

from core.errors import Esp8kError
from export.graph.fusion import Stage
from export.graph.network import Network, pads_before
from export.kernels import pool_f16
from export.kernels.int8 import Array, Emitted, Options, reads_beyond
from export.kernels.scale_f16 import Scales
from export.plan.row_buffers import MOST_KEPT
from export.plan.tiling_f16 import MOST_UNROLL, divisor, tile_of
from export.reference.float16 import PIXEL_SCALE, constant

UNSCALED = Scales()
HELD = 8  # sums that gcc 12 would copy between registers, which it does not with more
SMALLEST_NORMAL = 2.0**-14  # of binary16


def emit(
    network: Network,
    stage: Stage,
    options: Options,
    pitch: int,
    rows: int = 0,
    rounding: str = "none",
    scales: Scales = UNSCALED,
    ring: bool = False,
) -> Emitted:
    """The C of one stage; `pitch` is the stored width of its input in elements.

    `rows` are those of its output that it computes a call, all of them if it is not
    streamed; `rounding` says what becomes of a value when it is stored, `ring` whether
    it gets a pointer to each row of its input.
    """
    op = stage.head
    first = stage.inputs[0] == network.inputs[0]
    pooling = op.kind == "MAX_POOL_2D" and not first
    if not pooling and op.kind not in ("CONV_2D", "FULLY_CONNECTED"):
        raise Esp8kError(f"no float16 kernel for {op.kind}", "use the int8 engine")
    power = scales.outputs.get(stage.number, 0)
    early = power if first and _early(stage, rounding) else 0
    finish, constants = _finish(stage, first, early)
    value = _stored(finish, rounding, power - early)
    if pooling:
        context = pool_f16.context(network, stage, pitch, rows > 0, value)
        return Emitted(context | {"power": power, "constants": constants}, [])
    weights, raw = _half(network, op.inputs[1]), scales.weights.get(stage.number)
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
    at = to = ""
    step_y = tile.rows // tile.out_rows * stride_h
    if out_h > tile.out_rows:
        at = f" + y * {step_y * pitch}" if not ring else ""
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
        "ring": ring,
        "ring_y": f"y * {step_y} + " if out_h > tile.out_rows else "",
        "weights": f"{stem}_weights",
        "biases": f"{stem}_biases",
        "size": size,
        "start": "0.0f" if first else "b",
        "bias": _bias(stem, early),
        "soft": _soft(stage, out_h, stride_h, stride_w, value),
        "dot": "nn_dot" if raw is None else "nn_dot_raw",
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
        "decode": _decoder(weights, "" if kept else "minus_", raw),
        "mac": "nn_mac" if raw is None else "nn_less",
        "decode_unroll": divisor(size, MOST_UNROLL),
        "scratch": 4 * (decoded + (window_h * pitch if first else 0)),
        "method": _method(rows),
        "power": power,
        "constants": constants,
    }
    return Emitted(
        context,
        [
            _weights(stem, stage.name, weights, raw),
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
    stage: Stage, out_h: int, stride_h: int, stride_w: int, value: str
) -> dict[str, object]:
    """What the way for cores without an FPU needs: one output at a time."""
    pool = stage.pool.attributes if stage.pool else {"filter_h": 1, "filter_w": 1}
    size_h, size_w = pool["filter_h"], pool["filter_w"]
    _, out_w, out_c = stage.out_live
    depth = stage.in_live[0][2] if stage.head.kind == "CONV_2D" else 1
    row = at = to = ""
    if out_h > 1:
        row = f" + y * {size_h * stride_h}"
        to += f"y * {out_w * out_c} + "
    if out_w > 1:
        at = f"x * {size_w * stride_w * depth}"
        to += f"x * {out_c} + "
    dots = []
    for y in range(size_h):
        for x in range(size_w):
            down, right = y * stride_h, str(x * stride_w * depth)
            right = f"{at} + {right}" if at and right != "0" else at or right
            dots.append((f"rows{row}" + (f" + {down}" if down else ""), right))
    return {
        "out_h": out_h,
        "to": to,
        "dots": dots,
        "value": value.format(x="a"),
    }


def _bias(stem: str, power: int) -> str:
    text = f"nn_half_finite({stem}_biases[c])"
    return f"nn_scaled({text}, {power})" if power else text


def _early(stage: Stage, rounding: str) -> bool:
    """Whether the factor for the pixels may be as much larger as what is stored.

    Not before a RELU6, nor need it be where the rounding can do that at no cost.
    """
    kinds = {stage.head.attributes.get("activation"), *(op.kind for op in stage.unary)}
    return rounding == "round" and "RELU6" not in kinds


def _stored(text: str, rounding: str, power: int) -> str:
    """A value as it is stored, times 2^power."""
    if rounding == "flush":
        return f"nn_round_flush({text}, {power})"
    if power:
        text = f"nn_scaled({text}, {power})"
    return f"nn_round({text})" if rounding == "round" else text


def _finish(stage: Stage, first: bool, early: int) -> tuple[str, dict[str, str]]:
    """What becomes of a sum {x} after the pool, before it is rounded.

    And the constants by name that it needs.
    """
    text, constants = "{x}", {}
    if first:
        text = f"{text} * unit + b"
        constants["unit"] = _constant(float(PIXEL_SCALE) * 2.0**early)
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
            name = f"slope{len(constants)}" if "slope" in constants else "slope"
            text = f"nn_leaky({text}, {name})"
            constants[name] = _constant(alpha)
        elif op.kind == "RELU":
            text = f"nn_relu({text})"
        else:
            raise Esp8kError(f"no float16 kernel for {op.kind}", "use int8")
    return text, constants


def _decoder(values: np.ndarray, sign: str, raw: int | None) -> str:
    """The cheapest function that is exact for these weights."""
    if raw is not None:
        return "nn_half_raw"
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


def _weights(stem: str, name: str, values: np.ndarray, raw: int | None) -> Array:
    """Raw ones have the sign that nn_less takes."""
    comment = f"{name}: weights, binary16"
    if raw is not None:
        values = (-np.ldexp(values.astype(np.float32), raw)).astype(np.float16)
        comment = f"{name}: weights * -2^{raw}, binary16"
    return _array(f"{stem}_weights", comment, values)


def _no_minus_zero(values: np.ndarray) -> np.ndarray:
    return values + np.float16(0)


def _array(name: str, comment: str, values: np.ndarray) -> Array:
    words = values.reshape(-1).view(np.uint16)
    texts = [f"0x{int(w):04X}" for w in words]
    return Array(name, "uint16_t", texts, comment, 8, 2 * len(texts))

"""The float16 engine: what the templates need to know about each stage.

Weights stay binary16 in flash. A stage decodes the weights of a few channels into
working memory, then uses them at all positions of the rows it computes; convolutions
at the start of the network are computed row by row, so that only a window of rows of
their outputs is ever stored. The arithmetic is that of `export.reference_f16`.
"""

import math
from dataclasses import dataclass

import numpy as np

from export.emit_int8 import Array, Emitted, Options, reads_beyond
from export.network import Network, pads_before
from export.planner import Stage, kernel_size
from export.reference_f16 import PIXEL_SCALE, constant
from training.errors import Esp8kError

MOST_ACCUMULATORS = 10  # LX6 and x86 have 16 floating-point registers
MOST_CHANNELS = 2  # decoded at a time, where their weights are reused
MOST_DENSE = 5  # outputs abreast where nothing is reused
UNROLL = 4
MOST_TAPS = 9
SMALLEST_NORMAL = 2.0**-14  # of binary16


@dataclass(frozen=True)
class Window:
    """How a streamed stage reads its input."""

    rows: int  # rows that one output row needs
    step: int  # rows by which it moves
    width: int  # elements in a row


def streamed(network: Network, stages: tuple[Stage, ...]) -> int:
    """How many stages at the start are computed row by row.

    All but the last of them store only the window that their reader needs.
    """
    count = 0
    for stage, after in zip(stages, stages[1:], strict=False):
        plain = stage.head.kind == "CONV_2D" and after.head.kind == "CONV_2D"
        if not plain or after.inputs != (stage.output,):
            break
        if 2 * window(network, after).rows > stage.out_live[0]:
            break
        count += 1
    return count + 1 if count else 0


def window(network: Network, stage: Stage) -> Window:
    """The rows of its input that one output row of a convolution reads."""
    kernel_h, _ = kernel_size(network, stage.head)
    a = stage.head.attributes
    rows = stage.pool.attributes["filter_h"] if stage.pool else 1
    _, width, depth = stage.in_live[0]
    return Window(
        (rows - 1) * a["stride_h"] + kernel_h, rows * a["stride_h"], width * depth
    )


def emit(
    network: Network,
    stage: Stage,
    options: Options,
    pitch: int,
    last: bool,
    row_by_row: bool = False,
) -> Emitted:
    """The C of one stage; `pitch` is the stored width of its input in elements."""
    op = stage.head
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
    first = stage.inputs[0] == network.inputs[0]
    out_h, out_w, out_c = stage.out_live
    out_h = 1 if row_by_row else out_h
    rows, columns, block_q = _blocks(stage, out_h)
    reused = first or out_h * out_w > 1
    size = math.prod(weights.shape[1:])
    decoded = block_q * size if reused else 0
    window_h = ((rows if stage.pool else out_h) - 1) * stride_h + kernel_h
    live_w = stage.in_live[0][1] * depth
    inner = live_w if first else pitch  # the first layer reads converted pixels
    if first and not row_by_row:
        raise Esp8kError("the first float16 layer must be streamed")
    flat = weights.reshape(len(weights), -1)
    order = flat.reshape(-1, block_q, size).transpose(0, 2, 1).reshape(-1)
    stem = f"{options.prefix}_f16_{stage.name}"
    positions = [(r, c) for r in range(rows) for c in range(columns)]
    row = kernel_w * depth
    unroll = next(n for n in (UNROLL, 3, 2, 1) if row % n == 0)
    taps = list(range(unroll))
    if kernel_h * row <= MOST_TAPS:  # all of a small filter in one piece
        taps = [ky * inner + k for ky in range(kernel_h) for k in range(row)]
        kernel_h, row, unroll = 1, len(taps), len(taps)
    step = 1 if stage.pool else rows, 1 if stage.pool else columns
    move_y = (rows if stage.pool else 1) * stride_h * inner
    move_x = (columns if stage.pool else 1) * stride_w * depth
    at = f" + y * {move_y}" if out_h > step[0] else ""
    to = f"y * {out_w * out_c} + " if out_h > step[0] else ""
    if out_w > step[1]:
        at += f" + x * {move_x}"
        to += f"x * {out_c} + "
    context = {
        "template": "conv_f16.c.jinja",
        "name": stage.name,
        "in_type": "uint8_t" if first else "nn_real_t",
        "first": first,
        "out_h": out_h if out_h > step[0] else 1,
        "out_w": out_w,
        "out_c": out_c,
        "step_y": step[0],
        "step_x": step[1],
        "at": at,
        "to": to,
        "weights": f"{stem}_weights",
        "biases": f"{stem}_biases",
        "block_q": block_q,
        "block_p": rows * columns,
        "kernel_h": kernel_h,
        "window_h": window_h,
        "in_pitch": pitch,
        "pitch": inner,
        "row": row,
        "unroll": unroll,
        "taps": taps,
        "offsets": [r * stride_h * inner + c * stride_w * depth for r, c in positions],
        "out_offsets": [(r * out_w + c) * out_c for r, c in positions],
        "pooled": stage.pool is not None,
        "finish": [
            [_finish(network, stage, first, p, q) for q in range(block_q)]
            for p in range(rows * columns)
        ],
        "decoded": decoded,
        "decode": _decoder(order),
        "decode_unroll": next(n for n in (6, 4, 3, 2, 1) if decoded % n == 0),
        "scratch": 4 * (decoded + (window_h * live_w if first else 0)),
        "method": "row by row" if row_by_row else "whole",
    }
    return Emitted(
        context,
        [
            _array(f"{stem}_weights", f"{stage.name}: weights, binary16", order),
            _array(
                f"{stem}_biases", f"{stage.name}: biases", _half(network, op.inputs[2])
            ),
        ],
    )


def _blocks(stage: Stage, out_h: int) -> tuple[int, int, int]:
    """(rows, columns, channels) that are summed abreast."""
    channels = stage.out_live[2]
    if stage.pool is not None:
        rows = stage.pool.attributes["filter_h"]
        columns = stage.pool.attributes["filter_w"]
    else:
        width = stage.out_live[1]
        most = MOST_ACCUMULATORS // MOST_CHANNELS
        columns = next(n for n in range(min(most, width), 0, -1) if width % n == 0)
        most //= columns
        rows = next(n for n in range(min(most, out_h), 0, -1) if out_h % n == 0)
    most = MOST_CHANNELS if rows * columns > 1 else MOST_DENSE
    block_q = next(n for n in range(min(most, channels), 0, -1) if channels % n == 0)
    return rows, columns, block_q


def _finish(network: Network, stage: Stage, first: bool, p: int, q: int) -> str:
    """What becomes of an accumulator after the pool."""
    text = f"a{p}{q}"
    if first:
        scale = _constant(float(PIXEL_SCALE))
        text = f"nn_mac(b{q}, {text}, {scale})"
    kind = stage.head.attributes["activation"]
    known = {"NONE": "{x}", "RELU": "nn_relu({x})", "RELU6": "nn_relu6({x})"}
    if kind not in known:
        raise Esp8kError(f"no float16 activation {kind}", "use the int8 engine")
    text = known[kind].format(x=text)
    for op in stage.unary:
        if op.kind == "LEAKY_RELU":
            alpha = float(np.float32(op.attributes["alpha"]))
            text = f"nn_leaky({text}, {_constant(alpha)})"
        elif op.kind == "RELU":
            text = f"nn_relu({text})"
        else:
            raise Esp8kError(f"no float16 kernel for {op.kind}", "use int8")
    return text


def _decoder(values: np.ndarray) -> str:
    """The cheapest function that is exact for these weights."""
    least = np.abs(values.astype(np.float32)).min()
    return "nn_half_normal" if least >= SMALLEST_NORMAL else "nn_half_finite"


def _constant(value: float) -> str:
    """A float32 constant by its bits, its value in a comment."""
    bits = int(np.float32(value).view(np.uint32))
    return f"nn_constant(0x{bits:08X}u /* {value:.9g} */)"


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


def _array(name: str, comment: str, values: np.ndarray) -> Array:
    words = values.reshape(-1).view(np.uint16)
    texts = [f"0x{int(w):04X}" for w in words]
    return Array(name, "uint16_t", texts, comment, 8, 2 * len(texts))

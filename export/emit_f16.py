"""The float16 engine: what the templates need to know about each stage.

Weights stay binary16 in flash and are decoded where they are used; the arithmetic
is that of `export.reference_f16`, operation for operation.
"""

import numpy as np

from export.emit_int8 import Array, Emitted, Options, _reads_beyond, _unroll, blocks
from export.network import Network, pads_before
from export.planner import Stage, kernel_size
from export.reference_f16 import PIXEL_SCALE, constant
from training.errors import Esp8kError


def emit(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> Emitted:
    """The C of one stage; `pitch` is the stored width of its input in elements."""
    op = stage.head
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED"):
        raise Esp8kError(f"no float16 kernel for {op.kind}", "use the int8 engine")
    weights = _half(network, op.inputs[1])
    if op.kind == "FULLY_CONNECTED":
        kernel_h, kernel_w, stride_h, stride_w = 1, 1, 1, 1
        depth = weights.shape[1]
    else:
        kernel_h, kernel_w = kernel_size(network, op)
        stride_h, stride_w = op.attributes["stride_h"], op.attributes["stride_w"]
        depth = weights.shape[3]
        if pads_before(network, op) != (0, 0) or _reads_beyond(network, stage):
            raise Esp8kError(f"{op.kind} with padding is not generated yet")
    first = stage.inputs[0] == network.inputs[0]
    rows, columns, block_q, step_x = blocks(stage)
    pooled = stage.pool is not None
    flat = weights.reshape(len(weights), -1)
    order = flat.reshape(-1, block_q, flat.shape[1]).transpose(0, 2, 1).reshape(-1)
    stem = f"{options.prefix}_f16_{stage.name}"
    positions = [(r, c) for r in range(rows) for c in range(columns)]
    row = kernel_w * depth
    context = {
        "template": "conv_f16.c.jinja",
        "name": stage.name,
        "in_type": "uint8_t" if first else "float",
        "first": first,
        "pixel_scale": f"{float(PIXEL_SCALE):.9g}f",
        "out_h": stage.out_live[0],
        "out_w": stage.out_live[1],
        "out_c": stage.out_live[2],
        "step_x": step_x,
        "move_y": (rows if pooled else 1) * stride_h * pitch,
        "move_x": (columns if pooled else 1) * stride_w * depth,
        "weights": f"{stem}_weights",
        "biases": f"{stem}_biases",
        "block_q": block_q,
        "block_p": rows * columns,
        "kernel_h": kernel_h,
        "in_pitch": pitch,
        "row": row,
        "unroll": _unroll(row) if row > 3 else row,
        "offsets": [r * stride_h * pitch + c * stride_w * depth for r, c in positions],
        "out_offsets": [c * stage.out_live[2] for _, c in positions],
        "pooled": pooled,
        "steps": _activations(network, stage),
        "hold_weights": block_q <= rows * columns,
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


def _activations(network: Network, stage: Stage) -> list[str]:
    """Calls around {x}, innermost first, after the bias and the pool."""
    kind = stage.head.attributes["activation"]
    known = {"NONE": [], "RELU": ["nn_relu({x})"], "RELU6": ["nn_relu6({x})"]}
    if kind not in known:
        raise Esp8kError(f"no float16 activation {kind}", "use the int8 engine")
    calls = list(known[kind])
    for op in stage.unary:
        if op.kind == "LEAKY_RELU":
            alpha = float(np.float32(op.attributes["alpha"]))
            calls.append(f"nn_leaky({{x}}, {alpha:.9g}f)")
        elif op.kind == "RELU":
            calls.append("nn_relu({x})")
        else:
            raise Esp8kError(f"no float16 kernel for {op.kind}", "use int8")
    return calls


def _half(network: Network, index: int) -> np.ndarray:
    constant(network, index)  # refuses what is not binary16
    data = network.tensors[index].data
    assert data is not None
    return data


def _array(name: str, comment: str, values: np.ndarray) -> Array:
    words = values.reshape(-1).view(np.uint16)
    texts = [f"0x{int(w):04X}" for w in words]
    return Array(name, "uint16_t", texts, comment, 8, 2 * len(texts))

"""The float16 engine in numpy: the same float32 operations in the same order.

    values = float16.run(network, pixels)      # by tensor index
    logits = float16.outputs(network, pixels)  # (N, classes), in batches

The arithmetic and why it is as it is: `export.arithmetic.float16`.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.errors import Esp8kError
from export.arithmetic.float16 import PIXEL_SCALE, constant, rounded, roundings
from export.graph.attributes import Leaky
from export.graph.fusion import plan_stages
from export.graph.geometry import geometry, hwc
from export.graph.network import Network, Operator
from export.graph.stage import Stage

BATCH = 100  # images at a time: the accumulators of one layer stay in the cache


def run(network: Network, pixels: np.ndarray) -> dict[int, np.ndarray]:
    """All stage outputs for N images of raw bytes: float32 (N, H, W, C)."""
    start = network.inputs[0]
    shape = hwc(network.tensors[start].shape)
    count = len(pixels)
    values = {start: np.asarray(pixels, np.float32).reshape(count, *shape)}
    stages = plan_stages(network)
    rounding = roundings(stages)
    for stage in stages:
        source = values[stage.inputs[0]]
        value = _stage(network, stage, source, start)
        if rounding[stage.number] != "none":
            value = rounded(value, rounding[stage.number] == "flush")
        values[stage.output] = value
    return values


def outputs(network: Network, pixels: np.ndarray) -> np.ndarray:
    """The logits of N images, (N, classes) float32."""
    parts = [
        run(network, pixels[i : i + BATCH])[network.outputs[0]]
        for i in range(0, len(pixels), BATCH)
    ]
    return np.concatenate(parts).reshape(len(pixels), -1)


def _stage(network: Network, stage: Stage, x: np.ndarray, start: int) -> np.ndarray:
    op = stage.head
    if op.kind == "MAX_POOL_2D" and stage.inputs[0] != start:
        return _finish(
            stage, _activate(op.attributes.activation, _largest(network, op, x))
        )
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED"):
        raise Esp8kError(f"no float16 kernel for {op.kind}", "use the int8 engine")
    weights = constant(network, op.inputs[1])
    bias = constant(network, op.inputs[2]) + np.float32(0)  # no -0
    count = len(x)
    first = stage.inputs[0] == start
    if op.kind == "FULLY_CONNECTED":
        weights = weights[:, None, None, :]
        x = x.reshape(count, 1, 1, -1)
        stride, out_hw = (1, 1), (1, 1)
    else:
        own = stage.geometry
        stride = own.stride_h, own.stride_w
        pads, kernel = (own.top, own.left), (own.kernel_h, own.kernel_w)
        out_hw = hwc(network.output(op).shape)[:2]
        x = _pad(x, pads, stride, out_hw, kernel)
    sums = _summed(x, weights, np.zeros_like(bias) if first else bias, stride, out_hw)
    acc = np.ascontiguousarray(np.moveaxis(sums, 0, -1))
    acc = _activate(op.attributes.activation, acc) if not first else acc
    acc = _pool(stage, acc)
    if first:
        acc = acc * PIXEL_SCALE + bias
        acc = _activate(op.attributes.activation, acc)
    return _finish(stage, acc)


def _summed(
    x: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    stride: tuple[int, int],
    out_hw: tuple[int, int],
) -> np.ndarray:
    """A convolution's sums (O, N, H, W) of padded x (N, Hp, Wp, I), tap by tap.

    The channels lie outside: numpy is fast where its innermost loop is long.
    """
    x = np.ascontiguousarray(np.moveaxis(x, -1, 0))
    acc = np.empty((len(start), x.shape[1], *out_hw), np.float32)
    acc[...] = start[:, None, None, None]
    product = np.empty_like(acc[0])
    for ky in range(weights.shape[1]):
        for kx in range(weights.shape[2]):
            rows = slice(ky, ky + (out_hw[0] - 1) * stride[0] + 1, stride[0])
            columns = slice(kx, kx + (out_hw[1] - 1) * stride[1] + 1, stride[1])
            taps = np.ascontiguousarray(x[:, :, rows, columns])
            for k in range(weights.shape[3]):
                for o, weight in enumerate(weights[:, ky, kx, k]):
                    acc[o] += np.multiply(taps[k], weight, out=product)
    return acc


def _finish(stage: Stage, x: np.ndarray) -> np.ndarray:
    """The activations behind a stage's head and pool."""
    for unary in stage.unary:
        if unary.kind == "LEAKY_RELU":
            alpha = np.float32(unary.told(Leaky).alpha)
            x = np.where(x >= 0, x, x * alpha)
        elif unary.kind == "RELU":
            x = _activate("RELU", x)
        else:
            raise Esp8kError(f"no float16 kernel for {unary.kind}", "use int8")
    return x


def _largest(network: Network, op: Operator, x: np.ndarray) -> np.ndarray:
    """A max pool of its own; padding never wins."""
    own, out_hw = geometry(network, op), hwc(network.output(op).shape)[:2]
    kernel, stride = (own.kernel_h, own.kernel_w), (own.stride_h, own.stride_w)
    x = _pad(x, (own.top, own.left), stride, out_hw, kernel, -np.inf)
    windows = sliding_window_view(x, kernel, (1, 2))[:, :: stride[0], :: stride[1]]
    return np.asarray(windows[:, : out_hw[0], : out_hw[1]].max((-2, -1)))


def _activate(kind: str, x: np.ndarray) -> np.ndarray:
    zero = np.float32(0)
    if kind == "NONE":
        return x
    if kind == "RELU":
        return np.where(x > 0, x, zero)
    if kind == "RELU6":
        x = np.where(x > 0, x, zero)
        return np.where(x < 6, x, np.float32(6))
    raise Esp8kError(f"no float16 activation {kind}", "use the int8 engine")


def _pool(stage: Stage, x: np.ndarray) -> np.ndarray:
    """Maximum over the window; the first of equal values stays, as in the C."""
    if stage.pool is None:
        return x
    size_h, size_w = stage.pool.kernel_h, stage.pool.kernel_w
    rows, columns = x.shape[1] // size_h * size_h, x.shape[2] // size_w * size_w
    best: np.ndarray | None = None
    for dy in range(size_h):
        for dx in range(size_w):
            part = x[:, dy:rows:size_h, dx:columns:size_w]
            best = part if best is None else np.where(best > part, best, part)
    assert best is not None
    return best


def _pad(
    x: np.ndarray,
    pads: tuple[int, int],
    stride: tuple[int, int],
    out_hw: tuple[int, int],
    kernel: tuple[int, int],
    value: float = 0,
) -> np.ndarray:
    sides = []
    for axis in (0, 1):
        reach = (out_hw[axis] - 1) * stride[axis] + kernel[axis]
        after = max(reach - x.shape[axis + 1] - pads[axis], 0)
        sides.append((pads[axis], after))
    return np.pad(x, ((0, 0), *sides, (0, 0)), constant_values=value)

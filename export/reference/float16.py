"""The float16 engine in numpy: the same float32 operations in the same order.

    values = reference_f16.run(network, pixels)      # by tensor index
    logits = reference_f16.outputs(network, pixels)  # (N, classes), in batches

Weights and biases are binary16, decoded exactly. Arithmetic is float32, summed in the
order ky, kx, input channel, from the bias on. What a stage leaves for the next one is
rounded to 11 significant bits, halves away from zero, so that a product has at most 22
and is exact: only the sum is rounded, and a fused multiply-add gives the same bits as
a multiplication and an addition. The first layer reads raw pixels: it sums weight *
pixel from zero, then multiplies by float32(1/255) and adds the bias (two roundings).
A max-pool is taken before that. So the bits equal the generated C's on any machine
with IEEE float32, fused or not, in hardware or in software.

That is why nobody has to choose: v2, instructions an inference, 670,182 on the host
(SSE2: each product needs a register of its own, 3 instructions a MAC are the least),
496,082 with three-operand instructions (-mavx), 309,723 fused as on LX6 (-mfma), all
scalar by callgrind; 9,757,907 on lx106 and 9,618,295 on RV32IMC in whole numbers
(nn_f16_soft.h) for the first test image, where libgcc's two roundings a MAC took
26 million. No digit of the 10,000 test images changes by the 11 bits (v1, v2, v3).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.errors import Esp8kError
from export.graph.fusion import MAC_KINDS, Stage, hwc, kernel_size, plan_stages
from export.graph.network import Network, Operator, pads_before

PIXEL_SCALE = np.float32(1 / 255)
LARGEST = 2.0**120
LEAST_NORMAL = -126  # log2, of float32
ROUNDED_GRID = -24  # log2, of 11 bits at and above 2^-14
BATCH = 250  # images at a time: the accumulators of one layer stay in the cache


def run(network: Network, pixels: np.ndarray) -> dict[int, np.ndarray]:
    """All stage outputs for N images of raw bytes: float32 (N, H, W, C)."""
    start = network.inputs[0]
    shape = hwc(network.tensors[start].shape)
    count = len(pixels)
    values = {start: np.asarray(pixels, np.float32).reshape(count, *shape)}
    stages = plan_stages(network)
    rounding = roundings(network, stages)
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


def rounded(x: np.ndarray, flush: bool) -> np.ndarray:
    """To 11 significant bits, halves away from zero; below 2^-14 to zero by flush."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    bits = (bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)
    if flush:
        small = bits << np.uint32(1) < np.uint32(0x71000000)
        bits = np.where(small, np.uint32(0), bits)
    return bits.view(np.float32)


def roundings(network: Network, stages: tuple[Stage, ...]) -> dict[int, str]:
    """By stage number what becomes of a value that is stored: none, round, flush.

    The output is not, nor what only a pool reads: it is rounded behind the pool.
    """
    found = dict.fromkeys((stage.number for stage in stages), "round")
    found |= dict.fromkeys(flushed(network, stages), "flush")
    for stage in stages:
        readers = [s.head.kind for s in stages if stage.output in s.inputs]
        if set(readers) <= {"MAX_POOL_2D"}:
            found[stage.number] = "none"
    return found


def flushed(network: Network, stages: tuple[Stage, ...]) -> set[int]:
    """Numbers of the stages whose least values must become zero.

    All that a stage computes is a multiple of some power of two, its inputs' least
    bit times its weights'. Where the products of the next stage could fall below
    the least normal float32, which not every FPU has the same way, tiny values go.
    """
    found = set()
    grid = 0  # log2: pixels are whole numbers
    for stage, after in zip(stages, [*stages[1:], None], strict=True):
        if stage.head.kind in MAC_KINDS:
            bias = constant(network, stage.head.inputs[2])
            grid += least_bit(constant(network, stage.head.inputs[1]))
            if stage is stages[0]:
                grid += least_bit(PIXEL_SCALE)
            grid = min(grid, least_bit(bias))
        for op in stage.unary:
            grid += min(0, least_bit(np.float32(op.attributes.get("alpha", 1))))
        if after is None or after.head.kind not in MAC_KINDS:
            continue  # the end, or a pool, which passes values on
        if grid + least_bit(constant(network, after.head.inputs[1])) < LEAST_NORMAL:
            found.add(stage.number)
            grid = ROUNDED_GRID
    return found


def largest(network: Network, stages: tuple[Stage, ...]) -> dict[int, float]:
    """By stage number what no sum exceeds; refused if that is much for a float32."""
    found = {}
    most = 255.0
    for stage in stages:
        if stage.head.kind in MAC_KINDS:
            weights = constant(network, stage.head.inputs[1])
            bias = constant(network, stage.head.inputs[2])
            gain = np.abs(weights, dtype=np.float64).reshape(len(weights), -1).sum(1)
            most = float((gain * most + np.abs(bias)).max())
            if not most < LARGEST:
                raise Esp8kError(
                    f"the values of {stage.name} may be too large for float32",
                    "train again with smaller weights, or use the int8 engine",
                )
        found[stage.number] = most
    return found


def least_bit(values: np.ndarray | np.float32) -> int:
    """log2 of the largest power of two that all of `values` are multiples of."""
    part, exponent = np.frexp(np.asarray(values, np.float64).reshape(-1))
    whole = (part * 2.0**53).astype(np.int64)
    low = (whole & -whole)[whole != 0]
    if not low.size:
        return 0
    return int((exponent[whole != 0] - 53 + np.log2(low)).min())


def constant(network: Network, index: int) -> np.ndarray:
    """A binary16 constant, decoded to float32."""
    data = network.tensors[index].data
    assert data is not None
    if data.dtype != np.float16:
        raise Esp8kError(
            f"tensor {network.tensors[index].name} is {data.dtype}, not float16",
            "convert with float16 weights",
        )
    return data.astype(np.float32)


def _stage(network: Network, stage: Stage, x: np.ndarray, start: int) -> np.ndarray:
    op = stage.head
    if op.kind == "MAX_POOL_2D" and stage.inputs[0] != start:
        return _finish(
            stage, _activate(op.attributes["activation"], _largest(network, op, x))
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
        stride, pads, out_hw = (1, 1), (0, 0), (1, 1)
    else:
        stride = op.attributes["stride_h"], op.attributes["stride_w"]
        pads = pads_before(network, op)
        out_hw = hwc(network.output(op).shape)[:2]
        x = _pad(x, pads, stride, out_hw, kernel_size(network, op))
    start_value = np.zeros_like(bias) if first else bias
    acc = np.empty((count, *out_hw, len(bias)), np.float32)
    acc[...] = start_value
    for ky in range(weights.shape[1]):
        for kx in range(weights.shape[2]):
            rows = slice(ky, ky + (out_hw[0] - 1) * stride[0] + 1, stride[0])
            columns = slice(kx, kx + (out_hw[1] - 1) * stride[1] + 1, stride[1])
            taps = x[:, rows, columns]
            for k in range(weights.shape[3]):
                acc += taps[..., k : k + 1] * weights[:, ky, kx, k]
    acc = _activate(op.attributes["activation"], acc) if not first else acc
    acc = _pool(stage, acc)
    if first:
        acc = acc * PIXEL_SCALE + bias
        acc = _activate(op.attributes["activation"], acc)
    return _finish(stage, acc)


def _finish(stage: Stage, x: np.ndarray) -> np.ndarray:
    """The activations behind a stage's head and pool."""
    for unary in stage.unary:
        if unary.kind == "LEAKY_RELU":
            alpha = np.float32(unary.attributes["alpha"])
            x = np.where(x >= 0, x, x * alpha)
        elif unary.kind == "RELU":
            x = _activate("RELU", x)
        else:
            raise Esp8kError(f"no float16 kernel for {unary.kind}", "use int8")
    return x


def _largest(network: Network, op: Operator, x: np.ndarray) -> np.ndarray:
    """A max pool of its own; padding never wins."""
    kernel, a = kernel_size(network, op), op.attributes
    stride, out_hw = (a["stride_h"], a["stride_w"]), hwc(network.output(op).shape)[:2]
    x = _pad(x, pads_before(network, op), stride, out_hw, kernel, -np.inf)
    windows = sliding_window_view(x, kernel, (1, 2))[:, :: stride[0], :: stride[1]]
    return windows[:, : out_hw[0], : out_hw[1]].max((-2, -1))


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
    size_h = stage.pool.attributes["filter_h"]
    size_w = stage.pool.attributes["filter_w"]
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

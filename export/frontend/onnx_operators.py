"""What each ONNX operator becomes in TensorFlow, for `export.frontend.onnx_import`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from export.frontend.onnx_import import Builder, Mapper, Step, Value
from export.graph.network import same_padding

NOT_NEGATIVE = ("Relu", "Clip", "Sigmoid", "Softmax", "MaxPool", "HardSigmoid")


# ==== Convolutions and pools ====


def _conv(b: Builder, step: Step) -> Value:
    tf, a = b.tf, step.attributes
    x = b.last(step)
    weights = b.constant(step, 1)  # (O, I / groups, Kh, Kw)
    flat = weights.ndim == 3  # Conv1d: an image of one row
    if weights.ndim not in (3, 4):
        raise step.refuse(f"{weights.ndim - 2}-dimensional", "only Conv1d and Conv2d")
    if flat:
        x = tf.reshape(x, (1, 1, *x.shape[1:]))
        weights = weights[:, :, None]
    groups, channels = a.get("group", 1), int(x.shape[-1])
    strides = _square(a.get("strides"), flat)
    dilations = _square(a.get("dilations"), flat)
    pads = _pads(step, x.shape[1:3], weights.shape[2:], strides, dilations, flat)
    x, padding = _padded(b, x, pads, weights.shape[2:], strides, dilations)
    if groups == channels and groups > 1:
        multiplier = weights.shape[0] // channels
        kernel = weights.reshape(channels, multiplier, *weights.shape[2:])
        y = tf.nn.depthwise_conv2d(
            x,
            tf.constant(kernel.transpose(2, 3, 0, 1)),
            [1, *strides, 1],
            padding,
            dilations=dilations,
        )
    else:
        kernel = tf.constant(weights.transpose(2, 3, 1, 0))
        y = tf.nn.conv2d(x, kernel, strides, padding, dilations=dilations)
    if step.has(2):
        y = tf.nn.bias_add(y, tf.constant(b.constant(step, 2)))
    return Value(tf.reshape(y, (1, *y.shape[2:])) if flat else y, "last")


def _conv_transpose(b: Builder, step: Step) -> Value:
    tf, a = b.tf, step.attributes
    x, weights = b.last(step), b.constant(step, 1)  # (I, O, Kh, Kw)
    if weights.ndim != 4 or a.get("group", 1) != 1:
        raise step.refuse("grouped, or not of images", "only ConvTranspose2d")
    if any(d != 1 for d in a.get("dilations", [])):
        raise step.refuse("dilated", "use dilation 1")
    strides = list(a.get("strides", [1, 1]))
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    below, beside = a.get("output_padding", [0, 0])
    kernel = tf.constant(weights.transpose(2, 3, 1, 0))
    height, width = (
        (int(x.shape[1 + i]) - 1) * strides[i] + weights.shape[2 + i] for i in (0, 1)
    )
    whole = (1, height, width, weights.shape[1])
    y = tf.nn.conv2d_transpose(x, kernel, whole, strides, "VALID")
    if below or beside:
        y = tf.pad(y, [[0, 0], [0, below], [0, beside], [0, 0]])
    end = height + below - bottom, width + beside - right
    if (top, left) != (0, 0) or end != (height + below, width + beside):
        y = y[:, top : end[0], left : end[1]]
    if step.has(2):
        y = tf.nn.bias_add(y, tf.constant(b.constant(step, 2)))
    return Value(y, "last")


def _square(values: Any, flat: bool) -> list[int]:
    """Strides or dilations of (H, W)."""
    if values is None:
        return [1, 1]
    return [1, *values] if flat else list(values)


def _pads(
    step: Step, size: Any, kernel: Any, strides: Any, dilations: Any, flat: bool
) -> list[tuple[int, int]]:
    """(before, after) of H and W; auto_pad is worked out."""
    automatic = step.attributes.get("auto_pad", b"NOTSET")
    if automatic in (b"NOTSET", b"VALID"):
        pads = list(step.attributes.get("pads", []))
        if automatic == b"VALID" or not pads:
            return [(0, 0), (0, 0)]
        half = len(pads) // 2
        found = list(zip(pads[:half], pads[half:], strict=True))
        return [(0, 0), *found] if flat else found
    pads = []
    for length, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        out = -(-int(length) // s)
        total = max((out - 1) * s + (k - 1) * d + 1 - int(length), 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if automatic == b"SAME_UPPER" else (more, less))
    return pads


def _padded(
    b: Builder,
    x: Any,
    pads: list[tuple[int, int]],
    kernel: Any,
    strides: Any,
    dilations: Any,
    mode: str = "CONSTANT",
) -> tuple[Any, str]:
    """Explicit padding as TFLite's SAME where equal, else as a PAD."""
    if not any(max(p) for p in pads):
        return x, "VALID"
    same = []
    for size, k, s, d in zip(x.shape[1:3], kernel, strides, dilations, strict=True):
        out = -(-size // s)
        total = max((out - 1) * s + (k - 1) * d + 1 - size, 0)
        before = same_padding(size, k, s, d, out)
        same.append((before, total - before))
    if same == pads:
        return x, "SAME"
    return b.tf.pad(x, [[0, 0], *map(list, pads), [0, 0]], mode), "VALID"


def _pool(b: Builder, step: Step) -> Value:
    """MaxPool and AveragePool, of images and of series."""
    tf, a = b.tf, step.attributes
    if any(d != 1 for d in a.get("dilations", [])):
        raise step.refuse("dilated", "pool without dilation")
    if len(step.outputs) > 1 and b.graph.users(step.outputs[1]):
        raise step.refuse("its indices are used", "pool without indices")
    x, kernel = b.last(step), list(a["kernel_shape"])
    flat = len(kernel) == 1
    if len(kernel) not in (1, 2):
        raise step.refuse(f"{len(kernel)}-dimensional", "pool images or series")
    if flat:
        x, kernel = tf.reshape(x, (1, 1, *x.shape[1:])), [1, *kernel]
    strides = _square(a.get("strides"), flat)
    pads = _pads(step, x.shape[1:3], kernel, strides, [1, 1], flat)
    if a.get("ceil_mode", 0):
        pads = _ceiled(x.shape[1:3], kernel, strides, pads)
    made = _max_pool if step.kind == "MaxPool" else _average_pool
    y = made(b, step, x, kernel, strides, pads)
    return Value(tf.reshape(y, (1, *y.shape[2:])) if flat else y, "last")


def _ceiled(size: Any, kernel: Any, strides: Any, pads: Any) -> list[tuple[int, int]]:
    """More padding behind, so that the last window is not left out."""
    found = []
    for length, k, s, (before, after) in zip(size, kernel, strides, pads, strict=True):
        room = int(length) + before + after - k
        steps = -(-room // s)
        if steps * s >= int(length) + before:  # it would begin in the padding
            steps -= 1
        found.append((before, max(steps * s - room, 0) + after))
    return found


def _max_pool(
    b: Builder, step: Step, x: Any, kernel: Any, strides: Any, pads: Any
) -> Any:
    """A maximum pads with nothing: by zeros where none is less, else by a mirror.

    A mirrored border repeats elements that the window holds anyway, as long as the
    padding is at most half of it.
    """
    maker = next((s for s in b.graph.steps if step.inputs[0] in s.outputs), None)
    mode = "CONSTANT"
    if maker is None or maker.kind not in NOT_NEGATIVE:
        mode = "SYMMETRIC"
        if any(2 * max(p) > k for p, k in zip(pads, kernel, strict=True)):
            raise step.refuse(
                f"padding {pads} of windows {kernel}", "pad by half a window at most"
            )
    x, padding = _padded(b, x, pads, kernel, strides, [1, 1], mode)
    return b.tf.nn.max_pool2d(x, kernel, strides, padding)


def _average_pool(
    b: Builder, step: Step, x: Any, kernel: Any, strides: Any, pads: Any
) -> Any:
    """Padding counts, or it does not: then a constant factor makes up for it."""
    tf = b.tf
    counted = bool(step.attributes.get("count_include_pad", 0))
    padded, padding = _padded(b, x, pads, kernel, strides, [1, 1])
    if padding == "SAME" and not counted:
        return tf.nn.avg_pool2d(x, kernel, strides, "SAME")
    if padding == "SAME":
        padded = tf.pad(x, [[0, 0], *map(list, pads), [0, 0]])
    y = tf.nn.avg_pool2d(padded, kernel, strides, "VALID")
    if counted or not any(max(p) for p in pads):
        return y
    height, width = int(x.shape[1]), int(x.shape[2])
    inside = np.pad(np.ones((height, width)), pads)
    rows, columns = int(y.shape[1]), int(y.shape[2])
    count = np.array(
        [
            [
                inside[
                    i * strides[0] : i * strides[0] + kernel[0],
                    j * strides[1] : j * strides[1] + kernel[1],
                ].sum()
                for j in range(columns)
            ]
            for i in range(rows)
        ]
    )
    factor = (math.prod(kernel) / count).astype(np.float32)
    return y * tf.constant(factor[None, :, :, None])


def _global(call: str) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        x = b.last(step)
        axes = tuple(range(1, len(x.shape) - 1))
        return Value(getattr(b.tf, call)(x, axes, keepdims=True), "last")

    return mapped


# ==== Products ====


def _gemm(b: Builder, step: Step) -> Value:
    tf, a = b.tf, step.attributes
    if a.get("transA", 0):
        raise step.refuse("transA", "export a plain Linear layer")
    if step.inputs[1] not in b.graph.constants:
        x, y = b.plain(b.value(step, 0)), b.plain(b.value(step, 1))
        return Value(tf.matmul(x, y, transpose_b=bool(a.get("transB", 0))))
    weights = b.constant(step, 1) * np.float32(a.get("alpha", 1.0))
    weights = weights.T if a.get("transB", 0) else weights  # (in, out)
    if step.inputs[0] in b.graph.constants:
        raise step.refuse("of two constants", "export the model with folded constants")
    value = b.value(step)
    x = value.tensor
    if value.layout == "flat":
        *spatial, c = value.image
        weights = weights.reshape(c, *spatial, -1)
        weights = np.moveaxis(weights, 0, -2).reshape(c * math.prod(spatial), -1)
    elif value.layout == "last":
        x = b.plain(value)
    kernel = tf.constant(np.ascontiguousarray(weights))
    y = tf.matmul(x, kernel) if len(x.shape) == 2 else tf.tensordot(x, kernel, 1)
    if step.has(2):
        bias = np.broadcast_to(b.constant(step, 2).reshape(-1), weights.shape[1:])
        bias = bias * np.float32(a.get("beta", 1.0))
        y = tf.nn.bias_add(y, tf.constant(np.ascontiguousarray(bias)))
    return Value(y)


# ==== Shapes ====


def _reshape(b: Builder, step: Step) -> Value:
    """Flatten, Reshape, Squeeze, Unsqueeze: the same elements in ONNX's order."""
    tf, value = b.tf, b.value(step)
    shape = b.graph.shapes.get(step.output, ())
    size = math.prod(int(d) for d in value.tensor.shape)
    if not shape or math.prod(shape) != size:
        raise step.refuse(f"to the shape {shape}", "export with fixed shapes")
    sizes = [int(d) for d in value.tensor.shape]
    if value.layout == "last":
        spatial, channels = sizes[1:-1], sizes[-1]
        if shape == (1, size):
            if math.prod(spatial) > 1 and channels > 1:
                flat = tf.reshape(value.tensor, (1, size))
                return Value(flat, "flat", (*spatial, channels))
            return Value(tf.reshape(value.tensor, shape))
        if math.prod(spatial) == 1 or channels == 1:
            return Value(tf.reshape(value.tensor, shape))
        kept = [d for d in shape[2:] if d != 1] == [d for d in spatial if d != 1]
        if shape[:2] == (1, channels) and kept:  # only ones come or go
            return Value(tf.reshape(value.tensor, (1, *shape[2:], channels)), "last")
    if value.layout == "flat" and len(shape) == len(value.image) + 1:
        *spatial, channels = value.image
        if shape == (1, channels, *spatial):
            return Value(tf.reshape(value.tensor, (1, *value.image)), "last")
    if value.layout == "flat" and shape == (1, size):
        return value
    return Value(tf.reshape(b.plain(value), shape))


def _expand(b: Builder, step: Step) -> Value:
    shape = b.graph.shapes[step.output]
    return Value(b.tf.broadcast_to(b.plain(b.value(step)), shape))


def _transpose(b: Builder, step: Step) -> Value:
    value = b.value(step)
    rank = len(value.tensor.shape)
    order = tuple(step.attributes.get("perm", range(rank)[::-1]))
    if value.layout == "last" and order == (0, *range(2, rank), 1):
        return Value(value.tensor)  # to channels last, which it is
    if value.layout == "plain" and order == (0, rank - 1, *range(1, rank - 1)):
        return Value(value.tensor, "last")
    return Value(b.tf.transpose(b.plain(value), order))


def _concat(b: Builder, step: Step) -> Value:
    parts, layout, image = b.operands(step)
    rank = len(parts[0].shape)
    if layout == "flat":
        parts = [b.plain(b.value(step, i)) for i in range(len(parts))]
        layout = "plain"
    axis = b.axis(layout, step.attributes["axis"], rank)
    return Value(b.tf.concat(parts, axis), layout)


def _slice(b: Builder, step: Step) -> Value:
    value, rank = _spread(b, step), len(b.graph.shapes[step.inputs[0]])
    starts = np.asarray(b.optional(step, 1, "starts")).reshape(-1)
    ends = np.asarray(b.optional(step, 2, "ends")).reshape(-1)
    axes = b.optional(step, 3, "axes")
    axes = range(len(starts)) if axes is None else np.asarray(axes).reshape(-1)
    steps = b.constant(step, 4).reshape(-1) if step.has(4) else [1] * len(starts)
    index: list[slice] = [slice(None)] * rank
    shape = [int(d) for d in value.tensor.shape]
    for start, end, axis, stride in zip(starts, ends, axes, steps, strict=True):
        at = b.axis(value.layout, int(axis), rank)
        first, last, by = slice(int(start), int(end), int(stride)).indices(shape[at])
        index[at] = slice(first, None if last < 0 else last, by)
    return Value(value.tensor[tuple(index)], value.layout)


def _spread(b: Builder, step: Step) -> Value:
    """An input that is not flat."""
    value = b.value(step)
    return Value(b.plain(value)) if value.layout == "flat" else value


def _split(b: Builder, step: Step) -> list[Value]:
    value = _spread(b, step)
    rank = len(value.tensor.shape)
    axis = b.axis(value.layout, step.attributes.get("axis", 0), rank)
    sizes = b.optional(step, 1, "split")
    if sizes is None:
        each = -(-int(value.tensor.shape[axis]) // len(step.outputs))
        last = int(value.tensor.shape[axis]) - each * (len(step.outputs) - 1)
        sizes = [each] * (len(step.outputs) - 1) + [last]
    parts = b.tf.split(value.tensor, [int(s) for s in sizes], axis)
    return [Value(part, value.layout) for part in parts]


def _pad(b: Builder, step: Step) -> Value:
    value = _spread(b, step)
    pads = np.asarray(b.optional(step, 1, "pads")).reshape(2, -1).T
    rank = len(value.tensor.shape)
    order = [b.axis(value.layout, i, rank) for i in range(rank)]
    laid: list[list[int]] = [[0, 0]] * rank
    axes = b.constant(step, 3).reshape(-1) if step.has(3) else range(rank)
    for axis, pair in zip(axes, pads, strict=True):
        laid[order[int(axis) % rank]] = [int(p) for p in pair]
    if min(min(p) for p in laid) < 0:
        raise step.refuse("pads by less than nothing", "slice instead")
    mode = step.attributes.get("mode", b"constant")
    if mode == b"reflect":
        return Value(b.tf.pad(value.tensor, laid, "REFLECT"), value.layout)
    if mode != b"constant":
        raise step.refuse(f"mode {mode.decode()}", "use constant or reflect")
    fill = b.optional(step, 2, "value")
    fill = 0.0 if fill is None else float(np.asarray(fill).reshape(-1)[0])
    y = (
        b.tf.pad(value.tensor, laid, constant_values=fill)
        if fill
        else b.tf.pad(value.tensor, laid)
    )
    return Value(y, value.layout)


def _gather(b: Builder, step: Step) -> Value:
    value, indices = _spread(b, step), b.constant(step, 1)
    rank = len(value.tensor.shape)
    if indices.ndim == 1:
        axis = b.axis(value.layout, step.attributes.get("axis", 0), rank)
        size = int(value.tensor.shape[axis])
        wrapped = np.where(indices < 0, indices + size, indices)
        return Value(b.tf.gather(value.tensor, wrapped, axis=axis), value.layout)
    axis = step.attributes.get("axis", 0) % rank
    plain = b.plain(value)
    wrapped = np.where(indices < 0, indices + int(plain.shape[axis]), indices)
    return Value(b.tf.gather(plain, wrapped, axis=axis))


def _resize(b: Builder, step: Step) -> Value:
    x, a = b.last(step), step.attributes
    shape = b.graph.shapes[step.output]
    if len(shape) != 4 or shape[1] != int(x.shape[-1]) or shape[0] != 1:
        raise step.refuse(f"to the shape {shape}", "resize height and width")
    mode = a.get("mode", b"nearest")
    how = a.get("coordinate_transformation_mode", b"half_pixel")
    if step.kind == "Upsample":
        how = b"asymmetric"
    size = shape[2:]
    raw = b.tf.raw_ops
    corners, centers = how == b"align_corners", how.endswith(b"half_pixel")
    if mode == b"nearest":
        whole = all(s % int(x.shape[1 + i]) == 0 for i, s in enumerate(size))
        if not whole and how != b"asymmetric":
            raise step.refuse("nearest by a fraction", "scale by whole numbers")
        y = raw.ResizeNearestNeighbor(images=x, size=size)
    elif mode == b"linear":
        y = raw.ResizeBilinear(
            images=x, size=size, align_corners=corners, half_pixel_centers=centers
        )
    else:
        raise step.refuse(f"mode {mode.decode()}", "use nearest or linear")
    return Value(y, "last")


def _depth_to_space(b: Builder, step: Step) -> Value:
    if step.attributes.get("mode", b"DCR") != b"DCR":
        raise step.refuse("mode CRD", "use mode DCR, or pixel_unshuffle before")
    return Value(
        b.tf.nn.depth_to_space(b.last(step), step.attributes["blocksize"]), "last"
    )


# ==== Reductions ====


def _reduce(call: str) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        value = _spread(b, step)
        rank = len(value.tensor.shape)
        axes = b.optional(step, 1, "axes")
        axes = range(rank) if axes is None else np.asarray(axes).reshape(-1)
        keep = bool(step.attributes.get("keepdims", 1))
        chosen = [int(i) % rank for i in axes]
        spatial = sorted(chosen) == list(range(2, rank))
        if value.layout == "last" and not keep and not spatial and 1 not in chosen:
            value = Value(b.plain(value))
        at = tuple(sorted(b.axis(value.layout, i, rank) for i in chosen))
        y = getattr(b.tf, call)(value.tensor, at, keepdims=keep)
        return Value(y, value.layout if keep else "plain")

    return mapped


def _arg_max(b: Builder, step: Step) -> Value:
    x = b.plain(b.value(step))
    axis = step.attributes.get("axis", 0)
    y = b.tf.argmax(x, axis, output_type=b.tf.int32)
    return Value(b.tf.expand_dims(y, axis) if step.attributes.get("keepdims", 1) else y)


# ==== Element by element ====


def _unary(call: Callable[[Any, Any, Step], Any]) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        value = b.value(step)
        return Value(call(b.tf, value.tensor, step), value.layout, value.image)

    return mapped


def _named(name: str) -> Mapper:
    return _unary(lambda tf, x, step: getattr(tf.nn, name)(x))


def _binary(call: Callable[[Any, Any, Any], Any]) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        tensors, layout, image = b.operands(step)
        y = tensors[0]
        for other in tensors[1:]:
            y = call(b.tf, y, other)
        return Value(y, layout, image)

    return mapped


def _clip(b: Builder, step: Step) -> Value:
    tf, value = b.tf, b.value(step)
    low, high = b.optional(step, 1, "min"), b.optional(step, 2, "max")
    low = -math.inf if low is None else float(np.asarray(low).reshape(-1)[0])
    high = math.inf if high is None else float(np.asarray(high).reshape(-1)[0])
    x = value.tensor
    if (low, high) == (0, 6):
        y = tf.nn.relu6(x)
    elif low == 0:
        y = tf.nn.relu(x) if high == math.inf else tf.minimum(tf.nn.relu(x), high)
    else:
        y = tf.maximum(x, low) if low > -math.inf else x
        y = tf.minimum(y, high) if high < math.inf else y
    return Value(y, value.layout, value.image)


def _prelu(b: Builder, step: Step) -> Value:
    """The part above zero, and the part below it times the slope."""
    (x, slope), layout, image = b.operands(step)
    tf = b.tf
    return Value(tf.nn.relu(x) + slope * tf.minimum(x, 0.0), layout, image)


def _hard_sigmoid(tf: Any, x: Any, step: Step) -> Any:
    alpha, beta = step.attributes.get("alpha", 0.2), step.attributes.get("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return tf.nn.relu6(x + 3.0) * (1 / 6)
    return tf.minimum(tf.nn.relu(x * alpha + beta), 1.0)


def _axis_last(b: Builder, step: Step, what: str) -> Value:
    value = b.value(step)
    shape = b.graph.shapes[step.inputs[0]]
    axis = step.attributes.get("axis", -1) % len(shape)
    if value.layout == "last" and axis == 1:
        return Value(getattr(b.tf.nn, what)(value.tensor), "last")
    x = b.plain(value)
    if axis != len(shape) - 1:
        raise step.refuse("not over the last axis", "use dim=-1, or dim=1 of images")
    return Value(getattr(b.tf.nn, what)(x))


def _batch_norm(b: Builder, step: Step) -> Value:
    gain, bias, mean, variance = (
        b.constant(step, i).astype(np.float64) for i in (1, 2, 3, 4)
    )
    gain = gain / np.sqrt(variance + step.attributes.get("epsilon", 1e-5))
    value = b.value(step)
    x = value.tensor
    layout, image = value.layout, value.image
    if len(x.shape) > 2 and layout != "last":
        x, layout, image = b.last(step), "last", ()
    elif layout == "flat":
        x, layout, image = b.plain(value), "plain", ()
    x = x * b.tf.constant(gain.astype(np.float32))
    y = x + b.tf.constant((bias - mean * gain).astype(np.float32))
    return Value(y, layout, image)


def _quantize(b: Builder, step: Step) -> Value:
    """QuantizeLinear: real numbers still, on the scale that the model chose."""
    scale, zero = b.constant(step, 1), 0
    if step.has(2):
        data = b.constant(step, 2)
        if data.dtype not in (np.int8, np.uint8) or data.size != 1:
            raise step.refuse(f"to {data.dtype} a channel", "quantize to 8 bits")
        zero = int(data.reshape(-1)[0]) - (128 if data.dtype == np.uint8 else 0)
    if scale.size != 1:
        raise step.refuse("a scale for each channel", "one for each activation")
    one = float(scale.reshape(-1)[0])
    low, high = (-128 - zero) * one, (127 - zero) * one
    fake = b.tf.quantization.fake_quant_with_min_max_args
    value = b.value(step)
    return Value(fake(value.tensor, low, high), value.layout, value.image)


def _dequantize(b: Builder, step: Step) -> Value:
    """DequantizeLinear: of a constant its real numbers, else what it is already."""
    if step.inputs[0] in b.values:
        return b.value(step)
    data, scale = b.constant(step, 0).astype(np.float32), b.constant(step, 1)
    zero = b.constant(step, 2).astype(np.float32) if step.has(2) else np.float32(0)
    if scale.size > 1:
        shape = [1] * data.ndim
        shape[step.attributes.get("axis", 1)] = -1
        scale, zero = scale.reshape(shape), np.reshape(zero, shape)
    b.graph.constants[step.output] = ((data - zero) * scale).astype(np.float32)
    return Value(b.tf.constant(b.graph.constants[step.output]))


def _same(b: Builder, step: Step) -> Value:
    return b.value(step)


MAPPERS: dict[str, Any] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _gemm,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global("reduce_mean"),
    "GlobalMaxPool": _global("reduce_max"),
    "ReduceMean": _reduce("reduce_mean"),
    "ReduceMax": _reduce("reduce_max"),
    "ReduceMin": _reduce("reduce_min"),
    "ReduceSum": _reduce("reduce_sum"),
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Unsqueeze": _reshape,
    "Transpose": _transpose,
    "Expand": _expand,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Pad": _pad,
    "Gather": _gather,
    "Resize": _resize,
    "Upsample": _resize,
    "DepthToSpace": _depth_to_space,
    "ArgMax": _arg_max,
    "Add": _binary(lambda tf, x, y: x + y),
    "Sub": _binary(lambda tf, x, y: x - y),
    "Mul": _binary(lambda tf, x, y: x * y),
    "Div": _binary(lambda tf, x, y: x / y),
    "Min": _binary(lambda tf, x, y: tf.minimum(x, y)),
    "Max": _binary(lambda tf, x, y: tf.maximum(x, y)),
    "Sum": _binary(lambda tf, x, y: x + y),
    "Clip": _clip,
    "PRelu": _prelu,
    "Softmax": lambda b, s: _axis_last(b, s, "softmax"),
    "LogSoftmax": lambda b, s: _axis_last(b, s, "log_softmax"),
    "BatchNormalization": _batch_norm,
    "LeakyRelu": _unary(
        lambda tf, x, s: tf.nn.leaky_relu(x, s.attributes.get("alpha", 0.01))
    ),
    "Elu": _named("elu"),
    "Relu": _named("relu"),
    "Sigmoid": _named("sigmoid"),
    "Tanh": _named("tanh"),
    "Neg": _unary(lambda tf, x, s: x * -1.0),
    "HardSigmoid": _unary(_hard_sigmoid),
    "HardSwish": _unary(lambda tf, x, s: x * tf.nn.relu6(x + 3.0) * (1 / 6)),
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Identity": _same,
    "Dropout": _same,
    "Cast": _same,
}
KNOWN = frozenset(MAPPERS)
HINT = "replace it; known are " + ", ".join(sorted(MAPPERS))

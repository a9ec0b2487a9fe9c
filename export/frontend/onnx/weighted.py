"""ONNX convolutions and pools as TensorFlow calls, channels last."""

import math
from typing import Any

import numpy as np

from export.frontend.onnx.builder import Builder, Mapper, Value, picked
from export.frontend.onnx.fuse import Step
from export.graph.geometry import same_total

NOT_NEGATIVE = ("Relu", "Sigmoid", "Softmax", "HardSigmoid")
PASSING = ("MaxPool", "Dropout", "Identity")  # what lies in their input, no more


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
        total = same_total(int(length), k, s, d, -(-int(length) // s))
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
) -> tuple[Any, str]:
    """Explicit padding as TFLite's SAME where equal, else as a PAD."""
    if not any(max(p) for p in pads):
        return x, "VALID"
    same = []
    for size, k, s, d in zip(x.shape[1:3], kernel, strides, dilations, strict=True):
        total = same_total(size, k, s, d, -(-size // s))
        same.append((total // 2, total - total // 2))
    if same == pads:
        return x, "SAME"
    return b.tf.pad(x, [[0, 0], *map(list, pads), [0, 0]]), "VALID"


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
    told = pads
    if a.get("ceil_mode", 0):
        pads = _ceiled(x.shape[1:3], kernel, strides, pads)
    if step.kind == "MaxPool":
        y = _max_pool(b, step, x, kernel, strides, pads)
    else:
        y = _average_pool(b, step, x, kernel, strides, pads, told)
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
    """A maximum pads with nothing: by zeros where none is less, else by the edge.

    Every window holds an element of the image; one that reaches beyond an edge holds
    the last element in front of it, which the border repeats.
    """
    tf = b.tf
    y, padding = _padded(b, x, pads, kernel, strides, [1, 1])
    if padding == "VALID" and any(map(any, pads)) and not _is_positive(b, step):
        y = x
        for axis, (pair, size) in enumerate(zip(pads, x.shape[1:3], strict=True), 1):
            y = picked(tf, y, axis, np.pad(np.arange(int(size)), pair, mode="edge"))
    return tf.nn.max_pool2d(y, kernel, strides, padding)


def _is_positive(b: Builder, step: Step) -> bool:
    """Whether what a step reads is never below zero."""
    maker = b.graph.maker(step.inputs[0])
    while maker is not None and maker.kind in PASSING:
        maker = b.graph.maker(maker.inputs[0])
    if maker is None or maker.kind != "Clip":
        return maker is not None and maker.kind in NOT_NEGATIVE
    low = b.optional(maker, 1, "min")
    return low is not None and float(np.asarray(low).reshape(-1)[0]) >= 0


def _average_pool(
    b: Builder, step: Step, x: Any, kernel: Any, strides: Any, pads: Any, told: Any
) -> Any:
    """Padding counts, or it does not: then a constant factor makes up for it.

    What ceil_mode adds to the padding that is told never counts.
    """
    tf = b.tf
    counted = bool(step.attributes.get("count_include_pad", 0))
    padded, padding = _padded(b, x, pads, kernel, strides, [1, 1])
    if padding == "SAME" and not counted:
        return tf.nn.avg_pool2d(x, kernel, strides, "SAME")
    if padding == "SAME":
        padded = tf.pad(x, [[0, 0], *map(list, pads), [0, 0]])
    y = tf.nn.avg_pool2d(padded, kernel, strides, "VALID")
    if counted and pads == told or not any(max(p) for p in pads):
        return y
    inside = np.ones((int(x.shape[1]), int(x.shape[2])))
    inside = np.pad(inside, told, constant_values=1 if counted else 0)
    more = [(a - c, b - d) for (a, b), (c, d) in zip(pads, told, strict=True)]
    inside = np.pad(inside, more)
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


MAPPERS: dict[str, Mapper] = {
    "Conv": _conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global("reduce_mean"),
    "GlobalMaxPool": _global("reduce_max"),
}

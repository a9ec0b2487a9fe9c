"""ONNX ConvTranspose as a TensorFlow call: of images and series, in groups, dilated."""

from typing import Any

import numpy as np

from export.frontend.onnx.builder import Builder, Mapper, Value
from export.frontend.onnx.fuse import Step


def _conv_transpose(b: Builder, step: Step) -> Value:
    tf, a = b.tf, step.attributes
    x, weights = b.last(step), b.constant(step, 1)  # (I, O / groups, Kh, Kw)
    flat = weights.ndim == 3
    if weights.ndim not in (3, 4):
        hint = "only ConvTranspose1d and ConvTranspose2d"
        raise step.refuse(f"{weights.ndim - 2}-dimensional", hint)
    strides, more, dilations = (
        _of_image(a.get(name), plain, flat)
        for name, plain in (("strides", 1), ("output_padding", 0), ("dilations", 1))
    )
    if flat:
        x, weights = tf.expand_dims(x, 1), weights[:, :, None]
    weights = _spaced(_whole(weights, a.get("group", 1)), dilations)
    full = [
        (int(x.shape[1 + i]) - 1) * strides[i] + weights.shape[2 + i] for i in (0, 1)
    ]
    cuts = _cuts(step, x, full, strides, more, flat)
    kernel = tf.constant(np.ascontiguousarray(weights.transpose(2, 3, 1, 0)))
    y = tf.nn.conv2d_transpose(
        x, kernel, (1, *full, weights.shape[1]), strides, "VALID"
    )
    if any(more):
        y = tf.pad(y, [[0, 0], [0, more[0]], [0, more[1]], [0, 0]])
    if any(map(any, cuts)):
        (top, below), (left, right) = cuts
        height, width = int(y.shape[1]), int(y.shape[2])
        y = y[:, top : height - below, left : width - right]
    if step.has(2):
        y = tf.nn.bias_add(y, tf.constant(b.constant(step, 2)))
    return Value(tf.squeeze(y, 1) if flat else y, "last")


def _of_image(told: Any, plain: int, flat: bool) -> list[int]:
    """A number for (H, W)."""
    if told is None:
        return [plain, plain]
    return [plain, *told] if flat else list(told)


def _whole(weights: np.ndarray, groups: int) -> np.ndarray:
    """Those of all groups at once, zeros between them."""
    if groups == 1:
        return weights
    count, each = weights.shape[0] // groups, weights.shape[1]
    whole = np.zeros((len(weights), each * groups, *weights.shape[2:]), weights.dtype)
    for g in range(groups):
        own = slice(g * count, (g + 1) * count)
        whole[own, g * each : (g + 1) * each] = weights[own]
    return whole


def _spaced(weights: np.ndarray, dilations: list[int]) -> np.ndarray:
    """A dilated kernel, zeros between its elements."""
    sizes = ((k - 1) * d + 1 for k, d in zip(weights.shape[2:], dilations, strict=True))
    spaced = np.zeros((*weights.shape[:2], *sizes), weights.dtype)
    spaced[:, :, :: dilations[0], :: dilations[1]] = weights
    return spaced


def _cuts(
    step: Step, x: Any, full: list[int], strides: list[int], more: list[int], flat: bool
) -> list[tuple[int, int]]:
    """(before, after) of H and W, cut off: as told, or by the size that is wanted."""
    a = step.attributes
    automatic, size = a.get("auto_pad", b"NOTSET"), a.get("output_shape")
    if size is None and automatic in (b"NOTSET", b"VALID"):
        pads = list(a.get("pads", [])) if automatic == b"NOTSET" else []
        pads = pads or [0] * (2 if flat else 4)
        half = len(pads) // 2
        found = list(zip(pads[:half], pads[half:], strict=True))
        return [(0, 0), *found] if flat else found
    if size is None:
        size = [int(x.shape[1 + i]) * strides[i] for i in (0, 1)]
    else:
        size = [1, *size[-1:]] if flat else size[-2:]
    found = []
    for whole, extra, wanted in zip(full, more, size, strict=True):
        total = whole + extra - wanted
        if total < 0:
            raise step.refuse(f"output_shape {size}", "ask for no more than it gives")
        less = total // 2
        upper = automatic == b"SAME_UPPER"
        found.append((less, total - less) if upper else (total - less, less))
    return found


MAPPERS: dict[str, Mapper] = {"ConvTranspose": _conv_transpose}

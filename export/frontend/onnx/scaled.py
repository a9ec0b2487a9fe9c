"""ONNX Resize and Upsample as TensorFlow calls, of images and of series."""

from collections.abc import Callable
from typing import Any

import numpy as np

from export.frontend.onnx.builder import Builder, Mapper, Value, picked
from export.frontend.onnx.fuse import Step

Rounding = Callable[[np.ndarray], np.ndarray]
ROUNDED: dict[bytes, Rounding] = {  # the element that a place between two of them takes
    b"round_prefer_floor": lambda at: np.ceil(at - np.float32(0.5)),
    b"round_prefer_ceil": lambda at: np.floor(at + np.float32(0.5)),
    b"floor": np.floor,
    b"ceil": np.ceil,
}
OLD = 2  # inputs of opset 10 and before: the value and its scales
CURE = "use nearest or linear, and a half_pixel, align_corners or asymmetric grid"


def _resize(b: Builder, step: Step) -> Value:
    x, shape = b.last(step), b.graph.shapes[step.output]
    rank = len(x.shape)
    if len(shape) != rank or shape[:2] != (1, int(x.shape[-1])) or rank not in (3, 4):
        raise step.refuse(f"to the shape {shape}", "resize height and width")
    if step.attributes.get("antialias", 0) or step.attributes.get("exclude_outside", 0):
        raise step.refuse("antialiased", "resize without antialias")
    mode = step.attributes.get("mode", b"nearest")
    sizes, scales = list(shape[2:]), _scales(b, step, x, shape)
    if mode == b"nearest":
        return Value(_nearest(b, step, x, sizes, scales), "last")
    if mode != b"linear":
        raise step.refuse(f"mode {mode.decode()}", "use nearest or linear")
    return Value(_linear(b, step, x, sizes, scales), "last")


def _grid(step: Step) -> bytes:
    """How places of the output lie over the input's."""
    if len(step.inputs) <= OLD:
        return b"asymmetric"
    how = step.attributes.get("coordinate_transformation_mode", b"half_pixel")
    return bytes(how)


def _scales(b: Builder, step: Step, x: Any, shape: tuple[int, ...]) -> list[np.float32]:
    """Of every axis behind the channels; what the sizes are where none are told."""
    place = 1 if len(step.inputs) <= OLD else 2
    told = b.constant(step, place) if step.has(place) else None
    told = step.attributes.get("scales") if told is None else told
    if told is not None and len(told) >= len(shape) - 2:  # those of some axes: the last
        return [np.float32(s) for s in told[-(len(shape) - 2) :]]
    return [np.float32(n / int(x.shape[1 + i])) for i, n in enumerate(shape[2:])]


def _nearest(
    b: Builder, step: Step, x: Any, sizes: list[int], scales: list[np.float32]
) -> Any:
    """TensorFlow Lite's own where it takes the same elements, else by places."""
    given = [int(n) for n in x.shape[1:-1]]
    taken = [_places(step, *each) for each in zip(given, sizes, scales, strict=True)]
    usual = [np.arange(n) * m // n for n, m in zip(sizes, given, strict=True)]
    if len(sizes) == 2 and all(map(np.array_equal, taken, usual)):
        return b.tf.raw_ops.ResizeNearestNeighbor(images=x, size=sizes)
    for axis, positions in enumerate(taken, 1):
        x = picked(b.tf, x, axis, positions)
    return x


def _places(step: Step, given: int, size: int, scale: np.float32) -> np.ndarray:
    """The input's element for each of the output's, as onnxruntime finds it."""
    at = _between(step, np.arange(size, dtype=np.float32), given, size, scale)
    if len(step.inputs) <= OLD:
        whole = np.ceil(at) if scale < 1 else np.floor(at)
    else:
        how = step.attributes.get("nearest_mode", b"round_prefer_floor")
        whole = ROUNDED[how](at)
    return np.asarray(np.clip(whole, 0, given - 1), np.int64)


def _between(
    step: Step, at: np.ndarray, given: int, size: int, scale: np.float32
) -> np.ndarray:
    """Where places of the output lie in the input."""
    how, half = _grid(step), np.float32(0.5)
    if how == b"asymmetric":
        return np.asarray(at / scale)
    if how == b"align_corners":
        return at * np.float32((given - 1) / (size - 1)) if size > 1 else at * 0
    if how == b"tf_half_pixel_for_nn":
        return np.asarray((at + half) / scale)
    if how == b"pytorch_half_pixel" and size == 1:
        return at * 0
    if how in (b"half_pixel", b"pytorch_half_pixel"):
        return np.asarray((at + half) / scale - half)
    raise step.refuse(f"on a grid {how.decode()}", CURE)


def _linear(
    b: Builder, step: Step, x: Any, sizes: list[int], scales: list[np.float32]
) -> Any:
    how, series = _grid(step), len(sizes) == 1
    if how not in (
        b"half_pixel",
        b"pytorch_half_pixel",
        b"align_corners",
        b"asymmetric",
    ):
        raise step.refuse(f"on a grid {how.decode()}", CURE)
    given = [int(n) for n in x.shape[1:-1]]
    for n, m, scale in zip(given, sizes, scales, strict=True):
        if how != b"align_corners" and not np.isclose(n * scale, m, rtol=1e-5):
            what = f"linear by {scale:g}, which makes no whole number of {n}"
            raise step.refuse(
                what, "say the size that it has: interpolate(x, size=...)"
            )
    if series:
        x, sizes = b.tf.expand_dims(x, 1), [1, *sizes]
    y = b.tf.raw_ops.ResizeBilinear(
        images=x,
        size=sizes,
        align_corners=how == b"align_corners",
        half_pixel_centers=how.endswith(b"half_pixel"),
    )
    return b.tf.squeeze(y, 1) if series else y


MAPPERS: dict[str, Mapper] = {"Resize": _resize, "Upsample": _resize}

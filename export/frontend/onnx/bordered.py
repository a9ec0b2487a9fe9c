"""ONNX Pad as TensorFlow calls: borders of a value, edges, mirrored or wrapped."""

from typing import Any, Literal

import numpy as np

from export.frontend.onnx.builder import Builder, Mapper, Value, picked
from export.frontend.onnx.fuse import Step

MODES: dict[bytes, Literal["edge", "reflect", "wrap"]] = {  # as numpy says it
    b"edge": "edge",
    b"reflect": "reflect",
    b"wrap": "wrap",
}


def _pad(b: Builder, step: Step) -> Value:
    value = b.spread(step)
    x, pads = value.tensor, _pads(b, step, value.layout, len(value.tensor.shape))
    mode = step.attributes.get("mode", b"constant")
    if mode == b"constant":
        return Value(_filled(b, step, x, pads), value.layout)
    if mode not in MODES:
        raise step.refuse(
            f"mode {mode.decode()}", f"use constant, {', '.join(MODES.values())}"
        )
    x, pads = _cut(x, pads)
    if mode == b"reflect":
        return Value(b.tf.pad(x, pads, "REFLECT"), value.layout)
    for axis, pair in enumerate(pads):
        positions = np.pad(np.arange(int(x.shape[axis])), pair, mode=MODES[mode])
        x = picked(b.tf, x, axis, positions)
    return Value(x, value.layout)


def _pads(b: Builder, step: Step, layout: str, rank: int) -> list[list[int]]:
    """[before, after] of each axis in a layout."""
    pairs = np.asarray(b.optional(step, 1, "pads")).reshape(2, -1).T
    axes = b.constant(step, 3).reshape(-1) if step.has(3) else range(rank)
    pads = [[0, 0] for _ in range(rank)]
    for axis, pair in zip(axes, pairs, strict=True):
        pads[b.axis(layout, int(axis), rank)] = [int(p) for p in pair]
    return pads


def _cut(x: Any, pads: list[list[int]]) -> tuple[Any, list[list[int]]]:
    """What pads of less than nothing take away; the pads that are left."""
    if min(min(p) for p in pads) >= 0:
        return x, pads
    sizes = [int(n) for n in x.shape]
    index = [
        slice(max(-before, 0), size - max(-after, 0))
        for size, (before, after) in zip(sizes, pads, strict=True)
    ]
    return x[tuple(index)], [[max(p, 0) for p in pair] for pair in pads]


def _filled(b: Builder, step: Step, x: Any, pads: list[list[int]]) -> Any:
    x, pads = _cut(x, pads)
    if not any(map(any, pads)):
        return x
    fill = b.optional(step, 2, "value")
    fill = 0.0 if fill is None else float(np.asarray(fill).reshape(-1)[0])
    return b.tf.pad(x, pads, constant_values=fill) if fill else b.tf.pad(x, pads)


MAPPERS: dict[str, Mapper] = {"Pad": _pad}

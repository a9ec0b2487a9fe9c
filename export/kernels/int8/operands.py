"""The two operands of ADD and MUL: computed or constant, perhaps broadcast."""

from dataclasses import dataclass

import numpy as np

from export.graph.geometry import Shape, hwc
from export.graph.network import Tensor
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array
from export.kernels.c_text import total

SHORT = 256  # elements of a constant that is stored as words


@dataclass(frozen=True, eq=False)
class Operands:
    """What is added or multiplied."""

    tensors: tuple[Tensor, Tensor]
    texts: tuple[str, str]  # C of each, at y, x and c
    arrays: tuple[Array, ...]  # the constant ones


def operands(stage: Stage, stem: str) -> Operands:
    """Those of a stage's head."""
    first, second = (stage.network.tensors[i] for i in stage.head.inputs[:2])
    texts, arrays, at = [], [], 0
    for tensor, letter in ((first, "a"), (second, "b")):
        shape = hwc(tensor.shape)
        if tensor.data is None:
            texts.append(f"in{at}[{_index(stage, shape, stage.sources[at].pitch)}]")
            at += 1
            continue
        name, what = f"{stem}_{letter}", f"{stage.name}: operand {letter}"
        data = tensor.data.reshape(-1).astype(np.int64) + 128
        arrays.append(byte_array(name, what, data, "uint8_t"))
        texts.append(f"{name}[{_index(stage, shape, shape[1] * shape[2])}]")
    return Operands((first, second), (texts[0], texts[1]), tuple(arrays))


def _index(stage: Stage, shape: Shape, pitch: int) -> str:
    """The index of (y, x, c) in an operand; it stands still along an axis of 1."""
    height, width, channels = shape
    rows, columns, _ = stage.region
    y = ("y", pitch if height > 1 and rows > 1 else 0)
    x = ("x", channels if width > 1 and columns > 1 else 0)
    return total(y, x, "c" if channels > 1 else 0)

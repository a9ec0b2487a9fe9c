"""A weighted sum as the LX6 kernels see it, and what they hand back."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from export.arithmetic.requant import Steps


@dataclass(frozen=True, eq=False)
class Layer:
    """CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED with what is fused behind it.

    Activations are bytes u = q + 128; the input's rows are `pitch` bytes apart.
    """

    name: str
    in_h: int
    in_w: int  # columns that are stored
    in_c: int
    pitch: int
    fill: int  # the byte that stands for padding
    top: int
    left: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    out_h: int  # of the sums, before a pool
    out_w: int
    out_c: int
    pool: tuple[int, int] | None  # a pool without overlap or padding
    out_pitch: int  # bytes from one stored row of the output to the next
    weights: np.ndarray  # (O, Kh, Kw, I) int64; depthwise (O, Kh, Kw, 1)
    depthwise: bool
    steps: tuple[Steps, ...]  # a channel each
    goals: np.ndarray  # u whose thresholds the steps hold
    table: np.ndarray | None  # uint8 (256,): what becomes of each u
    last: bool  # writes the network's int8 output
    room: int  # bytes of gathered rows that are kept for several rows of outputs

    @property
    def kernel(self) -> tuple[int, int]:
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def even_c(self) -> int:
        """Channels of the input in pairs."""
        return self.in_c + self.in_c % 2


@dataclass(frozen=True, eq=False)
class Made:
    """C of one layer, and what it takes."""

    method: str
    code: str  # constants and the function `name`
    scratch: int  # bytes; the function has a third parameter where there are any
    cost: int  # instructions, counted
    const_bytes: int
    steps: tuple[np.ndarray, np.ndarray]  # ends of writes, starts of reads: `groups`
    rereads: bool  # whether a step reads after it has begun to write


def best_rows(
    layer: Layer, height: int, line: int, step: int, cost: Callable[[int], int]
) -> int:
    """How many of `height` rows to make of one gathering of theirs.

    The first takes `line` bytes of gathered rows, each other one `step` more; a last
    group that does not come out even does rows anew.
    """
    fits = min(1 + max(layer.room - line, 0) // step, height)
    return min(range(1, fits + 1), key=cost)


def halved(layer: Layer) -> bool:
    """Whether it has no pool, or one of 2x2 that leaves no row or column over."""
    if layer.pool is None:
        return True
    return layer.pool == (2, 2) and layer.out_h % 2 == 0 and layer.out_w % 2 == 0


def groups(layer: Layer, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps that sum `rows` rows at a time, the last ones where they end.

    For each the byte behind what it writes, and the first one that it reads.
    """
    count = -(-layer.out_h // rows)
    top = np.minimum(np.arange(count) * rows, layer.out_h - rows)
    down = layer.pool[0] if layer.pool else 1
    ends = (top + rows) // down * layer.out_pitch
    starts = np.maximum(top * layer.stride_h - layer.top, 0) * layer.pitch
    return ends, starts


def table_of(layer: Layer) -> np.ndarray | None:
    """What is stored for each u, where that is not u itself."""
    if layer.table is None:
        return None
    return layer.table - 128 if layer.last else layer.table


def words(values: list[int], name: str) -> str:
    """A constant array of 32-bit words."""
    texts = [f"0x{value & 0xFFFFFFFF:08X}u" for value in values]
    rows = [", ".join(texts[i : i + 5]) + "," for i in range(0, len(texts), 5)]
    body = "\n".join(f"    {row}" for row in rows)
    return f"static const uint32_t {name}[{len(texts)}] = {{\n{body}\n}};\n"


def table(layer: Layer) -> str:
    """The table's definition, or nothing."""
    values = table_of(layer)
    if values is None:
        return ""
    kind = "int8_t" if layer.last else "uint8_t"
    return bytes_table(f"{layer.name}_table", values, kind)


def bytes_table(name: str, values: np.ndarray, kind: str = "uint8_t") -> str:
    """A constant array of what becomes of each u."""
    texts = [str(int(value)) for value in values]
    rows = [", ".join(texts[i : i + 12]) + "," for i in range(0, len(texts), 12)]
    body = "\n".join(f"    {row}" for row in rows)
    return f"static const {kind} {name}[{len(values)}] = {{\n{body}\n}};\n"


def pair(low: int, high: int) -> int:
    """Two int16 in a word."""
    return (int(low) & 0xFFFF) | (int(high) & 0xFFFF) << 16


def paired(row: np.ndarray) -> list[int]:
    """Values (..., even) as words."""
    flat = row.reshape(-1)
    return [pair(a, b) for a, b in zip(flat[::2], flat[1::2], strict=True)]


def even(weights: np.ndarray) -> np.ndarray:
    """Weights (O, Kh, Kw, I) with a last channel of zeros where I is odd."""
    if weights.shape[3] % 2 == 0:
        return weights
    return np.pad(weights, ((0, 0), (0, 0), (0, 0), (0, 1)))

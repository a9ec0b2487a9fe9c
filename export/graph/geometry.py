"""How an operator walks over its input: kernel, strides, dilation, padding, once.

    geometry(network, op)    # Geometry(kernel_h=3, kernel_w=3, ..., top=1, left=1)

SAME and VALID end here: what comes after knows rows and columns of padding alone.
"""

import math
from dataclasses import dataclass

from export.graph.attributes import Pool, Window
from export.graph.network import Network, Operator

Shape = tuple[int, int, int]  # (H, W, C), batch is always 1


@dataclass(frozen=True)
class Geometry:
    """A window that is laid at every stride; lengths in rows and columns."""

    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    top: int = 0  # implicit padding before the first row
    left: int = 0

    @property
    def reach_h(self) -> int:
        """Rows from a window's first to its last."""
        return (self.kernel_h - 1) * self.dilation_h + 1

    @property
    def reach_w(self) -> int:
        """Columns from a window's first to its last."""
        return (self.kernel_w - 1) * self.dilation_w + 1

    @property
    def overlaps(self) -> bool:
        """Whether a window begins before the one above it ends."""
        return self.kernel_h > self.stride_h

    def reads(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns of the input that so many of the output need."""
        return (
            (rows - 1) * self.stride_h + self.reach_h - self.top,
            (columns - 1) * self.stride_w + self.reach_w - self.left,
        )


POINT = Geometry()  # elementwise, fully connected


def geometry(network: Network, op: Operator) -> Geometry:
    """That of a convolution or a pool; POINT for all else."""
    a = op.attributes
    if not isinstance(a, Window) or op.kind == "TRANSPOSE_CONV":
        return POINT
    return Geometry(
        *kernel_size(network, op),
        a.stride_h,
        a.stride_w,
        a.dilation_h,
        a.dilation_w,
        *pads_before(network, op),
    )


def kernel_size(network: Network, op: Operator) -> tuple[int, int]:
    """(height, width) of a convolution's or a pool's window."""
    if isinstance(op.attributes, Pool):
        return op.attributes.kernel_h, op.attributes.kernel_w
    _, height, width, _ = network.tensors[op.inputs[1]].shape
    return height, width


def same_total(size: int, kernel: int, stride: int, dilation: int, out: int) -> int:
    """Zeros of one axis under SAME, before and behind."""
    return max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)


def same_padding(size: int, kernel: int, stride: int, dilation: int, out: int) -> int:
    """Zeros before the first element of one axis under SAME, as TFLite places them."""
    return same_total(size, kernel, stride, dilation, out) // 2


def pads_before(network: Network, op: Operator) -> tuple[int, int]:
    """(top, left) implicit padding of a convolution or a pool."""
    a = op.told(Window)
    if a.pads is not None:
        (top, _), (left, _) = a.pads
        return top, left
    if a.padding == "VALID":
        return 0, 0
    _, height, width, _ = network.tensors[op.inputs[0]].shape
    _, out_h, out_w, _ = network.output(op).shape
    kernel_h, kernel_w = kernel_size(network, op)
    return (
        same_padding(height, kernel_h, a.stride_h, a.dilation_h, out_h),
        same_padding(width, kernel_w, a.stride_w, a.dilation_w, out_w),
    )


def hwc(shape: tuple[int, ...]) -> Shape:
    """A tensor's shape as (H, W, C); leading ones dropped, flat ones are (1, 1, C)."""
    body = shape[1:] if len(shape) > 1 else shape
    if len(body) == 3:
        return body[0], body[1], body[2]
    if len(body) == 2:
        return body[0], 1, body[1]
    return 1, 1, math.prod(body)

"""What operators are told beside their inputs: one frozen class a family.

    op.told(Window).stride_h     # of an operator that has to have a window
    op.attributes.activation     # of any

`export.graph.options` reads them from a .tflite, `export.frontend.canonical` makes
others for the operators that it puts in the place of the file's.
"""

from dataclasses import dataclass

import numpy as np

from export.graph.moves import Moves

Pair = tuple[int, int]  # before, after


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What any operator may have; most have no more."""

    activation: str = "NONE"  # fused behind it
    of: str = ""  # what the file has in its place
    unsigned: bool = False  # of a file of uint8, whose kernels round otherwise
    sums_32: bool = False  # of int16 values, where no bias tells: else of 64 bits


@dataclass(frozen=True, kw_only=True)
class Window(Attributes):
    """CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV."""

    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    padding: str = "VALID"  # or SAME
    pads: tuple[Pair, Pair] | None = None  # of rows and columns, in place of VALID's 0


@dataclass(frozen=True, kw_only=True)
class Pool(Window):
    """MAX_POOL_2D, AVERAGE_POOL_2D: their kernel is no constant's shape."""

    kernel_h: int
    kernel_w: int


@dataclass(frozen=True, kw_only=True)
class Reduction(Attributes):
    """MEAN, SUM, REDUCE_*; `axes` in order, None while they are computed."""

    axes: tuple[int, ...] | None = None
    keep_dims: bool = False


@dataclass(frozen=True, kw_only=True)
class AxisReduction(Attributes):
    """REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX, REDUCE_MIN over one axis."""

    count: int  # elements of a sum


@dataclass(frozen=True, kw_only=True)
class Along(Attributes):
    """CONCATENATION, PACK, UNPACK, GATHER."""

    axis: int
    batch_dims: int = 0


@dataclass(frozen=True, kw_only=True)
class Slice(Attributes):
    """STRIDED_SLICE: a bit of each mask for each dimension."""

    begin_mask: int
    end_mask: int
    ellipsis_mask: int
    new_axis_mask: int
    shrink_axis_mask: int
    offset: bool  # the ends count from the beginnings


@dataclass(frozen=True, kw_only=True)
class Padding(Attributes):
    """PAD, PADV2: (before, after) of each dimension, None while they are computed."""

    paddings: tuple[Pair, ...] | None = None
    fill: int | None = None  # quantized; None is the output's zero point


@dataclass(frozen=True, kw_only=True)
class Mirror(Attributes):
    """MIRROR_PAD; symmetric repeats the edge itself."""

    symmetric: bool


@dataclass(frozen=True, kw_only=True)
class Blocks(Attributes):
    """SPACE_TO_DEPTH, DEPTH_TO_SPACE."""

    block: int


@dataclass(frozen=True, kw_only=True)
class Resize(Attributes):
    """RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR: what lies on what."""

    corners: bool
    centers: bool


@dataclass(frozen=True, kw_only=True)
class Product(Attributes):
    """BATCH_MATMUL: whether an operand lies by columns."""

    adjoint_x: bool
    adjoint_y: bool


@dataclass(frozen=True, kw_only=True)
class Lstm(Attributes):
    """UNIDIRECTIONAL_SEQUENCE_LSTM."""

    cell_clip: float  # float32; 0 is none


@dataclass(frozen=True, kw_only=True)
class Svdf(Attributes):
    """SVDF."""

    rank: int  # filters a unit


@dataclass(frozen=True, kw_only=True)
class Gelu(Attributes):
    """GELU; `approximate` is the curve by tanh."""

    approximate: bool


@dataclass(frozen=True, kw_only=True)
class Softmax(Attributes):
    """SOFTMAX."""

    beta: float  # what its input is multiplied by


@dataclass(frozen=True, kw_only=True)
class Leaky(Attributes):
    """LEAKY_RELU."""

    alpha: float  # float32, the slope below zero


@dataclass(frozen=True, kw_only=True)
class Handle(Attributes):
    """VAR_HANDLE."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Once(Attributes):
    """CALL_ONCE."""

    subgraph: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Table(Attributes):
    """TABLE: the result of each int8, (256,) by q + 128; CHANNEL_TABLE: (C, 256)."""

    values: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Movement(Attributes):
    """MOVE."""

    moves: Moves

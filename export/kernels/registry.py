"""Every kernel of every engine: a line each.

    int8(stage, options)    # all that can make a stage, in the order below

Where two cost the same, the first one is taken. A core whose kernels read and write
values as the portable ones have them (LX6) is a `Core` here and a folder beside this
file. One that lays values out its own way (ESP32-S3) is an engine in `export/cores`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import Esp8kError
from export.graph.stage import Stage
from export.kernels.float16.conv import Conv as ConvF16
from export.kernels.float16.max_pool import MaxPool as MaxPoolF16
from export.kernels.float16.stored import FloatKernel, Job
from export.kernels.int8 import row_wise
from export.kernels.int8.add import Add
from export.kernels.int8.batch_matmul import BatchMatmul
from export.kernels.int8.compare import Compared, Prelu
from export.kernels.int8.concatenation import Concatenation
from export.kernels.int8.conv import Conv
from export.kernels.int8.depthwise import Depthwise
from export.kernels.int8.depthwise_row import DepthwiseRow
from export.kernels.int8.lstm import Lstm
from export.kernels.int8.mean import Mean
from export.kernels.int8.move import Move
from export.kernels.int8.mul import Mul
from export.kernels.int8.normal import L2Normalization, LogSoftmax
from export.kernels.int8.pad import Pad
from export.kernels.int8.pool import Pool
from export.kernels.int8.quotient import Div, SquaredDifference
from export.kernels.int8.reduce import ReduceMost, ReduceSum
from export.kernels.int8.resize_bilinear import ResizeBilinear
from export.kernels.int8.row_wise import Ways
from export.kernels.int8.skipping import Skipping
from export.kernels.int8.softmax import Softmax
from export.kernels.int8.strip import PooledStrip
from export.kernels.int8.svdf import Svdf
from export.kernels.int8.table import ChannelTable, Table
from export.kernels.int8.transpose_conv import TransposeConv
from export.kernels.int8.windowed import Windowed
from export.kernels.int8.winograd import Winograd
from export.kernels.int8.winograd4 import Winograd4
from export.kernels.int16.binary import Binary as BinaryI16
from export.kernels.int16.concatenation import Concatenation as ConcatenationI16
from export.kernels.int16.conv import Conv as ConvI16
from export.kernels.int16.dense import Dense as DenseI16
from export.kernels.int16.mean import Mean as MeanI16
from export.kernels.int16.move import Move as MoveI16
from export.kernels.int16.pad import Pad as PadI16
from export.kernels.int16.pool import Pool as PoolI16
from export.kernels.int16.softmax import Softmax as SoftmaxI16
from export.kernels.int16.unary import Unary as UnaryI16
from export.kernels.kernel import Kernel, Options
from export.kernels.lx6 import kernel as lx6
from export.kernels.lx6.float16 import Lx6Conv
from export.kernels.lx6.kernel import Lx6, Lx6Strip
from export.kernels.lx6.lstm import Lx6Lstm


@dataclass(frozen=True)
class Core:
    """A target of the generator: kernels of its own, in a folder of their own."""

    name: str
    condition: str  # of the preprocessor, under which its C is compiled
    int8: tuple[type[Kernel], ...]
    fpu: str  # the condition for its C of the float16 engine
    float16: tuple[type[FloatKernel], ...]
    price: str  # the core in export.plan.cost by which the cheapest is taken
    alignment: int = 4  # bytes, of the arena and of each value in it
    feeds: Ways = row_wise.ways  # what makes rows just before they are read


INT8: tuple[type[Kernel], ...] = (
    Conv,
    DepthwiseRow,
    Depthwise,
    Winograd,
    Winograd4,
    Windowed,
    Skipping,
    PooledStrip,
    Table,
    ChannelTable,
    Pool,
    Mean,
    Add,
    Mul,
    Concatenation,
    Pad,
    Softmax,
    Move,
    ReduceSum,
    ReduceMost,
    Compared,
    Prelu,
    Div,
    SquaredDifference,
    ResizeBilinear,
    TransposeConv,
    BatchMatmul,
    LogSoftmax,
    L2Normalization,
    Lstm,
    Svdf,
)
INT16: tuple[type[Kernel], ...] = (  # portable C, which every core compiles
    ConvI16,
    DenseI16,
    PoolI16,
    MeanI16,
    BinaryI16,
    UnaryI16,
    SoftmaxI16,
    ConcatenationI16,
    PadI16,
    MoveI16,
)
FLOAT16: tuple[type[FloatKernel], ...] = (ConvF16, MaxPoolF16)
PORTABLE = Core("portable", "!NN_LX6", INT8, "!NN_LX6_FPU", FLOAT16, "xtensa")
LX6 = Core(
    "lx6",
    "NN_LX6",
    (Lx6, Lx6Strip, Lx6Lstm, *INT8),
    "NN_LX6_FPU",
    (Lx6Conv, *FLOAT16),
    "xtensa",
    feeds=lx6.feeds,
)


def int8(stage: Stage, options: Options, core: Core = PORTABLE) -> list[Kernel]:
    """All that can make a stage of the int8 engine; never empty."""
    return _ways("int8", core.int8, stage, options)


def int16(stage: Stage, options: Options) -> Kernel:
    """What makes a stage of the int16 engine."""
    return _ways("int16", INT16, stage, options)[0]


def _ways(
    engine: str, kernels: tuple[type[Kernel], ...], stage: Stage, options: Options
) -> list[Kernel]:
    found = [
        way
        for kernel in kernels
        if stage.head.kind in kernel.kinds
        for way in kernel.ways(stage, options)
    ]
    if not found:
        raise Esp8kError(
            f"no {engine} kernel for {stage.head.kind} "
            f"(tensor {stage.head_output.name})",
            f"supported: {', '.join(kinds(kernels))}",
        )
    return found


def float16(
    stage: Stage, options: Options, job: Job, core: Core = PORTABLE
) -> FloatKernel:
    """What makes a stage of the float16 engine."""
    found: Iterator[FloatKernel] = (
        way
        for kernel in core.float16
        if stage.head.kind in kernel.kinds
        for way in kernel.jobs(stage, options, job)
    )
    made = next(found, None)
    if made is None:
        raise Esp8kError(
            f"no float16 kernel for {stage.head.kind}", "use the int8 engine"
        )
    return made


def kinds(kernels: Sequence[type[Kernel]]) -> list[str]:
    """The operators that may head a stage, sorted."""
    return sorted({kind for kernel in kernels for kind in kernel.kinds})

"""An operator's name and options as the flatbuffer has them.

    options("MAX_POOL_2D", op.builtinOptions)
    # Pool(stride_h=2, ..., padding="VALID", kernel_h=2, kernel_w=2)

What the file leaves out has the schema's defaults.
"""

from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.text import one_line
from export.graph import fields
from export.graph.attributes import (
    Along,
    Attributes,
    Blocks,
    Gelu,
    Handle,
    Leaky,
    Lstm,
    Mirror,
    Once,
    Padding,
    Pool,
    Product,
    Reduction,
    Resize,
    Slice,
    Softmax,
    Svdf,
    Window,
)

KINDS = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if not name.startswith("_")
}
PADDINGS = {schema.Padding.SAME: "SAME", schema.Padding.VALID: "VALID"}
OPTIONS = {  # kinds whose options may be absent, and the schema's name of these
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "ADD": "AddOptions",
    "SUB": "SubOptions",
    "MUL": "MulOptions",
    "DIV": "DivOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "PACK": "PackOptions",
    "UNPACK": "UnpackOptions",
    "GATHER": "GatherOptions",
    "CONCATENATION": "ConcatenationOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "GELU": "GeluOptions",
    "VAR_HANDLE": "VarHandleOptions",
    "CALL_ONCE": "CallOnceOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "SVDF": "SVDFOptions",
}
ACTIVATIONS = {
    code: name
    for name, code in vars(schema.ActivationFunctionType).items()
    if not name.startswith("_")
}


class Steps(TypedDict):
    """What all windows have, as `Window` takes it."""

    stride_h: int
    stride_w: int
    padding: str
    activation: str


class Gaps(Steps):
    """And what those of convolutions have."""

    dilation_h: int
    dilation_w: int


def kind_of(code: fields.Code) -> str:
    """TFLite's builtin name, CONV_2D."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        custom = code.customCode
        label = custom.decode("utf-8", "replace") if custom else "without a name"
        return f"CUSTOM {one_line(label)}"
    return str(KINDS.get(number, f"BUILTIN {number}"))


def options(kind: str, raw: object) -> Attributes:
    """What `kind`, TFLite's name of an operator, is told beside its inputs.

    `raw` is its object of the schema, or None where the file has none.
    """
    read = READERS.get(kind)
    if read is None:
        return Attributes()
    name = OPTIONS.get(kind)
    if raw is None and name is not None:  # all defaults: the file leaves it out
        raw = getattr(schema, name + "T")()
    return read(raw)


def _activation(o: fields.Fused) -> str:
    return str(ACTIVATIONS[o.fusedActivationFunction])


def _padding(o: fields.Strided) -> str:
    return PADDINGS.get(o.padding, f"padding {o.padding}")


def _fused(o: fields.Fused) -> Attributes:
    return Attributes(activation=_activation(o))


def _sums_32(o: fields.Biased) -> bool:
    """Whether a bias that is not there would be int32."""
    return bool(o.quantizedBiasType == schema.TensorType.INT32)


def _dense(o: fields.Biased) -> Attributes:
    return Attributes(activation=_activation(o), sums_32=_sums_32(o))


def _steps(o: fields.Strided) -> Steps:
    return {
        "stride_h": o.strideH,
        "stride_w": o.strideW,
        "padding": _padding(o),
        "activation": _activation(o),
    }


def _dilated(o: fields.Dilated) -> Gaps:
    return {
        **_steps(o),
        "dilation_h": o.dilationHFactor,
        "dilation_w": o.dilationWFactor,
    }


def _conv(o: fields.Convolved) -> Attributes:
    return Window(**_dilated(o), sums_32=_sums_32(o))


def _depthwise(o: fields.Dilated) -> Attributes:
    return Window(**_dilated(o))


def _transpose_conv(o: fields.Strided) -> Attributes:
    return Window(**_steps(o))


def _pool(o: fields.Pooled) -> Attributes:
    return Pool(**_steps(o), kernel_h=o.filterHeight, kernel_w=o.filterWidth)


def _reduction(o: fields.Reduced) -> Attributes:
    return Reduction(keep_dims=bool(o.keepDims))


def _joined(o: fields.Joined) -> Attributes:
    return Along(activation=_activation(o), axis=o.axis)


def _along(o: fields.Lying) -> Attributes:
    return Along(axis=o.axis)


def _gather(o: fields.Gathered) -> Attributes:
    return Along(axis=o.axis, batch_dims=o.batchDims)


def _strided_slice(o: fields.Sliced) -> Attributes:
    return Slice(
        begin_mask=o.beginMask,
        end_mask=o.endMask,
        ellipsis_mask=o.ellipsisMask,
        new_axis_mask=o.newAxisMask,
        shrink_axis_mask=o.shrinkAxisMask,
        offset=bool(o.offset),
    )


def _pad(o: fields.Nothing) -> Attributes:
    return Padding()


def _resize(o: fields.Resized) -> Attributes:
    return Resize(corners=bool(o.alignCorners), centers=bool(o.halfPixelCenters))


def _mirror(o: fields.Mirrored) -> Attributes:
    return Mirror(symmetric=o.mode == schema.MirrorPadMode.SYMMETRIC)


def _blocks(o: fields.Blocked) -> Attributes:
    return Blocks(block=o.blockSize)


def _product(o: fields.Multiplied) -> Attributes:
    return Product(adjoint_x=bool(o.adjX), adjoint_y=bool(o.adjY))


def _once(o: fields.Called) -> Attributes:
    return Once(subgraph=o.initSubgraphIndex)


def _variable(o: fields.Named) -> Attributes:
    return Handle(name=f"{_text(o.container)}/{_text(o.sharedName)}")


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _lstm(o: fields.Recurrent) -> Attributes:
    clip = float(np.float32(o.cellClip))
    return Lstm(activation=_activation(o), cell_clip=clip)


def _svdf(o: fields.Ranked) -> Attributes:
    return Svdf(activation=_activation(o), rank=o.rank)


def _gelu(o: fields.Approximated) -> Attributes:
    return Gelu(approximate=bool(o.approximate))


def _softmax(o: fields.Scaled) -> Attributes:
    return Softmax(beta=float(o.beta))


def _leaky(o: fields.Sloped) -> Attributes:
    return Leaky(alpha=float(np.float32(o.alpha)))


# Each takes what its own kinds have: no type says that of a table.
READERS: dict[str, Callable[[Any], Attributes]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), _pool),
    "FULLY_CONNECTED": _dense,
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV"), _fused),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), _reduction
    ),
    "CONCATENATION": _joined,
    **dict.fromkeys(("PACK", "UNPACK"), _along),
    "GATHER": _gather,
    "STRIDED_SLICE": _strided_slice,
    **dict.fromkeys(("PAD", "PADV2"), _pad),
    "MIRROR_PAD": _mirror,
    **dict.fromkeys(("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), _blocks),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resize),
    "BATCH_MATMUL": _product,
    "CALL_ONCE": _once,
    "VAR_HANDLE": _variable,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "SVDF": _svdf,
    "GELU": _gelu,
    "SOFTMAX": _softmax,
    "LEAKY_RELU": _leaky,
}

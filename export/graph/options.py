"""An operator's name and options as the flatbuffer has them.

    options("MAX_POOL_2D", op.builtinOptions)
    # Pool(stride_h=2, ..., padding="VALID", kernel_h=2, kernel_w=2)

What the file leaves out has the schema's defaults.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.text import one_line
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


def kind_of(code: Any) -> str:
    """TFLite's builtin name, CONV_2D."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        custom = code.customCode
        label = custom.decode("utf-8", "replace") if custom else "without a name"
        return f"CUSTOM {one_line(label)}"
    return str(KINDS.get(number, f"BUILTIN {number}"))


def options(kind: str, raw: Any) -> Attributes:
    """What `kind`, TFLite's name of an operator, is told beside its inputs."""
    read = READERS.get(kind)
    if read is None:
        return Attributes()
    name = OPTIONS.get(kind)
    if raw is None and name is not None:  # all defaults: the file leaves it out
        raw = getattr(schema, name + "T")()
    return read(raw)


def _activation(o: Any) -> str:
    return str(ACTIVATIONS[o.fusedActivationFunction])


def _padding(o: Any) -> str:
    return PADDINGS.get(o.padding, f"padding {o.padding}")


def _fused(o: Any) -> Attributes:
    return Attributes(activation=_activation(o))


def _sums_32(o: Any) -> bool:
    """Whether a bias that is not there would be int32."""
    return bool(o.quantizedBiasType == schema.TensorType.INT32)


def _dense(o: Any) -> Attributes:
    return Attributes(activation=_activation(o), sums_32=_sums_32(o))


def _steps(o: Any) -> dict[str, Any]:
    """What all windows have."""
    return {
        "stride_h": o.strideH,
        "stride_w": o.strideW,
        "padding": _padding(o),
        "activation": _activation(o),
    }


def _dilated(o: Any) -> dict[str, Any]:
    dilation = {"dilation_h": o.dilationHFactor, "dilation_w": o.dilationWFactor}
    return _steps(o) | dilation


def _conv(o: Any) -> Attributes:
    return Window(**_dilated(o), sums_32=_sums_32(o))


def _depthwise(o: Any) -> Attributes:
    return Window(**_dilated(o))


def _transpose_conv(o: Any) -> Attributes:
    return Window(**_steps(o))


def _pool(o: Any) -> Attributes:
    return Pool(**_steps(o), kernel_h=o.filterHeight, kernel_w=o.filterWidth)


def _reduction(o: Any) -> Attributes:
    return Reduction(keep_dims=bool(o.keepDims))


def _strided_slice(o: Any) -> Attributes:
    return Slice(
        begin_mask=o.beginMask,
        end_mask=o.endMask,
        ellipsis_mask=o.ellipsisMask,
        new_axis_mask=o.newAxisMask,
        shrink_axis_mask=o.shrinkAxisMask,
        offset=bool(o.offset),
    )


def _resize(o: Any) -> Attributes:
    return Resize(corners=bool(o.alignCorners), centers=bool(o.halfPixelCenters))


def _mirror(o: Any) -> Attributes:
    return Mirror(symmetric=o.mode == schema.MirrorPadMode.SYMMETRIC)


def _product(o: Any) -> Attributes:
    return Product(adjoint_x=bool(o.adjX), adjoint_y=bool(o.adjY))


def _lstm(o: Any) -> Attributes:
    clip = float(np.float32(o.cellClip))
    return Lstm(activation=_activation(o), cell_clip=clip)


def _variable(o: Any) -> Attributes:
    return Handle(name=f"{_text(o.container)}/{_text(o.sharedName)}")


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


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
    "CONCATENATION": lambda o: Along(activation=_activation(o), axis=o.axis),
    **dict.fromkeys(("PACK", "UNPACK"), lambda o: Along(axis=o.axis)),
    "GATHER": lambda o: Along(axis=o.axis, batch_dims=o.batchDims),
    "STRIDED_SLICE": _strided_slice,
    **dict.fromkeys(("PAD", "PADV2"), lambda o: Padding()),
    "MIRROR_PAD": _mirror,
    **dict.fromkeys(
        ("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"), lambda o: Blocks(block=o.blockSize)
    ),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resize),
    "BATCH_MATMUL": _product,
    "CALL_ONCE": lambda o: Once(subgraph=o.initSubgraphIndex),
    "VAR_HANDLE": _variable,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "SVDF": lambda o: Svdf(activation=_activation(o), rank=o.rank),
    "GELU": lambda o: Gelu(approximate=bool(o.approximate)),
    "SOFTMAX": lambda o: Softmax(beta=float(o.beta)),
    "LEAKY_RELU": lambda o: Leaky(alpha=float(np.float32(o.alpha))),
}

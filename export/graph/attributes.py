"""An operator's name and options as the flatbuffer has them, as plain values.

options("MAX_POOL_2D", op.builtinOptions)
# {"stride_h": 2, ..., "padding": "VALID", "activation": "NONE", "filter_h": 2, ...}
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.text import one_line

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


def options(kind: str, raw: Any) -> dict[str, Any]:
    """What `kind`, TFLite's name of an operator, is told beside its inputs."""
    read = READERS.get(kind)
    if read is None:
        return {}
    name = OPTIONS.get(kind)
    if raw is None and name is not None:  # all defaults: the file leaves it out
        raw = getattr(schema, name + "T")()
    return read(raw)


def _window(o: Any) -> dict[str, Any]:
    return {
        "stride_h": o.strideH,
        "stride_w": o.strideW,
        "padding": PADDINGS.get(o.padding, f"padding {o.padding}"),
        "activation": ACTIVATIONS[o.fusedActivationFunction],
    }


def _conv(o: Any) -> dict[str, Any]:
    dilation = {"dilation_h": o.dilationHFactor, "dilation_w": o.dilationWFactor}
    return {**_window(o), **dilation}


def _pool(o: Any) -> dict[str, Any]:
    return {**_window(o), "filter_h": o.filterHeight, "filter_w": o.filterWidth}


def _activation(o: Any) -> dict[str, Any]:
    return {"activation": ACTIVATIONS[o.fusedActivationFunction]}


def _resize(o: Any) -> dict[str, Any]:
    return {"corners": bool(o.alignCorners), "centers": bool(o.halfPixelCenters)}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": lambda o: {**_conv(o), "depth_multiplier": o.depthMultiplier},
    "FULLY_CONNECTED": lambda o: {**_activation(o), "keep_dims": bool(o.keepNumDims)},
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "ADD": _activation,
    "MUL": _activation,
    "CONCATENATION": lambda o: {**_activation(o), "axis": o.axis},
    "MEAN": lambda o: {"keep_dims": bool(o.keepDims)},
    "SUM": lambda o: {"keep_dims": bool(o.keepDims)},
    "REDUCE_MAX": lambda o: {"keep_dims": bool(o.keepDims)},
    "REDUCE_MIN": lambda o: {"keep_dims": bool(o.keepDims)},
    "REDUCE_PROD": lambda o: {"keep_dims": bool(o.keepDims)},
    "SUB": _activation,
    "DIV": _activation,
    "STRIDED_SLICE": lambda o: {
        "begin_mask": o.beginMask,
        "end_mask": o.endMask,
        "ellipsis_mask": o.ellipsisMask,
        "new_axis_mask": o.newAxisMask,
        "shrink_axis_mask": o.shrinkAxisMask,
        "offset": bool(o.offset),
    },
    "PACK": lambda o: {"axis": o.axis},
    "UNPACK": lambda o: {"axis": o.axis},
    "GATHER": lambda o: {"axis": o.axis, "batch_dims": o.batchDims},
    "SPACE_TO_DEPTH": lambda o: {"block": o.blockSize},
    "DEPTH_TO_SPACE": lambda o: {"block": o.blockSize},
    "MIRROR_PAD": lambda o: {"symmetric": o.mode == schema.MirrorPadMode.SYMMETRIC},
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "TRANSPOSE_CONV": _window,
    "BATCH_MATMUL": lambda o: {"adjoint_x": bool(o.adjX), "adjoint_y": bool(o.adjY)},
    "CALL_ONCE": lambda o: {"subgraph": o.initSubgraphIndex},
    "VAR_HANDLE": lambda o: {"name": f"{_text(o.container)}/{_text(o.sharedName)}"},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda o: {
        **_activation(o),
        "cell_clip": float(np.float32(o.cellClip)),
        "projection_clip": float(np.float32(o.projClip)),
        "time_major": bool(o.timeMajor),
    },
    "SVDF": lambda o: {**_activation(o), "rank": o.rank},
    "GELU": lambda o: {"approximate": bool(o.approximate)},
    "SOFTMAX": lambda o: {"beta": float(o.beta)},
    "LEAKY_RELU": lambda o: {"alpha": float(np.float32(o.alpha))},
}

"""An operator's name and options as the flatbuffer has them, as plain values.

options("MAX_POOL_2D", op.builtinOptions)
# {"stride_h": 2, ..., "padding": "VALID", "activation": "NONE", "filter_h": 2, ...}
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

KINDS = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if not name.startswith("_")
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
        label = custom.decode() if isinstance(custom, bytes) else str(custom)
        return f"CUSTOM {label}"
    return str(KINDS.get(number, f"BUILTIN {number}"))


def options(kind: str, raw: Any) -> dict[str, Any]:
    """What `kind`, TFLite's name of an operator, is told beside its inputs."""
    read = READERS.get(kind)
    return {} if read is None else read(raw)


def _window(o: Any) -> dict[str, Any]:
    return {
        "stride_h": o.strideH,
        "stride_w": o.strideW,
        "padding": "SAME" if o.padding == schema.Padding.SAME else "VALID",
        "activation": ACTIVATIONS[o.fusedActivationFunction],
    }


def _conv(o: Any) -> dict[str, Any]:
    dilation = {"dilation_h": o.dilationHFactor, "dilation_w": o.dilationWFactor}
    return {**_window(o), **dilation}


def _pool(o: Any) -> dict[str, Any]:
    return {**_window(o), "filter_h": o.filterHeight, "filter_w": o.filterWidth}


def _activation(o: Any) -> dict[str, Any]:
    code = 0 if o is None else o.fusedActivationFunction
    return {"activation": ACTIVATIONS[code]}


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
    "SOFTMAX": lambda o: {"beta": float(o.beta)},
    "LEAKY_RELU": lambda o: {"alpha": float(np.float32(o.alpha))},
}

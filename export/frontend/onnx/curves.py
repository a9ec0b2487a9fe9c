"""More ONNX functions element by element, and sums of several inputs, as TensorFlow.

Each is written so that it becomes a table, or operators that TensorFlow's quantizer
knows; what chooses by comparing becomes a table, too (`tflite.pointwise`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from onnx import TensorProto

from export.frontend.onnx.builder import Builder, Mapper, Value
from export.frontend.onnx.fuse import Step

REAL = (
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.DOUBLE,
    TensorProto.BFLOAT16,
)
SELU = 1.6732631921768188, 1.0507010221481323  # alpha, gamma where none are told
Curve = Callable[[Any, Any, dict[str, Any]], Any]


def _curve(call: Curve) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        value = b.value(step)
        y = call(b.tf, value.tensor, step.attributes)
        return Value(y, value.layout, value.image)

    return mapped


def _elu(tf: Any, x: Any, a: dict[str, Any]) -> Any:
    """What is below zero is so before and after: a slope there is the alpha."""
    y, alpha = tf.nn.elu(x), a.get("alpha", 1.0)
    return y if alpha == 1.0 else tf.nn.leaky_relu(y, alpha)


def _selu(tf: Any, x: Any, a: dict[str, Any]) -> Any:
    alpha, gamma = a.get("alpha", SELU[0]), a.get("gamma", SELU[1])
    return tf.nn.leaky_relu(tf.nn.elu(x), alpha) * np.float32(gamma)


def _celu(tf: Any, x: Any, a: dict[str, Any]) -> Any:
    alpha = np.float32(a.get("alpha", 1.0))
    return tf.nn.elu(x * (1 / alpha)) * alpha


def _shrink(tf: Any, x: Any, a: dict[str, Any]) -> Any:
    bias, limit = a.get("bias", 0.0), a.get("lambd", 0.5)
    rest = tf.where(x > limit, x - bias, 0.0)
    return tf.where(x < -limit, x + bias, rest)


def _thresholded(tf: Any, x: Any, a: dict[str, Any]) -> Any:
    return tf.where(x > a.get("alpha", 1.0), x, 0.0)


def _sign(tf: Any, x: Any, a: dict[str, Any]) -> Any:
    return tf.where(x > 0.0, 1.0, tf.where(x < 0.0, -1.0, 0.0))


def _several(call: Callable[..., Any]) -> Mapper:
    """A function of values of the same layout, as comparisons and what they choose."""

    def mapped(b: Builder, step: Step) -> Value:
        tensors, layout, image = b.operands(step)
        return Value(call(b.tf, *tensors), layout, image)

    return mapped


def _cast(b: Builder, step: Step) -> Value:
    """Between kinds of real numbers, or of what is whole already; true is 1."""
    value = b.value(step)
    real = step.attributes.get("to") in REAL
    if value.tensor.dtype == b.tf.bool and real:
        return replace(value, tensor=b.tf.where(value.tensor, 1.0, 0.0))
    if not real and value.tensor.dtype.is_floating:
        raise step.refuse("real numbers to others", "leave it out, or use Floor")
    return value


def root(b: Builder, step: Step) -> Value:
    """A square root that remembers its square: what it divides is times RSQRT."""
    value = b.value(step)
    y = b.tf.sqrt(value.tensor)
    return Value(y, value.layout, value.image, value.tensor)


def _divided(b: Builder, step: Step) -> Value:
    """By a root: times RSQRT of its square."""
    by = b.value(step, 1)
    if by.square is None:
        (x, y), layout, image = b.operands(step)
        return Value(x / y, layout, image)
    value, square = b.value(step), replace(by, tensor=by.square)
    if value.layout == by.layout == "last" and len(value.tensor.shape) == len(
        by.tensor.shape
    ):
        return Value(value.tensor * b.tf.math.rsqrt(square.tensor), "last")
    return Value(b.plain(value) * b.tf.math.rsqrt(b.plain(square)))


def _reciprocal(b: Builder, step: Step) -> Value:
    by = b.value(step)
    y = 1.0 / by.tensor if by.square is None else b.tf.math.rsqrt(by.square)
    return Value(y, by.layout, by.image)


def _mean(b: Builder, step: Step) -> Value:
    tensors, layout, image = b.operands(step)
    return Value(sum(tensors[1:], tensors[0]) * (1 / len(tensors)), layout, image)


MAPPERS: dict[str, Mapper] = {
    "And": _several(lambda tf, x, y: tf.logical_and(x, y)),
    "Cast": _cast,
    "Ceil": _curve(lambda tf, x, a: tf.math.ceil(x)),
    "Celu": _curve(_celu),
    "Div": _divided,
    "Elu": _curve(_elu),
    "Equal": _several(lambda tf, x, y: tf.equal(x, y)),
    "Greater": _several(lambda tf, x, y: x > y),
    "GreaterOrEqual": _several(lambda tf, x, y: x >= y),
    "Less": _several(lambda tf, x, y: x < y),
    "LessOrEqual": _several(lambda tf, x, y: x <= y),
    "Mean": _mean,
    "Mish": _curve(lambda tf, x, a: x * tf.tanh(tf.math.softplus(x))),
    "Not": _curve(lambda tf, x, a: tf.logical_not(x)),
    "Or": _several(lambda tf, x, y: tf.logical_or(x, y)),
    "Reciprocal": _reciprocal,
    "Selu": _curve(_selu),
    "Shrink": _curve(_shrink),
    "Sign": _curve(_sign),
    "Sqrt": root,
    "Softsign": _curve(lambda tf, x, a: x / (tf.abs(x) + 1.0)),
    "ThresholdedRelu": _curve(_thresholded),
    "Where": _several(lambda tf, chosen, x, y: tf.where(chosen, x, y)),
}

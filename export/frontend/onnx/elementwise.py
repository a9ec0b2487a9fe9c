"""ONNX operators element by element, and over one axis, as TensorFlow calls."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto

from export.frontend.onnx import curves
from export.frontend.onnx.builder import Builder, Mapper, Value
from export.frontend.onnx.fuse import Step

QDQ = "quantize the float model by quantize_static(..., quant_format=QuantFormat.QDQ)"
# Operators whose output has the scale of their input, integers or not.
MOVING = (
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split"),
    *("Gather", "Expand", "DepthToSpace", "Identity", "MaxPool", "GlobalMaxPool"),
)


def _unary(call: Callable[[Any, Any, Step], Any]) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        value = b.value(step)
        return Value(call(b.tf, value.tensor, step), value.layout, value.image)

    return mapped


def _named(name: str) -> Mapper:
    return _unary(lambda tf, x, step: getattr(tf.nn, name)(x))


def binary(call: Callable[[Any, Any, Any], Any]) -> Mapper:
    def mapped(b: Builder, step: Step) -> Value:
        tensors, layout, image = b.operands(step)
        y = tensors[0]
        for other in tensors[1:]:
            y = call(b.tf, y, other)
        return Value(y, layout, image)

    return mapped


JOINED = (  # what takes an activation into itself
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "BatchNormalization"),
    *("MaxPool", "AveragePool", "DequantizeLinear"),
)


def _is_joined(b: Builder, name: str) -> bool:
    """Whether an activation becomes part of the step that makes its input."""
    maker = b.graph.maker(name)
    alone = len(b.graph.users(name)) == 1 and name not in b.graph.outputs
    return maker is not None and alone and maker.kind in JOINED


def _clip(b: Builder, step: Step) -> Value:
    """As few operators as TFLite Micro has for it.

    By itself its RELU6 wants one scale on both sides, which no quantizer gives it, and
    RELU_N1_TO_1 it has not: the converter makes them of these very bounds, not of one
    that is a bit off, which becomes the same integer.
    """
    tf, value = b.tf, b.value(step)
    low, high = b.optional(step, 1, "min"), b.optional(step, 2, "max")
    low = -math.inf if low is None else float(np.asarray(low).reshape(-1)[0])
    high = math.inf if high is None else float(np.asarray(high).reshape(-1)[0])
    x = value.tensor
    if (low, high) == (0, 6) and _is_joined(b, step.inputs[0]):
        y = tf.nn.relu6(x)
    else:
        high = float(np.nextafter(np.float32(high), np.float32(math.inf)))
        y = tf.nn.relu(x) if low == 0 else tf.maximum(x, low) if low > -math.inf else x
        y = tf.minimum(y, high) if high < math.inf else y
    kept = value.square is not None and low >= 0 and high == math.inf
    square = tf.maximum(value.square, low * low) if kept else None
    return Value(y, value.layout, value.image, square)


def _prelu(b: Builder, step: Step) -> Value:
    """The part above zero, and the part below it times the slope."""
    (x, slope), layout, image = b.operands(step)
    tf = b.tf
    return Value(tf.nn.relu(x) + slope * tf.minimum(x, 0.0), layout, image)


def _hard_sigmoid(tf: Any, x: Any, step: Step) -> Any:
    alpha, beta = step.attributes.get("alpha", 0.2), step.attributes.get("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return tf.nn.relu6(x + 3.0) * (1 / 6)
    return tf.minimum(tf.nn.relu(x * alpha + beta), 1.0)


def _along(name: str) -> Mapper:
    """Softmax and LogSoftmax: TensorFlow Lite has them of a last axis."""

    def mapped(b: Builder, step: Step) -> Value:
        tf, call, value = b.tf, getattr(b.tf.nn, name), b.value(step)
        rank = len(b.graph.shapes[step.inputs[0]])
        old = b.graph.opset < 13  # then of all axes from this one on, as one
        axis = step.attributes.get("axis", 1 if old else -1) % rank
        alone = not old or math.prod(b.graph.shapes[step.inputs[0]][axis + 1 :]) == 1
        if value.layout == "last" and axis == 1 and alone:
            return Value(call(value.tensor), "last")
        x = b.plain(value)
        if old:
            shape = [int(n) for n in x.shape]
            rows = tf.reshape(x, (math.prod(shape[:axis]), -1))
            return Value(tf.reshape(call(rows), shape))
        if axis == rank - 1:
            return Value(call(x))
        order = [i for i in range(rank) if i != axis] + [axis]
        return Value(tf.transpose(call(tf.transpose(x, order)), np.argsort(order)))

    return mapped


def _layer_norm(b: Builder, step: Step) -> Value:
    """Over the last axes from `axis` on."""
    tf, x = b.tf, b.plain(b.value(step))
    rank = len(x.shape)
    axes = tuple(range(step.attributes.get("axis", -1) % rank, rank))
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axes, keepdims=True)
    epsilon = step.attributes.get("epsilon", 1e-5)
    y = (x - mean) * tf.math.rsqrt(variance + epsilon)
    y = y * tf.constant(b.constant(step, 1))
    return Value(y + tf.constant(b.constant(step, 2)) if step.has(2) else y)


def _instance_norm(b: Builder, step: Step) -> Value:
    """Each channel over its own positions."""
    tf, x = b.tf, b.last(step)
    axes = tuple(range(1, len(x.shape) - 1))
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axes, keepdims=True)
    y = (x - mean) * tf.math.rsqrt(variance + step.attributes.get("epsilon", 1e-5))
    y = y * tf.constant(b.constant(step, 1)) + tf.constant(b.constant(step, 2))
    return Value(y, "last")


def _pow(b: Builder, step: Step) -> Value:
    """By a constant: 2, 3, 1/2 and 1."""
    exponent = b.constant(step, 1)
    if exponent.size == 1 and float(exponent.reshape(-1)[0]) == 0.5:
        return curves.root(b, step)
    powers: dict[float, Callable[[Any], Any]] = {
        1.0: lambda x: x,
        2.0: lambda x: x * x,
        3.0: lambda x: x * x * x,
    }
    if exponent.size != 1 or float(exponent.reshape(-1)[0]) not in powers:
        raise step.refuse("by that exponent", "use 0.5, 1, 2 or 3")
    value = b.value(step)
    call = powers[float(exponent.reshape(-1)[0])]
    return Value(call(value.tensor), value.layout, value.image)


def _gelu(tf: Any, x: Any, step: Step) -> Any:
    rough = step.attributes.get("approximate", b"none") == b"tanh"
    return tf.nn.gelu(x, approximate=rough)


def _math(name: str) -> Mapper:
    return _unary(lambda tf, x, step: getattr(tf.math, name)(x))


def _batch_norm(b: Builder, step: Step) -> Value:
    gain, bias, mean, variance = (
        b.constant(step, i).astype(np.float64) for i in (1, 2, 3, 4)
    )
    gain = gain / np.sqrt(variance + step.attributes.get("epsilon", 1e-5))
    value = b.value(step)
    x = value.tensor
    layout, image = value.layout, value.image
    if len(x.shape) > 2 and layout != "last":
        x, layout, image = b.last(step), "last", ()
    elif layout == "flat":
        x, layout, image = b.plain(value), "plain", ()
    x = x * b.tf.constant(gain.astype(np.float32))
    y = x + b.tf.constant((bias - mean * gain).astype(np.float32))
    return Value(y, layout, image)


def _same(b: Builder, step: Step) -> Value:
    return b.value(step)


# ==== Quantized graphs ====


def _quantize(b: Builder, step: Step) -> Value:
    """QuantizeLinear: real numbers still, on the scale that the model chose."""
    scale, zero = b.constant(step, 1), -128  # uint8 is what is not told
    if step.attributes.get("output_dtype") == TensorProto.INT8:
        zero = 0
    if step.has(2):
        data = b.constant(step, 2)
        if data.dtype not in (np.int8, np.uint8) or data.size != 1:
            raise step.refuse(f"to {data.dtype} a channel", "quantize to 8 bits")
        zero = int(data.reshape(-1)[0]) - (128 if data.dtype == np.uint8 else 0)
    if scale.size != 1:
        raise step.refuse("a scale for each channel", "one for each activation")
    one = float(scale.reshape(-1)[0])
    low, high = (-128 - zero) * one, (127 - zero) * one
    fake = b.tf.quantization.fake_quant_with_min_max_args
    value = b.value(step)
    return Value(fake(value.tensor, low, high), value.layout, value.image)


def _dequantize(b: Builder, step: Step) -> Value:
    """DequantizeLinear: of a constant its real numbers, else what it is already."""
    if step.inputs[0] in b.values:
        _require_same_scale(b, step)
        return b.value(step)
    data, scale = b.constant(step, 0).astype(np.float32), b.constant(step, 1)
    zero = b.constant(step, 2).astype(np.float32) if step.has(2) else np.float32(0)
    if scale.size > 1:
        shape = [1] * data.ndim
        shape[step.attributes.get("axis", 1)] = -1
        scale, zero = scale.reshape(shape), np.reshape(zero, shape)
    b.graph.constants[step.output] = ((data - zero) * scale).astype(np.float32)
    return Value(b.tf.constant(b.graph.constants[step.output]))


def _require_same_scale(b: Builder, step: Step) -> None:
    """What is made real again here has been quantized on this very scale."""
    name, maker = step.inputs[0], step
    while maker.kind != "QuantizeLinear":
        found = b.graph.maker(name)
        if found is None:
            raise step.refuse(f"{name} was not quantized", QDQ)
        maker = found
        if maker.kind not in ("QuantizeLinear", *MOVING):
            raise step.refuse(f"{maker.kind} computes with integers before it", QDQ)
        name = maker.inputs[0]
    for position in (1, 2):
        ours, theirs = (
            b.constant(s, position) if s.has(position) else np.zeros(1)
            for s in (step, maker)
        )
        if not np.array_equal(ours.reshape(-1), theirs.reshape(-1)):
            what = f"another {('scale', 'zero point')[position - 1]} than it has"
            raise step.refuse(what, QDQ)


MAPPERS: dict[str, Mapper] = {
    "Add": binary(lambda tf, x, y: x + y),
    "Sub": binary(lambda tf, x, y: x - y),
    "Mul": binary(lambda tf, x, y: x * y),
    "Min": binary(lambda tf, x, y: tf.minimum(x, y)),
    "Max": binary(lambda tf, x, y: tf.maximum(x, y)),
    "Sum": binary(lambda tf, x, y: x + y),
    "Clip": _clip,
    "PRelu": _prelu,
    "Softmax": _along("softmax"),
    "LogSoftmax": _along("log_softmax"),
    "BatchNormalization": _batch_norm,
    "LeakyRelu": _unary(
        lambda tf, x, s: tf.nn.leaky_relu(x, s.attributes.get("alpha", 0.01))
    ),
    "Gelu": _unary(_gelu),
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "Pow": _pow,
    "Softplus": _math("softplus"),
    "Abs": _math("abs"),
    "Exp": _math("exp"),
    "Log": _math("log"),
    "Floor": _math("floor"),
    "Sin": _math("sin"),
    "Cos": _math("cos"),
    "Relu": _named("relu"),
    "Sigmoid": _named("sigmoid"),
    "Tanh": _named("tanh"),
    "Neg": _unary(lambda tf, x, s: x * -1.0),
    "HardSigmoid": _unary(_hard_sigmoid),
    "HardSwish": _unary(lambda tf, x, s: x * tf.nn.relu6(x + 3.0) * (1 / 6)),
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "Identity": _same,
    "Dropout": _same,
}

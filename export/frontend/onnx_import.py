"""ONNX operators as TensorFlow calls, channels last: the bridge to TFLite.

`read(proto)` checks the graph and brings it to a list of steps; `Builder.run` makes
them TensorFlow calls inside a `tf.function`. Images change from
NCHW to NHWC once, here, by permuting constants; a flattened image's order is
absorbed into the columns of the next Gemm, so no TRANSPOSE reaches the chip.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from core.errors import Esp8kError
from export.graph.network import same_padding

SUPPORTED_HINT = (
    "supported: Conv, Gemm, MatMul, MaxPool, AveragePool, GlobalAveragePool, "
    "ReduceMean, Add, Mul, Relu, LeakyRelu, Clip(0, 6), Sigmoid, Tanh, Softmax, "
    "Concat, Flatten, Reshape to (1, n), BatchNormalization"
)


@dataclass
class Step:
    """One ONNX node with its constants resolved."""

    kind: str
    name: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]


@dataclass
class Graph:
    """What the mapper reads of an ONNX model."""

    input: str
    shape: tuple[int, ...]  # of the input, as ONNX has it (NCHW)
    output: str
    constants: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    steps: list[Step] = field(default_factory=list)


def read(proto: onnx.ModelProto) -> Graph:
    """Check an ONNX model (one static input, batch 1, one output) and read it."""
    proto = onnx.shape_inference.infer_shapes(proto)
    graph = proto.graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    shapes = {n: tuple(c.shape) for n, c in constants.items()}
    for value in (*graph.input, *graph.value_info, *graph.output):
        shapes[value.name] = tuple(
            d.dim_value for d in value.type.tensor_type.shape.dim
        )
    inputs = [i.name for i in graph.input if i.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise Esp8kError(
            f"the ONNX model has {len(inputs)} inputs and {len(graph.output)} outputs",
            "a model of one input and one output is needed",
        )
    shape = shapes[inputs[0]]
    if not shape or 0 in shape or shape[0] != 1:
        raise Esp8kError(
            f"the ONNX input {inputs[0]} has the shape {shape}",
            "export with a static batch of 1",
        )
    read = Graph(inputs[0], shape, graph.output[0].name, constants, shapes)
    for node in graph.node:
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(a["value"])
            continue
        read.steps.append(
            Step(node.op_type, node.name, list(node.input), node.output[0], a)
        )
        _check(read.steps[-1])
    return read


def _check(step: Step) -> None:
    if step.kind not in _MAP:
        raise Esp8kError(
            f"ONNX operator {step.kind} (tensor {step.output}) has no TFLite form here",
            SUPPORTED_HINT,
        )


def _refuse(step: Step, what: str, hint: str) -> Esp8kError:
    return Esp8kError(f"ONNX {step.kind} (tensor {step.output}): {what}", hint)


# ==== Building the TensorFlow graph ====


class Builder:
    """Applies the steps; `values` are TensorFlow tensors, channels last."""

    def __init__(self, tf: Any, graph: Graph) -> None:
        self.tf = tf
        self.graph = graph
        self.values: dict[str, Any] = {}
        self.flattened: dict[str, tuple[int, int, int]] = {}  # name -> (C, H, W)

    def run(self, image: Any) -> Any:
        """The network's output for `image` (1, H, W, C)."""
        self.values[self.graph.input] = image
        for step in self.graph.steps:
            self.values[step.output] = _MAP[step.kind](self, step)
        return self.values[self.graph.output]

    def constant(self, step: Step, position: int) -> np.ndarray:
        """A constant input in ONNX's layout."""
        name = step.inputs[position]
        if name not in self.graph.constants:
            raise _refuse(step, f"{name} is not a constant", "freeze the weights")
        return self.graph.constants[name]

    def operand(self, step: Step, position: int) -> Any:
        """A value, or a constant brought to channels last."""
        name = step.inputs[position]
        if name in self.values:
            return self.values[name]
        data = self.constant(step, position)
        rank = len(self.graph.shapes[step.output])
        if rank == 4 and data.ndim == 3:
            data = data[None]
        if rank == 4 and data.ndim == 4:
            data = data.transpose(0, 2, 3, 1)
        elif rank == 4 and data.size > 1:
            raise _refuse(step, f"constant of shape {data.shape}", "use (C, 1, 1)")
        return self.tf.constant(data)


def _conv(b: Builder, step: Step) -> Any:
    tf, a = b.tf, step.attributes
    x = b.values[step.inputs[0]]
    weights = b.constant(step, 1)  # (O, I / groups, Kh, Kw)
    if weights.ndim != 4:
        raise _refuse(step, f"{weights.ndim - 2}-dimensional", "only Conv2d")
    groups, channels = a.get("group", 1), int(x.shape[-1])
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    x, padding = _padded(b, step, x, weights.shape[2:], strides, dilations)
    if groups == 1:
        kernel = tf.constant(weights.transpose(2, 3, 1, 0))
        y = tf.nn.conv2d(x, kernel, strides, padding, dilations=dilations)
    elif groups == channels:
        multiplier = weights.shape[0] // channels
        kernel = weights.reshape(channels, multiplier, *weights.shape[2:])
        y = tf.nn.depthwise_conv2d(
            x,
            tf.constant(kernel.transpose(2, 3, 0, 1)),
            [1, *strides, 1],
            padding,
            dilations=dilations,
        )
    else:
        raise _refuse(step, f"{groups} groups", "use groups 1 or one a channel")
    if len(step.inputs) > 2:
        y = tf.nn.bias_add(y, tf.constant(b.constant(step, 2)))
    return y


def _padded(
    b: Builder, step: Step, x: Any, kernel: Any, strides: Any, dilations: Any
) -> tuple[Any, str]:
    """Torch's explicit padding as TFLite's SAME where equal, else as a PAD."""
    top, left, bottom, right = step.attributes.get("pads", [0, 0, 0, 0])
    if step.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise _refuse(step, "auto_pad", "export with explicit pads")
    if not any((top, left, bottom, right)):
        return x, "VALID"
    same = []
    for size, k, s, d in zip(x.shape[1:3], kernel, strides, dilations, strict=True):
        out = -(-size // s)
        total = max((out - 1) * s + (k - 1) * d + 1 - size, 0)
        before = same_padding(size, k, s, d, out)
        same.append((before, total - before))
    if same == [(top, bottom), (left, right)]:
        return x, "SAME"
    pads = [[0, 0], [top, bottom], [left, right], [0, 0]]
    return b.tf.pad(x, pads), "VALID"


def _pool(b: Builder, step: Step, call: Callable[..., Any]) -> Any:
    a = step.attributes
    if a.get("ceil_mode", 0) or any(d != 1 for d in a.get("dilations", [])):
        raise _refuse(step, "ceil_mode or dilation", "pool without them")
    kernel = a["kernel_shape"]
    strides = a.get("strides", [1] * len(kernel))
    # A max pool pads with nothing: only SAME says that, a PAD would write zeros.
    x, padding = _padded(b, step, b.values[step.inputs[0]], kernel, strides, [1, 1])
    explicit = any(a.get("pads", [])) and padding == "VALID"
    if explicit or (padding == "SAME" and step.kind != "MaxPool"):
        raise _refuse(
            step,
            f"padding {a['pads']}",
            "pool without padding, or by a max pool whose padding is TensorFlow's SAME",
        )
    return call(x, kernel, strides, padding)


def _gemm(b: Builder, step: Step) -> Any:
    a = step.attributes
    if a.get("transA", 0) or a.get("alpha", 1.0) != 1.0 or a.get("beta", 1.0) != 1.0:
        raise _refuse(step, "transA, alpha or beta", "export a plain Linear layer")
    weights = b.constant(step, 1)
    weights = weights.T if a.get("transB", 0) else weights  # (in, out)
    name = step.inputs[0]
    if name in b.flattened:
        c, h, w = b.flattened[name]
        weights = weights.reshape(c, h, w, -1).transpose(1, 2, 0, 3)
        weights = weights.reshape(c * h * w, -1)
    y = b.tf.matmul(b.values[name], b.tf.constant(np.ascontiguousarray(weights)))
    if len(step.inputs) > 2:
        y = b.tf.nn.bias_add(y, b.tf.constant(b.constant(step, 2)))
    return y


def _flatten(b: Builder, step: Step) -> Any:
    x = b.values[step.inputs[0]]
    size = int(np.prod(x.shape))
    if b.graph.shapes[step.output] != (1, size):
        shape = b.graph.shapes[step.output]
        raise _refuse(step, f"to the shape {shape}", f"flatten to (1, {size})")
    if len(x.shape) == 4:
        _, h, w, c = (int(d) for d in x.shape)
        if h * w > 1:
            b.flattened[step.output] = (c, h, w)
    return b.tf.reshape(x, (1, size))


def _mean(b: Builder, step: Step) -> Any:
    a = step.attributes
    axes = a.get("axes")
    if axes is None and len(step.inputs) > 1:
        axes = b.constant(step, 1)
    if axes is not None and sorted(int(i) % 4 for i in axes) != [2, 3]:
        raise _refuse(step, f"over axes {list(axes)}", "average over H and W")
    return b.tf.reduce_mean(
        b.values[step.inputs[0]], (1, 2), keepdims=bool(a.get("keepdims", 1))
    )


def _clip(b: Builder, step: Step) -> Any:
    a = step.attributes
    low = a.get("min", b.constant(step, 1) if len(step.inputs) > 1 else None)
    high = a.get("max", b.constant(step, 2) if len(step.inputs) > 2 else None)
    if low is None or float(low) != 0 or high is None or float(high) != 6:
        raise _refuse(step, f"from {low} to {high}", "only ReLU6, Clip(0, 6)")
    return b.tf.nn.relu6(b.values[step.inputs[0]])


def _concat(b: Builder, step: Step) -> Any:
    parts = [b.operand(step, i) for i in range(len(step.inputs))]
    rank = len(parts[0].shape)
    axis = step.attributes["axis"] % rank
    axis = (0, 3, 1, 2)[axis] if rank == 4 else axis
    return b.tf.concat(parts, axis)


def _softmax(b: Builder, step: Step) -> Any:
    x = b.values[step.inputs[0]]
    if step.attributes.get("axis", -1) % len(x.shape) != 1:
        raise _refuse(step, "not over the classes", "use Softmax(dim=1)")
    return b.tf.nn.softmax(x)


def _batch_norm(b: Builder, step: Step) -> Any:
    gain, bias, mean, variance = (
        b.constant(step, i).astype(np.float64) for i in (1, 2, 3, 4)
    )
    gain = gain / np.sqrt(variance + step.attributes.get("epsilon", 1e-5))
    x = b.values[step.inputs[0]] * b.tf.constant(gain.astype(np.float32))
    return x + b.tf.constant((bias - mean * gain).astype(np.float32))


def _unary(name: str) -> Callable[[Builder, Step], Any]:
    return lambda b, step: getattr(b.tf.nn, name)(b.values[step.inputs[0]])


_MAP: dict[str, Callable[[Builder, Step], Any]] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _gemm,
    "MaxPool": lambda b, s: _pool(b, s, b.tf.nn.max_pool2d),
    "AveragePool": lambda b, s: _pool(b, s, b.tf.nn.avg_pool2d),
    "GlobalAveragePool": _mean,
    "ReduceMean": _mean,
    "Flatten": _flatten,
    "Reshape": _flatten,
    "Add": lambda b, s: b.operand(s, 0) + b.operand(s, 1),
    "Mul": lambda b, s: b.operand(s, 0) * b.operand(s, 1),
    "Clip": _clip,
    "Concat": _concat,
    "Softmax": _softmax,
    "BatchNormalization": _batch_norm,
    "LeakyRelu": lambda b, s: b.tf.nn.leaky_relu(
        b.values[s.inputs[0]], s.attributes.get("alpha", 0.01)
    ),
    "Relu": _unary("relu"),
    "Sigmoid": _unary("sigmoid"),
    "Tanh": _unary("tanh"),
    "Identity": lambda b, s: b.values[s.inputs[0]],
    "Dropout": lambda b, s: b.values[s.inputs[0]],
}

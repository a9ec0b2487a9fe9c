"""ONNX operators as TensorFlow calls, channels last: the bridge to TFLite.

`read(proto)` checks the graph and brings it to a list of steps; `Builder.run` makes
them TensorFlow calls inside a `tf.function`; what each operator becomes stands in
`export.frontend.onnx.operators`. Images change from NCHW to NHWC once, here, by
permuting constants; a flattened image's order is absorbed into the columns of the next
Gemm, so no TRANSPOSE reaches the chip where there need not be one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from core.errors import Esp8kError
from core.text import one_line
from export.frontend.onnx.fuse import Step, fused

WINDOWS = ("Conv", "MaxPool", "AveragePool", "ConvTranspose", "BatchNormalization")
Mapper = Callable[["Builder", Step], "Value | list[Value]"]


@dataclass
class Graph:
    """What the mapper reads of an ONNX model."""

    inputs: dict[str, tuple[int, ...]]  # the shape of each, as ONNX has it (NCHW)
    outputs: list[str]
    constants: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    steps: list[Step] = field(default_factory=list)
    whole_lstm: bool = True  # whether an LSTM may become one operator
    has_whole_lstm: bool = False  # whether one did
    opset: int = 13  # before it, Softmax is of all axes from one on

    def users(self, name: str) -> list[Step]:
        """The steps that read a value."""
        return [step for step in self.steps if name in step.inputs]

    def maker(self, name: str) -> Step | None:
        """The step that gives a value; None for an input or a constant."""
        return next((step for step in self.steps if name in step.outputs), None)

    def is_read(self, name: str) -> bool:
        """Whether a step or the caller reads a value."""
        return name in self.outputs or bool(self.users(name))


@dataclass(frozen=True)
class Value:
    """A TensorFlow tensor, and how its elements lie against ONNX's order.

    plain: as in ONNX. last: channels (ONNX's axis 1) moved to the end. flat: one row
    of an image with channels last, where ONNX has it with channels first.
    """

    tensor: Any
    layout: str = "plain"  # plain | last | flat
    image: tuple[int, ...] = ()  # flat: (spatial..., C)
    square: Any = None  # what it is the root of, in its layout, if it is one


def read(proto: onnx.ModelProto, known: frozenset[str], hint: str) -> Graph:
    """Check an ONNX model (static inputs, batch 1) and read it."""
    proto = onnx.shape_inference.infer_shapes(proto)
    graph = proto.graph
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    shapes = {n: tuple(c.shape) for n, c in constants.items()}
    for value in (*graph.output, *graph.value_info, *graph.input):
        shapes[value.name] = tuple(
            d.dim_value for d in value.type.tensor_type.shape.dim
        )
    inputs = [i.name for i in graph.input if i.name not in constants]
    for name in inputs:
        _check_input(name, shapes[name])
    outputs = [o.name for o in graph.output]
    found = Graph({name: shapes[name] for name in inputs}, outputs, constants, shapes)
    found.opset = next((o.version for o in proto.opset_import if not o.domain), 13)
    found.steps = fused(_steps(graph, constants), constants, outputs)
    for step in found.steps:
        if step.kind not in known:
            name = one_line(step.output) if step.outputs else "none"
            raise Esp8kError(
                f"ONNX operator {one_line(step.kind)} (tensor {name}) "
                "has no TFLite form here",
                hint,
            )
    for name in inputs:
        if not found.is_read(name):
            what = f"nothing reads the ONNX input {one_line(name)}"
            raise Esp8kError(what, "export the model without it")
    return found


def _check_input(name: str, shape: tuple[int, ...]) -> None:
    if not shape or 0 in shape or shape[0] != 1:
        raise Esp8kError(
            f"the ONNX input {one_line(name)} has the shape {shape}",
            "export with a static batch of 1",
        )


def _steps(graph: onnx.GraphProto, constants: dict[str, np.ndarray]) -> list[Step]:
    """The graph's nodes; what a Constant holds is added to `constants`."""
    steps = []
    for node in graph.node:
        a = {x.name: onnx.helper.get_attribute_value(x) for x in node.attribute}
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant(a)
            continue
        steps.append(
            Step(node.op_type, node.name, list(node.input), list(node.output), a)
        )
    return steps


def _constant(attributes: dict[str, Any]) -> np.ndarray:
    """The value of a Constant node, in whichever attribute it stands."""
    for name, kind in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if name in attributes:
            return np.array(attributes[name], kind)
    if "value" not in attributes:
        raise Esp8kError(
            f"ONNX Constant of {', '.join(attributes) or 'nothing'}",
            "store it as a dense tensor",
        )
    return numpy_helper.to_array(attributes["value"])


# ==== Building the TensorFlow graph ====


class Builder:
    """Applies the steps."""

    def __init__(self, tf: Any, graph: Graph, mappers: dict[str, Mapper]) -> None:
        self.tf = tf
        self.graph = graph
        self.mappers = mappers
        self.values: dict[str, Value] = {}

    def run(self, *images: Any) -> Any:
        """The network's outputs; an input has channels last if `is_last`."""
        for name, image in zip(self.graph.inputs, images, strict=True):
            layout = "last" if is_last(self.graph, name) else "plain"
            self.values[name] = Value(image, layout)
        for step in self.graph.steps:
            found = self.mappers[step.kind](self, step)
            several = found if isinstance(found, list) else [found]
            for name, value in zip(step.outputs, several, strict=False):
                if name not in self.graph.constants:  # dequantized weights are
                    self.values[name] = value
        ends = []
        for name in self.graph.outputs:
            if name not in self.values:
                raise Esp8kError(
                    f"the ONNX output {one_line(name)} is constant",
                    "export the layers that compute it",
                )
            value = self.values[name]
            ends.append(value.tensor if value.layout == "last" else self.plain(value))
        return ends[0] if len(ends) == 1 else tuple(ends)

    # ---- inputs of a step ----

    def constant(self, step: Step, position: int) -> np.ndarray:
        """A constant input in ONNX's layout."""
        name = step.inputs[position]
        if name not in self.graph.constants:
            what = f"{one_line(name)} is not a constant"
            raise step.refuse(what, "freeze the weights and the shapes")
        return self.graph.constants[name]

    def optional(self, step: Step, position: int, attribute: str) -> Any:
        """What newer opsets have as an input and older ones as an attribute."""
        if step.has(position):
            return self.constant(step, position)
        return step.attributes.get(attribute)

    def value(self, step: Step, position: int = 0) -> Value:
        """An input in whatever layout it has."""
        name = step.inputs[position]
        if name in self.values:
            return self.values[name]
        return Value(self.tf.constant(self.constant(step, position)))

    def spread(self, step: Step) -> Value:
        """An input that is not flat."""
        value = self.value(step)
        return Value(self.plain(value)) if value.layout == "flat" else value

    def last(self, step: Step, position: int = 0) -> Any:
        """An input with channels last."""
        value = self.value(step, position)
        if value.layout == "last":
            return value.tensor
        tensor = self.plain(value)
        rank = len(tensor.shape)
        return self.tf.transpose(tensor, (0, *range(2, rank), 1))

    def plain(self, value: Value) -> Any:
        """A value in ONNX's order."""
        tf = self.tf
        if value.layout == "plain":
            return value.tensor
        if value.layout == "flat":
            image = tf.reshape(value.tensor, (1, *value.image))
            rank = len(value.image) + 1
            moved = tf.transpose(image, (0, rank - 1, *range(1, rank - 1)))
            return tf.reshape(moved, value.tensor.shape)
        rank = len(value.tensor.shape)
        return tf.transpose(value.tensor, (0, rank - 1, *range(1, rank - 1)))

    def operands(self, step: Step) -> tuple[list[Any], str, tuple[int, ...]]:
        """All inputs in one layout, which is that of the first one computed."""
        given = [self.value(step, i) for i in range(len(step.inputs))]
        computed = [
            v for n, v in zip(step.inputs, given, strict=True) if n in self.values
        ]
        layout, image = computed[0].layout, computed[0].image
        if any(v.layout != layout or v.image != image for v in computed):
            layout, image = "plain", ()
        rank = max(len(v.tensor.shape) for v in given)
        tensors = []
        for name, value in zip(step.inputs, given, strict=True):
            if name in self.values:
                same = value.layout == layout
                tensors.append(value.tensor if same else self.plain(value))
            else:
                data = self.graph.constants[name]
                tensors.append(self.tf.constant(_laid_out(data, layout, image, rank)))
        return tensors, layout, image

    def axis(self, layout: str, axis: int, rank: int) -> int:
        """ONNX's axis in a layout."""
        axis %= rank
        if layout != "last":
            return axis
        return 0 if axis == 0 else rank - 1 if axis == 1 else axis - 1


def picked(tf: Any, tensor: Any, axis: int, positions: np.ndarray) -> Any:
    """The elements of an axis at constant positions, of the type TFLite Micro knows."""
    if np.array_equal(positions, np.arange(int(tensor.shape[axis]))):
        return tensor
    return tf.gather(tensor, positions.astype(np.int32), axis=axis)


def _laid_out(
    data: np.ndarray, layout: str, image: tuple[int, ...], rank: int
) -> np.ndarray:
    """A constant in the layout of what it meets."""
    if data.size == 1 or layout == "plain":
        return data
    if layout == "last":
        data = data.reshape((1,) * (rank - data.ndim) + data.shape)
        return np.moveaxis(data, 1, -1)
    if data.shape[-1] == 1:
        return data
    *spatial, channels = image
    body = data.reshape(*data.shape[:-1], channels, *spatial)
    return np.moveaxis(body, data.ndim - 1, -1).reshape(data.shape)


def is_last(graph: Graph, name: str) -> bool:
    """Whether an input is an image, or a series that a convolution reads."""
    shape = graph.inputs[name]
    if len(shape) == 4:
        return True
    users = graph.users(name)
    return len(shape) == 3 and any(step.kind in WINDOWS for step in users)

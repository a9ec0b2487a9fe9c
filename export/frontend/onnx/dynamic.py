"""What onnxruntime's quantize_dynamic made of an ONNX model, as real numbers again.

    notes = made_real(proto)     # changes it

Such a model has integer weights, and quantizes each layer's input by the range that it
happens to have: nothing that a chip could know before. Here the weights become the
real numbers that they stand for, on a scale that the graph goes on to multiply by, and
the inputs stay as they are, on a scale of 1; calibration quantizes both anew. That is
the same function where these integers do what quantize_dynamic has them do, and no
more: a graph that uses them otherwise is refused.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.errors import Esp8kError
from core.text import one_line

NOTE = "quantized by quantize_dynamic: made real, and quantized anew"
PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
FUSED = ("DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat")
BYTES = (np.int8, np.uint8)
HINT = "give the float model from before quantize_dynamic, with --calibration"


def made_real(proto: onnx.ModelProto) -> tuple[str, ...]:
    """Put real numbers in place of such integers; tell if there were any."""
    kinds = {node.op_type for node in proto.graph.node}
    for kind in kinds.intersection(FUSED):
        what = f"ONNX {kind}: weights and arithmetic of onnxruntime's own"
        raise Esp8kError(what, HINT)
    if "DynamicQuantizeLinear" not in kinds:
        return ()
    stored = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    _require_usual(proto.graph, stored)
    sums: set[str] = set()  # of products: integers there, real numbers here
    nodes: list[Any] = []
    for node in proto.graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            nodes += _as_it_is(proto.graph, node)
        elif node.op_type in PRODUCTS:
            nodes.append(_product(proto.graph, node, stored))
            sums.add(node.output[0])
        elif node.op_type == "Cast" and node.input[0] in sums:
            nodes.append(helper.make_node("Identity", node.input, node.output))
        else:
            nodes.append(node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    return (NOTE,)


def _as_it_is(graph: Any, node: Any) -> list[Any]:
    """A value, on a scale of 1 from 0."""
    value, scale, zero = node.output
    for name, number in ((scale, 1), (zero, 0)):
        graph.initializer.append(
            numpy_helper.from_array(np.array(number, np.float32), name)
        )
    return [helper.make_node("Identity", node.input, [value])]


def _product(graph: Any, node: Any, stored: dict[str, np.ndarray]) -> Any:
    """The product of real numbers that one of integers stands for."""
    names = [node.input[1], *filter(None, node.input[3:4])]
    for name in names:
        if name not in stored:
            raise _refusal(node, f"{one_line(name)} is not a constant")
        if stored[name].dtype not in BYTES:
            what = f"{one_line(name)} is {stored[name].dtype}, not of 8 bits"
            raise _refusal(node, what)
    weights = stored[names[0]].astype(np.float32)
    zero = stored[names[1]] if len(names) > 1 else np.array(0)
    if node.op_type == "ConvInteger":  # one zero point for each of the first axis
        zero = zero.reshape(-1, *[1] * (weights.ndim - 1))
    try:
        shifted = np.broadcast_to(zero.astype(np.float32), weights.shape)
    except ValueError:
        what = f"zero points {zero.shape} of weights {weights.shape}"
        raise _refusal(node, what) from None
    whole = f"{node.output[0]}/weights"
    graph.initializer.append(numpy_helper.from_array(weights - shifted, whole))
    made = helper.make_node(
        PRODUCTS[node.op_type], [node.input[0], whole], node.output, name=node.name
    )
    made.attribute.extend(node.attribute)
    return made


# ==== Whether the integers are used as quantize_dynamic has them used ===========


@dataclass
class _Graph:
    """Who makes each value, and who reads it."""

    makers: dict[str, Any] = field(default_factory=dict)
    readers: dict[str, list[Any]] = field(default_factory=dict)
    ends: frozenset[str] = frozenset()

    def only_reader(self, name: str, kind: str) -> Any | None:
        """Of a value that nobody else reads."""
        found = self.readers.get(name, [])
        alone = len(found) == 1 and name not in self.ends
        return found[0] if alone and found[0].op_type == kind else None


def _require_usual(proto: Any, stored: dict[str, np.ndarray]) -> None:
    """What is an integer, or its scale, is read by the way back to real numbers alone.

    Then the way through real numbers is the same function.
    """
    graph = _Graph(ends=frozenset(end.name for end in proto.output))
    for node in proto.node:
        graph.makers.update(dict.fromkeys(node.output, node))
        for name in node.input:
            graph.readers.setdefault(name, []).append(node)
    ways = [_way(graph, n, stored) for n in proto.node if n.op_type in PRODUCTS]
    usual = {node.output[0] for way in ways for node in way}
    inner = {node.output[0] for way in ways for node in way[:-1]}
    for node in proto.node:
        if node.op_type == "DynamicQuantizeLinear":
            if len(node.input) != 1 or len(node.output) != 3:
                raise _refusal(node, "it has one input and three outputs elsewhere")
            inner.update(node.output)
    for name in sorted(inner):
        if name in graph.ends:
            raise _refusal(graph.makers[name], "the model gives it away")
        for reader in graph.readers.get(name, []):
            if not usual.intersection(reader.output[:1]):
                raise _refusal(reader, f"it reads {one_line(name)}")


def _way(graph: _Graph, node: Any, stored: dict[str, np.ndarray]) -> list[Any]:
    """A product, its Cast, the scales' product if there is one, the Mul by it."""
    source = graph.makers.get(node.input[0]) if len(node.input) > 1 else None
    if source is None or source.op_type != "DynamicQuantizeLinear":
        raise _refusal(node, "its input is no DynamicQuantizeLinear's")
    value, scale, zero = [*source.output, "", ""][:3]
    if [node.input[0], *node.input[2:3]] != [value, zero]:
        raise _refusal(node, "it does not take its input's own zero point")
    cast = graph.only_reader(node.output[0], "Cast")
    if cast is None or cast.attribute[0].i != onnx.TensorProto.FLOAT:
        raise _refusal(node, "it is not made float at once")
    last = graph.only_reader(cast.output[0], "Mul")
    factors = [] if last is None else [n for n in last.input if n != cast.output[0]]
    if factors == [scale]:
        return [node, cast, last]
    scales = graph.makers.get(factors[0]) if factors else None
    both = set(scales.input) if scales is not None and scales.op_type == "Mul" else {}
    if scale not in both or not all(n in stored for n in set(both) - {scale}):
        raise _refusal(node, "it is not multiplied by its input's scale")
    if len(both) != 2:
        raise _refusal(node, "it is multiplied by its input's scale twice")
    return [node, cast, scales, last]


def _refusal(node: Any, why: str) -> Esp8kError:
    name = one_line(node.output[0]) if node.output else "none"
    return Esp8kError(f"ONNX {one_line(node.op_type)} (tensor {name}): {why}", HINT)

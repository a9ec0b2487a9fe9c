"""What onnxruntime's quantize_dynamic made of an ONNX model, as real numbers again.

    notes = made_real(proto)     # changes it

Such a model has integer weights, and quantizes each layer's input by the range that it
happens to have: nothing that a chip could know before. Here the weights become the
real numbers that they stand for, on a scale that the graph goes on to multiply by, and
the inputs stay as they are, on a scale of 1; calibration quantizes both anew.
"""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from core.errors import Esp8kError
from core.text import one_line

NOTE = "quantized by quantize_dynamic: made real, and quantized anew"
PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
FUSED = ("DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat")
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
            raise Esp8kError(
                f"ONNX {node.op_type} (tensor {one_line(node.output[0])}): "
                f"{one_line(name)} is not a constant",
                HINT,
            )
    weights = stored[names[0]].astype(np.float32)
    zero = stored[names[1]] if len(names) > 1 else np.array(0)
    if node.op_type == "ConvInteger":  # one zero point for each of the first axis
        zero = zero.reshape(-1, *[1] * (weights.ndim - 1))
    whole = f"{node.output[0]}/weights"
    graph.initializer.append(
        numpy_helper.from_array(weights - zero.astype(np.float32), whole)
    )
    made = helper.make_node(
        PRODUCTS[node.op_type], [node.input[0], whole], node.output, name=node.name
    )
    made.attribute.extend(node.attribute)
    return made

"""Shapes that an ONNX graph computes of itself, as constants.

    proto = folded(proto)     # every input of a fixed shape

Of models that hold their own scales: onnxruntime's optimizer, which does this for the
others, would move these scales.
"""

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

LARGEST = 64  # elements of what is a shape, or a part of one


def folded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the operators that follow from shapes alone."""
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    shapes = _shapes(inferred)
    known = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    known = {name: data for name, data in known.items() if _is_shape(data)}
    left, made = [], []
    for node in proto.graph.node:
        found = _value(proto, node, known, shapes)
        if found is None:
            left.append(node)
            continue
        known[node.output[0]] = found
        made.append(numpy_helper.from_array(found, node.output[0]))
    if not made:
        return proto
    plain = onnx.ModelProto()
    plain.CopyFrom(proto)
    del plain.graph.node[:]
    plain.graph.node.extend(left)
    plain.graph.initializer.extend(made)
    return plain


def _is_shape(data: np.ndarray) -> bool:
    return data.dtype.kind == "i" and data.dtype.itemsize >= 4 and data.size <= LARGEST


def _shapes(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Of every value whose shape is known."""
    found = {}
    for value in (*proto.graph.input, *proto.graph.value_info):
        dims = value.type.tensor_type.shape.dim
        if all(dim.dim_value > 0 for dim in dims):
            found[value.name] = tuple(dim.dim_value for dim in dims)
    return found


def _value(
    proto: onnx.ModelProto,
    node: Any,
    known: dict[str, np.ndarray],
    shapes: dict[str, tuple[int, ...]],
) -> np.ndarray | None:
    """What a node gives, if that is a shape, or a part of one."""
    given: dict[str, Any] = {}
    if node.op_type == "Shape":
        if node.input[0] not in shapes:
            return None
        given[node.input[0]] = np.empty(shapes[node.input[0]], np.bool_)
    elif not set(node.input) - {""} <= known.keys() or len(node.output) != 1:
        return None
    else:
        given |= {name: known[name] for name in node.input if name}
    try:
        found = ReferenceEvaluator(node).run(None, given)
    except Exception:  # it has many kinds; the node stays, and is named later
        return None
    data = np.asarray(list(found)[0])
    return data if _is_shape(data) else None

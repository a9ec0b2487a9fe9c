"""Inputs of an ONNX model that have no batch in front get one.

    notes = lead(proto.graph, inputs)     # `inputs` of fixed shapes

A controller is often exported with one vector, (N,); the states of stacked recurrent
layers, and a series in PyTorch's own order, have their batch of 1 as the second axis.
Inside, all stays as it was exported: a Reshape behind the input takes the 1 away again.
"""

from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from core.text import one_line
from export.frontend.onnx.builder import WINDOWS


def lead(graph: Any, inputs: list[Any]) -> tuple[str, ...]:
    """Change the graph; tell of each input that was changed."""
    notes = []
    for one in inputs:
        shape = tuple(dim.dim_value for dim in one.type.tensor_type.shape.dim)
        if _is_vector(shape) or _is_series(graph, one.name, shape):
            _put_one(graph, one, shape)
            notes.append(
                f"{one_line(one.name)}, of the shape {shape}, has no batch in front: "
                f"here it is (1, {', '.join(str(n) for n in shape if n != 1)})"
            )
    return tuple(notes)


def _is_vector(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 and shape[0] != 1


def _is_series(graph: Any, name: str, shape: tuple[int, ...]) -> bool:
    """(several, 1, size), and no channel that a convolution reads."""
    if len(shape) != 3 or shape[0] == 1 or shape[1] != 1:
        return False
    return not any(n.op_type in WINDOWS and name in n.input for n in graph.node)


def _put_one(graph: Any, one: Any, shape: tuple[int, ...]) -> None:
    """The input with its 1 in front, and a Reshape to what it was."""
    inner, sizes = f"{one.name}/as_exported", f"{one.name}/sizes"
    for node in graph.node:
        for at, name in enumerate(node.input):
            if name == one.name:
                node.input[at] = inner
    made = helper.make_node("Reshape", [one.name, sizes], [inner], name=inner)
    graph.node.insert(0, made)
    graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), sizes))
    dims = one.type.tensor_type.shape.dim
    del dims[:]
    for size in (1, *(n for n in shape if n != 1)):
        dims.add().dim_value = size

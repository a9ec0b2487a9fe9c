"""Small ONNX models of given nodes, as the generator's own network."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.frontend import conversion
from export.frontend.support import core_of, require_supported
from export.frontend.taken import Options
from export.graph.network import Network
from export.graph.read import read_tflite


def network(
    shape: tuple[Any, ...], *nodes: onnx.NodeProto, opset: int = 17, **stored: Any
) -> Network:
    """What "x" to "y" becomes; the conversion is held to onnxruntime on the way."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes),
        "g",
        [value("x", TensorProto.FLOAT, shape)],
        [value("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(data), n) for n, data in stored.items()],
    )
    versions = [helper.make_opsetid("", opset)]
    proto = helper.make_model(graph, opset_imports=versions, ir_version=8)
    raw = proto.SerializeToString()
    taken = conversion.convert("onnx", "", raw, "m.onnx", Options(drawn=True))
    core, _ = core_of(read_tflite(taken.model, "m"))
    require_supported(core)
    return core

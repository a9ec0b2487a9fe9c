"""What each ONNX operator becomes in TensorFlow, for `export.frontend.onnx_import`."""

from export.frontend import (
    onnx_elementwise,
    onnx_recurrent,
    onnx_shapes,
    onnx_weighted,
)
from export.frontend.onnx_import import Mapper

MAPPERS: dict[str, Mapper] = {
    **onnx_weighted.MAPPERS,
    **onnx_shapes.MAPPERS,
    **onnx_elementwise.MAPPERS,
    **onnx_recurrent.MAPPERS,
}
KNOWN = frozenset(MAPPERS)
HINT = "replace it; known are " + ", ".join(sorted(MAPPERS))

"""What each ONNX operator becomes in TensorFlow, for `export.frontend.onnx.builder`."""

from export.frontend.onnx import (
    bordered,
    curves,
    elementwise,
    products,
    recurrent,
    scaled,
    shapes,
    transposed,
    weighted,
)
from export.frontend.onnx.builder import Mapper

MAPPERS: dict[str, Mapper] = {
    **weighted.MAPPERS,
    **transposed.MAPPERS,
    **products.MAPPERS,
    **shapes.MAPPERS,
    **bordered.MAPPERS,
    **scaled.MAPPERS,
    **elementwise.MAPPERS,
    **curves.MAPPERS,
    **recurrent.MAPPERS,
}
KNOWN = frozenset(MAPPERS)
HINT = "replace it; known are " + ", ".join(sorted(MAPPERS))

"""Two operands of one shape that has no batch of 1 in front."""

from pathlib import Path

import numpy as np
import pytest

from export.compile import compile_model
from tools.bench.drawn.tflite_builder import TfliteBuilder

SHAPES = [(6,), (6, 4), (2, 3, 4), (2, 3, 2, 2)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("kind", "dtype"), [("ADD", "int8"), ("MUL", "int16")])
@pytest.mark.parametrize("constant", [True, False])
def test_they_are_read_element_by_element(
    shape: tuple[int, ...], kind: str, dtype: str, constant: bool, tmp_path: Path
) -> None:
    """As a table of positions is, in a model of one sequence without a batch."""
    b = TfliteBuilder()
    size = int(np.prod(shape))
    ends = (1, size)
    start, whole = (b.tensor(s, 0.1, 0, dtype=dtype) for s in (ends, shape))
    data = np.random.default_rng(0).integers(-127, 128, shape)
    given = b.tensor(shape, 0.1, 0, data, dtype) if constant else whole
    made, end = (b.tensor(s, 0.25, 0, dtype=dtype) for s in (shape, ends))
    lengths = [
        b.tensor((len(s),), None, 0, np.array(s), "int32") for s in (shape, ends)
    ]
    b.operator("RESHAPE", [start, lengths[0]], whole, newShape=list(shape))
    b.operator(kind, [whole, given], made)
    b.operator("RESHAPE", [made, lengths[1]], end, newShape=list(ends))
    model = b.build([start], [end])
    compiled = compile_model(model, "net", "net", tmp_path / "c", "balanced")
    assert compiled.checked  # the C is the reference's, and TFLite Micro's

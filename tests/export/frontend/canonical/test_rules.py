"""What follows from shapes, one constant, neighbours: each said in one way."""

import numpy as np
import pytest

from export.frontend.canonical.moving import nearest
from tests.support.canonical import B, held, whole

PAIRS = [  # an operator, whether its constant comes first
    *((kind, False) for kind in ("ADD", "SUB", "MUL", "DIV", "MINIMUM", "PRELU")),
    *((kind, True) for kind in ("ADD", "SUB", "MUL", "MINIMUM")),
]


def test_what_follows_from_shapes_is_folded() -> None:
    b = B()
    start, shape = b.tensor((1, 4, 6), 0.1), b.tensor((3,), dtype="int32")
    size = b.tensor((), dtype="int32")
    packed = b.tensor((2,), dtype="int32")
    end = b.tensor((1, 24), 0.1)
    last = b.tensor((1, 24), 0.1)
    b.operator("SHAPE", [start], shape, outType=2)
    places = [whole(b, 0), whole(b, 1), whole(b, 1)]
    b.operator("STRIDED_SLICE", [shape, *places], size, shrinkAxisMask=1)
    rest = b.tensor((), None, 0, np.array(24), "int32")
    b.operator("PACK", [size, rest], packed, axis=0, valuesCount=2)
    b.operator("RESHAPE", [start, packed], end)
    b.operator("RELU", [end], last)
    assert held(b.build([start], [last])) == ["RESHAPE", "RELU"]


@pytest.mark.parametrize(("kind", "first"), PAIRS)
def test_one_constant_number_makes_a_table(kind: str, first: bool) -> None:
    b = B()
    start, end = b.tensor((1, 8), 0.03, 3), b.tensor((1, 8), 0.05, -7)
    number = b.tensor((1,), 0.01, 4, np.array([77]))
    pair = [number, start] if first else [start, number]
    b.operator(kind, pair, end)
    assert held(b.build([start], [end])) == ["TABLE"]


def test_nearest_neighbours_stay_inside() -> None:
    for corners, centers in ((False, False), (True, False), (False, True)):
        assert set(nearest(5, 13, corners, centers)) <= set(range(5))

"""Borders, sizes and axes of ONNX models, as exporters of all years write them."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from core.errors import Esp8kError
from tests.support.onnx_nets import network

node = helper.make_node
pytestmark = pytest.mark.slow
IMAGE = (1, 2, 6, 5)
GRIDS = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def convert(
    *nodes: onnx.NodeProto, opset: int, shape: Any = IMAGE, **stored: Any
) -> None:
    """It becomes what the generator takes, the same function."""
    network(shape, *nodes, opset=opset, **stored)


@pytest.mark.parametrize("mode", ["edge", "reflect", "wrap", "constant"])
def test_a_border_may_be_of_any_mode_and_less_than_nothing(mode: str) -> None:
    """As of padding_mode="replicate" and "circular"; F.pad(x, (-1, 2)) cuts."""
    pads = np.array([0, 0, 2, 1, 0, 0, 1, -2])
    convert(node("Pad", ["x", "pads"], ["y"], mode=mode), opset=19, pads=pads)


@pytest.mark.parametrize("rounded", ["round_prefer_floor", "floor", "ceil"])
@pytest.mark.parametrize("grid", GRIDS)
def test_the_nearest_element_is_found_by_any_factor(grid: str, rounded: str) -> None:
    made = {"coordinate_transformation_mode": grid, "nearest_mode": rounded}
    resize = node("Resize", ["x", "", "scales"], ["y"], **made)
    convert(resize, opset=17, scales=np.float32([1, 1, 1.5, 0.6]))


def test_a_resize_of_before_there_were_grids_is_asymmetric() -> None:
    for mode in ("linear", "nearest"):
        resize = node("Resize", ["x", "scales"], ["y"], mode=mode)
        convert(resize, opset=10, scales=np.float32([1, 1, 2, 2]))


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_a_series_is_resized(mode: str) -> None:
    resize = node("Resize", ["x", "", "scales"], ["y"], mode=mode)
    convert(resize, opset=17, shape=(1, 2, 6), scales=np.float32([1, 1, 1.5]))


def test_a_linear_factor_that_its_sizes_are_not_is_named() -> None:
    resize = node("Resize", ["x", "", "scales"], ["y"], mode="linear")
    with pytest.raises(Esp8kError, match=r"linear by 1\.5.* no whole number of 5"):
        convert(resize, opset=17, scales=np.float32([1, 1, 1.5, 1.5]))


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("axis", [1, 2, 3])
@pytest.mark.parametrize("opset", [11, 13])
def test_a_softmax_is_over_the_axes_that_its_opset_means(
    opset: int, axis: int, kind: str
) -> None:
    """Before opset 13 it was over all axes from one on."""
    convert(node(kind, ["x"], ["y"], axis=axis), opset=opset)


def test_a_softmax_of_before_says_no_axis() -> None:
    nodes = [node("Conv", ["x", "w"], ["a"]), node("Softmax", ["a"], ["y"])]
    convert(*nodes, opset=11, w=np.ones((3, 2, 2, 2), np.float32))


CURVES = [
    node("Elu", ["x"], ["y"], alpha=0.4),
    node("Celu", ["x"], ["y"], alpha=0.7),
    node("Selu", ["x"], ["y"]),
    node("Selu", ["x"], ["y"], alpha=1.2, gamma=0.8),
    node("Softsign", ["x"], ["y"]),
    node("Ceil", ["x"], ["y"]),
    node("Mean", ["x", "x", "w"], ["y"]),
    node("Einsum", ["x", "x"], ["y"], equation="b c h w, bcvw -> bch v"),
    node("Einsum", ["x", "m"], ["y"], equation="bchw,wd->bdh"),
    node("DepthToSpace", ["deep"], ["y"], blocksize=2, mode="CRD"),
    node("DepthToSpace", ["deep"], ["y"], blocksize=2, mode="DCR"),
    node("SpaceToDepth", ["x"], ["y"], blocksize=2),
    node("Tile", ["x", "times"], ["y"]),
    node("ReduceL1", ["x"], ["y"], axes=[1, -1], keepdims=0),
    node("ReduceSumSquare", ["x"], ["y"], axes=[2], keepdims=1),
]


@pytest.mark.parametrize("last", CURVES, ids=lambda made: made.op_type)
def test_an_operator_that_others_compute_is_taken(last: onnx.NodeProto) -> None:
    nodes = [node("Concat", ["x", "x", "x", "x"], ["deep"], axis=1)]
    first = nodes if "deep" in last.input else []
    given: dict[str, Any] = {"w": np.float32([[[[0.5]]]]), "m": np.ones((4, 3), "f4")}
    given["times"] = np.array([1, 2, 1, 3])
    stored = {name: data for name, data in given.items() if name in last.input}
    convert(*first, last, opset=17, shape=(1, 2, 6, 4), **stored)


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_a_sum_over_no_axes_named_is_over_all_or_none(opset: int) -> None:
    """An empty list of axes means all, unless the operator says none."""
    for noop in (0, 1) if opset > 11 else (0,):
        how = {"noop_with_empty_axes": noop} if opset > 11 else {}
        total = node("ReduceSum", ["x", "axes"][: opset - 10], ["z"], **how)
        add = node("Add", ["z", "x"], ["y"])
        stored = {"axes": np.zeros(0, np.int64)} if opset > 11 else {}
        convert(total, add, opset=opset, **stored)


@pytest.mark.parametrize("how", ["length", "least", "hand", "turned", "power"])
def test_what_is_divided_by_a_root_is_taken(how: str) -> None:
    """F.normalize, and a layer norm written by hand: there is an RSQRT, no SQRT."""
    squares = [
        node("Mul", ["x", "x"], ["s"]),
        node("ReduceMean", ["s"], ["m"], axes=[1], keepdims=1),
        node("Add", ["m", "small"], ["v"]),
    ]
    length = [node("ReduceL2", ["x"], ["l"], axes=[1], keepdims=1)]
    parts = {
        "length": [*length, node("Div", ["x", "l"], ["y"])],
        "least": [
            *length,
            node("Clip", ["l", "small"], ["c"]),
            node("Expand", ["c", "whole"], ["e"]),
            node("Div", ["x", "e"], ["y"]),
        ],
        "hand": [*squares, node("Sqrt", ["v"], ["r"]), node("Div", ["x", "r"], ["y"])],
        "turned": [
            *squares,
            node("Sqrt", ["v"], ["r"]),
            node("Reciprocal", ["r"], ["t"]),
            node("Mul", ["x", "t"], ["y"]),
        ],
        "power": [
            *squares,
            node("Pow", ["v", "half"], ["r"]),
            node("Div", ["x", "r"], ["y"]),
        ],
    }
    stored = {"small": np.float32(0.01), "half": np.float32(0.5)}
    for shape in ((1, 6), (1, 3, 4, 5)):
        whole = {"whole": np.array(shape)}
        names = {name for made in parts[how] for name in made.input}
        given = {n: data for n, data in (stored | whole).items() if n in names}
        convert(*parts[how], opset=17, shape=shape, **given)

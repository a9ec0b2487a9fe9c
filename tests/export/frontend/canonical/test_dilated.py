"""A dilated convolution as Keras writes it, made one operator."""

import ctypes

import numpy as np
import pytest

from core.errors import Esp8kError
from export.frontend.support import core_of, require_supported
from export.frontend.tflite import open_shapes
from export.graph.read import read_tflite
from export.reference import tflm
from tests.support.canonical import B, held, whole


def dilated(free: bool, crops: tuple[int, int] = (1, 2), zero: int = 0) -> bytes:
    """A Conv1D with a dilation of 2 as Keras has it; `free`: with a batch of -1."""
    b = B()
    width = 12 - sum(crops)
    batch = 1 if free else 2

    def value(batch: int, *body: int) -> int:
        signature = (-1, *body) if free else None
        return b.tensor((batch, *body), 0.1, zero, signature=signature)

    data = np.random.default_rng(1).integers(-127, 128, (4, 1, 3, 6)).astype(np.int8)
    weights = b.tensor(data.shape, [0.01] * 4, 0, data)
    start, end = value(1, 13, 6), value(1, width, 4)
    split, inner = value(batch, 8, 6), value(batch, 1, 8, 6)
    made, joined = value(batch, 1, 6, 4), value(batch, 6, 4)
    block, pads = whole(b, 2), b.tensor((1, 2), None, 0, np.array([[2, 1]]), "int32")
    cut = b.tensor((1, 2), None, 0, np.array([crops]), "int32")
    b.operator("SPACE_TO_BATCH_ND", [start, block, pads], split)
    b.operator("EXPAND_DIMS", [split, whole(b, 1)], inner)
    o = {"padding": 1, "strideH": 1, "strideW": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1}
    bias = b.tensor((4,), [0.001] * 4, 0, np.arange(4) * 99, "int32")
    b.operator("CONV_2D", [inner, weights, bias], made, **o)
    b.operator("RESHAPE", [made, whole(b, -1, 6, 4)], joined)
    b.operator("BATCH_TO_SPACE_ND", [joined, block, cut], end)
    return b.build([start], [end])


@pytest.mark.parametrize("crops", [(0, 0), (1, 2)])
def test_space_to_batch_around_a_convolution_is_a_dilated_one(
    crops: tuple[int, int],
) -> None:
    ctypes.CDLL(None).mallopt(tflm.M_PERTURB, 85)  # as memory is that was in use
    kinds = held(dilated(False, crops))
    assert kinds.count("CONV_2D") == 1 and "PAD" not in kinds
    assert kinds.count("MOVE") == any(crops)


@pytest.mark.parametrize(("crops", "moved"), [((2, 1), 0), ((2, 3), 1), ((3, 1), 1)])
def test_padding_that_no_kept_sum_reads_is_left_out(
    crops: tuple[int, int], moved: int
) -> None:
    """Keras pads to a multiple of the dilation and crops as much again."""
    ctypes.CDLL(None).mallopt(tflm.M_PERTURB, 85)  # TFLite Micro pads with that
    kinds = held(dilated(False, crops, zero=5))
    assert (kinds.count("PAD"), kinds.count("MOVE")) == (0, moved)


def test_what_tflite_micro_pads_otherwise_is_refused_with_its_cure() -> None:
    network, _ = core_of(read_tflite(dilated(False, zero=5), "net"))
    with pytest.raises(Esp8kError, match="_ND") as caught:
        require_supported(network)
    assert "batch_size=1" in caught.value.hint


def test_shapes_of_a_free_batch_are_found_by_running_it() -> None:
    model = dilated(True)
    network = read_tflite(model, "net")
    assert open_shapes.is_open(network)
    settled = open_shapes.settled(model)
    assert not open_shapes.is_open(read_tflite(settled, "net"))
    assert "CONV_2D" in held(settled)

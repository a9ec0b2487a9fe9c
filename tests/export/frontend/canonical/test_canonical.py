"""Ways of saying a thing in a .tflite, made one way: held to TensorFlow Lite Micro."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.compile import compile_model
from export.emit import host_build
from export.frontend.canonical.ends import End, quantized, real, separate
from export.frontend.canonical.moving import nearest
from export.frontend.canonical.order import hastened, ordered, peak
from export.frontend.sources import is_float
from export.frontend.support import core_of, require_supported
from export.frontend.tflite import open_shapes
from export.graph.moves import factor
from export.graph.read import read_tflite
from export.reference import int8, tflm
from tools.bench.drawn.tflite_builder import TfliteBuilder

COUNT = 12  # inputs
B = TfliteBuilder
PAIRS = [  # an operator, whether its constant comes first
    *((kind, False) for kind in ("ADD", "SUB", "MUL", "DIV", "MINIMUM", "PRELU")),
    *((kind, True) for kind in ("ADD", "SUB", "MUL", "MINIMUM")),
]


def held(model: bytes, ends: str = "int8") -> list[str]:
    """The canonical operators, whose reference equals TFLite Micro."""
    network, found = core_of(read_tflite(model, "net"))
    require_supported(network)
    assert found.inputs[0].outer == ends
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-128, 128, (COUNT, *e.shape[1:])) for e in found.inputs]
    inputs = [x.astype(np.int8) for x in inputs]
    answer = int8.sequence(network, inputs)
    if tflm.available():
        from export.frontend.canonical.ends import from_core, to_outer

        outer = [to_outer(e, x) for e, x in zip(found.inputs, inputs, strict=True)]
        oracle = tflm.sequence(model, outer, len(found.outputs))
        for end, ours, theirs in zip(found.outputs, answer, oracle, strict=True):
            mine = from_core(end, ours).reshape(COUNT, -1)
            assert np.array_equal(mine, theirs)
    return [op.kind for op in network.operators]


def whole(b: B, *values: int) -> int:
    """A constant of whole numbers."""
    data = np.array(values, np.int32)
    return b.tensor(data.shape, None, 0, data, "int32")


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


@pytest.mark.parametrize(("side", "convolutions"), [(3, 4), (12, 1)])
def test_groups_are_apart_where_that_saves_more_than_it_takes(
    side: int, convolutions: int
) -> None:
    b = B()
    rng = np.random.default_rng(2)
    data = rng.integers(-127, 128, (12, 3, 3, 4)).astype(np.int8)
    scales = rng.uniform(0.005, 0.02, 12)
    start, end = (b.tensor((1, side, side, n), 0.1, -7) for n in (16, 12))
    weights = b.tensor(data.shape, scales, 0, data)
    bias = b.tensor((12,), scales * 0.1, 0, rng.integers(-999, 999, 12), "int32")
    o = {"padding": 0, "strideH": 1, "strideW": 1, "fusedActivationFunction": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1}
    b.operator("CONV_2D", [start, weights, bias], end, **o)
    kinds = held(b.build([start], [end]))
    assert kinds.count("CONV_2D") == convolutions
    assert kinds.count("CONCATENATION") == (convolutions > 1)


@pytest.mark.parametrize("scales", [1, 8])
def test_a_depthwise_layer_of_one_channel_is_a_convolution(scales: int) -> None:
    """As TensorFlow's person_detect begins: kernels of every core know it so."""
    b, rng = B(), np.random.default_rng(3)
    data = rng.integers(-127, 128, (1, 3, 3, 8)).astype(np.int8)
    start, end = b.tensor((1, 9, 11, 1), 0.1, 5), b.tensor((1, 5, 6, 8), 0.2, -11)
    each = rng.uniform(0.005, 0.02, scales)
    weights = b.tensor(data.shape, each, 0, data, axis=3)
    bias = b.tensor((8,), 0.1 * each, 0, rng.integers(-999, 999, 8), "int32")
    o = {"padding": 0, "strideH": 2, "strideW": 2, "depthMultiplier": 8}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1, "fusedActivationFunction": 3}
    b.operator("DEPTHWISE_CONV_2D", [start, weights, bias], end, **o)
    assert held(b.build([start], [end])) == ["CONV_2D"]


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


@pytest.mark.parametrize("ends", ["uint8", "float32"])
def test_ends_of_another_type_are_taken_off_and_told(ends: str) -> None:
    b = B()
    quant = {"uint8": (0.1, 131), "float32": (None, 0)}[ends]
    outer = b.tensor((1, 8), *quant, dtype=ends)
    start, middle = b.tensor((1, 8), 0.1, 3), b.tensor((1, 8), 0.1, 3)
    last = b.tensor((1, 8), *quant, dtype=ends)
    b.operator("QUANTIZE", [outer], start)
    b.operator("RELU", [start], middle)
    kind = "QUANTIZE" if ends == "uint8" else "DEQUANTIZE"
    b.operator(kind, [middle], last)
    assert held(b.build([outer], [last]), ends) == ["RELU"]


def test_ends_of_another_scale_stay_a_table() -> None:
    b = B()
    outer, start = b.tensor((1, 8), 0.07, 5, dtype="uint8"), b.tensor((1, 8), 0.1, 3)
    end = b.tensor((1, 8), 0.1, 3)
    b.operator("QUANTIZE", [outer], start)
    b.operator("RELU", [start], end)
    assert held(b.build([outer], [end]), "uint8") == ["QUANTIZE", "RELU"]


def test_a_batch_is_one_input_after_another() -> None:
    b = B()
    start, end = b.tensor((4, 8), 0.1), b.tensor((4, 8), 0.1)
    b.operator("RELU", [start], end)
    assert held(b.build([start], [end])) == ["RELU"]


def test_the_index_of_the_greatest_is_an_end() -> None:
    b = B()
    start, middle = b.tensor((1, 8), 0.1), b.tensor((1, 8), 0.1)
    end = b.tensor((1,), dtype="int32")
    b.operator("RELU", [start], middle)
    axis = b.tensor((), None, 0, np.array(1), "int32")
    b.operator("ARG_MAX", [middle, axis], end, outputType=2)
    assert held(b.build([start], [end])) == ["RELU"]


@pytest.mark.parametrize("between", [(), ("ELU",)])
def test_float_operators_between_integers_are_a_table(between: tuple[str, ...]) -> None:
    b = B()
    start, end = b.tensor((1, 8), 0.03, 3), b.tensor((1, 8), 0.02, -50)
    last = b.tensor((1, 8), dtype="float32")
    b.operator("DEQUANTIZE", [start], last)
    for kind in between:
        before, last = last, b.tensor((1, 8), dtype="float32")
        b.operator(kind, [before], last)
    b.operator("QUANTIZE", [last], end)
    last = b.tensor((1, 8), 0.02, -50)
    b.operator("RELU", [end], last)
    model = b.build([start], [last])
    assert held(model) == ["TABLE", "RELU"]
    assert not is_float(read_tflite(model, "net"))  # nobody is asked for calibration


def test_float_values_that_only_move_between_integers_move_as_these() -> None:
    """So a quantizer leaves a SPLIT of which one part is never read."""
    b = B()
    start, real = b.tensor((1, 8), 0.03, 3), b.tensor((1, 8), dtype="float32")
    halves = [b.tensor((1, 4), dtype="float32") for _ in range(2)]
    wide = b.tensor((1, 2, 2), dtype="float32")
    end, last = b.tensor((1, 2, 2), 0.02, -50), b.tensor((1, 2, 2), 0.02, -50)
    b.operator("DEQUANTIZE", [start], real)
    axis = b.tensor((), None, 0, np.array(1), "int32")
    b.operator("SPLIT", [axis, real], halves, numSplits=2)
    shape = b.tensor((3,), None, 0, np.array([1, 2, 2]), "int32")
    b.operator("RESHAPE", [halves[1], shape], wide)
    b.operator("QUANTIZE", [wide], end)
    b.operator("RELU", [end], last)
    assert held(b.build([start], [last]))[-2:] == ["TABLE", "RELU"]


def test_a_shortcut_runs_before_the_layers_that_it_passes_by() -> None:
    b = B()
    values = [b.tensor((1, 4), 0.02) for _ in range(6)]
    start, near, far, farther, short, end = values
    b.operator("RELU", [start], near)
    b.operator("ABS", [near], far)
    b.operator("TANH", [far], farther)
    b.operator("LOGISTIC", [near], short)
    b.operator("ADD", [farther, short], end)
    network = read_tflite(b.build([start], [end]), "net")
    kinds = [op.kind for op in hastened(network).operators]
    assert kinds == ["RELU", "ABS", "LOGISTIC", "TANH", "ADD"]


def test_a_step_is_prepared_right_before_it_is_looked_at() -> None:
    b = B()
    starts = [b.tensor((1, 4), 0.02) for _ in range(3)]
    made = [b.tensor((1, 4), 0.02) for _ in starts]
    sums = [b.tensor((1, 4), 0.02) for _ in range(2)]
    for start, value in zip(starts, made, strict=True):
        b.operator("RELU", [start], value)
    b.operator("ADD", [made[0], made[1]], sums[0])
    b.operator("ADD", [made[2], sums[0]], sums[1])
    network = read_tflite(b.build(starts, [sums[1]]), "net")
    found = ordered(network)
    assert [op.kind for op in found.operators] == ["RELU", "RELU", "ADD", "RELU", "ADD"]
    assert (peak(network), peak(found)) == (16, 12)


@pytest.mark.parametrize(("kind", "first"), PAIRS)
def test_one_constant_number_makes_a_table(kind: str, first: bool) -> None:
    b = B()
    start, end = b.tensor((1, 8), 0.03, 3), b.tensor((1, 8), 0.05, -7)
    number = b.tensor((1,), 0.01, 4, np.array([77]))
    pair = [number, start] if first else [start, number]
    b.operator(kind, pair, end)
    assert held(b.build([start], [end])) == ["TABLE"]


def test_sparse_weights_are_unpacked() -> None:
    from ai_edge_litert import schema_py_generated as schema

    from export.graph.sparse import unpack

    dense = np.array([[0, 3, 0], [0, 0, 0], [5, 0, 7]], np.int8)
    packed = schema.SparsityParametersT()
    packed.traversalOrder, packed.blockMap = np.array([0, 1]), None
    rows, columns = schema.DimensionMetadataT(), schema.DimensionMetadataT()
    rows.format, rows.denseSize = schema.DimensionType.DENSE, 3
    columns.format = schema.DimensionType.SPARSE_CSR
    columns.arraySegments = schema.Int32VectorT()
    columns.arraySegments.values = np.array([0, 1, 1, 3])
    columns.arrayIndices = schema.Int32VectorT()
    columns.arrayIndices.values = np.array([1, 0, 2])
    packed.dimMetadata = [rows, columns]
    found = unpack(np.array([3, 5, 7], np.int8), packed, (3, 3))
    assert np.array_equal(found, dense)


@pytest.mark.parametrize(
    "index",
    [
        lambda x: x.transpose(2, 0, 1),
        lambda x: x[1:, ::-1, ::2],
        lambda x: np.pad(x, ((1, 1), (2, 0), (0, 0)), mode="reflect"),
        lambda x: np.tile(x, (2, 1, 3)),
        lambda x: x[[2, 0, 0]],
    ],
)
def test_loops_give_the_positions_that_they_were_made_of(
    index: Callable[[np.ndarray], np.ndarray],
) -> None:
    place = index(np.arange(3 * 4 * 5).reshape(3, 4, 5))
    moves = factor(place)
    assert moves is not None
    assert np.array_equal(moves.index(), place.reshape(-1))
    assert factor(np.array([[0, 1], [2, 0]])) is None


def test_nearest_neighbours_stay_inside() -> None:
    for corners, centers in ((False, False), (True, False), (False, True)):
        assert set(nearest(5, 13, corners, centers)) <= set(range(5))


def test_separate_leaves_int8_ends_alone() -> None:
    b = B()
    start, end = b.tensor((1, 8), 0.1), b.tensor((1, 8), 0.1)
    b.operator("RELU", [start], end)
    network, ends = separate(read_tflite(b.build([start], [end]), "net"))
    assert (network.inputs, network.outputs) == ((start,), (end,))
    assert ends.outputs[0] == End("int8", float(np.float32(0.1)), 0, (1, 8))


@pytest.mark.parametrize("scale", [0.037, 1.0, 2.0**-20])
def test_the_headers_helpers_round_as_tflite_does(tmp_path: Path, scale: float) -> None:
    b = B()
    start, end = b.tensor((1, 8), scale, 3), b.tensor((1, 8), 2 * scale, -9)
    b.operator("RELU", [start], end)
    model = b.build([start], [end])
    compile_model(model, "net", "net", tmp_path / "c", "size")
    source, target = tmp_path / "t.c", tmp_path / "t.so"
    source.write_text(
        '#include "net_model.h"\n'
        "uint8_t in(float x); float out(int8_t q);\n"
        "uint8_t in(float x) { return net_input_of(x); }\n"
        "float out(int8_t q) { return net_output_as_real(q); }\n"
    )
    host_build.compile_c([source], [tmp_path / "c/src"], target, "-shared", "-fPIC")
    library = ctypes.CDLL(str(target))
    library.out.restype, library.out.argtypes = ctypes.c_float, [ctypes.c_int8]
    library.out.restype = ctypes.c_float
    getattr(library, "in").argtypes = [ctypes.c_float]
    getattr(library, "in").restype = ctypes.c_uint8
    values = np.linspace(-20, 20, 4001).astype(np.float32)
    halves = (np.arange(-9, 9) + 0.5).astype(np.float32) * np.float32(scale)
    beside = [np.nextafter(halves, np.float32(s * 99)) for s in (-1, 1)]
    far = np.float32([1e30, -1e30, np.inf, -np.inf])
    values = np.concatenate([values, halves, *beside, far])
    _, ends = core_of(read_tflite(model, "net"))
    q = quantized(ends.inputs[0], values)
    near = values[: -len(far)]  # beyond, TFLite's own cast is undefined
    if tflm.available():
        b = B()
        start = b.tensor((1, len(near)), dtype="float32")
        end = b.tensor((1, len(near)), scale, 3)
        b.operator("QUANTIZE", [start], end)
        oracle = tflm.sequence(b.build([start], [end]), [near[None]], 1)
        np.testing.assert_array_equal(q[: len(near)], oracle[0][0])
    expected = q.astype(np.int16) + 128
    assert [getattr(library, "in")(float(v)) for v in values] == expected.tolist()
    steps = np.arange(-128, 128).astype(np.int8)
    found = np.array([library.out(int(q)) for q in steps], np.float32)
    assert np.array_equal(found, real(ends.outputs[0], steps))


@pytest.mark.slow
@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_streaming_network_equals_tflite_micro_over_its_calls(
    layers: int, tmp_path: Path
) -> None:
    from tools.bench.stranger_models import streaming

    result = compile_model(streaming(layers), "net", "net", tmp_path / "c", "balanced")
    assert result.compared_with.endswith("TFLite Micro")
    header = (tmp_path / "c/src/net_model.h").read_text()
    assert "net_int8_reset" in header and "NET_INT8_STATE_BYTES" in header
    library = host_build.build(tmp_path / "c", tmp_path)
    rng = np.random.default_rng(0)
    stream = rng.integers(0, 256, (50, 8)).astype(np.uint8)
    first, second = library.int8(stream), library.int8(stream)  # each from a reset
    assert np.array_equal(first, second)
    assert not np.array_equal(library.int8(stream[10:])[:5], first[10:15])

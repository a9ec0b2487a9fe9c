"""A float .tflite made int8: by the ranges that its values take for given inputs.

    model = quantize(raw, inputs)  # one (N, ...) float32 each, in the model's layout

float16 and dynamic-range weights become float32 first; TensorFlow's own calibrator
does the rest. It runs in this process: `core.isolate` keeps its crashes away.
"""

from copy import copy
from typing import Any

import numpy as np

from core.errors import Esp8kError
from export.frontend import cures
from export.frontend.refusal import reason
from export.frontend.support import integer_core, require_supported
from export.frontend.tensorflow import silent, tensorflow
from export.frontend.tflite import pointwise, ranges
from export.frontend.tflite.calibrator import fed, nothing, one_by_one
from export.frontend.tflite.real import with_float_constants
from export.graph.anew import begins_anew, marked
from export.graph.flatbuffer import packed, stored, unpacked
from export.graph.kinds import LSTM
from export.graph.options import kind_of
from export.graph.read import read_tflite

UNQUANTIZED_HINT = (
    "convert it from its training framework with a representative_dataset, or replace "
    "that operator"
)
BIASES = {  # where operators have them among their inputs
    **dict.fromkeys(("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"), (2,)),
    "TRANSPOSE_CONV": (3,),
    LSTM: range(12, 16),
}


def quantize(raw: bytes, inputs: tuple[np.ndarray, ...], int16: bool = False) -> bytes:
    """int8 inputs, outputs and weights, a scale per channel.

    What TensorFlow cannot quantize, as ELU, may stay float where it becomes a table.
    With `int16` values are of 16 bits, weights of 8, sums of 64, and nothing is float.
    """
    made = _quantized(raw, inputs, int16)
    return marked(made) if begins_anew(raw) else made


def is_ours(raw: bytes) -> bool:
    """Whether a converter that quantizes by itself would give less.

    An LSTM that begins anew does so for every input of the calibration, too, where a
    converter runs all of them as one series; the turns of a written-out layer have
    ranges in common; what int8 has no operators for becomes a table.
    """
    network = read_tflite(raw, "float")
    return ranges.are_ours(raw) or bool(pointwise.regions(network))


def _quantized(raw: bytes, inputs: tuple[np.ndarray, ...], int16: bool) -> bytes:
    ranged = None
    try:
        ranged = _ranged(raw, inputs)
        found = () if int16 else pointwise.regions(read_tflite(ranged, "float"))
        tables = _with_tables(ranged, found) if found else None
        return tables or _integers(ranged, int16)
    except (RuntimeError, ValueError) as error:
        mixed = None if int16 or ranged is None else _with_tables(ranged)
        if mixed is not None:
            return mixed
        otherwise = cures.INT16 if int16 else UNQUANTIZED_HINT
        raise Esp8kError(
            f"TensorFlow cannot quantize the model: {reason(error, last=True)}",
            cures.of_any(read_tflite(raw, "float"), otherwise),
        ) from error


def _ranged(raw: bytes, inputs: tuple[np.ndarray, ...]) -> bytes:
    """The model in float32, with the range of each of its values."""
    tensorflow()
    with silent():
        own = _with_own_biases(with_float_constants(raw))
        return ranges.calibrated(own, one_by_one(inputs))


def _integers(ranged: bytes, int16: bool = False, some_float: bool = False) -> bytes:
    tf = tensorflow()
    values, sums = (tf.int16, tf.int64) if int16 else (tf.int8, tf.int32)
    with silent():
        made = fed(ranged, nothing).calibrate_and_quantize(
            None, values, values, some_float, activations_type=values, bias_type=sums
        )
        return bytes(made)


def _with_tables(
    ranged: bytes, found: tuple[pointwise.Region, ...] = ()
) -> bytes | None:
    """The model with some operators in float, if all of them become tables."""
    try:
        folded = pointwise.folded(ranged, found)
        mixed = _integers(folded, some_float=True)
        mixed = pointwise.expanded(mixed, found, ranged)
        require_supported(integer_core(read_tflite(mixed, "mixed")))
    except (RuntimeError, ValueError, Esp8kError):
        return None
    return mixed


def _with_own_biases(raw: bytes) -> bytes:
    """The same model with a bias for every operator.

    Its scale is that of the input times that of the weights; a layer that is used
    twice, for inputs of two scales, would have the first one's for both.
    """
    model = unpacked(raw)
    for graph in model.subgraphs:
        seen: set[int] = set()
        for op in graph.operators:
            kind = kind_of(model.operatorCodes[op.opcodeIndex])
            op.inputs = np.array(op.inputs, np.int32)
            for place in BIASES.get(kind, ()):
                if place < len(op.inputs) and op.inputs[place] in seen:
                    op.inputs[place] = _twin(model, graph, op.inputs[place])
                seen.update(map(int, op.inputs[place : place + 1]))
    return packed(model)


def _twin(model: Any, graph: Any, index: int) -> int:
    """Another tensor of a constant's values; what is no constant has none."""
    if index < 0:
        return index
    data = model.buffers[graph.tensors[index].buffer].data
    if data is None or len(data) == 0:
        return index
    twin = copy(graph.tensors[index])
    twin.buffer = stored(model, np.array(data, np.uint8))
    graph.tensors.append(twin)
    return len(graph.tensors) - 1

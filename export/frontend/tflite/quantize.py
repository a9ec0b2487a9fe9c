"""A float .tflite made int8: by the ranges that its values take for given inputs.

    model = quantize(raw, inputs)  # one (N, ...) float32 each, in the model's layout

float16 and dynamic-range weights become float32 first; TensorFlow's own calibrator
does the rest. It runs in this process: `core.isolate` keeps its crashes away.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from core.errors import Esp8kError
from export.frontend import cures
from export.frontend.refusal import reason
from export.frontend.support import integer_core, require_supported
from export.frontend.tensorflow import silent, tensorflow
from export.frontend.tflite import pointwise, ranges
from export.frontend.tflite.calibrator import fed, nothing, one_by_one
from export.frontend.tflite.constants import with_own_constants, with_scaled_zeros
from export.frontend.tflite.real import with_float_constants
from export.graph import turns
from export.graph.anew import begins_anew, marked
from export.graph.network import Network
from export.graph.read import read_tflite

UNQUANTIZED_HINT = (
    "convert it from its training framework with a representative_dataset, or replace "
    "that operator"
)


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
    return begins_anew(raw) or bool(turns.alike(network) or pointwise.regions(network))


def _quantized(raw: bytes, inputs: tuple[np.ndarray, ...], int16: bool) -> bytes:
    ranged = None
    try:
        ranged = _ranged(raw, inputs)
        return _otherwise(ranged, int16) or _by_the_older(ranged, int16)
    except (RuntimeError, ValueError) as error:
        mixed = None if int16 or ranged is None else _with_tables(ranged)
        if mixed is not None:
            return mixed
        raise Esp8kError(
            f"TensorFlow cannot quantize the model: {reason(error, last=True)}",
            cures.of_any(read_tflite(raw, "float"), UNQUANTIZED_HINT),
        ) from error


def _otherwise(ranged: bytes, int16: bool) -> bytes | None:
    """Where the older quantizer alone would do worse, and 8 bits are wanted."""
    if int16:
        return None
    network = read_tflite(ranged, "float")
    found = pointwise.regions(network)
    return _with_tables(ranged, found) if found or _sums(network) else None


def _ranged(raw: bytes, inputs: tuple[np.ndarray, ...]) -> bytes:
    """The model in float32, with the range of each of its values."""
    tensorflow()
    with silent():
        own = with_own_constants(with_float_constants(raw))
        return ranges.calibrated(own, one_by_one(inputs))


def _sums(network: Network) -> bool:
    """Whether it has a SUM: the older quantizer gives it the scale of what it adds."""
    return any(op.kind == "SUM" for op in network.operators)


def _by_the_older(
    ranged: bytes, int16: bool = False, some_float: bool = False
) -> bytes:
    """By TensorFlow's first quantizer, the one that makes 16 bits and has an LSTM."""
    tf = tensorflow()
    values, sums = (tf.int16, tf.int64) if int16 else (tf.int8, tf.int32)
    with silent():
        made = fed(ranged, nothing).calibrate_and_quantize(
            None, values, values, some_float, activations_type=values, bias_type=sums
        )
    return with_scaled_zeros(bytes(made)) if int16 else bytes(made)


def _by_the_newer(ranged: bytes) -> bytes:
    """By the one that knows DIV and others; what it does not know stays float."""
    from tensorflow.lite.python.convert import mlir_quantize

    int8 = tensorflow().int8
    with silent():
        return bytes(mlir_quantize(ranged, input_data_type=int8, output_data_type=int8))


def _with_tables(
    ranged: bytes, found: tuple[pointwise.Region, ...] = ()
) -> bytes | None:
    """The model with some operators in float, if all of them become tables."""
    folded = pointwise.folded(ranged, found)
    quantizers: list[Callable[[bytes], bytes]]
    quantizers = [partial(_by_the_older, some_float=True), _by_the_newer]
    for quantizer in (
        reversed(quantizers) if _sums(read_tflite(ranged, "float")) else quantizers
    ):
        try:
            mixed = pointwise.expanded(quantizer(folded), found, ranged)
            require_supported(integer_core(read_tflite(mixed, "mixed")))
            return mixed
        except (RuntimeError, ValueError, Esp8kError):
            continue
    return None

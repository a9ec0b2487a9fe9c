"""A float .tflite made int8: by the ranges that its values take for given inputs.

    model = quantize(raw, inputs)  # one (N, ...) float32 each, in the model's layout

float16 and dynamic-range weights become float32 first; TensorFlow's own calibrator
does the rest. It runs in this process: `core.isolate` keeps its crashes away.
"""

from copy import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from export.frontend import cures, ranges
from export.frontend.lstm_layer import KIND as LSTM
from export.frontend.support import integer_core, require_supported
from export.frontend.taken import alone
from export.frontend.tflite import one_by_one, silent, tensorflow
from export.graph.anew import begins_anew, marked
from export.graph.flatbuffer import packed, stored, unpacked
from export.graph.options import kind_of
from export.graph.read import read_tflite

UNQUANTIZED_HINT = (
    "convert it from its training framework with a representative_dataset, or replace "
    "that operator"
)
HALF, SINGLE, BYTE = (
    schema.TensorType.FLOAT16,
    schema.TensorType.FLOAT32,
    schema.TensorType.INT8,
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


def _quantized(raw: bytes, inputs: tuple[np.ndarray, ...], int16: bool) -> bytes:
    ranged = None
    try:
        ranged = _ranged(raw, inputs)
        return _integers(ranged, int16)
    except (RuntimeError, ValueError) as error:
        mixed = None if int16 or ranged is None else _with_tables(ranged)
        if mixed is not None:
            return mixed
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1][:200]
        raise Esp8kError(
            f"TensorFlow cannot quantize the model: {reason}",
            cures.of_any(read_tflite(raw, "float"), UNQUANTIZED_HINT),
        ) from error


def _ranged(raw: bytes, inputs: tuple[np.ndarray, ...]) -> bytes:
    """The model in float32, with the range of each of its values."""
    tensorflow()
    with silent():
        own = _with_own_constants(with_float_constants(raw))
        return ranges.calibrated(own, one_by_one(inputs))


def _integers(ranged: bytes, int16: bool = False, some_float: bool = False) -> bytes:
    tf = tensorflow()
    from tensorflow.lite.python.optimize import calibrator

    class Known(calibrator.Calibrator):  # type: ignore[misc]
        def _feed_tensors(self, *_: Any) -> None:
            """Nothing: the ranges lie in the model."""

    values, sums = (tf.int16, tf.int64) if int16 else (tf.int8, tf.int32)
    with silent():
        made = Known(ranged).calibrate_and_quantize(
            None, values, values, some_float, activations_type=values, bias_type=sums
        )
    return _with_scaled_zeros(bytes(made)) if int16 else bytes(made)


def _with_scaled_zeros(raw: bytes) -> bytes:
    """Of 16 bits TensorFlow gives a constant of zeros the scale 0, which nobody takes.

    Any will do; that of what it is added to leaves that its bits.
    """
    model = unpacked(raw)
    for graph in model.subgraphs:
        for op in graph.operators:
            ends = [graph.tensors[i] for i in op.outputs]
            for tensor in (graph.tensors[i] for i in op.inputs if i >= 0):
                data, scale = model.buffers[tensor.buffer].data, scale_of(tensor)
                if data is None or scale is None or scale.any() or np.any(data):
                    continue
                for end in ends:
                    tensor.quantization.scale = scale_of(end)
    return packed(model)


def _with_tables(ranged: bytes) -> bytes | None:
    """The model with some operators in float, if all of them become tables."""
    try:
        mixed = _integers(ranged, some_float=True)
        require_supported(integer_core(read_tflite(mixed, "mixed")))
    except (RuntimeError, ValueError, Esp8kError):
        return None
    return mixed


def run(raw: bytes, inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """A .tflite's outputs by LiteRT, one (N, ...) each; `inputs` in its types."""
    from ai_edge_litert.interpreter import Interpreter

    with silent():
        interpreter = Interpreter(model_content=raw, num_threads=1)
        interpreter.allocate_tensors()
    sources = [d["index"] for d in interpreter.get_input_details()]
    targets = [d["index"] for d in interpreter.get_output_details()]
    found: list[list[np.ndarray]] = [[] for _ in targets]
    anew = begins_anew(raw)
    for several in zip(*inputs, strict=True):
        if anew:
            interpreter.reset_all_variables()
        for source, one in zip(sources, several, strict=True):
            interpreter.set_tensor(source, one[None])
        interpreter.invoke()
        for values, target in zip(found, targets, strict=True):
            values.append(alone(interpreter.get_tensor(target)).copy())
    return [np.stack(values) for values in found]


def with_float_constants(raw: bytes) -> bytes:
    """The same model with every stored weight as float32."""
    model = unpacked(raw)
    for graph in model.subgraphs:
        kept = []
        for op in graph.operators:
            kind = kind_of(model.operatorCodes[op.opcodeIndex])
            if kind == "DEQUANTIZE" and _widen(
                model, graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
            ):
                continue
            if any(graph.tensors[i].type == SINGLE for i in op.outputs):
                for index in op.inputs:
                    if index >= 0:
                        _widen(model, graph.tensors[index], graph.tensors[index])
            kept.append(op)
        graph.operators = kept
    drop_unused_codes(model)
    return packed(model)


def _with_own_constants(raw: bytes) -> bytes:
    """The same model with a bias for every operator, and bytes for every constant.

    A bias's scale is that of the input times that of the weights; a layer that is used
    twice, for inputs of two scales, would have the first one's for both. And where two
    constants share their bytes, as converters write equal ones, TensorFlow would read
    what it has made of the first as the second's real numbers.
    """
    model = unpacked(raw)
    held: set[int] = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if tensor.buffer in held and data is not None:
                tensor.buffer = stored(model, np.array(data, np.uint8))
            held.add(tensor.buffer)
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


def drop_unused_codes(model: Any) -> None:
    """An interpreter looks for the kernel of every code, used or not."""
    operators = [op for graph in model.subgraphs for op in graph.operators]
    used = sorted({op.opcodeIndex for op in operators})
    model.operatorCodes = [model.operatorCodes[i] for i in used]
    for op in operators:
        op.opcodeIndex = used.index(op.opcodeIndex)


def _widen(model: Any, source: Any, target: Any) -> bool:
    """Give `target` the float32 values of a constant `source`; false if it is none."""
    data = model.buffers[source.buffer].data
    if data is None or len(data) == 0 or source.type not in (HALF, BYTE):
        return False
    if source.type == HALF:
        values = np.frombuffer(bytes(data), np.float16).astype(np.float32)
    else:
        if scale_of(source) is None:
            return False
        values = real(np.frombuffer(bytes(data), np.int8), source)
    target.buffer = stored(model, values)
    target.type, target.quantization = SINGLE, None
    return True


def scale_of(tensor: Any) -> np.ndarray | None:
    """A tensor's scale, or those of its channels; None where it is not quantized."""
    q = tensor.quantization
    if q is None or q.scale is None or len(q.scale) == 0:
        return None
    return np.asarray(q.scale, np.float32)


def real(flat: np.ndarray, tensor: Any) -> np.ndarray:
    """The real numbers that the values of a quantized tensor stand for, float32."""
    scale, q = scale_of(tensor), tensor.quantization
    assert scale is not None
    values = flat.reshape(tensor.shape).astype(np.float64)
    zero = np.zeros(len(scale), np.float64)
    if q.zeroPoint is not None and len(q.zeroPoint):
        zero[:] = q.zeroPoint
    shape = [1] * values.ndim
    if len(scale) > 1:
        shape[q.quantizedDimension if values.ndim > 1 else 0] = len(scale)
    found = (values - zero.reshape(shape)) * scale.reshape(shape)
    return np.asarray(found, np.float32)

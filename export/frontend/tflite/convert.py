"""ONNX or Keras to .tflite, by TensorFlow's converter.

`from_onnx(model)` gives float16 weights; with `calibration` images (N, ...) in
the ONNX layout it gives full int8: int8 in, int8 out, per-channel weights. Elsewhere
calibration is a tuple: one array for each input of the model.
"""

import io
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from typing import Any

import numpy as np
import onnx

from core.errors import Esp8kError
from core.text import one_line
from export.frontend.onnx.builder import Builder, Graph, is_last, read
from export.frontend.onnx.operators import HINT, KNOWN, MAPPERS
from export.frontend.refusal import REASON, reason, said
from export.frontend.tensorflow import silent, tensorflow
from export.frontend.tflite.calibrator import Samples, one_by_one
from export.frontend.tflite.ranges import calibrated
from export.graph.flatbuffer import packed, unpacked

KERAS_HINT = (
    "replace the layer that it names; tf.lite.TFLiteConverter.from_keras_model(model) "
    "has to convert it with TFLITE_BUILTINS_INT8"
)
NUMBERED = re.compile(r"(input|output)_\d+")  # what ends without a name are called


def from_onnx(model: bytes, calibration: np.ndarray | None = None) -> bytes:
    """A .tflite of an ONNX model: int8 with calibration inputs, else float16."""
    tf = tensorflow()
    graph = read(onnx.load_from_string(model), KNOWN, HINT)
    concrete, module = _function(tf, graph)
    if calibration is None:
        return from_concrete(tf, concrete, module, half=True)
    return from_concrete(tf, concrete, module, as_built(graph, (calibration,)))


def convert_opened(
    model: bytes, calibration: tuple[np.ndarray, ...], whole_lstm: bool = True
) -> tuple[bytes, Callable[[], bytes], Graph]:
    """(float32 .tflite, what makes the int8 one, how they were built) of ONNX.

    `whole_lstm`: whether an LSTM may become one operator.
    """
    tf = tensorflow()
    graph = read(onnx.load_from_string(model), KNOWN, HINT)
    graph.whole_lstm = whole_lstm
    concrete, module = _function(tf, graph)
    inputs = as_built(graph, calibration)
    quantized = partial(from_concrete, tf, concrete, module, inputs)
    return from_concrete(tf, concrete, module), quantized, graph


def convert_quantized(model: bytes) -> tuple[bytes, Graph]:
    """(int8 .tflite, how it was built) of an ONNX model that holds its scales (QDQ)."""
    tf = tensorflow()
    graph = read(onnx.load_from_string(model), KNOWN, HINT)
    concrete, module = _function(tf, graph)
    with silent():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        return _converted(converter), graph


def as_built(graph: Graph, inputs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Inputs of an ONNX model in the layout of its .tflite."""
    return tuple(
        np.moveaxis(values, 1, -1) if is_last(graph, name) else values
        for name, values in zip(graph.inputs, inputs, strict=True)
    )


def _function(tf: Any, graph: Graph) -> tuple[Any, Any]:
    """The graph as a concrete function, and what keeps it alive."""
    signature = []
    for number, (name, shape) in enumerate(graph.inputs.items()):
        if is_last(graph, name):
            shape = (shape[0], *shape[2:], shape[1])
        called = "image" if len(graph.inputs) == 1 else f"input_{number:02}"
        signature.append(tf.TensorSpec(shape, tf.float32, name=called))

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=signature,
            autograph=False,  # it would wrap the errors of ours
        )
        def __call__(self, *image: Any) -> Any:
            return Builder(tf, graph, MAPPERS).run(*image)

    with silent():
        module = Module()
        try:
            concrete = module.__call__.get_concrete_function()
            # By way of its module the ends of several would change their order; without
            # it an LSTM is inlined before it can become one operator.
            single = len(graph.inputs) == len(graph.outputs) == 1
            return concrete, module if single or graph.has_whole_lstm else None
        except (Esp8kError, MemoryError):
            raise
        except Exception as error:  # TensorFlow has many kinds
            raise Esp8kError(
                f"TensorFlow cannot build the model: {reason(error)}",
                "export it again with fixed shapes and constant weights",
            ) from error


def from_concrete(
    tf: Any,
    concrete: Any,
    module: Any,
    inputs: tuple[np.ndarray, ...] | None = None,
    half: bool = False,
) -> bytes:
    """A .tflite of a concrete function: int8 by inputs (N, ...), float16, float32."""
    with silent():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        if half or inputs is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if half:
            converter.target_spec.supported_types = [tf.float16]
        if inputs is not None:
            _calibrate(tf, converter, inputs)
        made = _converted(converter)
        return made if module is None else _in_order(made)


def _in_order(raw: bytes) -> bytes:
    """The same with inputs and outputs in the order of their numbers."""
    model = unpacked(raw)
    graph = model.subgraphs[0]
    if len(graph.inputs) == len(graph.outputs) == 1:
        return raw
    signature = model.signatureDefs[0]
    graph.inputs, graph.outputs = map(_numbered, (signature.inputs, signature.outputs))
    return packed(model)


def _numbered(ends: list[Any]) -> np.ndarray:
    """The tensors of a signature's ends by the numbers in their names, if all have."""
    found = [(end.name.decode(), end.tensorIndex) for end in ends]
    numbers = [NUMBERED.fullmatch(name) for name, _ in found]
    if all(numbers):
        found.sort(key=lambda one: int(one[0].rpartition("_")[2]))
    else:  # of a dict: as TensorFlow flattens it
        found.sort()
    return np.array([tensor for _, tensor in found], np.int32)


def from_keras(
    tf: Any, model: Any, inputs: tuple[np.ndarray, ...] | None = None
) -> bytes:
    """A .tflite of a Keras model of fixed shape: int8 by inputs (N, ...), or float."""
    if len(model.inputs) > 1:  # a converter of Keras models gives them another order
        return _of_several(tf, model, inputs)
    with silent(), redirect_stdout(io.StringIO()):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if inputs is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            _calibrate(tf, converter, inputs)
        # As they come, outputs are in no order: that of two layers' names turned about.
        return _in_order(_converted(converter, KERAS_HINT))


def _of_several(tf: Any, model: Any, inputs: tuple[np.ndarray, ...] | None) -> bytes:
    """A Keras model whose inputs keep their order."""
    signature = [
        tf.TensorSpec(x.shape, tf.float32, name=f"input_{number:02}")
        for number, x in enumerate(model.inputs)
    ]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def called(*values: Any) -> Any:
        return model(list(values), training=False)

    with silent(), redirect_stdout(io.StringIO()):
        concrete = called.get_concrete_function()
        return from_concrete(tf, concrete, None, inputs)  # weights become constants


def _converted(converter: Any, hint: str = HINT) -> bytes:
    try:
        return bytes(converter.convert())
    except Esp8kError:
        raise
    except Exception as error:  # the converter raises RuntimeError and others
        lines = said(error)
        told = next((x for x in lines if "error:" in x), lines[0])
        what = f"TensorFlow cannot convert the model: {one_line(told, REASON)}"
        raise Esp8kError(what, hint) from error


def _calibrate(tf: Any, converter: Any, inputs: tuple[np.ndarray, ...]) -> None:
    converter.representative_dataset = one_by_one(inputs)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    converter._quantize = partial(_quantized, one_by_one(inputs))


def _quantized(
    samples: Samples, raw: bytes, start_type: Any, end_type: Any, *_: Any
) -> bytes:
    """What the converter does of its own, with ranges that are right."""
    from tensorflow.lite.python.convert import mlir_quantize

    found = calibrated(raw, samples)
    types = {"input_data_type": start_type, "output_data_type": end_type}
    return bytes(mlir_quantize(found, **types))

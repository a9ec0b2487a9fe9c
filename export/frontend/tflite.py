"""ONNX to .tflite: the one module that loads TensorFlow.

`convert(onnx_bytes)` gives float16 weights; with `calibration` images (N, ...) in
the ONNX layout it gives full int8: int8 in, int8 out, per-channel weights.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
import onnx

from core.errors import Esp8kError
from core.text import one_line
from export.frontend.onnx_import import Builder, Graph, is_last, read
from export.frontend.onnx_operators import HINT, KNOWN, MAPPERS

KERAS_HINT = (
    "replace the layer that it names; tf.lite.TFLiteConverter.from_keras_model(model) "
    "has to convert it with TFLITE_BUILTINS_INT8"
)
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its results depend on the CPU
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
}


def tensorflow() -> Any:
    """Import TensorFlow without its chatter, one thread, no GPU."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with silent():
        import tensorflow as tf
    return tf


@contextmanager
def silent() -> Iterator[None]:
    """Hold back what C++ code writes to stderr."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def convert(model: bytes, calibration: np.ndarray | None = None) -> bytes:
    """A .tflite of an ONNX model: int8 with calibration inputs, else float16."""
    tf = tensorflow()
    graph = read(onnx.load_from_string(model), KNOWN, HINT)
    concrete, module = _function(tf, graph)
    if calibration is None:
        return from_concrete(tf, concrete, module, half=True)
    return from_concrete(tf, concrete, module, _as_built(graph, calibration))


def convert_opened(
    model: bytes, calibration: np.ndarray
) -> tuple[bytes, bytes, np.ndarray]:
    """(float32 .tflite, int8 .tflite, the inputs in their layout) of an ONNX."""
    tf = tensorflow()
    graph = read(onnx.load_from_string(model), KNOWN, HINT)
    concrete, module = _function(tf, graph)
    inputs = _as_built(graph, calibration)
    floats = from_concrete(tf, concrete, module)
    return floats, from_concrete(tf, concrete, module, inputs), inputs


def convert_quantized(model: bytes) -> bytes:
    """The int8 .tflite of an ONNX model that holds its own scales (QDQ)."""
    tf = tensorflow()
    graph = read(onnx.load_from_string(model), KNOWN, HINT)
    concrete, module = _function(tf, graph)
    with silent():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        return _converted(converter)


def _as_built(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    return np.moveaxis(inputs, 1, -1) if is_last(graph) else inputs


def _function(tf: Any, graph: Graph) -> tuple[Any, Any]:
    """The graph as a concrete function, and what keeps it alive."""
    shape = graph.shape
    if is_last(graph):
        shape = (shape[0], *shape[2:], shape[1])

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec(shape, tf.float32, name="image")],
            autograph=False,  # it would wrap the errors of ours
        )
        def __call__(self, image: Any) -> Any:
            return Builder(tf, graph, MAPPERS).run(image)

    with silent():
        module = Module()
        try:
            return module.__call__.get_concrete_function(), module
        except (Esp8kError, MemoryError):
            raise
        except Exception as error:  # TensorFlow has many kinds
            reason = (str(error).strip().splitlines() or [""])[0][:200]
            raise Esp8kError(
                f"TensorFlow cannot build the model: {reason}",
                "export it again with fixed shapes and constant weights",
            ) from error


def from_concrete(
    tf: Any,
    concrete: Any,
    module: Any,
    inputs: np.ndarray | None = None,
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
        return _converted(converter)


def from_keras(tf: Any, model: Any, inputs: np.ndarray | None = None) -> bytes:
    """A .tflite of a Keras model of fixed shape: int8 by inputs (N, ...), or float."""
    with silent(), redirect_stdout(io.StringIO()):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if inputs is not None:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            _calibrate(tf, converter, inputs)
        return _converted(converter, KERAS_HINT)


def _converted(converter: Any, hint: str = HINT) -> bytes:
    try:
        return bytes(converter.convert())
    except Esp8kError:
        raise
    except Exception as error:  # the converter raises RuntimeError and others
        lines = [x for x in str(error).strip().splitlines() if x.strip()] or [""]
        told = next((x for x in lines if "error:" in x), lines[0])
        raise Esp8kError(
            f"TensorFlow cannot convert the model: {one_line(told)[:160]}", hint
        ) from error


def _calibrate(tf: Any, converter: Any, images: np.ndarray) -> None:
    def dataset() -> Iterator[list[np.ndarray]]:
        for image in images:
            yield [image[None].astype(np.float32)]

    converter.representative_dataset = dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8

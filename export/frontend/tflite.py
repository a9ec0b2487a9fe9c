"""ONNX to .tflite: the one module that loads TensorFlow.

`convert(onnx_bytes)` gives float16 weights; with `calibration` images (N, ...) in
the ONNX layout it gives full int8: int8 in, int8 out, per-channel weights.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx

from core.errors import Esp8kError
from export.frontend import onnx_import

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
    graph = onnx_import.read(onnx.load_from_string(model))
    shape = graph.shape
    if len(shape) == 4:
        shape = (shape[0], *shape[2:], shape[1])

    class Module(tf.Module):  # type: ignore[name-defined,misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec(shape, tf.float32, name="image")],
            autograph=False,  # it would wrap the errors of ours
        )
        def __call__(self, image: Any) -> Any:
            return onnx_import.Builder(tf, graph).run(image)

    with silent():
        module = Module()
        concrete = module.__call__.get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if calibration is None:
            converter.target_spec.supported_types = [tf.float16]
        else:
            _calibrate(tf, converter, channels_last(calibration))
        try:
            return bytes(converter.convert())
        except Esp8kError:
            raise
        except Exception as error:  # the converter raises RuntimeError and others
            reason = str(error).strip().splitlines()[0][:160]
            raise Esp8kError(
                f"TensorFlow cannot convert the model: {reason}",
                onnx_import.SUPPORTED_HINT,
            ) from error


def _calibrate(tf: Any, converter: Any, images: np.ndarray) -> None:
    def dataset() -> Iterator[list[np.ndarray]]:
        for image in images:
            yield [image[None].astype(np.float32)]

    converter.representative_dataset = dataset
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8


def channels_last(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) as (N, H, W, C); anything else unchanged."""
    return images.transpose(0, 2, 3, 1) if images.ndim == 4 else images

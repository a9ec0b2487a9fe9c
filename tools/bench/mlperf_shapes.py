"""The four networks of the MLPerf Tiny benchmark in shape, with random weights.

    model = build("resnet8")      # the bytes of an int8 .tflite

Built in Keras and converted as a user would: they show that the exporter takes what
a converter writes, not only what our own builder does.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from export.frontend.tensorflow import silent, tensorflow

CALIBRATION = 10  # random inputs
SHAPES = ("resnet8", "ds_cnn", "mobilenet", "autoencoder")


def _conv(keras: Any, x: Any, channels: int, size: Any, stride: Any, relu: bool) -> Any:
    x = keras.layers.Conv2D(channels, size, stride, "same")(x)
    x = keras.layers.BatchNormalization()(x)
    return keras.layers.ReLU()(x) if relu else x


def resnet8(keras: Any) -> Any:
    """Image classification: 32 x 32 x 3, three residual stacks."""
    start = keras.Input((32, 32, 3), batch_size=1)
    x = _conv(keras, start, 16, 3, 1, True)
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        y = _conv(keras, x, channels, 3, stride, True)
        y = _conv(keras, y, channels, 3, 1, False)
        if stride > 1:
            x = keras.layers.Conv2D(channels, 1, stride, "same")(x)
        x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    x = keras.layers.AveragePooling2D(8)(x)
    x = keras.layers.Dense(10)(keras.layers.Flatten()(x))
    return keras.Model(start, keras.layers.Softmax()(x))


def _separable(keras: Any, x: Any, channels: int, stride: int) -> Any:
    x = keras.layers.DepthwiseConv2D(3, stride, "same")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return _conv(keras, x, channels, 1, 1, True)


def ds_cnn(keras: Any) -> Any:
    """Keyword spotting: 49 x 10 x 1, depthwise separable."""
    start = keras.Input((49, 10, 1), batch_size=1)
    x = _conv(keras, start, 64, (10, 4), 2, True)
    for _ in range(4):
        x = _separable(keras, x, 64, 1)
    x = keras.layers.AveragePooling2D((25, 5))(x)
    x = keras.layers.Dense(12)(keras.layers.Flatten()(x))
    return keras.Model(start, keras.layers.Softmax()(x))


def mobilenet(keras: Any) -> Any:
    """Visual wake words: 96 x 96 x 3, MobileNetV1 of width 0.25."""
    start = keras.Input((96, 96, 3), batch_size=1)
    x = _conv(keras, start, 8, 3, 2, True)
    plan = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)]
    for channels, stride in [*plan, *[(128, 1)] * 5, (256, 2), (256, 1)]:
        x = _separable(keras, x, channels, stride)
    x = keras.layers.AveragePooling2D(3)(x)
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))
    return keras.Model(start, keras.layers.Softmax()(x))


def autoencoder(keras: Any) -> Any:
    """Anomaly detection: 640 - 128 x 4 - 8 - 128 x 4 - 640."""
    start = x = keras.Input((640,), batch_size=1)
    for channels in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        x = keras.layers.BatchNormalization()(keras.layers.Dense(channels)(x))
        x = keras.layers.ReLU()(x)
    return keras.Model(start, keras.layers.Dense(640)(x))


BUILDERS: dict[str, Callable[[Any], Any]] = {
    "resnet8": resnet8,
    "ds_cnn": ds_cnn,
    "mobilenet": mobilenet,
    "autoencoder": autoencoder,
}


def build(name: str) -> bytes:
    """The int8 .tflite of one of SHAPES, everything drawn from seed 0."""
    tf = tensorflow()
    import keras

    keras.backend.clear_session()  # else names, and so the order, tell what came before
    keras.utils.set_random_seed(0)
    model = BUILDERS[name](keras)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            bounds = ((1.5, 3.0), (-0.5, 0.5), (-0.2, 0.2), (0.5, 1.5))
            layer.set_weights([rng.uniform(low, high, size) for low, high in bounds])
        elif isinstance(layer, keras.layers.Dense):  # zeros would be left out
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.uniform(-0.2, 0.2, bias.shape)])

    def dataset() -> Iterator[list[np.ndarray]]:
        for _ in range(CALIBRATION):
            yield [rng.random(model.input_shape, np.float32)]

    with silent(), redirect_stdout(io.StringIO()):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = dataset
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
        return bytes(converter.convert())

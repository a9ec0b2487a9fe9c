"""The models of docs/models.md, each built by its own exporter: operators and wholes.

    for name, what, model in everything():    # bytes of a .tflite

TensorFlow writes operators and Keras's layers; streaming models and the recurrent
operators, which no exporter writes by itself, are put together here.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from typing import Any

import numpy as np

from export.frontend.tensorflow import silent, tensorflow
from tools.bench.drawn import unsigned
from tools.bench.drawn.recurrent import Recurrent
from tools.bench.stranger_operators import Function, Shape, operators, weights

EXAMPLES = 20  # calibration inputs
Example = Callable[[np.random.Generator], list[np.ndarray]]  # one array an input


def converted(function: Function, shapes: list[Shape]) -> bytes:
    """An int8 .tflite of a function."""
    tf = tensorflow()
    module = tf.Module()
    specs = [tf.TensorSpec(s, tf.float32) for s in shapes]
    traced = tf.function(function, input_signature=specs, autograph=False)
    concrete = traced.get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    return quantized(
        made, lambda rng: [rng.uniform(-1, 1, s) for s in shapes], ("int8", "int8")
    )


def quantized(made: Any, example: Example, ends: tuple[str, str] | None) -> bytes:
    """What a converter writes in int8, for examples of ours; `ends`: its types."""
    tf = tensorflow()
    rng = np.random.default_rng(0)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: (
        [x.astype(np.float32) for x in example(rng)] for _ in range(EXAMPLES)
    )
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if ends is not None:
        made.inference_input_type, made.inference_output_type = (
            getattr(tf, end) for end in ends
        )
    with silent(), redirect_stdout(io.StringIO()):
        return bytes(made.convert())


def keras_models() -> Iterator[tuple[str, str, bytes]]:
    """Textbook Keras with a free batch, by the ends that people choose."""
    tf = tensorflow()
    tf.keras.backend.clear_session()  # else its names tell what came before
    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    for ends in ("int8", "uint8", None):
        cnn = [
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
        content = keras_model((28, 28, 1), cnn, ends)
        yield "Keras CNN, free batch", f"{ends or 'float32'} ends", content
    tcn = [
        layers.Conv1D(8, 3, padding="causal", dilation_rate=n, activation="relu")
        for n in (1, 2, 4)
    ]
    tcn += [layers.GlobalMaxPooling1D(), layers.Dense(2)]
    yield "Keras TCN, free batch", "dilated Conv1D", keras_model((40, 3), tcn, "int8")
    strided = [
        layers.ZeroPadding2D(((0, 1), (0, 1))),
        layers.SeparableConv2D(8, 3, 2, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ]
    content = keras_model((16, 16, 3), strided, "int8")
    yield "Keras CNN, free batch", "ZeroPadding2D, stride 2", content


def keras_model(shape: Shape, layers: list[Any], ends: str | None) -> bytes:
    """A sequential model as the converter writes it."""
    tf = tensorflow()
    model = tf.keras.Sequential([tf.keras.Input(shape), *layers])
    made = tf.lite.TFLiteConverter.from_keras_model(model)
    return quantized(
        made, lambda rng: [rng.random((1, *shape))], (ends, ends) if ends else None
    )


def streaming(layers: int) -> bytes:
    """As microWakeWord: each layer keeps its last rows for the next call."""
    tf = tensorflow()

    class Stream(tf.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.rings = [
                tf.Variable(tf.zeros((1, 4 - i, 1, 8)), trainable=False)
                for i in range(layers)
            ]
            self.kernels = [weights(5 - i, 1, 8, 8) for i in range(layers)]
            self.last = weights(8, 1)

        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec((1, 1, 1, 8), tf.float32)],
            autograph=False,
        )
        def __call__(self, x: Any) -> Any:
            for ring, kernel in zip(self.rings, self.kernels, strict=True):
                whole = tf.concat([ring, x], 1)
                ring.assign(whole[:, 1:])
                x = tf.nn.relu(tf.nn.conv2d(whole, kernel, 1, "VALID"))
            return tf.sigmoid(tf.reshape(x, (1, 8)) @ self.last)

    module = Stream()
    concrete = module.__call__.get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    made.experimental_enable_resource_variables = True
    made._experimental_variable_quantization = True
    return quantized(made, lambda rng: [rng.random((1, 1, 1, 8))], ("int8", "uint8"))


def recurrent(kind: str) -> bytes:
    """By hand: the exporters of today no longer write these operators."""
    net = Recurrent(0)
    start = net.value((1, 7, 5), 2.0**-6, 3)
    end = net.lstm(start) if kind == "lstm" else net.svdf(start)
    return net.builder.build([start.index], [end.index])


def everything() -> Iterator[tuple[str, str, bytes]]:
    """(name, what, model) of all."""
    tf = tensorflow()
    yield from keras_models()
    for name, what, shapes, function in operators(tf):
        yield name, what, converted(function, shapes)
    for layers in (1, 2, 3):
        named = f"{layers} layer{'s' * (layers > 1)} with a state"
        yield "streaming, 200 calls", named, streaming(layers)
    yield "UNIDIRECTIONAL_SEQUENCE_LSTM", "200 calls of 7 steps", recurrent("lstm")
    yield "SVDF", "200 calls", recurrent("svdf")
    yield (
        "TensorFlow 1, uint8",
        "each operator that is taken so",
        unsigned.network(0)[0],
    )

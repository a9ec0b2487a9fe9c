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

from export.frontend.tflite import silent, tensorflow
from tools.bench.drawn import unsigned
from tools.bench.drawn.recurrent import Recurrent

EXAMPLES = 20  # calibration inputs
Shape = tuple[int, ...]
Function = Callable[..., Any]
Case = tuple[str, str, list[Shape], Function]  # name, what, input shapes, function
IMAGE: Shape = (1, 4, 5, 6)
PAIR = [IMAGE, IMAGE]


def weights(*shape: int) -> Any:
    """A fixed constant."""
    values = np.random.default_rng(1).normal(size=shape) * 0.3
    return tensorflow().constant(values.astype(np.float32))


def operators(tf: Any) -> Iterator[Case]:
    """One operator each, then what people build of several."""
    yield from plain(tf)
    yield from borders_and_bounds(tf)
    yield from weighted(tf)
    yield from wholes(tf)


def plain(tf: Any) -> Iterator[Case]:
    """Reductions, sums, and what only moves values."""
    yield "MEAN", "over any axes", [IMAGE], lambda x: tf.reduce_mean(x, (1, 3))
    yield "SUM", "over any axes", [IMAGE], lambda x: tf.reduce_sum(x, 3)
    yield "REDUCE_MAX", "global", [IMAGE], lambda x: tf.reduce_max(x, (1, 2))
    yield "REDUCE_MIN", "over an axis", [IMAGE], lambda x: tf.reduce_min(x, 2)
    yield "TRANSPOSE", "", [IMAGE], lambda x: tf.transpose(x, (0, 3, 1, 2))
    yield "SUB", "of two values", PAIR, lambda x, y: x - y * 2.5
    yield "SUB", "of a constant", [IMAGE], lambda x: weights(6) - x
    yield "ADD, MUL", "of one number", [IMAGE], lambda x: (x + 0.3) * -0.7
    yield "SPLIT", "", [IMAGE], lambda x: tf.concat(tf.split(x, 3, -1)[::-1], 1)
    yield "UNPACK", "", [(1, 2, 5)], lambda x: tf.add(*tf.unstack(x, axis=1))
    yield "PACK", "", [(1, 4, 3)] * 2, lambda x, y: tf.stack([x, y], 1)
    yield "STRIDED_SLICE", "backwards too", [IMAGE], lambda x: x[:, 1:4:2, ::-1, 2:]
    yield "GATHER", "constant", [IMAGE], lambda x: tf.gather(x, [3, 0, 2], axis=-1)


def borders_and_bounds(tf: Any) -> Iterator[Case]:
    """Padding, resizing, positions to channels and back, clamping."""
    yield (
        "PADV2",
        "by any value",
        [IMAGE],
        lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], constant_values=0.5),
    )
    yield (
        "MIRROR_PAD",
        "",
        [IMAGE],
        lambda x: tf.pad(x, [[0, 0], [1, 2], [2, 1], [0, 0]], "REFLECT"),
    )
    yield (
        "RESIZE_NEAREST_NEIGHBOR",
        "",
        [IMAGE],
        lambda x: tf.image.resize(x, (8, 10), "nearest"),
    )
    yield (
        "RESIZE_BILINEAR",
        "",
        [IMAGE],
        lambda x: tf.image.resize(x, (8, 10), "bilinear"),
    )
    yield "SPACE_TO_DEPTH", "", [(1, 4, 6, 3)], lambda x: tf.nn.space_to_depth(x, 2)
    yield "DEPTH_TO_SPACE", "", [(1, 4, 6, 8)], lambda x: tf.nn.depth_to_space(x, 2)
    yield "HARD_SWISH", "", [IMAGE], lambda x: x * tf.nn.relu6(x + 3.0) / 6.0
    yield "MINIMUM, MAXIMUM", "", [IMAGE], lambda x: tf.clip_by_value(x * 3, -1, 2)
    yield "MAXIMUM", "of a constant", [IMAGE], lambda x: tf.maximum(x, weights(6))


def weighted(tf: Any) -> Iterator[Case]:
    """Sums of products with constants."""
    yield (
        "ARG_MAX",
        "at the end",
        [(1, 12)],
        lambda x: tf.argmax(x @ weights(12, 7), -1, output_type=tf.int32),
    )
    yield (
        "TRANSPOSE_CONV",
        "",
        [IMAGE],
        lambda x: tf.nn.conv2d_transpose(x, weights(3, 3, 5, 6), (1, 8, 10, 5), 2),
    )
    yield (
        "BATCH_MATMUL",
        "attention",
        [(1, 4, 5)],
        lambda x: attention(x, 6),
    )
    yield (
        "CONV_2D",
        "groups",
        [(1, 6, 6, 6)],
        lambda x: tf.nn.conv2d(x, weights(3, 3, 3, 4), 1, "SAME"),
    )
    yield (
        "CONV_2D",
        "Conv1D",
        [(1, 20, 5)],
        lambda x: tf.nn.conv1d(x, weights(3, 5, 4), 1, "SAME"),
    )
    yield (
        "FULLY_CONNECTED",
        "rows",
        [(1, 4, 5)],
        lambda x: tf.tensordot(x, weights(5, 7), 1),
    )


def wholes(tf: Any) -> Iterator[Case]:
    """Several inputs, outputs, rows; normalisation; attention."""
    yield (
        "two outputs",
        "",
        [(1, 5)],
        lambda x: (tf.nn.relu(x @ weights(5, 6)), tf.sigmoid(x @ weights(5, 3))),
    )
    yield (
        "two inputs",
        "",
        [(1, 4), (1, 4)],
        lambda x, y: x @ weights(4, 6) + y @ weights(4, 6),
    )
    yield "a batch of 4", "", [(4, 5)], lambda x: tf.nn.softmax(x @ weights(5, 6))
    yield "LOG_SOFTMAX", "", [(1, 12)], lambda x: tf.nn.log_softmax(x @ weights(12, 7))
    yield "L2_NORMALIZATION", "", [(1, 3, 8)], lambda x: tf.math.l2_normalize(x, -1)
    yield "DIV", "of two values", PAIR, lambda x, y: x / (y * y + 1.0)
    yield "RSQRT, SQUARED_DIFFERENCE", "layer norm", [(1, 4, 6)], layer_norm
    yield (
        "transformer block",
        "attention, layer norm",
        [(1, 6, 8)],
        lambda x: layer_norm(x + attention(layer_norm(x), 8)),
    )


def layer_norm(x: Any) -> Any:
    """As Keras writes it."""
    tf = tensorflow()
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 0.01) * weights(x.shape[-1])


def attention(x: Any, width: int) -> Any:
    """One head, (1, T, C) to (1, T, width)."""
    tf = tensorflow()
    q, k, v = (x @ weights(x.shape[-1], width) for _ in range(3))
    return tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True)), v)


def converted(function: Function, shapes: list[Shape], ends: str | None) -> bytes:
    """An int8 .tflite of a function."""
    tf = tensorflow()
    rng = np.random.default_rng(0)
    module = tf.Module()
    specs = [tf.TensorSpec(s, tf.float32) for s in shapes]
    traced = tf.function(function, input_signature=specs, autograph=False)
    concrete = traced.get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)

    def examples() -> Iterator[list[np.ndarray]]:
        for _ in range(EXAMPLES):
            yield [rng.uniform(-1, 1, s).astype(np.float32) for s in shapes]

    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = examples
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if ends is not None:
        made.inference_input_type = made.inference_output_type = getattr(tf, ends)
    with silent():
        return bytes(made.convert())


def keras_models() -> Iterator[tuple[str, str, bytes]]:
    """Textbook Keras with a free batch, by the ends that people choose."""
    tf = tensorflow()
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
    rng = np.random.default_rng(0)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: (
        [rng.random((1, *shape)).astype(np.float32)] for _ in range(EXAMPLES)
    )
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    if ends:
        made.inference_input_type = made.inference_output_type = getattr(tf, ends)
    with silent(), redirect_stdout(io.StringIO()):
        return bytes(made.convert())


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
    rng = np.random.default_rng(0)
    concrete = module.__call__.get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    made.experimental_enable_resource_variables = True
    made._experimental_variable_quantization = True
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: (
        [rng.random((1, 1, 1, 8)).astype(np.float32)] for _ in range(EXAMPLES)
    )
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    made.inference_input_type, made.inference_output_type = tf.int8, tf.uint8
    with silent():
        return bytes(made.convert())


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
        yield name, what, converted(function, shapes, "int8")
    for layers in (1, 2, 3):
        yield "streaming, 200 calls", f"{layers} layers with a state", streaming(layers)
    yield "UNIDIRECTIONAL_SEQUENCE_LSTM", "200 calls of 7 steps", recurrent("lstm")
    yield "SVDF", "200 calls", recurrent("svdf")
    yield (
        "TensorFlow 1, uint8",
        "each operator that is taken so",
        unsigned.network(0)[0],
    )

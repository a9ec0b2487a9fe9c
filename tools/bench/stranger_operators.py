"""The operators of docs/models.md, one by one and in what people build of them.

    for name, what, shapes, function in operators(tensorflow()):

Functions of TensorFlow's, which `stranger_models` converts.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from export.frontend.tensorflow import tensorflow

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

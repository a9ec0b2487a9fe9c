"""ONNX products of matrices and vectors as TensorFlow calls."""

import math
from typing import Any

import numpy as np

from export.frontend.onnx.builder import Builder, Mapper, Value
from export.frontend.onnx.fuse import Step


def _matmul(b: Builder, step: Step) -> Value:
    """A vector is a row in front, a column behind; the 1 that this adds goes again."""
    ranks = [_rank(b, name) for name in step.inputs]
    if min(ranks) > 1:
        return _gemm(b, step)
    tf, row, column = b.tf, ranks[0] == 1, ranks[1] == 1
    x, y = b.plain(b.value(step, 0)), b.plain(b.value(step, 1))
    x = tf.reshape(x, (1, -1)) if row else x
    y = tf.reshape(y, (-1, 1)) if column else y
    z = _product(tf, x, y)
    shape = [int(d) for d in z.shape]
    gone = {len(shape) - 2} if row else set()
    gone |= {len(shape) - 1} if column else set()
    return Value(tf.reshape(z, [d for i, d in enumerate(shape) if i not in gone]))


def _rank(b: Builder, name: str) -> int:
    if name in b.graph.constants:
        return b.graph.constants[name].ndim
    return len(b.values[name].tensor.shape)


def _product(tf: Any, x: Any, y: Any) -> Any:
    """Of two computed matrices, as a BATCH_MATMUL: as weights, both would be stored."""
    if len(x.shape) > 2 or len(y.shape) > 2:
        return tf.matmul(x, y)
    return tf.reshape(tf.matmul(x[None], y[None]), (x.shape[0], y.shape[1]))


def _computed(b: Builder, step: Step) -> Value:
    """Gemm or MatMul by what is computed, too: by a transposed one, with a bias."""
    tf, a = b.tf, step.attributes
    x, y = b.plain(b.value(step, 0)), b.plain(b.value(step, 1))
    z = _product(tf, x, tf.transpose(y) if a.get("transB", 0) else y)
    z = z if a.get("alpha", 1.0) == 1.0 else z * a["alpha"]
    if not step.has(2):
        return Value(z)
    bias = b.plain(b.value(step, 2))
    return Value(z + (bias if a.get("beta", 1.0) == 1.0 else bias * a["beta"]))


def _gemm(b: Builder, step: Step) -> Value:
    tf, a = b.tf, step.attributes
    if a.get("transA", 0):
        raise step.refuse("transA", "export a plain Linear layer")
    if step.inputs[1] not in b.graph.constants:
        return _computed(b, step)
    weights = b.constant(step, 1) * np.float32(a.get("alpha", 1.0))
    weights = weights.T if a.get("transB", 0) else weights  # (in, out)
    if step.inputs[0] in b.graph.constants:
        raise step.refuse("of two constants", "export the model with folded constants")
    value = b.value(step)
    x = value.tensor
    if value.layout == "flat":
        *spatial, c = value.image
        weights = weights.reshape(c, *spatial, -1)
        weights = np.moveaxis(weights, 0, -2).reshape(c * math.prod(spatial), -1)
    elif value.layout == "last":
        x = b.plain(value)
    kernel = tf.constant(np.ascontiguousarray(weights))
    y = tf.matmul(x, kernel) if len(x.shape) == 2 else tf.tensordot(x, kernel, 1)
    if step.has(2) and step.inputs[2] not in b.graph.constants:  # x W + computed
        if a.get("beta", 1.0) != 1.0:
            raise step.refuse("beta beside what is computed", "multiply it before")
        y = y + b.plain(b.value(step, 2))
    elif step.has(2):
        bias = np.broadcast_to(b.constant(step, 2).reshape(-1), weights.shape[1:])
        bias = bias * np.float32(a.get("beta", 1.0))
        y = tf.nn.bias_add(y, tf.constant(np.ascontiguousarray(bias)))
    return Value(y)


def _einsum(b: Builder, step: Step) -> Value:
    """Of one value or two: sums, and a product of matrices over what is shared."""
    tf, equation = b.tf, bytes(step.attributes["equation"]).decode().replace(" ", "")
    left, arrow, out = equation.partition("->")
    axes = left.split(",")
    plain = all(len(set(a)) == len(a) for a in (*axes, out)) and "." not in equation
    if not arrow or not plain or len(axes) > 2:
        hint = "say it with matmul, transpose and sum"
        raise step.refuse(f"einsum of {equation}", hint)
    given = [b.plain(b.value(step, i)) for i in range(len(axes))]
    for i, own in enumerate(axes):  # what one alone has, and nobody asks for
        others = out + "".join(axes[:i] + axes[i + 1 :])
        gone = [at for at, name in enumerate(own) if name not in others]
        given[i] = tf.reduce_sum(given[i], gone) if gone else given[i]
        axes[i] = "".join(name for name in own if name in others)
    if len(axes) == 1:
        return Value(tf.transpose(given[0], [axes[0].index(name) for name in out]))
    return Value(_over_shared(tf, given, axes, out))


def _over_shared(tf: Any, given: list[Any], axes: list[str], out: str) -> Any:
    """The sum over what two values share, unless it is asked for."""
    x, y = axes
    both = [name for name in x if name in y and name in out]
    over = [name for name in x if name in y and name not in out]
    rows, columns = ([n for n in own if n not in both + over] for own in (x, y))
    sizes = {
        name: int(size)
        for value, own in zip(given, axes, strict=True)
        for name, size in zip(own, value.shape, strict=True)
    }
    parts = []
    for value, own, orders in zip(
        given, axes, ((both, rows, over), (both, over, columns)), strict=True
    ):
        moved = tf.transpose(value, [own.index(n) for part in orders for n in part])
        shape = [math.prod(sizes[n] for n in part) for part in orders]
        parts.append(tf.reshape(moved, shape))
    order = [*both, *rows, *columns]
    z = tf.reshape(tf.matmul(*parts), [sizes[name] for name in order])
    return tf.transpose(z, [order.index(name) for name in out])


MAPPERS: dict[str, Mapper] = {"Gemm": _gemm, "MatMul": _matmul, "Einsum": _einsum}

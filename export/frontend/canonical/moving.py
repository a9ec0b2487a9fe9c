"""Operators that only move data, as one kind: MOVE, with its loops."""

from collections.abc import Callable

import numpy as np

from core.errors import Esp8kError
from export.frontend.canonical import static
from export.frontend.canonical.rewriter import Rewriter
from export.frontend.cures import CURES
from export.frontend.refusal import refuse
from export.graph.attributes import Along, Blocks, Mirror, Movement, Resize
from export.graph.moves import factor
from export.graph.network import Operator, Tensor

Index = np.ndarray
UNFIXED_HINT = "fix the shapes before converting: keras.Input(shape, batch_size=1)"


def move(r: Rewriter, op: Operator, index: Index, output: int, source: int) -> None:
    """`output` takes its elements from `source` as the flat positions `index` say."""
    target, start = r.tensors[output], r.tensors[source]
    if index.size != target.size or index.size == 0:
        what = "its output's shape does not follow from its inputs"
        raise refuse(r.network, op, what)
    if np.array_equal(index.reshape(-1), np.arange(start.size)):
        r.emit("RESHAPE", (source,), output)
        return
    moves = factor(index)
    if moves is None:
        raise refuse(r.network, op, "its data move in no regular way")
    r.emit("MOVE", (source,), output, Movement(moves=moves, of=op.kind))


def _positions(tensor: Tensor) -> Index:
    return np.arange(tensor.size, dtype=np.int64).reshape(tensor.shape)


def _constant(r: Rewriter, op: Operator, position: int) -> np.ndarray:
    tensor = r.tensor(op, position)
    if tensor.data is None:
        what = f"{tensor.name} is computed, not constant"
        raise refuse(r.network, op, what, CURES.get(op.kind, UNFIXED_HINT))
    return tensor.data


# ==== One input, one output ====


def _strided_slice(r: Rewriter, op: Operator) -> Index:
    x = _positions(r.tensor(op, 0))
    begin, end, strides = (_constant(r, op, i).reshape(-1) for i in (1, 2, 3))
    return x[static.slices(op, x.shape, begin, end, strides)]


def _slice(r: Rewriter, op: Operator) -> Index:
    x = _positions(r.tensor(op, 0))
    begin, sizes = (_constant(r, op, i).reshape(-1) for i in (1, 2))
    ends = [None if s < 0 else int(b + s) for b, s in zip(begin, sizes, strict=True)]
    return x[tuple(slice(int(b), e) for b, e in zip(begin, ends, strict=True))]


def _transpose(r: Rewriter, op: Operator) -> Index:
    order = tuple(int(i) for i in _constant(r, op, 1).reshape(-1))
    return _positions(r.tensor(op, 0)).transpose(order)


def _mirror_pad(r: Rewriter, op: Operator) -> Index:
    pads = [(int(a), int(b)) for a, b in _constant(r, op, 1)]
    mode = "symmetric" if op.told(Mirror).symmetric else "reflect"
    padded = np.pad(_positions(r.tensor(op, 0)), pads, mode=mode)  # type: ignore[call-overload]
    return np.asarray(padded)


def _gather(r: Rewriter, op: Operator) -> Index:
    a = op.told(Along)
    if a.batch_dims:
        raise refuse(r.network, op, "batch_dims")
    x = _positions(r.tensor(op, 0))
    return np.take(x, _constant(r, op, 1), a.axis)


def _tile(r: Rewriter, op: Operator) -> Index:
    times = tuple(int(i) for i in _constant(r, op, 1).reshape(-1))
    return np.tile(_positions(r.tensor(op, 0)), times)


def _broadcast_to(r: Rewriter, op: Operator) -> Index:
    shape = r.tensors[op.outputs[0]].shape
    return np.broadcast_to(_positions(r.tensor(op, 0)), shape)


def _reverse(r: Rewriter, op: Operator) -> Index:
    axes = tuple(int(i) for i in _constant(r, op, 1).reshape(-1))
    return np.flip(_positions(r.tensor(op, 0)), axes)


def _space_to_depth(r: Rewriter, op: Operator) -> Index:
    b, x = op.told(Blocks).block, _positions(r.tensor(op, 0))
    n, h, w, c = x.shape
    x = x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // b, w // b, b * b * c)


def _depth_to_space(r: Rewriter, op: Operator) -> Index:
    b, x = op.told(Blocks).block, _positions(r.tensor(op, 0))
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, b, b, c // (b * b)).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * b, w * b, c // (b * b))


def _resize_nearest(r: Rewriter, op: Operator) -> Index:
    x, a = _positions(r.tensor(op, 0)), op.told(Resize)
    sizes = _constant(r, op, 1).reshape(-1)
    rows, columns = (
        nearest(x.shape[1 + i], int(sizes[i]), a.corners, a.centers) for i in (0, 1)
    )
    return x[:, rows][:, :, columns]


def nearest(size: int, out: int, corners: bool, centers: bool) -> np.ndarray:
    """The input position of each output one, in TFLite's float32."""
    one = np.float32
    scale = one(size) / one(out)
    if corners and out > 1:
        scale = one(size - 1) / one(out - 1)
    at = (np.arange(out).astype(one) + one(0.5 if centers else 0)) * scale
    whole = np.floor(at + one(0.5)) if corners else np.floor(at)
    return np.asarray(np.clip(whole.astype(np.int64), 0, size - 1))


SINGLE: dict[str, Callable[[Rewriter, Operator], Index]] = {
    "STRIDED_SLICE": _strided_slice,
    "SLICE": _slice,
    "TRANSPOSE": _transpose,
    "MIRROR_PAD": _mirror_pad,
    "GATHER": _gather,
    "TILE": _tile,
    "BROADCAST_TO": _broadcast_to,
    "REVERSE_V2": _reverse,
    "SPACE_TO_DEPTH": _space_to_depth,
    "DEPTH_TO_SPACE": _depth_to_space,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
}


def single(r: Rewriter, op: Operator) -> None:
    """An operator of one input and one output that moves data."""
    try:
        index = SINGLE[op.kind](r, op)
    except Esp8kError:
        raise
    except Exception as error:  # numpy raises whatever the constants lead to
        raise refuse(r.network, op, "its constants do not fit its input") from error
    move(r, op, index, op.outputs[0], op.inputs[0])


# ==== Several outputs ====


def split(r: Rewriter, op: Operator) -> None:
    """SPLIT (axis first) and SPLIT_V (axis last): a MOVE for each part that is read."""
    source = op.inputs[1] if op.kind == "SPLIT" else op.inputs[0]
    axis = int(_constant(r, op, 0 if op.kind == "SPLIT" else 2).reshape(-1)[0])
    x = _positions(r.tensors[source])
    sizes = [r.tensors[i].shape[axis] for i in op.outputs]
    if sum(sizes) != x.shape[axis]:
        raise refuse(r.network, op, "its parts are not the whole")
    starts = np.cumsum([0, *sizes[:-1]])
    for output, start, size in zip(op.outputs, starts, sizes, strict=True):
        if r.is_read(output):
            part = np.take(x, np.arange(start, start + size), axis)
            move(r, op, part, output, source)


def unpack(r: Rewriter, op: Operator) -> None:
    """UNPACK: a MOVE for each slice that is read."""
    x, axis = _positions(r.tensor(op, 0)), op.told(Along).axis
    if x.shape[axis] != len(op.outputs):
        raise refuse(r.network, op, "its parts are not the whole")
    for number, output in enumerate(op.outputs):
        if r.is_read(output):
            move(r, op, np.take(x, number, axis), output, op.inputs[0])

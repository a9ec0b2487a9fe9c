"""A PAD in front of convolutions becomes the border that their windows reach into.

What a convolution reads beyond its input's edges counts as the input's zero point.
A PAD that fills with just that, and whose value only convolutions read, is such a
border: the same products are summed, and the padded value need not be stored. It may
be as wide as a window less one element, as a causal convolution's is: then every
window still holds something of the input.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from export.frontend.canonical.rewriter import Rewriter, Shape
from export.graph.attributes import Padding, Pair, Window
from export.graph.kinds import CONV_KINDS
from export.graph.network import Network, Operator, same_quantization


@dataclass(frozen=True)
class Border:
    """What a PAD adds to a value that convolutions read."""

    value: int  # that they read: the PAD's, or what RESHAPEs made of it
    shape: Shape  # of it without the border
    pads: tuple[Pair, Pair]  # of rows and columns
    reshapes: tuple[int, ...]  # operators between, by index


def joined(network: Network) -> Network:
    """The network without the PADs that its convolutions can do."""
    r, readers = Rewriter(network), network.readers()
    borders: dict[int, tuple[int, tuple[Pair, Pair]]] = {}
    gone: set[int] = set()
    for op in network.operators:
        border = _border(network, op, readers)
        if border is not None:
            source = r.reshaped(op.inputs[0], border.shape)
            borders[border.value] = source, border.pads
            gone.update(border.reshapes)
            continue
        if op.index in gone:
            continue
        if op.inputs and op.inputs[0] in borders:
            source, pads = borders[op.inputs[0]]
            op = dataclasses.replace(
                op,
                inputs=(source, *op.inputs[1:]),
                attributes=dataclasses.replace(op.told(Window), pads=pads),
            )
        r.keep(op)
    return r.finished()


def _border(
    network: Network, op: Operator, readers: dict[int, list[Operator]]
) -> Border | None:
    """That of a PAD by zero points, if only convolutions that take it read it."""
    if op.kind != "PAD" or op.told(Padding).fill != network.output(op).zero_point:
        return None
    source, value = network.tensors[op.inputs[0]], op.outputs[0]
    if source.data is not None or not source.is_per_tensor:
        return None
    if not same_quantization(source, network.tensors[value]):
        return None
    users, reshapes = readers.get(value, []), []
    while [user.kind for user in users] == ["RESHAPE"] and value not in network.ends:
        reshapes.append(users[0].index)
        value = users[0].outputs[0]
        users = readers.get(value, [])
    if not users or value in network.ends:
        return None
    if not same_quantization(source, network.tensors[value]):
        return None
    found = _around(network, op, network.tensors[value].shape)
    if found is None:
        return None
    shape, pads = found
    if not all(_takes(network, user, value, pads) for user in users):
        return None
    return Border(value, shape, pads, tuple(reshapes))


def _around(
    network: Network, op: Operator, shape: Shape
) -> tuple[Shape, tuple[Pair, Pair]] | None:
    """(what is within, rows and columns around it), seen as (1, H, W, C)."""
    pads, out = op.told(Padding).paddings, network.output(op)
    source = network.tensors[op.inputs[0]]
    if pads is None or len(shape) != 4 or any(min(pair) < 0 for pair in pads):
        return None
    if out.shape != tuple(n + sum(p) for n, p in zip(source.shape, pads, strict=True)):
        return None
    inside = np.full(out.shape, -1)
    middle = zip(source.shape, pads, strict=True)
    inside[tuple(slice(b, b + n) for n, (b, _) in middle)] = np.arange(
        source.size
    ).reshape(source.shape)
    inside = inside.reshape(shape)
    known = inside >= 0
    rows, columns = (np.flatnonzero(known.any(a)) for a in ((0, 2, 3), (0, 1, 3)))
    if not rows.size or not columns.size:
        return None
    (top, bottom), (left, right) = ((n[0], n[-1] + 1) for n in (rows, columns))
    within = inside[:, top:bottom, left:right]
    if not np.array_equal(within.reshape(-1), np.arange(source.size)):
        return None
    own = tuple(int(n) for n in within.shape)
    ends = (int(top), shape[1] - int(bottom)), (int(left), shape[2] - int(right))
    return own, ends


def _takes(
    network: Network, op: Operator, value: int, border: tuple[Pair, Pair]
) -> bool:
    """Whether a reader can do the padding itself."""
    if op.kind not in CONV_KINDS or value in op.inputs[1:]:
        return False
    a, kernel = op.told(Window), network.tensors[op.inputs[1]].shape
    if a.padding != "VALID" or len(kernel) != 4:
        return False
    steps = (a.dilation_h, a.dilation_w)
    return all(
        max(pair) <= (size - 1) * step
        for pair, size, step in zip(border, kernel[1:3], steps, strict=True)
    )

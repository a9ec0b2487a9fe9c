"""SPACE_TO_BATCH_ND, a convolution, BATCH_TO_SPACE_ND: a dilated convolution.

TensorFlow writes a dilated convolution as one of every n-th row and column, n times.
Its converter sees through that only where the batch is fixed. The sums are the same
ones: of the value with SPACE_TO_BATCH_ND's padding around it. Where that only makes the
length a multiple of n, no sum that is kept reads it.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from export.frontend.canonical import moving
from export.frontend.canonical.rewriter import Rewriter
from export.graph.attributes import Padding, Window
from export.graph.kinds import CONV_KINDS
from export.graph.network import Network, Operator, same_quantization

RENAMES = ("EXPAND_DIMS", "SQUEEZE", "RESHAPE")


@dataclass(frozen=True)
class Found:
    """One of them."""

    split: Operator
    conv: Operator
    joined: Operator
    members: frozenset[int]  # indices of all its operators


def undone(network: Network) -> Network:
    """The network with dilated convolutions instead."""
    found = {f.joined.index: f for f in _all(network)}
    if not found:
        return network
    gone = frozenset().union(*(f.members for f in found.values()))
    r = Rewriter(network)
    for op in network.operators:
        if op.index in found:
            _emit(r, found[op.index])
        elif op.index not in gone:
            r.keep(op)
    return r.finished()


def _all(network: Network) -> list[Found]:
    readers = network.readers()
    found = []
    for op in network.operators:
        if op.kind == "SPACE_TO_BATCH_ND":
            chain = [op]
            while chain[-1].kind != "BATCH_TO_SPACE_ND":
                value = chain[-1].outputs[0]
                following = readers.get(value, [])
                if len(following) != 1 or value in network.ends:
                    break
                chain.append(following[0])
            made = _one(network, chain)
            if made is not None:
                found.append(made)
    return found


def _one(network: Network, chain: list[Operator]) -> Found | None:
    """The chain as one, if it is no more than a convolution."""
    split, *inner, joined = chain
    convs = [op for op in inner if op.kind in CONV_KINDS]
    rest = [op for op in inner if op.kind not in CONV_KINDS]
    if joined.kind != "BATCH_TO_SPACE_ND" or len(convs) != 1:
        return None
    if any(op.kind not in RENAMES for op in rest):
        return None
    a, given = convs[0].told(Window), (*split.inputs[1:], *joined.inputs[1:])
    plain = a.padding == "VALID" and a.stride_h == a.stride_w == 1
    single = a.dilation_h == a.dilation_w == 1
    if not plain or not single or any(network.tensors[i].data is None for i in given):
        return None
    pairs = ((split.inputs[0], split.outputs[0]), (joined.inputs[0], joined.outputs[0]))
    tensors = network.tensors
    if not all(same_quantization(tensors[a], tensors[b]) for a, b in pairs):
        return None
    # TensorFlow Lite pads with the zero point there, TFLite Micro with a field of its
    # arena that it never writes: 0 where the arena is static memory.
    pads, crops = (tensors[op.inputs[2]].data for op in (split, joined))
    if tensors[split.inputs[0]].zero_point and np.any(pads) and _read(pads, crops):
        return None
    first, second = (tensors[op.inputs[1]].data for op in (split, joined))
    if first is None or second is None or not np.array_equal(first, second):
        return None
    if len(tensors[split.inputs[0]].shape) not in (3, 4):
        return None
    return Found(split, convs[0], joined, frozenset(op.index for op in chain))


def _read(pads: Any, crops: Any) -> bool:
    """Whether a sum that is kept reads what was padded."""
    return np.shape(pads) != np.shape(crops) or bool(np.any(crops < pads))


def _emit(r: Rewriter, found: Found) -> None:
    split, conv, joined = found.split, found.conv, found.joined
    source, parts = r.tensor(split, 0), r.tensors[split.outputs[0]]
    block = [int(n) for n in _data(r, split, 1).reshape(-1)]
    rest = len(source.shape) - 1 - len(block)
    around, crops = _pairs(r, split), _pairs(r, joined)
    if not _read(np.array(around), np.array(crops)):
        outside = zip(crops, around, strict=True)
        crops = tuple((b - p, e - q) for (b, e), (p, q) in outside)
        around = ((0, 0),) * len(block)
    pads = ((0, 0), *around, *[(0, 0)] * rest)
    shape = tuple(n + sum(p) for n, p in zip(source.shape, pads, strict=True))
    given = split.inputs[0]
    if any(map(any, pads)):
        given = r.value(shape, source)
        r.emit("PAD", (split.inputs[0],), given, Padding(paddings=pads))
    # In four dimensions a missing one is where the convolution has it.
    in_4d, out_4d = r.tensor(conv, 0).shape, r.tensors[conv.outputs[0]].shape
    steps, sizes = block + [1] * (2 - len(block)), [*shape[1:-1], 1][:2]
    if len(source.shape) == 3 and in_4d[1:3] == (1, parts.shape[1]):
        steps, sizes = [1, block[0]], [1, shape[1]]
    given = r.reshaped(given, (source.shape[0], *sizes, in_4d[3]))
    _, height, width, _ = r.tensor(conv, 1).shape
    reaches = [(n - 1) * s for n, s in zip((height, width), steps, strict=True)]
    ends = [n - reach for n, reach in zip(sizes, reaches, strict=True)]
    down, across = steps
    a = replace(conv.told(Window), dilation_h=down, dilation_w=across)
    whole = (source.shape[0], *ends, out_4d[3])
    made = r.value(whole, r.tensors[conv.outputs[0]])
    r.emit(conv.kind, (given, *conv.inputs[1:]), made, a)
    _cropped(r, joined, made, crops)


def _cropped(
    r: Rewriter, joined: Operator, made: int, crops: tuple[tuple[int, int], ...]
) -> None:
    """What BATCH_TO_SPACE_ND leaves of it."""
    target = r.tensors[joined.outputs[0]]
    shape = [1]
    for length, pair in zip(target.shape[1:], crops, strict=False):
        shape.append(length + sum(pair))
    shape += target.shape[len(shape) :]
    index = np.arange(r.tensors[made].size).reshape(shape)
    kept = tuple(slice(b, n - e) for n, (b, e) in zip(shape[1:], crops, strict=False))
    moving.move(r, joined, index[(slice(None), *kept)], joined.outputs[0], made)


def _data(r: Rewriter, op: Operator, position: int) -> np.ndarray:
    data = r.tensor(op, position).data
    assert data is not None
    return data


def _pairs(r: Rewriter, op: Operator) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, b in _data(r, op, 2).reshape(-1, 2))

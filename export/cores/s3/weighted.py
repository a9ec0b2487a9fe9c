"""Stages of weighted sums on this core: which kernel, with which constants."""

from dataclasses import replace

import numpy as np

from export.arithmetic import int8
from export.cores.s3 import choose, conv, depthwise, lines, passes, requant
from export.cores.s3.finish import After, Clamp, Finish
from export.cores.s3.job import Job
from export.cores.s3.kernel import Call
from export.cores.s3.layout import Layout, up
from export.cores.s3.windows import BEYOND, Aligned, Shape
from export.graph.fusion import Stage, hwc
from export.graph.network import Network, pads_before

Layouts = dict[int, Layout]


def calls(
    network: Network, stage: Stage, layouts: Layouts, name: str
) -> list[Call] | None:
    """The calls of the stage, or None where this core has no kernel for it."""
    op = stage.head
    if stage.reads[0] != op.inputs[0]:
        return None  # weights that are computed
    if op.kind == "DEPTHWISE_CONV_2D":
        return _depthwise(network, stage, layouts, name)
    target = layouts[stage.output]
    data = network.tensors[op.inputs[1]].data
    if data is None:
        return None
    flat = data.reshape(len(data), -1)
    steps = requant.weighted(network, op, flat)
    constants = requant.solve(steps) if steps is not None else None
    if constants is None:
        return None
    table = activation(network, stage)
    after, rest = followed(table, network, stage)
    window = 1
    if stage.pool is not None:
        a = stage.pool.attributes
        window = a["filter_h"] * a["filter_w"]
    finish = Finish(constants, after, window)
    if op.kind == "FULLY_CONNECTED":
        job = _dense(network, stage, layouts, name, flat, finish)
    else:
        found = _conv(network, stage, layouts, name, flat, finish)
        if found is None:
            return None
        job = found
    kernel = conv.make(conv.chained_where_it_pays(job))
    made = [
        Call(
            kernel,
            stage.inputs[:1],
            stage.output,
            stage.number,
            start=job.start,
            lag=_lag(job),
        )
    ]
    if rest is not None:
        made.append(table_pass(rest, target, name, stage))
    return made


def _depthwise(
    network: Network, stage: Stage, layouts: Layouts, name: str
) -> list[Call] | None:
    op = stage.head
    source, target = layouts[stage.inputs[0]], layouts[stage.output]
    data = network.tensors[op.inputs[1]].data
    if data is None or data.shape[3] != source.channels or stage.pool is not None:
        return None
    if not readable(network, stage, source):
        return None
    weights = data.reshape(-1, data.shape[3])  # (taps, C)
    if not depthwise.fits(weights):
        return None
    steps = requant.weighted(network, op, weights.T)
    constants = requant.solve(steps, depthwise.SHIFT) if steps is not None else None
    if constants is None:
        return None
    after, rest = followed(activation(network, stage), network, stage)
    kernel, stride, dilation = choose.window(network, stage)
    job = depthwise.Job(
        name,
        source,
        target,
        kernel,
        stride,
        dilation,
        -source.at(*pads_before(network, op)),
        stage.out_live[0],
        stage.out_live[1],
        weights,
        Finish(constants, after),
    )
    made = depthwise.make(job)
    if made is None:
        return None
    found = [Call(made, stage.inputs[:1], stage.output, stage.number, job.start)]
    if rest is not None:
        found.append(table_pass(rest, target, name, stage))
    return found


def readable(network: Network, stage: Stage, source: Layout) -> bool:
    """Whether the input has the shape and the border that a windowed stage reads."""
    if not choose.same_shape(network, stage, 0):
        return False
    stored = (source.height, source.width, source.channels)
    needed = choose.padding(network, stage, stored)
    return not needed or source.fill == choose.fill(network, stage)


def table_pass(table: np.ndarray, target: Layout, name: str, stage: Stage) -> Call:
    """A table over a value in place."""
    size = target.height * target.row
    kernel = passes.table(f"{name}_table", size, table)
    return Call(kernel, (stage.output,), stage.output, stage.number)


def activation(network: Network, stage: Stage) -> np.ndarray:
    """The head's bounds and all that follows, as one table by q + 128."""
    low, high = int8.activation_range(stage.head, network.output(stage.head))
    q = np.clip(int8.ALL_INT8, low, high)
    for op in stage.unary:
        q = int8.unary_table(network, op).astype(np.int64)[q + 128]
    return q


def followed(
    table: np.ndarray, network: Network, stage: Stage
) -> tuple[After, np.ndarray | None]:
    """What of a table goes into vector code, and what is left for a pass."""
    identity = int8.ALL_INT8
    if np.array_equal(table, identity):
        return None, None
    low, high = int(table.min()), int(table.max())
    if np.array_equal(table, np.clip(identity, low, high)):
        return Clamp(low, high), None
    zero = network.output(stage.head).zero_point
    found = lines.find(table, zero)
    return (found, None) if found is not None else (None, table)


def _conv(
    network: Network,
    stage: Stage,
    layouts: Layouts,
    name: str,
    flat: np.ndarray,
    finish: Finish,
) -> Job | None:
    source = layouts[stage.inputs[0]]
    if not readable(network, stage, source):
        return None
    kernel, stride, dilation = choose.window(network, stage)
    top, left = pads_before(network, stage.head)
    pool = (1, 1)
    if stage.pool is not None:
        pool = stage.pool.attributes["filter_h"], stage.pool.attributes["filter_w"]
    return Job(
        name,
        source,
        layouts[stage.output],
        Shape(*kernel, dilation, source.channels),
        stride,
        -source.at(top, left),
        stage.out_live[0],
        stage.out_live[1],
        pool,
        flat,
        finish,
    )


def _dense(
    network: Network,
    stage: Stage,
    layouts: Layouts,
    name: str,
    flat: np.ndarray,
    finish: Finish,
) -> Job:
    """All of the input at once, as it lies from its first pixel to its last."""
    source = layouts[stage.inputs[0]]
    shape = hwc(network.tensors[stage.inputs[0]].shape)
    if stage.inputs[0] == network.inputs[0]:
        shape = source.height, source.width, source.channels
    size = source.at(source.height - 1, source.width - 1) + source.channels
    taps = np.full(up(size, 16), BEYOND)
    for y in range(source.height):
        for x in range(source.width):
            first = (y * shape[1] + x) * shape[2]
            at = source.at(y, x)
            taps[at : at + shape[2]] = np.arange(first, first + shape[2])
    lanes = taps.reshape(-1, 16)
    used = np.flatnonzero((lanes != BEYOND).any(1))
    offsets = tuple(int(16 * i) for i in used)
    way = Aligned(lanes[used], len(used), offsets)
    return Job(
        name,
        source,
        layouts[stage.output],
        Shape(1, 1, (1, 1), source.channels),
        (1, 1),
        0,
        1,
        1,
        (1, 1),
        flat,
        finish,
        way,
    )


def _lag(job: Job) -> int:
    """How far before its input the output has to start to be written over it."""
    source, target = job.source, job.target
    most = 0
    for y in range(job.rows):
        rows = min(y + 2, job.rows)  # two at a time at most
        end = target.start + rows * target.row + 16
        most = max(
            most, end - (source.start + job.start + job.move(y * job.pool[0], 0))
        )
    return most


def moved(call: Call, stage: int) -> Call:
    """The same call in another stage."""
    return replace(call, stage=stage)

"""Stages of weighted sums on this core: which kernel, with which constants."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from export.arithmetic import int8, unary
from export.cores.s3 import (
    choose,
    conv,
    dense,
    depthwise,
    lines,
    passes,
    requant,
    rising,
)
from export.cores.s3.finish import After, Clamp, Finish
from export.cores.s3.job import Job
from export.cores.s3.kernel import Call, Kernel, RowMaker
from export.cores.s3.layout import Layout, lag
from export.cores.s3.ways import Aligned
from export.cores.s3.window import BEYOND, Shape, Way
from export.graph.stage import Stage
from export.plan.units import round_up

Layouts = dict[int, Layout]


def calls(stage: Stage, layouts: Layouts, name: str, sums: int) -> list[Call] | None:
    """The calls of the stage, or None where this core has no kernel for it.

    Its products are of int8; `sums`: bytes that those finished together may take.
    """
    known = stage.bytes_from is None and len(stage.sources) == 1
    if not known or stage.sources[0].read != stage.head.inputs[0]:
        return None
    if stage.head.kind == "DEPTHWISE_CONV_2D":
        return _depthwise(stage, layouts, name)
    source = layouts[stage.inputs[0]]
    connected = stage.head.kind == "FULLY_CONNECTED"
    if not connected and not choose.readable(stage, source):
        return None
    steps = rising.weighted(stage)
    constants = requant.solve(steps) if steps is not None else None
    if constants is None:
        return None
    after, rest = followed(activation(stage), stage)
    pool = (stage.pool.kernel_h, stage.pool.kernel_w) if stage.pool else (1, 1)
    own = stage.geometry
    job = Job(
        name,
        source,
        layouts[stage.output],
        _shape(stage, source),
        (own.stride_h, own.stride_w),
        0 if connected else choose.start(stage, source),
        *stage.region[:2],
        pool,
        stage.flat_weights().astype(np.int8),
        Finish(constants, after, pool[0] * pool[1]),
        sums,
        _whole(stage, source) if connected else None,
    )
    row = None if connected else lambda: conv.best(replace(job, rows=1))
    made = call(conv.best(job), stage, job.start, conv.lag(job), row)
    if connected and rest is None:
        made = replace(made, borrow=partial(_borrowing, job))
    return [made, *rested(rest, stage, layouts, name)]


def _shape(stage: Stage, source: Layout) -> Shape:
    """The window of a sum; of all values the one position that they are."""
    if stage.head.kind == "FULLY_CONNECTED":
        return Shape(1, 1, (1, 1), source.channels)
    return choose.window(stage, source.channels)


def _borrowing(job: Job, raw: bool, straight: bool) -> Kernel | None:
    """The kernel where the input, the output is the caller's, if there is one."""
    if job.lanes <= dense.GROUP and not raw:
        return None
    return conv.best(replace(job, raw=raw, straight=straight))


def call(
    kernel: Kernel, stage: Stage, start: int, lag: int, row: RowMaker | None
) -> Call:
    """Of a kernel that goes over its input by windows, as a whole and by rows."""
    place = (stage.inputs, stage.output, stage.number)
    return Call(kernel, *place, start, lag=lag, row=row)


def rested(
    table: np.ndarray | None, stage: Stage, layouts: Layouts, name: str
) -> list[Call]:
    """A pass of a table over the output, in place, where one is left."""
    if table is None:
        return []
    target = layouts[stage.output]
    return [
        in_place(partial(passes.table, f"{name}_table", values=table), stage, target)
    ]


def in_place(pass_over: Callable[..., Kernel], stage: Stage, target: Layout) -> Call:
    """A pass of so many bytes (`size=`) over the output."""
    whole = pass_over(size=target.height * target.row)
    row = partial(pass_over, size=target.width * target.pixel)
    return Call(whole, (stage.output,), stage.output, stage.number, row=row)


def activation(stage: Stage) -> np.ndarray:
    """The head's bounds and all that follows, as one table by q + 128."""
    low, high = int8.activation_range(stage.head, stage.head_output)
    q = np.clip(int8.ALL_INT8, low, high)
    for op in stage.unary:
        q = unary.table(stage.network, op).astype(np.int64)[q + 128]
    return q


def followed(table: np.ndarray, stage: Stage) -> tuple[After, np.ndarray | None]:
    """What of a table goes into vector code, and what is left for a pass."""
    identity = int8.ALL_INT8
    if np.array_equal(table, identity):
        return None, None
    low, high = int(table.min()), int(table.max())
    if np.array_equal(table, np.clip(identity, low, high)):
        return Clamp(low, high), None
    found = lines.find(table, stage.head_output.zero_point)
    return (found, None) if found is not None else (None, table)


def _depthwise(stage: Stage, layouts: Layouts, name: str) -> list[Call] | None:
    source, target = layouts[stage.inputs[0]], layouts[stage.output]
    weights = stage.flat_weights().T.astype(np.int8)  # (taps, C)
    if weights.shape[1] != source.channels or stage.pool is not None:
        return None
    if not choose.readable(stage, source) or not depthwise.fits(weights):
        return None
    steps = rising.weighted(stage)
    constants = requant.solve(steps, depthwise.SHIFT) if steps is not None else None
    if constants is None:
        return None
    after, rest = followed(activation(stage), stage)
    own = stage.geometry
    job = depthwise.Job(
        name,
        source,
        target,
        (own.kernel_h, own.kernel_w),
        (own.stride_h, own.stride_w),
        (own.dilation_h, own.dilation_w),
        choose.start(stage, source),
        *stage.region[:2],
        weights,
        Finish(constants, after),
    )
    made = depthwise.make(job)
    if made is None:
        return None
    far = lag(source, target, job.start, own.stride_h, job.rows)
    first = call(
        made, stage, job.start, far, lambda: depthwise.make(replace(job, rows=1))
    )
    return [first, *rested(rest, stage, layouts, name)]


def _whole(stage: Stage, source: Layout) -> Way:
    """All of the input at once, as it lies from its first pixel to its last."""
    size = source.at(source.height - 1, source.width - 1) + source.channels
    taps = np.full(round_up(size, 16), BEYOND)
    for y in range(source.height):
        for x in range(source.width):
            first = (y * source.width + x) * source.channels
            at = source.at(y, x)
            taps[at : at + source.channels] = np.arange(first, first + source.channels)
    lanes = taps.reshape(-1, 16)
    used = np.flatnonzero((lanes != BEYOND).any(1))
    return Aligned(lanes[used], len(used), tuple(int(16 * i) for i in used))

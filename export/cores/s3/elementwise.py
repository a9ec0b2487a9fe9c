"""Stages without weights on this core: pools, elementwise functions."""

from dataclasses import replace
from functools import partial

import numpy as np

from export.arithmetic import int8
from export.arithmetic.fixedpoint import INT32_MAX
from export.cores.s3 import add, choose, depthwise, lines, passes, pool, requant
from export.cores.s3.finish import Clamp, Finish
from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.layout import Layout, lag
from export.cores.s3.rising import Steps, stepped
from export.cores.s3.weighted import activation, call, followed, in_place, rested
from export.graph.attributes import Pool, Reduction
from export.graph.network import Network, Operator
from export.graph.stage import Stage

Layouts = dict[int, Layout]


def calls(stage: Stage, layouts: Layouts, name: str) -> list[Call] | None:
    """The calls of the stage, or None where this core has no kernel for it."""
    if not all(choose.same_shape(stage, at) for at in range(len(stage.sources))):
        return None
    if stage.head.kind == "MAX_POOL_2D":
        return _max_pool(stage, layouts, name)
    if stage.head.kind == "ADD":
        return _add(stage, layouts, name)
    if stage.head.kind in ("AVERAGE_POOL_2D", "MEAN"):
        return _mean(stage, layouts, name)
    return None


def _add(stage: Stage, layouts: Layouts, name: str) -> list[Call] | None:
    if len(stage.inputs) != 2:
        return None
    first, second = (layouts[i] for i in stage.inputs)
    target = layouts[stage.output]
    for one in (first, second):
        if one.packed or one.pixel != target.pixel or one.channels != target.channels:
            return None
        if one.height < target.height or one.width < target.width:
            return None  # one is repeated
    constants = add.solve(stage.network, stage.head)
    if constants is None:
        return None
    table = activation(stage)
    low, high = int(table.min()), int(table.max())
    plain = np.array_equal(table, np.clip(int8.ALL_INT8, low, high))
    after = Clamp(low, high) if plain and (low, high) != (-128, 127) else None
    far = max(lag(one, target, 0, 1, target.height) for one in (first, second))

    def kernel(rows: int) -> Kernel:
        few = replace(target, height=rows)
        return add.make(name, (first, second), few, constants, after)

    whole, row = kernel(target.height), partial(kernel, 1)
    found = [Call(whole, stage.inputs, stage.output, stage.number, lag=far, row=row)]
    return found if plain else [*found, *over(table, stage, layouts, name)]


def _mean(stage: Stage, layouts: Layouts, name: str) -> list[Call] | None:
    source, target = layouts[stage.inputs[0]], layouts[stage.output]
    op = stage.head
    if op.kind == "MEAN":
        if op.told(Reduction).axes != (1, 2):
            return None
        kernel = stride = (source.height, source.width)
    else:
        own = stage.geometry
        kernel, stride = (own.kernel_h, own.kernel_w), (own.stride_h, own.stride_w)
        if op.told(Pool).padding != "VALID":
            return None
    count = kernel[0] * kernel[1]
    if count * 128 > depthwise.MOST:
        return None
    steps = _mean_steps(stage.network, op, count, source.channels)
    constants = None if steps is None else requant.solve(steps, depthwise.SHIFT)
    if constants is None:
        return None
    table = activation(stage)
    after, rest = followed(table, stage)
    job = depthwise.Job(
        name,
        source,
        target,
        kernel,
        stride,
        (1, 1),
        0,
        target.height,
        target.width,
        None,
        Finish(constants, after),
    )
    made = depthwise.make(job)
    if made is None:
        return None
    first = Call(made, stage.inputs, stage.output, stage.number)
    return [first, *rested(rest, stage, layouts, name)]


def _mean_steps(
    network: Network, op: Operator, count: int, channels: int
) -> Steps | None:
    """The function of a sum of `count` bytes, the same in all channels."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    least = np.full(channels, -128 * count, np.int64)
    greatest = np.full(channels, 127 * count, np.int64)
    if op.kind == "AVERAGE_POOL_2D":

        def average(sums: np.ndarray) -> np.ndarray:
            return int8.average(sums, count, op.attributes.unsigned)

        real = np.full(channels, 1 / count)
        turn = least if op.attributes.unsigned else 0 * least
        return stepped(average, real, least, greatest, turn)
    mantissa, shift = int8.mean_constant(network, op)
    if (256 * count) << max(shift, 0) > INT32_MAX:
        return None
    offset = source.zero_point * count

    def mean(sums: np.ndarray) -> np.ndarray:
        scaled = int8.requantize(sums - offset, mantissa, shift) + out.zero_point
        return int8.clamp(scaled).astype(np.int64)

    real = np.full(channels, mantissa / 2.0**31 * 2.0**shift)
    return stepped(mean, real, least, greatest, least * 0 + offset)


def _max_pool(stage: Stage, layouts: Layouts, name: str) -> list[Call] | None:
    source, target = layouts[stage.inputs[0]], layouts[stage.output]
    own = stage.geometry
    stride = own.stride_h, own.stride_w
    if not choose.readable(stage, source):
        return None
    job = pool.Pool(
        name,
        source,
        target,
        (own.kernel_h, own.kernel_w),
        stride,
        choose.start(stage, source),
        target.height,
        target.width,
    )
    made = pool.make(job)
    if made is None:
        return None
    far = lag(source, target, job.start, stride[0], job.rows)
    first = call(made, stage, job.start, far, lambda: pool.make(replace(job, rows=1)))
    return [first, *over(activation(stage), stage, layouts, name)]


def over(table: np.ndarray, stage: Stage, layouts: Layouts, name: str) -> list[Call]:
    """A function of bytes over the output, in place."""
    if np.array_equal(table, int8.ALL_INT8):
        return []
    found = lines.find(table, stage.head_output.zero_point)
    if found is None:
        return rested(table, stage, layouts, name)
    target = layouts[stage.output]
    return [
        in_place(partial(passes.lines, f"{name}_lines", function=found), stage, target)
    ]

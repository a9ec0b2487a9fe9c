"""Stages without weights on this core: pools, elementwise functions."""

import numpy as np

from export.arithmetic import int8
from export.cores.s3 import choose, lines, passes, pool
from export.cores.s3.kernel import Call
from export.cores.s3.layout import Layout
from export.cores.s3.weighted import activation, table_pass
from export.graph.fusion import Stage
from export.graph.network import Network, pads_before

Layouts = dict[int, Layout]


def calls(
    network: Network, stage: Stage, layouts: Layouts, name: str
) -> list[Call] | None:
    """The calls of the stage, or None where this core has no kernel for it."""
    if not all(choose.same_shape(network, stage, at) for at in range(len(stage.reads))):
        return None
    if stage.head.kind == "MAX_POOL_2D":
        return _max_pool(network, stage, layouts, name)
    return None


def _max_pool(
    network: Network, stage: Stage, layouts: Layouts, name: str
) -> list[Call] | None:
    source, target = layouts[stage.inputs[0]], layouts[stage.output]
    kernel, stride, _ = choose.window(network, stage)
    needed = choose.padding(
        network, stage, (source.height, source.width, source.channels)
    )
    if needed and source.fill != choose.LOWEST:
        return None
    top, left = pads_before(network, stage.head)
    job = pool.Pool(
        name,
        source,
        target,
        kernel,
        stride,
        -source.at(top, left),
        target.height,
        target.width,
    )
    made = pool.make(job)
    if made is None:
        return None
    lag = 0
    for y in range(job.rows):
        end = target.start + (y + 1) * target.row + 16
        lag = max(lag, end - (source.start + job.start + source.at(y * stride[0], 0)))
    first = Call(made, stage.inputs, stage.output, stage.number, job.start, lag=lag)
    return [first, *over(activation(network, stage), network, stage, target, name)]


def over(
    table: np.ndarray, network: Network, stage: Stage, target: Layout, name: str
) -> list[Call]:
    """A function of bytes over the output, in place."""
    if np.array_equal(table, int8.ALL_INT8):
        return []
    zero = network.output(stage.head).zero_point
    found = lines.find(table, zero)
    if found is None:
        return [table_pass(table, target, name, stage)]
    kernel = passes.lines(f"{name}_lines", target.height * target.row, found)
    return [Call(kernel, (stage.output,), stage.output, stage.number)]

"""The first convolution, a few rows just before the second one reads them.

Where the second stage goes through its input in strips (export.kernels.int8.strip), the
first one's output need not be stored: of it, a few rows are kept that move down with
the strips. The second stage's function drives both, and calls the hook for both.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from export.graph.stage import Stage
from export.kernels.int8.conv import Conv
from export.kernels.int8.strip import Feed, PooledStrip
from export.kernels.int8.winograd import Winograd
from export.kernels.kernel import Kernel, Options

Ways = Callable[[Stage, Options, int], Iterator[tuple[int, Kernel]]]


def fed(
    kernels: tuple[Kernel, ...], options: Options, ways: Ways
) -> PooledStrip | None:
    """The second kernel with the first one inside, where that can be.

    `ways` gives (rows of output a call, what makes them), told of the working memory
    that is there anyway.
    """
    if len(kernels) < 2 or not isinstance(kernels[1], PooledStrip):
        return None
    first, second = kernels[0].stage, kernels[1]
    if not _applies(first, second.stage):
        return None
    own = second.stage.geometry
    advance = second.step_rows * own.stride_h
    need = advance - own.stride_h + own.reach_h
    kept, row = need - advance, first.width
    if kept < 0 or advance * row % 4 or kept * row % 4:
        return None
    feeds = [
        Feed(kernel, rows, need, kept, advance)
        for rows, kernel in ways(first, options, second.inner_bytes)
        if kept % rows == 0 and need % rows == 0
    ]
    if not feeds:
        return None
    return replace(second, feed=min(feeds, key=lambda feed: feed.kernel.cost("xtensa")))


def _applies(first: Stage, second: Stage) -> bool:
    """Whether all of the first stage's output goes into the second's strips."""
    (reader,) = second.sources
    network = first.network
    readers = sum(first.output in op.inputs for op in network.operators)
    return (
        first.head.kind == "CONV_2D"
        and all(source.is_input and not source.reshaped for source in first.sources)
        and (reader.tensor, reader.read) == (first.output, first.output)
        and readers == 1
        and not (first.pool and first.pool.overlaps)
        and not first.padded
    )


def ways(stage: Stage, options: Options, room: int) -> Iterator[tuple[int, Kernel]]:
    """Those of portable C.

    Where only `room` is needed, and weights are wide anyway, Winograd is never dear.
    """
    down = stage.pool.stride_h if stage.pool else 1
    calls = stage.region[0]
    yield 1, replace(Conv.of(stage.rows(down, 1), options), calls=calls)
    rows = Winograd.tile // down
    if rows < 1:
        return
    for kernel in Winograd.of(stage.rows(rows * down, rows), options):
        free = options.wide_weights and kernel.scratch <= room
        if options.winograd or free:
            yield rows, replace(kernel, calls=calls // rows)

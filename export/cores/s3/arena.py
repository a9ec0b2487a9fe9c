"""Where the values and the scratch of this core lie in the arena."""

from dataclasses import dataclass

from export.cores.s3.kernel import Call
from export.cores.s3.layout import Layout, up
from export.plan.arena import Block, arrange, span

SPARE = 32  # bytes behind a value that a step of output may write


@dataclass(frozen=True)
class Memory:
    """Offsets in the arena, all multiples of 16."""

    values: dict[int, int]  # by tensor
    scratch: dict[int, int]  # by call
    size: int


def allocate(
    output: int,
    layouts: dict[int, Layout],
    calls: tuple[Call, ...],
) -> Memory:
    """Place all values by their lifetimes, counted in calls; the output stays."""
    blocks: dict[int, Block] = {}
    for tensor, layout in layouts.items():
        uses = [i for i, c in enumerate(calls) if tensor in (c.output, *c.inputs)]
        last = len(calls) if tensor == output else max(uses)
        blocks[tensor] = Block(tensor, min(uses), last, layout.size + SPARE)
    for i, call in enumerate(calls):
        if call.kernel.scratch:
            size = up(call.kernel.scratch, 16)
            blocks[-1 - i] = Block(-1 - i, i, i, size)
    lags = {
        (tensor, call.output): up(max(call.lag, 0), 16)
        for i, call in enumerate(calls)
        for tensor in call.inputs
        if call.lag is not None
        and blocks[tensor].last == blocks[call.output].first == i
    }
    offsets = arrange(blocks, lags)
    return Memory(
        {key: at for key, at in offsets.items() if key >= 0},
        {-1 - key: at for key, at in offsets.items() if key < 0},
        span(offsets, blocks),
    )

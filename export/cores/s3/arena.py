"""Where the values and the scratch of this core lie in the arena."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from export.cores.s3.layout import Layout
from export.plan.arena import EFFORT, Block, arrange, span
from export.plan.units import round_up

TAIL = 48  # bytes behind a value that windows may read


@dataclass(frozen=True)
class Memory:
    """Offsets in the arena, all multiples of 16."""

    values: dict[int, int]  # by tensor
    scratch: dict[int, int]  # by unit
    size: int


class Unit(Protocol):
    """A call, or several that take turns."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """The tensors that it reads."""

    @property
    def output(self) -> int:
        """The one that it writes."""

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of tensors that only it knows, and keeps a part of."""

    @property
    def scratch(self) -> int:
        """Bytes."""

    @property
    def lags(self) -> dict[int, int]:
        """Bytes before each input that the output may start, where it may."""


def allocate(
    output: int, layouts: dict[int, Layout], units: Sequence[Unit], effort: int = EFFORT
) -> Memory:
    """Place all values by their lifetimes, counted in units; the output stays."""
    blocks: dict[int, Block] = {}
    uses: dict[int, list[int]] = {}
    sizes: dict[int, int] = {}
    for i, unit in enumerate(units):
        for tensor in (unit.output, *unit.inputs, *unit.sizes):
            uses.setdefault(tensor, []).append(i)
        sizes |= unit.sizes
        if unit.scratch:
            blocks[-1 - i] = Block(-1 - i, i, i, round_up(unit.scratch, 16))
    for tensor, layout in layouts.items():
        size = round_up(sizes.get(tensor, layout.size), 16)
        last = len(units) if tensor == output else max(uses[tensor])
        blocks[tensor] = Block(tensor, min(uses[tensor]), last, size, TAIL)
    lags = {
        (tensor, unit.output): round_up(max(lag, 0), 16)
        for i, unit in enumerate(units)
        for tensor, lag in unit.lags.items()
        if blocks[tensor].last == blocks[unit.output].first == i
    }
    offsets = arrange(blocks, lags, effort)
    return Memory(
        {key: at for key, at in offsets.items() if key >= 0},
        {-1 - key: at for key, at in offsets.items() if key < 0},
        span(offsets, blocks),
    )

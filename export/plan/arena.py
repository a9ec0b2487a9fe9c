"""Where everything lies in the arena: lifetimes, and outputs that follow their inputs.

    memory = allocate(stages, sizes, scratch, lags=lags)

Two values that live at the same time lie apart, with one exception: a stage that reads
a value for the last time may write its output over what it has read already. `lags`
says how many bytes before its input such an output has to start; `export.plan.overlap`
finds them from the loops.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from export.graph.stage import Stage
from export.plan.units import round_up

EFFORT = 1000  # blocks placed while looking for a good order
Lags = dict[tuple[int, int], int]  # (tensor read, tensor written): bytes before


@dataclass(frozen=True)
class Block:
    """A piece of memory; scratch has keys below zero."""

    key: int
    first: int  # stages from which and to which it is used
    last: int
    size: int
    tail: int = 0  # bytes behind it that may be read, of whatever lies there

    @property
    def reach(self) -> int:
        """Bytes that have to be there."""
        return self.size + self.tail


@dataclass(frozen=True)
class Memory:
    """Where everything lies in the arena."""

    offsets: dict[int, int]  # of each value, by tensor index
    scratch: dict[int, int]  # of each stage's working memory, by stage number
    size: int  # bytes
    shared: frozenset[tuple[int, int]]  # (tensor read, tensor written) that overlap
    blocks: tuple[tuple[int, Block], ...]  # all of it, with its offset

    def used(self, number: int) -> int:
        """Bytes that are in use while a stage runs."""
        total = end = 0
        live = (p for p in self.blocks if p[1].first <= number <= p[1].last)
        for at, block in sorted(live, key=lambda pair: pair[0]):
            total += max(at + block.size - max(at, end), 0)
            end = max(end, at + block.size)
        return total


def allocate(
    stages: tuple[Stage, ...],
    sizes: dict[int, int],
    scratch: dict[int, int] | None = None,
    chained: int = 0,
    lags: Lags | None = None,
    alignment: int = 4,
) -> Memory:
    """Place values by their lifetimes, in the best of a few orders.

    In bytes: `sizes` of what is kept of each value, `scratch` of the working memory of
    each stage. The first `chained` stages run row by row, all at the same time. The
    network's input and output are the caller's.
    """
    blocks = _blocks(stages, sizes, scratch or {}, chained, alignment)
    allowed = _allowed(blocks, lags or {}, alignment)
    offsets = arrange(blocks, allowed)
    places = {-1 - key: at for key, at in offsets.items() if key < 0}
    for number in range(chained):
        places[number] = places.get(chained - 1, 0)
    return Memory(
        {key: at for key, at in offsets.items() if key >= 0},
        places,
        span(offsets, blocks),
        frozenset(pair for pair in allowed if _meet(offsets, blocks, *pair)),
        tuple((at, blocks[key]) for key, at in offsets.items()),
    )


def least_size(
    stages: tuple[Stage, ...],
    sizes: dict[int, int],
    scratch: dict[int, int],
    chained: int,
    lags: Lags,
    alignment: int,
    below: float,
) -> float:
    """The size of what `allocate` gives, where that is `below`; else infinite."""
    blocks = _blocks(stages, sizes, scratch, chained, alignment)
    found = _best(blocks, _allowed(blocks, lags, alignment), below)
    return math.inf if found is None else span(found, blocks)


def _allowed(blocks: dict[int, Block], lags: Lags, alignment: int) -> Lags:
    """Which blocks may overlap: written by who reads the other for the last time."""
    return {
        (source, target): round_up(lag, alignment)
        for (source, target), lag in lags.items()
        if source in blocks
        and target in blocks
        and blocks[source].last == blocks[target].first
    }


def arrange(
    blocks: dict[int, Block], lags: Lags, effort: int = EFFORT
) -> dict[int, int]:
    """Offsets of blocks by their keys, in the best of a few orders.

    Where all sizes and lags are multiples of a unit, all offsets are.
    """
    offsets = _best(blocks, lags, math.inf, effort) or {}
    least = min(offsets.values(), default=0)
    return {key: at - least for key, at in offsets.items()}


def _best(
    blocks: dict[int, Block], lags: Lags, below: float, effort: int = EFFORT
) -> dict[int, int] | None:
    """The first of the orders that need least; None where all need `below` or more."""
    best, bound = None, _bound(blocks, lags)
    for order in _orders(list(blocks.values()), effort):
        if below <= bound:
            break
        offsets = _place(order, lags, below)
        if offsets is not None:
            best, below = offsets, span(offsets, blocks)
    return best


def _bound(blocks: dict[int, Block], lags: Lags) -> int:
    """What no order can go below: the bytes that are in use at one time."""
    most = 0
    for time in {block.first for block in blocks.values()}:
        live = {k for k, b in blocks.items() if b.first <= time <= b.last}
        pairs = [pair for pair in lags if live.issuperset(pair)]
        apart = live.difference(*pairs)
        together = (
            max(
                blocks[target].size,
                blocks[source].size + min(lags[source, target], blocks[target].size),
            )
            for source, target in pairs
        )
        used = sum(blocks[key].size for key in apart) + max(together, default=0)
        most = max(most, used)
    return most


def _blocks(
    stages: tuple[Stage, ...],
    sizes: dict[int, int],
    scratch: dict[int, int],
    chained: int,
    alignment: int,
) -> dict[int, Block]:
    """All that needs memory, rounded up."""
    found = []
    read = {tensor: stage.number for stage in stages for tensor in stage.inputs}
    for stage in stages:
        if not (stage.is_output or stage.is_state):
            born = max(stage.number, chained - 1)
            dies = max(read.get(stage.output, 0), born)
            found.append(Block(stage.output, born, dies, sizes[stage.output]))
    wanted = dict(scratch)
    if chained:  # row functions take turns: one piece of memory for all
        shared = max(wanted.pop(number, 0) for number in range(chained))
        wanted[chained - 1] = shared
    found += [Block(-1 - n, n, n, size) for n, size in wanted.items() if size]
    return {b.key: replace(b, size=round_up(b.size, alignment)) for b in found}


def _orders(blocks: list[Block], effort: int) -> Iterator[list[Block]]:
    """Orders in which to place the blocks: some that are often good, some drawn."""
    rules: tuple[Callable[[Block], tuple[int, ...]], ...] = (
        lambda b: (-b.size, b.key),
        lambda b: (b.key < 0, -b.size, b.key),
        lambda b: (b.key < 0, b.first, b.key),
        lambda b: (b.first, -b.size, b.key),
    )
    for rule in rules:
        yield sorted(blocks, key=rule)
    draw = random.Random(0)
    for _ in range(effort // (len(blocks) + 1)):
        yield draw.sample(blocks, len(blocks))


def _place(blocks: list[Block], lags: Lags, below: float) -> dict[int, int] | None:
    """Offsets, each block where it makes the whole least; they may be negative.

    None as soon as the whole is no less than `below`.
    """
    offsets: dict[int, int] = {}
    placed: list[Block] = []
    low = high = 0
    for block in blocks:
        taken = [  # (first, last) offsets that the block cannot have
            _forbidden(block, other, offsets[other.key], lags)
            for other in placed
            if other.first <= block.last and block.first <= other.last
        ]
        best = (below, 0, 0)  # the whole with it there, how far it is from 0, where
        for at in {0, *(end for pair in taken for end in pair)}:
            spot = (max(high, at + block.reach) - min(low, at), abs(at), at)
            if spot < best and not any(a < at < b for a, b in taken):
                best = spot
        if best[0] == below:
            return None
        at = best[2]
        low, high = min(low, at), max(high, at + block.reach)
        offsets[block.key] = at
        placed.append(block)
    return offsets


def _forbidden(block: Block, other: Block, at: int, lags: Lags) -> tuple[int, int]:
    """Between which offsets a block would meet another one that stands at `at`."""
    below, above = at - block.size, at + other.size
    if (other.key, block.key) in lags:  # it is written while the other is read
        below = max(below, at - lags[other.key, block.key])
    if (block.key, other.key) in lags:
        above = min(above, at + lags[block.key, other.key])
    return below, above


def span(offsets: dict[int, int], blocks: dict[int, Block]) -> int:
    """Bytes from the first block's start to the end of all that has to be there."""
    ends = [at + blocks[key].reach for key, at in offsets.items()]
    return max(ends, default=0) - min(offsets.values(), default=0)


def _meet(
    offsets: dict[int, int], blocks: dict[int, Block], source: int, target: int
) -> bool:
    a, b = offsets[source], offsets[target]
    return a < b + blocks[target].size and b < a + blocks[source].size

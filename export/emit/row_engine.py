"""Which first stages of an int8 engine run row by row, and by which kernels.

    found = chains(stages, options, core)    # each with its stages' kernels

What a chain is, `export.plan.row_chain` says; which one is taken, `export.emit.lower`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from export.graph.stage import Stage
from export.kernels import registry
from export.kernels.int8.conv import Strip
from export.kernels.int8.row_step import RowStep, part, strip
from export.kernels.int8.windowed import line_buffer
from export.kernels.int8.winograd import Winograd
from export.kernels.kernel import Kernel, Options
from export.kernels.registry import Core
from export.plan import row_chain, row_plan
from export.plan.row_chain import Chain
from export.plan.units import round_up

SMALL = 8192  # bytes; a network whose arena is no larger is left as it is
LEAST_SAVED = 0.2  # of the arena, else rows are not worth their code
MOST_SLOWER = 0.31  # instructions that are given for it


@dataclass(frozen=True, eq=False)
class RowEngine:
    """A chain and the kernels of its stages."""

    stages: tuple[Stage, ...]  # of the whole network
    chain: Chain
    kernels: tuple[RowStep, ...]  # of the chain's

    @property
    def count(self) -> int:
        """Stages in the chain."""
        return self.chain.count

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of each value, and of working memory where that needs a place.

        Until its last step the last row of what the chain makes is free for it.
        """
        inner = {stage.output: 0 for stage in self.stages[: self.count - 1]}
        found = inner | {t: rows.size for t, rows in self.chain.kept.items()}
        if self.shared is not None:
            last = self.stages[self.count - 1]
            found[last.output] = self.shared + max(last.width, self.scratch)
        return found

    @property
    def scratch(self) -> int:
        """Bytes that any step works in, with the row that goes through it."""
        most = 0
        for node in self.chain.nodes:
            size = max(self.kernels[n].scratch for n in node.members)
            if self.chain.passes(node, self.stages):
                size = round_up(size, 4) + self.stages[node.members[0]].width
            most = max(most, size)
        return most

    @property
    def shared(self) -> int | None:
        """Where in the chain's output its working memory is, if it can be there."""
        return None if self.lags else self._last_rows

    @property
    def _last_rows(self) -> int | None:
        """Where its last step's rows are, if that step needs no working memory."""
        last, node = self.stages[self.count - 1], self.chain.nodes[-1]
        place = last.size - node.rows * last.width
        free = not any(self.kernels[n].scratch for n in node.members)
        free = free and not self.chain.passes(node, self.stages)
        return place if free and place % 4 == 0 else None

    @cached_property
    def lags(self) -> dict[tuple[int, int], int]:
        """How far into the chain's output the rows of a value may lie.

        They are done with before the output's last rows are written there. None may
        where that saves no more than working memory in the last of them does.
        """
        last, node = self.stages[self.count - 1], self.chain.nodes[-1]
        found = {
            tensor: step * node.rows * last.width
            for tensor, step in row_chain.free_from(self.chain).items()
        }
        saved = max(min(self.chain.kept[t].size, last.size - found[t]) for t in found)
        other = 0 if self._last_rows is None else node.rows * last.width
        if saved <= min(self.scratch, other):
            return {}
        return {(t, last.output): at for t, at in found.items() if at < last.size}


def chains(
    stages: tuple[Stage, ...], options: Options, core: Core
) -> Iterator[RowEngine]:
    """All chains from the first stage on, by tiles and without."""
    known: dict[tuple[object, ...], list[RowStep]] = {}

    def kernels(stage: Stage, chain: Chain) -> list[RowStep]:
        node, kept = chain.node(stage.number), chain.kept
        widths = [kept[s.tensor].width for s in stage.sources if s.tensor in kept]
        to = kept[node.output].width if node.output in kept else 0
        key = (stage.number, node.rows, node.members[:-1], *widths, to)
        if key not in known:
            known[key] = _kernels(stage, chain, options, core)
        return known[key]

    for tiled in (True, False) if options.winograd else (False,):
        rows: list[int] = []
        for stage in stages:
            rows.append(_rows(stage, options, tiled))
            if len(rows) < 2:
                continue
            if stage.head.kind not in row_plan.KINDS:
                break
            sums = any(s.head.kind == "ADD" for s in stages[: len(rows)])
            plans = [
                row_plan.plan(stages, tuple(rows), late)
                for late in ((True, False) if sums else (True,))
            ]
            for i, chain in enumerate(plans):
                if chain is not None and chain not in plans[:i]:
                    ways = [kernels(s, chain) for s in stages[: chain.count]]
                    fast = tuple(found[0] for found in ways)
                    yield RowEngine(stages, chain, fast)
                    small = _small(ways)
                    if small != fast:
                        yield RowEngine(stages, chain, small)


def _small(ways: list[list[RowStep]]) -> tuple[RowStep, ...]:
    """Of each stage the fastest that needs no more memory than the chain has to."""
    least = max(min(kernel.scratch for kernel in found) for found in ways)
    return tuple(next(k for k in found if k.scratch <= least) for found in ways)


def _rows(stage: Stage, options: Options, tiled: bool) -> int:
    """Of the output, a step: two of them for tiles."""
    own = replace(stage.geometry, top=0, left=0)
    square = own.kernel_h == own.kernel_w == 3 and own.stride_h == own.stride_w == 1
    if not tiled or stage.depth < 4 or not square or own.dilation_h > 1:
        return 2 if tiled and stage.head.kind == "ADD" else 1
    inside = replace(stage, geometry=own, padded=False)  # as a step's rows have it
    found = stage.pool is None and any(Winograd.of(inside, options))
    return 2 if found else 1


def _kernels(stage: Stage, chain: Chain, options: Options, core: Core) -> list[RowStep]:
    """Of a stage's step, the fastest first."""
    node = chain.node(stage.number)
    one = stage.head.kind == "ADD"
    rows = 1 if one else node.rows
    single = part(stage, rows, chain.kept)
    to = strip(stage, chain.kept.get(node.output))
    outside = stage.number == 0 and stage.padded
    return [
        RowStep(
            stage=stage,
            options=options,
            inner=inner,
            steps=stage.region[0] // rows,
            line_buffer=line_buffer(stage, row_chain.head_rows(stage, rows))
            if outside
            else None,
            in_place=one and len(node.members) > 1,
        )
        for inner in _ranked(single, to, rows, options, core)
    ]


def _ranked(
    single: Stage, place: Strip, rows: int, options: Options, core: Core
) -> list[Kernel]:
    """Kernels of a step, the fastest first; of two rows, tiles: they know a pitch."""
    found: list[Kernel] = []
    if rows > 1:
        for tiles in (2, 1):
            found += Winograd.of(single, options, place, tiles)
    else:
        found += registry.int8(single, options, core)
    return sorted(found, key=lambda kernel: kernel.cost(core.price))

"""Stages that run row by row on this core: what is between them is never whole.

    run = rows.make(parts, layouts, stages)     # None where that cannot be

Each kernel writes one row of its output into the rows that are kept of it, with the
border beside it, and runs as soon as what it reads is there (`export.plan.row_chain`).
What the first ones read and what the last one writes lies whole in the arena, and the
one may be written over the other.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from export.cores.s3 import passes
from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.layout import VECTOR, Border, Layout
from export.graph.geometry import POINT
from export.graph.stage import Stage
from export.plan import cost, overlap
from export.plan.row_chain import Chain, Node, Play, Read, Rows, head_rows, played
from export.plan.units import round_up

FAR = 1 << 40  # bytes; behind all that anybody reads


@dataclass(frozen=True, eq=False)
class Part:
    """The calls that make one value: the network's input, or a stage's output."""

    stage: Stage | None
    calls: tuple[Call, ...]
    border: Call | None

    @property
    def tensor(self) -> int:
        """What is made."""
        return self.calls[0].output

    @property
    def number(self) -> int:
        """Of the stage; -1: the input."""
        return self.calls[0].stage

    @cached_property
    def row(self) -> tuple[Kernel, ...]:
        """Its kernels, for a row of the output; all but the first are in place."""
        kernels = [call.row() for call in self.calls if call.row is not None]
        found = tuple(kernel for kernel in kernels if kernel is not None)
        assert len(found) == len(self.calls)
        return found

    @property
    def whole(self) -> tuple[Call, ...]:
        """All of its calls."""
        return (*self.calls, self.border) if self.border else self.calls


@dataclass(frozen=True, eq=False)
class Step:
    """What a node does: its kernels, then the border beside what they wrote."""

    node: Node
    calls: tuple[Call, ...]
    border: Call | None


@dataclass(frozen=True, eq=False)
class Run:
    """Parts that run row by row, in the arena's eyes one call."""

    chain: Chain
    parts: tuple[Part, ...]
    layouts: dict[int, Layout]
    inputs: tuple[int, ...]  # tensors that lie whole
    lags: dict[int, int]  # by input

    @property
    def output(self) -> int:
        """The tensor that is made whole."""
        return self.parts[-1].tensor

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of the values that are not."""
        return {tensor: rows.size for tensor, rows in self.chain.kept.items()}

    @property
    def scratch(self) -> int:
        """Bytes, for one call at a time."""
        return max(kernel.scratch for part in self.parts for kernel in part.row)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The nodes' kernels."""
        return tuple(
            self._step(node, part)
            for node, part in zip(self.chain.nodes, self.parts, strict=True)
        )

    def _step(self, node: Node, part: Part) -> Step:
        calls = tuple(
            replace(call, kernel=kernel, steps=node.steps)
            for call, kernel in zip(part.calls, part.row, strict=True)
        )
        one, border = strip(self.layouts[part.tensor]), None
        if part.border and part.tensor in self.chain.kept and one.border:
            assert isinstance(part.border.kernel, Kernel)
            fill = passes.border(part.border.kernel.name, one)
            border = replace(part.border, kernel=fill, steps=node.steps)
        return Step(node, calls, border)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Of all steps."""
        found: list[Call] = []
        for step in self.steps:
            found += (*step.calls, step.border) if step.border else step.calls
        return tuple(found)

    @cached_property
    def overhead(self) -> int:
        """Instructions of the C around the kernels, about."""
        return cost.estimate(self.work, "s3")

    @cached_property
    def work(self) -> dict[str, float]:
        """How often each kind of work of that C is done."""
        play, kept = Play(self.chain), self.chain.kept
        first = dict.fromkeys(kept, 0)
        filled = sum(rows.room * rows.width for rows in kept.values())
        looks = moves = moved = 0
        for i, below in play.turns():
            looks += len(self.parts) - i  # from the last one on
            tensor = self.chain.nodes[i].output
            rows = kept.get(tensor)
            if rows is None:
                continue
            count = play.rows(i, below)
            filled += count * rows.width + rows.spill if below else 0
            if play.made[tensor] - first[tensor] + count > rows.room:
                stay = play.room(i, below) - count
                first[tensor] = play.made[tensor] - stay
                moves, moved = moves + 1, moved + stay * rows.width
        calls = sum(call.steps for call in self.calls)
        found = {"call": calls, "look": looks, "move": moves, "moved": moved}
        return {**found, "filled": filled}


def strip(layout: Layout) -> Layout:
    """One row of an activation, with the border on both sides."""
    beside = Border(0, layout.border.left, 0, layout.border.right)
    return replace(layout, height=1, border=beside)


def joins(part: Part) -> bool:
    """Whether a part can run row by row at all."""
    stage = part.stage
    if any(call.row is None for call in part.calls):
        return False
    if stage is None:
        return True
    if stage.is_output or (stage.pool is not None and stage.pool.overlaps):
        return False
    return not any(source.reshaped for source in stage.sources)


def make(
    parts: tuple[Part, ...], layouts: dict[int, Layout], stages: tuple[Stage, ...]
) -> Run | None:
    """The run of parts that follow each other; all of them `joins`."""
    inner = {part.tensor for part in parts[:-1]}
    if any(_wraps(layouts[tensor]) for tensor in inner):
        return None
    numbers = {part.number for part in parts}
    for stage in stages:
        if stage.number not in numbers and inner & set(stage.inputs):
            return None
    kept = {part.tensor: _kept(part, layouts[part.tensor]) for part in parts[:-1]}
    nodes = tuple(_node(part, layouts, kept, i) for i, part in enumerate(parts))
    chain = played(Chain(nodes, kept))
    if chain is None:
        return None
    whole = [t for part in parts for t in part.calls[0].inputs if t not in inner]
    inputs = tuple(dict.fromkeys(whole))
    run = Run(chain, parts, layouts, inputs, {})
    return replace(run, lags={tensor: _lag(run, tensor) for tensor in inputs})


def _wraps(layout: Layout) -> bool:
    """Whether a row's pixels end where the border before the next row is filled."""
    return strip(layout).start + layout.width * layout.pixel > layout.row


def _kept(part: Part, layout: Layout) -> Rows:
    border = layout.border
    before = strip(layout).start
    end = before + (layout.width + border.right) * layout.pixel
    written = before + round_up(layout.width * layout.pixel, VECTOR)  # by whole vectors
    return Rows(
        tensor=part.tensor,
        writer=part.number,
        top=border.top,
        bottom=border.bottom,
        left=before,
        width=layout.row,
        fill=layout.fill & 0xFF,
        spill=before if max(end, written) > layout.row else 0,
    )


def reads(part: Part, tensor: int, layouts: dict[int, Layout]) -> Read:
    """What a row of a part's output reads of a value."""
    layout, call = layouts[tensor], part.calls[0]
    own = part.stage.geometry if part.stage else POINT
    height = head_rows(part.stage, 1) if part.stage else 1
    column = strip(layout).start + call.start + own.top * layout.row
    return Read(
        tensor,
        layout.border.top - own.top,
        height * own.stride_h,
        (height - 1) * own.stride_h + own.reach_h,
        column,
    )


def _node(
    part: Part, layouts: dict[int, Layout], kept: dict[int, Rows], place: int
) -> Node:
    wanted = tuple(
        reads(part, tensor, layouts)
        for tensor in part.calls[0].inputs
        if tensor in kept
    )
    steps = layouts[part.tensor].height
    waits = place > 0 and not wanted
    return Node((part.number,), 1, steps, wanted, part.tensor, waits)


def _lag(run: Run, tensor: int) -> int:
    """How far before one of its inputs the run's output has to start."""
    source, target = run.layouts[tensor], run.layouts[run.output]
    play = Play(run.chain)
    ends, starts = [], []
    for i, below in play.turns():
        part, at = run.parts[i], play.at[i]
        if below:
            continue
        last = i + 1 == len(run.parts)
        ends.append(target.start + (at + 1) * target.row + VECTOR if last else -FAR)
        start = FAR
        if tensor in part.calls[0].inputs:
            read = reads(part, tensor, run.layouts)
            start = source.start + part.calls[0].start
            start += at * read.advance * source.row
        starts.append(start)
    return overlap.lag(np.array(ends), np.array(starts), rereads=True)

"""Chains of int8 stages that run row by row: early activations never exist whole.

    kept = played(chain)    # with the room that rows take; None: it cannot run

Each stage writes a few rows behind those that its readers still want, and runs as soon
as all it reads is there. Rows lie with their border, so what reads them knows nothing
of padding. A sum is added where one of its operands was just written. Which rows are
kept how long is found by playing the C's loops. `export.plan.row_plan` finds a chain.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from export.graph.stage import Stage


@dataclass(frozen=True)
class Rows:
    """The rows that are kept of one value; lengths in bytes where not in rows."""

    tensor: int
    writer: int  # number of the stage that makes them
    top: int  # rows of border
    bottom: int
    left: int  # of border
    width: int  # of a row
    fill: int  # the border's byte
    room: int = 0  # rows
    spill: int = 0  # of a row's border, in the memory of the next row

    @property
    def size(self) -> int:
        """Bytes."""
        return self.room * self.width + self.spill


@dataclass(frozen=True)
class Read:
    """What a step reads of one value's rows, the border counted."""

    tensor: int
    start: int  # row of the first step
    advance: int  # rows from one step to the next
    need: int  # rows
    column: int  # bytes before the first that is read


@dataclass(frozen=True)
class Node:
    """A stage, and perhaps the one that takes at once what it has just written."""

    members: tuple[int, ...]  # numbers of its stages
    rows: int  # of the output, a step
    steps: int
    reads: tuple[Read, ...]
    output: int  # tensor
    waits: bool = False  # until its rows are wanted


@dataclass(frozen=True)
class Chain:
    """Stages that run row by row."""

    nodes: tuple[Node, ...]
    kept: dict[int, Rows]  # by tensor

    @property
    def count(self) -> int:
        """Of the stages."""
        return sum(len(node.members) for node in self.nodes)

    def readers(self, tensor: int) -> list[tuple[Node, Read]]:
        """Who reads a value's rows."""
        return [(n, r) for n in self.nodes for r in n.reads if r.tensor == tensor]

    def passes(self, node: Node, stages: tuple[Stage, ...]) -> bool:
        """Whether a node's first row goes through working memory to its second."""
        return len(node.members) > 1 and stages[node.members[-1]].head.kind != "ADD"

    def node(self, number: int) -> Node:
        """That of a stage."""
        return next(node for node in self.nodes if number in node.members)


def head_rows(stage: Stage, rows: int) -> int:
    """Rows that the head computes for so many of the output."""
    return rows * (stage.pool.stride_h if stage.pool else 1)


class Play:
    """The C's loops: of the steps that can run the last node's does.

    So rows are soon done with. Each turn is told before it counts.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.at = [0] * len(chain.nodes)  # steps done, by node
        self.made = {rows.tensor: rows.top for rows in chain.kept.values()}
        self._places = {id(node): i for i, node in enumerate(chain.nodes)}

    @property
    def done(self) -> bool:
        """Whether the last node has run all its steps."""
        return self.at[-1] >= self.chain.nodes[-1].steps

    def turns(self) -> Iterator[tuple[int, bool]]:
        """(node, whether it is the border below its rows), as far as it goes."""
        while not self.done:
            turn = self._turn()
            if turn is None:
                return
            yield turn
            i, below = turn
            node = self.chain.nodes[i]
            if node.output in self.made:
                self.made[node.output] += self.rows(i, below)
            self.at[i] += not below

    def rows(self, i: int, below: bool) -> int:
        """That a turn makes."""
        node = self.chain.nodes[i]
        return self.chain.kept[node.output].bottom if below else node.rows

    def room(self, i: int, below: bool) -> int:
        """Rows that a node's value has before a turn's end, with those it makes."""
        tensor = self.chain.nodes[i].output
        wanted = [first for first, _ in self._wanted(tensor)]
        return self.made[tensor] - min(*wanted, self.made[tensor]) + self.rows(i, below)

    def _wanted(self, tensor: int) -> list[tuple[int, int]]:
        """(first row, the one behind the last) that each reader's next step reads."""
        firsts = [
            (self.at[self._places[id(n)]] * r.advance + r.start, r.need)
            for n, r in self.chain.readers(tensor)
        ]
        return [(first, first + need) for first, need in firsts]

    def _turn(self) -> tuple[int, bool] | None:
        for i in reversed(range(len(self.at))):
            node = self.chain.nodes[i]
            if self._ready(i):
                return i, False
            kept = self.chain.kept.get(node.output)
            if kept is None or not kept.bottom:
                continue
            if self.made[node.output] == kept.top + node.rows * node.steps:
                return i, True
        return None

    def _ready(self, i: int) -> bool:
        node = self.chain.nodes[i]
        if self.at[i] >= node.steps:
            return False
        if node.waits:
            made = self.made[node.output]
            if not any(made < end for _, end in self._wanted(node.output)):
                return False
        return all(
            self.made[r.tensor] >= self.at[i] * r.advance + r.start + r.need
            for r in node.reads
        )


def played(chain: Chain) -> Chain | None:
    """With the room that each value's rows take, by going through all steps."""
    play, room = Play(chain), dict.fromkeys(chain.kept, 0)
    for i, below in play.turns():
        tensor = chain.nodes[i].output
        if tensor in room:
            room[tensor] = max(room[tensor], play.room(i, below))
    if not play.done:
        return None
    kept = {t: replace(rows, room=room[t]) for t, rows in chain.kept.items()}
    return Chain(chain.nodes, kept)


def free_from(chain: Chain) -> dict[int, int]:
    """Of the last node's steps the first that finds a value's rows done with."""
    play, found = Play(chain), dict.fromkeys(chain.kept, 0)
    last = len(chain.nodes) - 1
    for i, below in play.turns():
        node = chain.nodes[i]
        reads = [] if below else [read.tensor for read in node.reads]
        for tensor in (node.output, *reads):
            if tensor in found:
                found[tensor] = max(found[tensor], play.at[-1] + (i == last))
    return found

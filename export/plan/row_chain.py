"""Chains of int8 stages that run row by row: early activations never exist whole.

    chain = row_chain.plan(stages, rows)    # the first len(rows) stages

Each stage writes a few rows behind those that its readers still want, and runs as soon
as all it reads is there. Rows lie with their border, so what reads them knows nothing
of padding. A sum is added where one of its operands was just written. Which rows are
kept how long is found by playing the C's loops.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from export.graph.stage import Stage

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD")


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


def plan(
    stages: tuple[Stage, ...], rows: tuple[int, ...], late: bool = True
) -> Chain | None:
    """A chain of the first stages, which make `rows` a step; None if it cannot be.

    `late`: a sum is joined to that one of its operands which is made last.
    """
    chain = stages[: len(rows)]
    if not all(_can(stage, stages, len(rows)) for stage in chain):
        return None
    if any(stage.region[0] % n for stage, n in zip(chain, rows, strict=True)):
        return None
    kept = {s.output: _kept(s, chain) for s in chain[:-1]}
    nodes = [_node(stage, n, kept) for stage, n in zip(chain, rows, strict=True)]
    nodes = _passed(_merged(nodes, chain, late), kept)
    written = {node.output for node in nodes}
    kept = {t: r for t, r in kept.items() if t in written}
    plans = [Chain(tuple(n), kept) for n in (nodes, _waiting(nodes, chain))]
    found = [played(one) for one in plans[: 1 if plans[0] == plans[1] else 2]]
    return min(
        (one for one in found if one is not None),
        key=lambda one: sum(rows.size for rows in one.kept.values()),
        default=None,
    )


def head_rows(stage: Stage, rows: int) -> int:
    """Rows that the head computes for so many of the output."""
    return rows * (stage.pool.stride_h if stage.pool else 1)


def _can(stage: Stage, stages: tuple[Stage, ...], count: int) -> bool:
    """Whether a stage fits into a chain of the first `count`."""
    if stage.head.kind not in KINDS or stage.is_output or stage.is_state:
        return False
    if stage.pool and stage.pool.overlaps:
        return False
    made = {s.output: s for s in stages[:count]}
    for source in stage.sources:
        if source.reshaped or (stage.number > 0) != (source.tensor in made):
            return False
        if stage.head.kind == "ADD" and source.region != stage.region:
            return False
    if stage.head.kind == "ADD" and len({s.tensor for s in stage.sources}) < 2:
        return False
    readers = [s.number for s in stages if stage.output in s.inputs]
    last = stage.number == count - 1
    return last or (bool(readers) and max(readers) < count)


def _kept(writer: Stage, chain: tuple[Stage, ...]) -> Rows:
    height, width, depth = writer.region
    readers = [s for s in chain if writer.output in s.inputs]
    top = max(s.geometry.top for s in readers)
    left = max(s.geometry.left for s in readers)
    below, beside = [0], [0]
    for stage in readers:
        rows, columns = stage.geometry.reads(*stage.head_region[:2])
        below.append(rows - height)
        beside.append(columns - width)
    return Rows(
        tensor=writer.output,
        writer=writer.number,
        top=top,
        bottom=max(below),
        left=left * depth,
        width=-(-(left + width + max(beside)) * depth // 4) * 4,
        fill=writer.network.tensors[writer.output].zero_point + 128,
    )


def _node(stage: Stage, rows: int, kept: dict[int, Rows]) -> Node:
    own, height = stage.geometry, head_rows(stage, rows)
    reads = tuple(
        Read(
            source.tensor,
            kept[source.tensor].top - own.top,
            height * own.stride_h,
            (height - 1) * own.stride_h + own.reach_h,
            kept[source.tensor].left - own.left * source.region[2],
        )
        for source in stage.sources
        if source.tensor in kept
    )
    steps = stage.region[0] // rows
    return Node((stage.number,), rows, steps, reads, stage.output)


def _merged(nodes: list[Node], chain: tuple[Stage, ...], late: bool) -> list[Node]:
    """Sums joined to what writes one of their operands, if nobody else reads that."""
    for stage in chain:
        if stage.head.kind != "ADD":
            continue
        own = next(node for node in nodes if stage.number in node.members)
        for tensor in sorted(stage.inputs, reverse=late):
            readers = sum(tensor in other.inputs for other in chain)
            maker = next((n for n in nodes if n.output == tensor), None)
            if readers > 1 or maker is None or maker.rows != own.rows:
                continue
            if maker.members == (0,):
                continue  # it sets the pace
            rest = tuple(read for read in own.reads if read.tensor != tensor)
            members = (*maker.members, *own.members)
            node = replace(own, members=members, reads=(*maker.reads, *rest))
            nodes = [node if n is own else n for n in nodes if n is not maker]
            break
    return nodes


def _passed(nodes: list[Node], kept: dict[int, Rows]) -> list[Node]:
    """Stages joined to the one reader that takes each of their rows at once."""
    found: list[Node] = []
    for node in nodes:
        before = found[-1] if found else None
        (read,) = node.reads if len(node.reads) == 1 else (None,)
        joins = (
            before is not None
            and read is not None
            and before.members != (0,)
            and len(before.members) == len(node.members) == 1
            and before.output == read.tensor
            and (before.rows, read.start, read.advance, read.need) == (1, 0, 1, 1)
            and sum(r.tensor == read.tensor for n in nodes for r in n.reads) == 1
            and kept[read.tensor].bottom == 0
        )
        if joins and before is not None:
            found.pop()
            node = replace(
                node, members=(*before.members, *node.members), reads=before.reads
            )
        found.append(node)
    return found


def _waiting(nodes: list[Node], chain: tuple[Stage, ...]) -> list[Node]:
    """What but a sum reads waits for the other operand: it would run ahead."""
    sums = {s.number: s.inputs for s in chain if s.head.kind == "ADD"}
    found = []
    for node in nodes:
        readers = [n for n in nodes if any(r.tensor == node.output for r in n.reads)]
        waits = node.reads and all(
            any(node.output in sums.get(number, ()) for number in n.members)
            for n in readers
        )
        found.append(replace(node, waits=bool(waits and readers)))
    return found


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

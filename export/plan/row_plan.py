"""A chain of a network's first stages, found: which of them run row by row, and how.

    chain = row_plan.plan(stages, rows)    # the first len(rows) stages, or None

A sum is joined to what writes one of its operands, a stage to its one reader that
takes each row at once. Of the orders that can be played the one with the least memory
is taken.
"""

from dataclasses import replace

from export.graph.kinds import CONV_KINDS
from export.graph.stage import Stage
from export.plan.row_chain import Chain, Node, Read, Rows, head_rows, played
from export.plan.units import round_up

KINDS = (*CONV_KINDS, "ADD")


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
        width=round_up((left + width + max(beside)) * depth, 4),
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

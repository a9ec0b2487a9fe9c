"""Which stages of the float16 engine run row by row, and how many rows a call.

    chain = row_buffers.plan(stages, wide=True)

The stages at the start of a network form a chain: each writes a few rows into a window,
and its reader runs as soon as the window is full, then drops the oldest rows. Only the
last one's output is stored whole. A stage that computes two rows a call decodes its
weights half as often, for a larger window: `plan` does that where the memory allows.
"""

from dataclasses import dataclass, replace

from export.graph.stage import Stage
from export.plan.tiling_f16 import tile_of

ARENA = 4096  # bytes; a network that fits is kept within
MORE = 4 / 3  # a larger one may take so much more for fewer instructions
REGISTERS = 4.0  # instructions to decode a weight that is used at once
MEMORY = 5.4  # and to decode one into working memory
MOST_KEPT = 9  # weights of a filter that stay in registers over all positions


@dataclass(frozen=True)
class Link:
    """The window between a stage and its reader."""

    above: int  # rows of padding that it begins with
    need: int  # rows that the reader needs for a call
    step: int  # rows that it is done with after a call
    width: int  # elements in a row
    room: int = 0  # rows that are stored
    keep: int = 0  # rows left after a call
    short: bool = False  # the last call gets fewer rows, where padding follows
    late: bool = False  # and comes in a turn of its own
    ring: bool = False  # rows are found by pointers, which turn, and never move


@dataclass(frozen=True)
class RowBuffers:
    """A chain of stages: rows that each computes a call, and what is in between."""

    rows: tuple[int, ...]
    links: tuple[Link, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def is_ring(self, number: int) -> bool:
        """Whether a stage reads a window whose rows have pointers."""
        return 0 < number < len(self) and self.links[number - 1].ring

    def room(self, outputs: tuple[Stage, ...]) -> int:
        """Elements of all windows and of the last stage's output."""
        return (
            sum(link.room * link.width for link in self.links)
            + outputs[len(self) - 1].size
        )


NONE = RowBuffers((), ())


def plan(stages: tuple[Stage, ...], wide: bool) -> RowBuffers:
    """The chain at the start of the network; `wide`: with two rows a call."""
    count = 0
    while count < len(stages) and _joins(stages, count):
        count += 1
    chain = stages[:count]
    found = chained(chain, (1,) * count)
    if found is None or not wide:
        return found or NONE
    least = 4 * found.room(stages)
    limit = ARENA if least <= ARENA else least * MORE
    for number in sorted(range(count), key=lambda n: -_saving(chain[n])):
        rows = [2 if i == number else r for i, r in enumerate(found.rows)]
        wider = chained(chain, tuple(rows))
        if wider is None or _saving(chain[number]) <= 0:
            continue
        if 4 * wider.room(stages) <= limit:
            found = wider
    return found


def homes(
    buffers: RowBuffers, stages: tuple[Stage, ...], scratch: dict[int, int]
) -> dict[int, tuple[int, int]]:
    """Where a stage's working memory costs nothing: (tensor, bytes into it).

    Until its last call, the last rows that the chain will write are free; and once a
    window's reader has run, so are the rows that it has dropped.
    """
    found: dict[int, tuple[int, int]] = {}
    for number in range(len(buffers)):
        free = []
        if number + 1 < len(buffers) < len(stages):
            last = stages[len(buffers) - 1]
            rest = last.region[0] - buffers.rows[-1]
            width = last.width
            free.append((last, rest, buffers.rows[-1], width))
        for stage, link in zip(
            stages, buffers.links[: max(number - 1, 0)], strict=False
        ):
            if not link.ring:
                free.append((stage, link.keep, link.room - link.keep, link.width))
        for stage, used, rows, width in free:
            if 0 < scratch[number] <= 4 * rows * width:
                found[number] = stage.output, 4 * used * width
                break
    return found


def lent(
    buffers: RowBuffers, stages: tuple[Stage, ...], scratch: dict[int, int]
) -> dict[int, tuple[Stage, int]]:
    """Where a dropped row of a ring is a stage's working memory: (writer, its row)."""
    return {
        number: (stage, link.keep)
        for number in range(len(buffers))
        for stage, link in zip(
            stages, buffers.links[: max(number - 1, 0)], strict=False
        )
        if link.ring and link.keep < link.room
        if 0 < scratch[number] <= 4 * link.width
    }


def chained(chain: tuple[Stage, ...], rows: tuple[int, ...]) -> RowBuffers | None:
    """The chain with so many rows a call; None where it does not work out."""
    links = []
    for number, stage in enumerate(chain):
        pooled = stage.head.kind == "MAX_POOL_2D"
        if stage.region[0] % rows[number] or (pooled and rows[number] > 1):
            return None
        if number:
            found = _played(
                window(stage, rows[number]),
                chain[number - 1].region[0] // rows[number - 1],
                rows[number - 1],
                stage.region[0] // rows[number],
            )
            if found is None or (found.short and not pooled):
                return None
            whole = all(n % rows[number - 1] == 0 for n in (found.step, found.keep))
            ring = found.keep > 0 and whole and turns(stage, rows[number])
            links.append(replace(found, ring=ring))
    return RowBuffers(rows, tuple(links))


def turns(stage: Stage, rows: int) -> bool:
    """Whether a stage finds each row of its window by a pointer of its own.

    It looks one up for each row of a filter, so a tile must have one row of sums.
    """
    if stage.head.kind != "CONV_2D" or filter_size(stage) <= MOST_KEPT:
        return False
    return tile_of(stage, rows).rows == 1


def filter_size(stage: Stage) -> int:
    """Weights that one output needs."""
    return stage.effective_macs // (
        stage.head_region[0] * stage.head_region[1] * stage.region[2]
    )


def window(stage: Stage, rows: int = 1) -> Link:
    """What so many output rows of a stage read of its input, padding too."""
    own, (_, width, depth) = stage.geometry, stage.sources[0].region
    stride = own.stride_h
    rows *= stage.pool.kernel_h if stage.pool else 1
    if merges(stage):
        return Link(0, stride + 1, stride, width * depth)
    need = (rows - 1) * stride + own.kernel_h
    return Link(own.top, need, rows * stride, width * depth)


def merges(stage: Stage) -> bool:
    """Whether a pool keeps the largest of the rows that two windows share as one.

    Of a window of two strides the first half has been the last window's second; the
    first window's, where padding leaves but one row of it, is that row.
    """
    if stage.head.kind != "MAX_POOL_2D":
        return False
    own = stage.geometry
    return own.kernel_h == 2 * own.stride_h and own.top == own.stride_h - 1


def _played(link: Link, calls: int, rows: int, reads: int) -> Link | None:
    """The window's life, call by call of the stage that fills it."""
    count, room, done, last, kept = link.above, 0, 0, False, set()
    for _ in range(calls):
        count += rows
        room, last = max(room, count), count >= link.need
        if last:
            count -= link.step
            done += 1
            kept.add(count)
    if done not in (reads, reads - 1) or len(kept) != 1:
        return None
    keep = kept.pop()
    short = done < reads
    if not 0 <= keep < link.need or not (last or short):
        return None
    return replace(link, room=room, keep=keep, short=short, late=short and last)


def _joins(stages: tuple[Stage, ...], number: int) -> bool:
    """Whether a stage belongs to the chain, given that all before it do."""
    stage = stages[number]
    if number == 0:
        return stage.head.kind == "CONV_2D"
    if stage.head.kind not in ("CONV_2D", "MAX_POOL_2D"):
        return False
    before = stages[number - 1]
    if stage.inputs != (before.output,):
        return False
    if 2 * window(stage).need > before.region[0]:
        return False
    return chained(stages[: number + 1], (1,) * (number + 1)) is not None


def _saving(stage: Stage) -> float:
    """Instructions for weights that two rows a call save."""
    if stage.head.kind != "CONV_2D":
        return 0
    size = filter_size(stage)
    weights = size * stage.region[2]
    if size <= MOST_KEPT:
        return weights * stage.region[0] * REGISTERS / 2
    once = REGISTERS if stage.region[1] <= 14 and not stage.pool else MEMORY
    return weights * stage.region[0] * (once - MEMORY / 2)

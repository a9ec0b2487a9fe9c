"""Convolutions and fully connected layers, with a pool and an activation behind.

    kernel = make(Job(...))       # None where sums cannot be requantised in vectors

A position's window comes into vectors (`windows`), every channel is multiplied with it
(`sums`), and when enough positions' sums lie in scratch for whole vectors of output
they are finished (`finish`). Registers: a2 input, a3 output, a4 weights, a5 scratch, a6
constants, a8 15, a9 the shift, a10 rows, a11 columns, a12 positions of a block.
"""

import math
from dataclasses import dataclass, replace

from export.cores.s3 import dense, patch, steps
from export.cores.s3.code import Code
from export.cores.s3.job import Job
from export.cores.s3.kernel import Kernel
from export.cores.s3.layout import VECTOR
from export.cores.s3.row_block import pair, row_block
from export.cores.s3.sums import OVER, Order, Sum, chained, plain, sums
from export.cores.s3.window import Way, arranged
from export.cores.s3.windows import cheapest
from export.plan.units import round_up

SHORT = 12  # vectors of a window for which clearing ACCX less often pays


def best(job: Job) -> Kernel:
    """The kernel of a convolution, with chained sums where they pay."""
    return make(_chained_where_it_pays(job))


def lag(job: Job) -> int:
    """How far before its input the output of `best` has to start."""
    pairs = job.way is None and job.pool == (1, 1) and patch.able(job)
    return job.lag(2 if pairs else 1)


def make(job: Job) -> Kernel:
    """The kernel of a convolution."""
    found = patch.make(job) if job.way is None else dense.make(job, job.way)
    return found if found is not None else _Positions(job).kernel()


def _chained_where_it_pays(job: Job) -> Job:
    """The job with sums that go on from one another, if its lanes allow that."""
    if job.raw or job.target.packed or job.finish.window > 1 or job.channels < 6:
        return job
    way = job.way or cheapest(
        job.shape, job.source, job.stride, job.start, job.channels
    )
    if way.count > SHORT:
        return job
    return replace(job, finish=replace(job.finish, chained=True))


@dataclass
class _Positions:
    """One window at a time."""

    job: Job

    def __post_init__(self) -> None:
        job = self.job
        self.way: Way = job.way or cheapest(
            job.shape, job.source, job.stride, job.start, job.channels
        )
        self.order = Order.of(self.way.count, self.way.kept)
        self.code = Code(job.name)
        self.window = job.pool[0] * job.pool[1]
        self.lanes = job.lanes
        self.block = _block(job, self.lanes)
        unit = 256 if self.way.scratch else VECTOR  # one instruction reaches behind
        lanes = round_up(self.block * self.lanes, 16)
        self.sum_bytes = round_up(8 * self.window * lanes, unit)

    def kernel(self) -> Kernel:
        """Text, weights, constants."""
        job, code = self.job, self.code
        steps.prologue(code, job.finish)
        code(f"movi a10,{job.rows}")
        rows = code.label("row")
        blocks, rest = divmod(job.columns, self.block)
        if blocks:
            code(f"movi a11,{blocks}")
            columns = code.label("column")
            self._positions(self.block)
            self._finish(self.block)
            code.again("a11", columns)
        if rest:
            self._positions(rest)
            self._finish(rest)
        wide = job.pool[1] * job.columns
        code.add("a2", job.move(job.pool[0], 0) - job.move(0, wide))
        stored = self._stored(self.block) * blocks
        stored += self._stored(rest) if rest else 0
        code.add("a3", job.target.row - stored)
        code.again("a10", rows)
        text = code.end()
        order = [one.channel for one in self._wanted(8)]
        lanes = self.way.lanes[list(self.order.vectors)]
        weights = arranged(job.weights[order], lanes)
        scratch = self.sum_bytes + self.way.scratch
        constants = job.finish.bytes(job.lane_channels())
        return Kernel(job.name, text, weights + bytes(OVER), constants, scratch)

    def _stored(self, positions: int) -> int:
        """Bytes of output that a block writes."""
        return sum(steps.of_lanes(positions * self.lanes))

    def _positions(self, count: int) -> None:
        """Sums of so many positions; a2 moves along."""
        code, job = self.code, self.job
        code("mov a14,a5")
        if count == 1 or self.window > 1:
            for p in range(count):
                self._pooled(p)
            return
        if count <= 2:
            for _ in range(count):
                self._sums(job.move(0, 1), self._to_next())
            return
        code(f"movi a12,{count}")
        top = code.label("position")
        self._sums(job.move(0, 1), self._to_next())
        code.again("a12", top)

    def _to_next(self) -> int:
        """Bytes from a position's last sum to the next position's first."""
        return 8 * (self.lanes - self.job.channels + 1)

    def _pooled(self, position: int) -> None:
        """The sums of one position, all those of its pool."""
        job, code = self.job, self.code
        height, width = job.pool
        places = [(y, x) for y in range(height) for x in range(width)]
        ends = [*places[1:], (0, width)]
        for number, (here, after) in enumerate(zip(places, ends, strict=True)):
            if number or position:
                base = 8 * self.window * position * self.lanes
                code.add("a14", base + 16 * number, "a5")
            self._sums(job.move(*after) - job.move(*here), 8)

    def _sums(self, move: int, last: int) -> None:
        """One window: its vectors, then all channels."""
        code = self.code
        code("mov a13,a4")
        stream = self.way.load(code, move, self.sum_bytes)
        sums(code, self.order, stream, self._wanted(last))
        self.way.leave(code, move)

    def _wanted(self, last: int) -> list[Sum]:
        channels = self.job.channels
        if self.job.finish.chained:
            return chained(channels, last)
        return plain(channels, last, self.window)

    def _finish(self, positions: int) -> None:
        code = self.code
        found = steps.of_lanes(positions * self.lanes)
        code("mov a14,a5", "mov a15,a6")
        steps.write(code, self.job.finish, found, self.job.period)


def _block(job: Job, lanes: int) -> int:
    """Positions that are finished together."""
    if lanes % 16 == 0:
        return 1
    if job.pool != (1, 1):
        window = job.pool[0] * job.pool[1]
        return (
            pair(lanes, window, job.sums) if lanes == 8 else 16 // math.gcd(lanes, 16)
        )
    if lanes == 8:
        return 2
    return row_block(job.columns, lanes, 16 // math.gcd(lanes, 16), job.sums)

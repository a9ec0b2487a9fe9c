"""A convolution of one channel in, four positions at once.

A patch of 4x4 bytes is one vector and holds the windows of 2x2 positions of a kernel
of at most 3x3, which are multiplied with four shifted copies of the weights.
"""

import math

import numpy as np

from export.cores.s3 import steps
from export.cores.s3.code import Code
from export.cores.s3.job import Job
from export.cores.s3.kernel import Kernel
from export.cores.s3.row_block import pair, row_block
from export.cores.s3.sums import OVER, chained, plain
from export.plan.units import round_up

POSITIONS = ((0, 0), (0, 1), (1, 0), (1, 1))


def make(job: Job) -> Kernel | None:
    """The kernel, or None where the layer is not of this kind."""
    if not able(job):
        return None
    if job.pool == (2, 2):
        return _pooled(job)
    return _rows(job) if job.target.packed else _plain(job)


def able(job: Job) -> bool:
    """Whether the layer is of this kind."""
    shape = job.shape
    row = job.source.row
    small = max(shape.height, shape.width) <= 3 and shape.channels == 1
    small = small and row % 4 == 0 and 3 * row <= 1020
    if not small or job.stride != (1, 1) or shape.dilation != (1, 1):
        return False
    if job.source.pixel != 1 or job.pool not in ((1, 1), (2, 2)):
        return False
    if job.pool == (2, 2):
        return not job.target.packed
    return job.rows % 2 == job.columns % 2 == 0


def _weights(job: Job) -> np.ndarray:
    """(O, 4, 16): the kernel at each of the four positions."""
    shape = job.shape
    square = job.weights.reshape(-1, shape.height, shape.width)
    out = np.zeros((job.channels, 4, 4, 4), np.int8)
    for p, (y, x) in enumerate(POSITIONS):
        out[:, p, y : y + shape.height, x : x + shape.width] = square
    return out.reshape(job.channels, 4, 16)


def _load(code: Code, job: Job) -> None:
    """The patch at a2 to q7, and the first weights."""
    row = job.source.row
    code("l32i a7,a2,0", f"l32i a12,a2,{row}", "ee.movi.32.q q7,a7,0")
    code(f"l32i a7,a2,{2 * row}", "ee.movi.32.q q7,a12,1")
    code(f"l32i a12,a2,{3 * row}", "ee.movi.32.q q7,a7,2", "ee.movi.32.q q7,a12,3")
    code("mov a13,a4", "ee.vld.128.ip q5,a13,16", "ee.vld.128.ip q6,a13,16")


def _sums(code: Code, moves: list[int], clear: list[bool] | None = None) -> None:
    """One vector of weights a sum; `moves` from each sum to the next."""
    clear = clear or [True] * len(moves)
    for i, step in enumerate(moves):
        register = 5 + i % 2
        fits = -1024 <= step <= 1016
        if clear[i]:
            code("ee.zero.accx")
        if i < len(moves) - 2:
            code(f"ee.vmulas.s8.accx.ld.ip q{register},a13,16,q7,q{register}")
        else:
            code(f"ee.vmulas.s8.accx q7,q{register}")
        code(f"ee.st.accx.ip a14,{step if fits else 0}")
        if not fits:
            code.add("a14", step, temp="a12")


def _kernel(job: Job, code: Code, weights: np.ndarray, scratch: int) -> Kernel:
    return Kernel(
        job.name,
        code.end(),
        np.ascontiguousarray(weights).tobytes() + bytes(OVER),
        job.finish.bytes(job.lane_channels()),
        scratch,
    )


def _pooled(job: Job) -> Kernel:
    """A position of the pool's output at a time."""
    code = Code(job.name)
    lanes = job.target.pixel
    pairs = round_up(job.channels, 2) // 2
    moves = ([16, 16, 16, -40] + [16, 16, 16, 8]) * pairs
    moves = moves[: 4 * job.channels]
    steps.prologue(code, job.finish)
    code(f"movi a10,{job.rows}")
    rows = code.label("row")
    block = pair(lanes, 4, job.sums)
    blocks, rest = divmod(job.columns, block)
    stored = 0
    for count, turns in ((block, blocks), (rest, 1 if rest else 0)):
        if not turns:
            continue
        if turns > 1:
            code(f"movi a11,{turns}")
            top = code.label("column")
        for p in range(count):
            _load(code, job)
            code.add("a14", 4 * 8 * lanes * p, "a5")
            _sums(code, moves)
            code("addi a2,a2,2")
        code("mov a14,a5", "mov a15,a6")
        found = steps.of_lanes(count * lanes)
        steps.write(code, job.finish, found, job.period)
        if turns > 1:
            code.again("a11", top)
        stored += turns * sum(found)
    code.add("a2", 2 * job.source.row - 2 * job.columns)
    code.add("a3", job.target.row - stored)
    code.again("a10", rows)
    return _kernel(job, code, _weights(job), 4 * 8 * lanes * block)


def _plain(job: Job) -> Kernel:
    """Two rows of the output at a time, pixels of whole vectors or halves."""
    code = Code(job.name)
    lanes = job.target.pixel
    gap = 8 * (lanes - job.channels + 1)
    make = chained if job.finish.chained else plain
    wanted = make(job.channels, gap)
    steps.prologue(code, job.finish)
    code(f"movi a10,{job.rows // 2}")
    rows = code.label("row")
    code(f"movi a11,{job.columns // 2}")
    columns = code.label("column")
    _load(code, job)
    code("addi a2,a2,2", "mov a14,a5")
    _sums(code, [one.step for one in wanted] * 4, [one.clear for one in wanted] * 4)
    code("mov a14,a5")
    period = job.period
    for row in range(2):
        code("mov a15,a6")
        steps.write(code, job.finish, steps.of_lanes(2 * lanes), period)
        if row == 0:
            code.add("a3", job.target.row - 2 * lanes)
        else:
            code.add("a3", -job.target.row)
    code.again("a11", columns)
    code.add("a2", 2 * job.source.row - job.columns)
    code.add("a3", 2 * job.target.row - job.columns * lanes)
    code.again("a10", rows)
    order = [one.channel for one in wanted]
    weights = _weights(job)[order].transpose(1, 0, 2)
    return _kernel(job, code, weights, 4 * 8 * lanes)


def _rows(job: Job) -> Kernel:
    """Two rows of the output at a time, pixels that follow each other."""
    code = Code(job.name)
    unit = 16 // math.gcd(job.channels, 16)
    block = row_block(job.columns, job.channels, round_up(unit, 2), job.sums)
    half = 8 * round_up(block * job.channels, 16)  # bytes of the sums of a row
    span = job.channels * 8
    order = [8] * (2 * job.channels)
    moves = order[:-1] + [8 + half - 2 * span] + order[:-1] + [8 - half]
    steps.prologue(code, job.finish)
    code(f"movi a10,{job.rows // 2}")
    rows = code.label("row")
    done = 0
    while done < job.columns:
        count = min(block, job.columns - done)
        found = steps.of_lanes(count * job.channels)
        code(f"movi a11,{count // 2}", "mov a14,a5")
        columns = code.label("column")
        _load(code, job)
        code("addi a2,a2,2")
        _sums(code, moves)
        code.again("a11", columns)
        for row in range(2):
            code.add("a14", half * row, "a5")
            code("mov a15,a6")
            steps.write(code, job.finish, found, job.period)
            if row == 0:
                code.add("a3", job.target.row - sum(found))
        done += count
        end = done == job.columns
        written = sum(found) + (done - count) * job.channels
        code.add("a3", job.target.row - written if end else -job.target.row)
    code.add("a2", 2 * job.source.row - job.columns)
    code.again("a10", rows)
    weights = _weights(job).transpose(1, 0, 2)
    return _kernel(job, code, weights, 2 * half)

"""Fully connected layers of many outputs: sixteen at a time, so sums take no room.

Registers as in `conv`; a10 counts groups, a11 points at the next one's weights, a6 at
its constants. The input may be the caller's own (`raw`), and so may the output, which
then is written by words.
"""

from export.cores.s3 import raw, steps
from export.cores.s3.code import Code
from export.cores.s3.job import Job
from export.cores.s3.kernel import Kernel
from export.cores.s3.layout import VECTOR
from export.cores.s3.sums import OVER, Order, chained, plain, sums
from export.cores.s3.window import Way, arranged
from export.plan.units import round_up

GROUP = 16  # outputs


def make(job: Job, way: Way) -> Kernel | None:
    """The kernel of a single position, or None where `conv` has that of one group."""
    if job.lanes <= GROUP and not job.raw:
        return None
    code = Code(job.name)
    steps.prologue(code, job.finish)
    code("mov a11,a4")
    if job.raw:
        raw.start(code, job.weights.shape[1])
    groups, rest = divmod(job.channels, GROUP)
    if groups > 1:
        code(f"movi a10,{groups}")
        top = code.label("group")
    if groups:
        _group(code, job, way, GROUP)
    if groups > 1:
        code.again("a10", top)
    if rest:
        _group(code, job, way, rest)
    constants = job.finish.bytes(job.lane_channels())
    scratch = 8 * min(job.lanes, GROUP)
    weights = _weights(job, way) + bytes(OVER)
    return Kernel(job.name, code.end(), weights, constants, scratch)


def _group(code: Code, job: Job, way: Way, count: int) -> None:
    """So many outputs."""
    taps, lanes = job.weights.shape[1], min(job.lanes, GROUP)
    code("mov a14,a5", "mov a13,a11")
    if job.raw:
        code.add("a11", round_up(taps, VECTOR) * count)
        raw.sums(code, taps, count)
    else:
        code.add("a11", VECTOR * way.count * count)
        wanted = chained if job.finish.chained else plain
        stream = way.load(code, 0, 0)
        sums(code, Order.of(way.count, way.kept), stream, wanted(count))
        way.leave(code, 0)
    code("mov a14,a5", "mov a15,a6")
    if job.straight:
        steps.scattered(code, job.finish, lanes, count)
    else:
        steps.write(code, job.finish, [lanes], 1)
    code("mov a6,a15")


def _weights(job: Job, way: Way) -> bytes:
    if job.raw:
        return raw.weights(job.weights)
    wanted = chained if job.finish.chained else plain
    channels = [one.channel for one in wanted(job.channels)]
    order = Order.of(way.count, way.kept)
    return arranged(job.weights[channels], way.lanes[list(order.vectors)])

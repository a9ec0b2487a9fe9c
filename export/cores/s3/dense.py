"""Fully connected layers of many outputs: sixteen at a time, so sums take no room.

Registers as in `conv`; a10 counts groups, a11 points at the next one's weights, a6 at
its constants.
"""

from export.cores.s3 import steps
from export.cores.s3.code import Code
from export.cores.s3.job import Job
from export.cores.s3.kernel import Kernel
from export.cores.s3.sums import OVER, Order, chained, plain, sums
from export.cores.s3.window import Way, arranged

GROUP = 16  # outputs


def make(job: Job, way: Way) -> Kernel | None:
    """The kernel of a single position, or None where it would be one group."""
    if job.lanes % GROUP or job.lanes == GROUP:
        return None
    code, order = Code(job.name), Order.of(way.count, way.kept)
    wanted = chained if job.finish.chained else plain
    steps.prologue(code, job.finish)
    code("mov a11,a4")
    groups, rest = divmod(job.channels, GROUP)
    counts = [(GROUP, groups), (rest, min(rest, 1))]
    for count, turns in counts:
        if turns > 1:
            code(f"movi a10,{turns}")
            top = code.label("group")
        if turns:
            code("mov a14,a5", "mov a13,a11")
            code.add("a11", 16 * way.count * count)
            stream = way.load(code, 0, 0)
            sums(code, order, stream, wanted(count))
            way.leave(code, 0)
            code("mov a14,a5", "mov a15,a6")
            steps.write(code, job.finish, [GROUP], 1)
            code("mov a6,a15")
        if turns > 1:
            code.again("a10", top)
    channels = [one.channel for one in wanted(job.channels)]
    weights = arranged(job.weights[channels], way.lanes[list(order.vectors)])
    constants = job.finish.bytes(job.lane_channels())
    return Kernel(job.name, code.end(), weights + bytes(OVER), constants, 8 * GROUP)

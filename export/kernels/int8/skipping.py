"""1x1 convolutions and fully connected layers behind a ReLU: zeros are left out.

Of every position the values that are not zero are listed once; then a block of output
channels after the other goes through the list. About half of what a ReLU gives is
zero, so this takes about half the products; how many depends on the input, and for one
without any zero it takes a fifth longer than summing everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.graph.network import Network
from export.graph.stage import Stage
from export.kernels.int8.conv import flattened
from export.kernels.int8.summed import Summed
from export.kernels.kernel import Options
from export.plan.cost import Work
from export.plan.overlap import lag

BLOCK = 8  # channels of a turn, at most
LEAST_BLOCK = 4
LEAST_OUTPUTS = 16  # channels for which a list is worth its making
NONZERO = 0.5  # of the values behind a ReLU: an expectation
VALUE_BYTES = 4  # in the list
RELUS = ("RELU", "RELU6")


@dataclass(frozen=True, eq=False)
class Skipping(Summed):
    """Sums over the values that are not zero."""

    template: ClassVar[str] = "int8/skipping.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("CONV_2D", "FULLY_CONNECTED")

    block_q: int  # channels of a turn

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One, in profile speed, where many zeros can be expected."""
        if options.profile != "speed" or stage.pool is not None or stage.padded:
            return
        stage = flattened(stage)
        height, _, channels = stage.region
        taps = stage.weights.shape[1:]
        if height > 1 or taps[:2] != (1, 1) or channels < LEAST_OUTPUTS:
            return
        if stage.geometry.stride_w > 1 or not _rectified(stage.network, stage):
            return
        block = next(n for n in range(BLOCK, 0, -1) if channels % n == 0)
        if block < LEAST_BLOCK or taps[2] * block >= 1 << 16:
            return
        finish = cls.finished(stage, options)
        if finish.requant.form == "wide":
            return
        yield cls(
            stage=stage,
            options=options,
            finish=finish,
            weights=cls.by_block(stage, options, block),
            block_q=block,
        )

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return "zeros skipped"

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_nonzero.h"})

    @property
    def scratch(self) -> int:
        """Bytes of the list, which is filled up to an even length."""
        return VALUE_BYTES * (self.stage.depth + 1)

    def work(self) -> Work:
        """With as many zeros as a ReLU usually gives."""
        positions, depth = self.stage.region[1], self.stage.depth
        blocks = positions * (self.stage.region[2] // self.block_q)
        values = blocks * (depth * NONZERO + 0.5)
        return {
            "product": values * self.block_q,
            "load": values * (self.block_q + 2),
            "listed": values,
            "value": positions * depth,
            "list visit": blocks,
            **self.finish.work(blocks * self.block_q, 1),
        }

    def lags(self) -> tuple[int | None, ...]:
        """Steps are positions: one is listed, then all its outputs are written."""
        x = np.arange(self.stage.region[1])
        ends, starts = (x + 1) * self.stage.region[2], x * self.stage.depth
        return (lag(ends, starts, rereads=False),)


def _rectified(network: Network, stage: Stage) -> bool:
    """Whether the input comes from a ReLU, and its zero is u = 0."""
    makers = {op.outputs[0]: op for op in network.operators}
    index = stage.head.inputs[0]
    if network.tensors[index].zero_point != -128:
        return False
    while index in makers:
        op = makers[index]
        if op.kind in RELUS or op.attributes.activation in RELUS:
            return True
        if op.kind not in ("RESHAPE", "MAX_POOL_2D"):
            return False
        index = op.inputs[0]
    return False

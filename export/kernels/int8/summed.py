"""What kernels of weighted sums share: their weights, and how a sum becomes a byte."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from export.arithmetic import requant_stage
from export.arithmetic.requant import Requant
from export.graph.stage import Stage
from export.kernels.arrays import Array, weight_array
from export.kernels.int8.finish import Finish
from export.kernels.kernel import Kernel, Options


@dataclass(frozen=True, eq=False)
class Summed(Kernel):
    """A stage of weighted sums."""

    engine: ClassVar[str] = "int8"

    finish: Finish
    weights: Array

    @classmethod
    def finished(cls, stage: Stage, options: Options) -> Finish:
        """Of plain sums: proved requantisation, then the activations' table."""
        table = requant_stage.table(stage)
        found = requant_stage.weighted(stage, table)
        return Finish.of(stage, options, cls.stem_of(stage, options), found, table)

    @property
    def weight(self) -> str:
        """C that follows a weight as it is stored, where that is not all of it."""
        _, first = self.options.stored(self.stage)
        return f" - {-first}" if first else ""

    @classmethod
    def by_block(cls, stage: Stage, options: Options, count: int) -> Array:
        """The weights as a loop reads them that is unrolled by `count` channels."""
        kind, first = options.stored(stage)

        def order() -> np.ndarray:  # (O / count, K, count)
            flat = stage.flat_weights() - first
            return flat.reshape(-1, count, flat.shape[1]).transpose(0, 2, 1)

        return weight_array(
            f"{cls.stem_of(stage, options)}_weights",
            f"{stage.name}: weights, {in_blocks(count)}",
            order,
            stage.weight_count,
            kind,
        )

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Weights, channels and, if any, the table."""
        return (self.weights, *self.finish.arrays(self.stage))

    @property
    def requant(self) -> Requant | None:
        """That of the finish."""
        return self.finish.requant

    @property
    def sum_type(self) -> str:
        """Of a sum: beyond int32 it wraps around, as TFLite's; unsigned may."""
        return "uint32_t" if self.finish.requant.form == "wide" else "int32_t"


def in_blocks(count: int) -> str:
    """How weights follow each other, for a comment."""
    return f"in blocks of {count} channels" if count > 1 else "channel by channel"

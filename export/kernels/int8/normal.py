"""LOG_SOFTMAX and L2_NORMALIZATION over the channels, for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import normal, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, word_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class LogSoftmax(Plain):
    """Exponentials by a table, one logarithm a position."""

    template: ClassVar[str] = "int8/log_softmax.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("LOG_SOFTMAX",)

    k: normal.LogSoftmax

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        k = normal.log_softmax_constants(stage.network, stage.head)
        yield cls(stage, options, requant_stage.table(stage), k)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The activations' table, if any; exponentials and differences."""
        terms = f"{self.name}: exp(-i * scale), Q12.19"
        differences = f"{self.name}: -i * scale, Q5.26"
        return (
            *super().arrays,
            word_array(f"{self.stem}_terms", terms, self.k.terms),
            word_array(f"{self.stem}_differences", differences, self.k.differences),
        )

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_log_softmax.h"})


@dataclass(frozen=True, eq=False)
class L2Normalization(Plain):
    """One root a position."""

    template: ClassVar[str] = "int8/l2_normalization.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("L2_NORMALIZATION",)

    zero: int  # of the input, as u

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        source = stage.network.tensors[stage.head.inputs[0]]
        yield cls(stage, options, requant_stage.table(stage), source.zero_point + 128)

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_l2.h"})

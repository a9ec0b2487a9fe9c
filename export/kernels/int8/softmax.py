"""SOFTMAX over the channels, for int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import int8, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, word_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Softmax(Plain):
    """Exponentials by a table, then one division a position."""

    template: ClassVar[str] = "int8/softmax.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("SOFTMAX",)

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        yield cls(stage, options, requant_stage.table(stage))

    @property
    def exps(self) -> str:
        """Name of the exponentials."""
        return f"{self.stem}_exps"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The activations' table, if any, and the exponentials."""
        exps = int8.softmax_table(self.stage.network, self.stage.head)
        what = f"{self.name}: exp(-i * scale * beta), Q0.31"
        return (*super().arrays, word_array(self.exps, what, exps))

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_softmax.h"})

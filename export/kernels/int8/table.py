"""Activations alone, for int8: a table with 256 entries, or one for each channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from export.arithmetic import requant_stage
from export.graph.kinds import CHANNEL_TABLE, UNARY_KINDS
from export.graph.stage import Stage
from export.kernels.c_text import total
from export.kernels.int8.plain import Plain, elementwise_lags
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Table(Plain):
    """Every byte through the table of all activations."""

    template: ClassVar[str] = "int8/table.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = UNARY_KINDS

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        yield cls(stage, options, requant_stage.table(stage))

    @property
    def flat(self) -> bool:
        """Whether the input is stored just like the output."""
        height, width, _ = self.stage.region
        return height == width == 1 or self.pitches == [self.stage.width]

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)


@dataclass(frozen=True, eq=False)
class ChannelTable(Plain):
    """Every byte through its channel's table."""

    template: ClassVar[str] = "int8/elementwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = (CHANNEL_TABLE,)

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        yield cls(stage, options, requant_stage.table(stage))

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        at = total((y, self.pitches[0]), (x, self.stage.region[2]), "c")
        return self.store(f"c * 256 + in0[{at}]")

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)

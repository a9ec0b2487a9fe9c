"""MOVE for int8: slices, transpositions, mirrors and more, as loops over offsets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import requant_stage
from export.graph.attributes import Movement
from export.graph.moves import Moves
from export.graph.stage import Stage
from export.kernels.arrays import Array, word_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options
from export.plan.overlap import lag


@dataclass(frozen=True, eq=False)
class Move(Plain):
    """Bytes from where the loops say, one after another."""

    template: ClassVar[str] = "int8/move.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("MOVE",)

    moves: Moves

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind in cls.kinds:
            table = requant_stage.table(stage)
            yield cls(stage, options, table, stage.head.told(Movement).moves)

    def table_of(self, number: int) -> str:
        """Name of a loop's offsets."""
        return f"{self.stem}_from{number}"

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The activations' table, if any, and the offsets of loops that want them."""
        offsets = (
            word_array(
                self.table_of(n), f"{self.name}: offsets, loop {n}", axis.offsets()
            )
            for n, axis in enumerate(self.moves.axes)
            if axis.table is not None
        )
        return (*super().arrays, *offsets)

    @property
    def loops(self) -> list[tuple[str, int]]:
        """(variable, turns) from the outside in."""
        return [(f"i{n}", axis.size) for n, axis in enumerate(self.moves.axes)]

    @property
    def index(self) -> str:
        """C of the position that is read."""
        parts = [str(self.moves.start)] if self.moves.start else []
        for n, axis in enumerate(self.moves.axes):
            if axis.table is not None:
                parts.append(f"{self.table_of(n)}[i{n}]")
            elif axis.step:
                parts.append(f"i{n}" if axis.step == 1 else f"i{n} * {axis.step}")
        return " + ".join(parts).replace("+ -", "- ") or "0"

    def lags(self) -> tuple[int | None, ...]:
        """Byte by byte, in the output's order."""
        starts = self.moves.index()
        return (lag(np.arange(1, starts.size + 1), starts, rereads=False),)

"""What the int8 kernels without weights share: their inputs, and a table at the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import position
from export.kernels.int8.finish import stored, table_array
from export.kernels.kernel import Kernel, Options
from export.plan.overlap import lag


@dataclass(frozen=True, eq=False)
class Reader(Kernel):
    """Where a stage without weights finds its inputs, and where it writes."""

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One, of all that needs no more than its stage."""
        yield cls(stage, options)

    @property
    def inputs(self) -> list[str]:
        """Names of the C parameters."""
        return [f"in{i}" for i in range(len(self.stage.sources))]

    @property
    def pitches(self) -> list[int]:
        """Elements from one row of each input to the next."""
        return [source.pitch for source in self.stage.sources]

    def place(self, y: str, x: str) -> str:
        """C of where a position's elements are stored."""
        _, width, channels = self.stage.region
        return position(width, channels, y, x)


@dataclass(frozen=True, eq=False)
class Plain(Reader):
    """A stage without weights; {u} stands for what comes before the table."""

    engine: ClassVar[str] = "int8"

    table: np.ndarray | None  # of the activations behind it

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any."""
        if self.table is None:
            return ()
        return (table_array(self.stage, self.stem, self.table),)

    @property
    def out_type(self) -> str:
        """Of the stored byte."""
        return "int8_t" if self.stage.is_output else "uint8_t"

    @property
    def table_name(self) -> str | None:
        """Of the table, where there is one."""
        return None if self.table is None else f"{self.stem}_table"

    def store(self, u: str) -> str:
        """C of the byte to store for a u in 0..255."""
        return stored(u, self.table_name, self.stage.is_output)


def elementwise_lags(stage: Stage) -> tuple[int | None, ...]:
    """Steps are elements; an operand that is broadcast is read again and again."""
    found: list[int | None] = []
    for source in stage.sources:
        if source.region != stage.region:
            found.append(None)
            continue
        row = np.arange(stage.width)
        y = np.arange(stage.region[0])[:, None]
        starts = y * source.pitch + row
        found.append(lag(y * len(row) + row + 1, starts, rereads=False))
    return tuple(found)

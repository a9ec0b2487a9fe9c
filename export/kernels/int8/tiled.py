"""What both Winograd kernels share: tiles of outputs, a few at once."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from export.arithmetic import requant_stage
from export.arithmetic.requant import Requant
from export.graph.stage import Stage
from export.kernels.arrays import byte_array
from export.kernels.c_text import total
from export.kernels.int8.conv import Strip
from export.kernels.int8.finish import Finish
from export.kernels.int8.summed import Summed, in_blocks
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Tiled(Summed):
    """A convolution by tiles, into memory of its own or into a strip."""

    kinds: ClassVar[tuple[str, ...]] = ("CONV_2D",)
    tile: ClassVar[int]  # outputs a side
    transform: ClassVar[str]  # of a filter g
    scale: ClassVar[int] = 1  # of the sums

    tiles: int  # of a turn
    block_q: int  # channels of a turn
    strip: Strip | None = None

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One, where a profile wants it and it can be proved."""
        if options.winograd and not (stage.pool and stage.pool.overlaps):
            yield from cls.of(stage, options)

    @classmethod
    @abstractmethod
    def of(
        cls, stage: Stage, options: Options, strip: Strip | None = None
    ) -> Iterator[Self]:
        """One whatever the profile, where it can be proved."""

    @classmethod
    def _of_filters(
        cls,
        stage: Stage,
        options: Options,
        strip: Strip | None,
        found: Requant,
        filters: np.ndarray,
        blocks: tuple[int, int],
    ) -> Self:
        """Of transformed filters (O, f, I), unrolled by so many tiles and channels."""
        tiles, block_q = blocks
        stem = cls.stem_of(stage, options)
        table = requant_stage.table(stage)
        # (O / q, f, I, q): the order in which the inner loop reads
        order = filters.reshape(-1, block_q, *filters.shape[1:]).transpose(0, 2, 3, 1)
        return cls(
            stage=stage,
            options=options,
            finish=Finish.of(stage, options, stem, found, table, cls.scale),
            weights=byte_array(
                f"{stem}_filters",
                f"{stage.name}: {cls.transform}, {in_blocks(block_q)}",
                order.reshape(-1),
                "int16_t",
            ),
            tiles=tiles,
            block_q=block_q,
            strip=strip,
        )

    @property
    def function(self) -> str:
        """Name of the C function."""
        return self.strip.function if self.strip else self.name

    # ==== For the template ====

    @property
    def products(self) -> str:
        """Name of the macro that adds one channel's products to all sums."""
        return f"{self.function.upper()}_{self.tiles}X{self.block_q}"

    def corner(self, y: str, x: str) -> str:
        """C of where a tile begins."""
        return total("in", (y, self.pitch), (x, self.stage.depth))

    @property
    def total(self) -> int:
        """Of all tiles, the number."""
        return self.stage.head_region[0] * self.stage.head_region[1] // self.tile**2

    @property
    def pitch(self) -> int:
        """Bytes from one row of the input to the next."""
        return self.stage.sources[0].pitch

    @property
    def out_pitch(self) -> int:
        """Bytes from one stored row to the next."""
        return self.strip.pitch if self.strip else self.stage.width

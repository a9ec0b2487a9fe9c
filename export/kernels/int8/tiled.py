"""What both Winograd kernels share: tiles of outputs, some of them abreast."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from export.arithmetic.requant import Requant
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int8.conv import Strip
from export.kernels.int8.finish import Finish
from export.kernels.kernel import Kernel, Options


@dataclass(frozen=True, eq=False)
class Tiled(Kernel):
    """A convolution by tiles, into memory of its own or into a strip."""

    engine: ClassVar[str] = "int8"
    kinds: ClassVar[tuple[str, ...]] = ("CONV_2D",)
    tile: ClassVar[int]  # outputs a side

    finish: Finish
    weights: Array
    tiles: int  # abreast
    block_q: int  # channels abreast
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

    @property
    def function(self) -> str:
        """Name of the C function."""
        return self.strip.function if self.strip else self.name

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Filters, channels and, if any, the table."""
        return (self.weights, *self.finish.arrays(self.stage))

    @property
    def requant(self) -> Requant | None:
        """That of the finish."""
        return self.finish.requant

    @property
    def one_row(self) -> bool:
        """Of tiles."""
        return self.stage.head_region[0] == self.tile

    @property
    def total(self) -> int:
        """Tiles."""
        return self.stage.head_region[0] * self.stage.head_region[1] // self.tile**2

    @property
    def pitch(self) -> int:
        """Bytes from one row of the input to the next."""
        return self.stage.sources[0].pitch

    @property
    def out_pitch(self) -> int:
        """Bytes from one stored row to the next."""
        return self.strip.pitch if self.strip else self.stage.width

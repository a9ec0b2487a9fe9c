"""RESIZE_BILINEAR for int8: four neighbours, weighed in Q10."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import matrix, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, word_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class ResizeBilinear(Plain):
    """Offsets and weights of rows and columns come from tables."""

    template: ClassVar[str] = "int8/resize_bilinear.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("RESIZE_BILINEAR",)

    lines: tuple[matrix.Line, matrix.Line]  # of rows, of columns

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        if stage.head.kind in cls.kinds:
            lines = matrix.bilinear(stage.network, stage.head)
            yield cls(stage, options, requant_stage.table(stage), lines)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The table, if any; for each row and column two offsets and a weight."""
        found = []
        steps = (self.stage.sources[0].pitch, self.stage.region[2])
        names = ("rows", "columns")
        for name, step, line in zip(names, steps, self.lines, strict=True):
            first, second, weight = line
            values = np.stack([first * step, second * step, weight], 1).reshape(-1)
            what = f"{self.name}: {name}, two offsets and a weight each"
            found.append(word_array(f"{self.stem}_{name}", what, values))
        return (*super().arrays, *found)

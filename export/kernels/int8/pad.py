"""PAD for int8: a border of one value, and bytes that only move."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from typing_extensions import override

from core.errors import Esp8kError
from export.arithmetic import requant_stage
from export.graph.attributes import Padding
from export.graph.stage import Stage
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Pad(Plain):
    """All of the output filled, then the input copied into it."""

    template: ClassVar[str] = "int8/pad.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("PAD",)

    rows: int  # that are copied
    columns: int
    depth: int
    start: int  # where the input goes in the output

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        pads = stage.head.told(Padding).paddings or ()
        if len(pads) != 4 or pads[0] != (0, 0):
            raise Esp8kError(
                "PAD of other than (N, H, W, C)", "pad height, width, channel"
            )
        (top, _), (left, _), (before, _) = pads[1:]
        in_h, in_w, depth = stage.sources[0].shape
        height, width, channels = stage.region
        yield cls(
            stage,
            options,
            requant_stage.table(stage),
            rows=max(min(in_h, height - top), 0),
            columns=max(min(in_w, width - left), 0),
            depth=depth,
            start=(top * width + left) * channels + before,
        )

    @property
    def fill(self) -> str:
        """C of the border's byte."""
        fill = self.stage.head.told(Padding).fill
        q = self.stage.head_output.zero_point if fill is None else fill
        return self.store(str(q + 128))

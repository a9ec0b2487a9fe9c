"""CONV_2D and FULLY_CONNECTED of the float16 engine.

A weight is decoded once for all positions of a register tile, or, where a call has
several such tiles, into working memory; a small filter stays in registers.
Convolutions at the start of the network are computed row by row, so that only a few
rows of their outputs are ever stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from core.errors import Esp8kError
from export.arithmetic.float16 import FLOAT16_LEAST_NORMAL
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import Term, total
from export.kernels.float16.soft import Soft
from export.kernels.float16.stored import FloatKernel, Job, half, half_array
from export.kernels.kernel import Options
from export.plan.row_buffers import MOST_KEPT
from export.plan.tiling_f16 import MOST_UNROLL, Tile, divisor, tile_of

HELD = 8  # sums that gcc 12 would copy between registers, which it does not with more


@dataclass(frozen=True)
class Output:
    """One output of a tile."""

    sums: list[int]  # numbers of those that it is the largest of
    offset: int  # from the tile's first output
    value: str  # C of what is stored


@dataclass(frozen=True, eq=False)
class Conv(FloatKernel):
    """Sums of a tile of positions, one channel at a time."""

    template: ClassVar[str] = "float16/conv.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("CONV_2D", "FULLY_CONNECTED")

    tile: Tile
    halves: np.ndarray  # (O, Kh, Kw, I) binary16
    biases: np.ndarray  # (O,) binary16

    @classmethod
    @override
    def jobs(cls, stage: Stage, options: Options, job: Job) -> Iterator[Self]:
        own = stage.geometry
        halves = half(stage.network, stage.head.inputs[1]).reshape(stage.weights.shape)
        if stage.padded or (own.dilation_h, own.dilation_w) != (1, 1):
            raise Esp8kError(
                f"no float16 kernel for {stage.head.kind} with padding or dilation",
                "use the int8 engine",
            )
        if stage.sources[0].is_input and not job.rows:
            raise Esp8kError(
                f"{stage.name} cannot run row by row, as a first float16 layer does",
                "use the int8 engine",
            )
        biases = half(stage.network, stage.head.inputs[2])
        tile = tile_of(stage, job.rows or stage.region[0])
        yield cls(stage, options, job, tile, halves, biases)

    # ==== Constants ====

    @property
    def raw(self) -> int | None:
        """log2 of what the stored weights are multiplied by, where their input too."""
        return self.job.scales.weights.get(self.stage.number)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Weights and biases; raw ones have the sign that nn_less takes."""
        values, comment = self.halves, f"{self.name}: weights, binary16"
        if self.raw is not None:
            values = -np.ldexp(values.astype(np.float32), self.raw)
            values = values.astype(np.float16)
            comment = f"{self.name}: weights * -2^{self.raw}, binary16"
        biases = self.biases + np.float16(0)  # no -0
        return (
            half_array(self.weights, comment, values),
            half_array(self.bias_name, f"{self.name}: biases", biases),
        )

    @property
    def weights(self) -> str:
        """Name of the weights."""
        return f"{self.stem}_weights"

    @property
    def bias_name(self) -> str:
        """Name of the biases."""
        return f"{self.stem}_biases"

    # ==== Sizes ====

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return self.job.method

    @property
    def first(self) -> bool:
        """Whether it reads raw pixels."""
        return self.stage.sources[0].is_input

    @property
    def out_h(self) -> int:
        """Rows of the output, a call."""
        return self.job.rows or self.stage.region[0]

    @property
    def size(self) -> int:
        """Weights of a channel."""
        return int(self.halves[0].size)

    @property
    def row(self) -> int:
        """Weights in a row of the kernel."""
        return self.stage.geometry.kernel_w * self.stage.depth

    @property
    def pitch(self) -> int:
        """Elements from one row of the input to the next."""
        return self.stage.sources[0].pitch

    @property
    def window_h(self) -> int:
        """Rows of the input, a call."""
        pool_h = self.stage.pool.kernel_h if self.stage.pool else 1
        own = self.stage.geometry
        return (self.out_h * pool_h - 1) * own.stride_h + own.kernel_h

    @property
    def pixels(self) -> int:
        """Of the image, a call."""
        return self.window_h * self.pitch

    @property
    def several_rows(self) -> bool:
        """Of tiles."""
        return self.out_h > self.tile.out_rows

    @property
    def several_columns(self) -> bool:
        """Of tiles."""
        return self.stage.region[1] > self.tile.out_columns

    @property
    def kept(self) -> bool:
        """Whether a channel's weights stay in registers."""
        return self.size <= MOST_KEPT

    @property
    def decoded(self) -> int:
        """Weights that are decoded into working memory."""
        several = self.several_rows or self.several_columns
        return self.size if several and not self.kept else 0

    @property
    def scratch(self) -> int:
        """Bytes of decoded weights and of pixels."""
        return 4 * (self.decoded + (self.pixels if self.first else 0))

    # ==== Addresses ====

    @property
    def step_y(self) -> int:
        """Rows of the input from one row of tiles to the next."""
        return self.tile.rows // self.tile.out_rows * self.stage.geometry.stride_h

    @property
    def next_row(self) -> str:
        """C that goes from one row of the kernel to the next."""
        gap = self.pitch - self.row
        return f"v += {gap}" if gap and not self.job.ring else ""

    @property
    def several_turns(self) -> bool:
        """Whether the loops over the kernel have more than one."""
        return self.unroll < self.size

    def at(self, ky: str = "0") -> str:
        """C of where a tile reads."""
        base = "pixels" if self.first else "in"
        down = self.step_y * self.pitch if self.several_rows else 0
        columns = self.tile.columns // self.tile.out_columns
        right = columns * self.stage.geometry.stride_w * self.stage.depth
        x = ("x", right if self.several_columns else 0)
        if self.job.ring:
            return total(f"rows[{total(self.ring_y, ky)}]", x)
        return total(base, ("y", down), x)

    @property
    def to(self) -> str:
        """C of where a tile writes."""
        _, width, channels = self.stage.region
        y = ("y", width * channels if self.several_rows else 0)
        return total("out", y, ("x", channels if self.several_columns else 0), "c")

    @property
    def ring_y(self) -> Term:
        """C of a tile's first row, by its pointer."""
        return ("y", self.step_y if self.several_rows else 0)

    @property
    def taps(self) -> list[int]:
        """Where the weights of a channel read."""
        kernel_h = self.stage.geometry.kernel_h
        return [y * self.pitch + k for y in range(kernel_h) for k in range(self.row)]

    @property
    def offsets(self) -> list[int]:
        """Where the sums of a tile read, from its first."""
        own = self.stage.geometry
        down, right = own.stride_h * self.pitch, own.stride_w * self.stage.depth
        return [
            r * down + c * right
            for r in range(self.tile.rows)
            for c in range(self.tile.columns)
        ]

    @property
    def outputs(self) -> list[Output]:
        """Of a tile."""
        _, width, channels = self.stage.region
        return [
            Output(group, (r * width + c) * channels, self.value.of(f"a{group[0]}"))
            for r in range(self.tile.out_rows)
            for c in range(self.tile.out_columns)
            for group in [self.tile.group(r, c)]
        ]

    # ==== Pieces of C ====

    @property
    def sums(self) -> int:
        """Of a tile."""
        return self.tile.rows * self.tile.columns

    @property
    def start(self) -> str:
        """Of a sum: the pixels' comes from zero."""
        return "0.0f" if self.first else "b"

    @property
    def bias(self) -> str:
        """C of it."""
        text, power = f"nn_half_finite({self.bias_name}[c])", self.value.early
        return f"nn_scaled({text}, {power})" if power else text

    @property
    def mac(self) -> str:
        """The function for a product."""
        return "nn_mac" if self.raw is None else "nn_less"

    @property
    def decode(self) -> str:
        """The cheapest function that is exact for these weights."""
        if self.raw is not None:
            return "nn_half_raw"
        sign = "" if self.kept else "minus_"
        least = np.abs(self.halves.astype(np.float32)).min()
        kind = "normal" if least >= FLOAT16_LEAST_NORMAL else "finite"
        return f"nn_{sign}half_{kind}"

    @property
    def holds(self) -> list[str]:
        """A fence that names all sums, in lines of four, for those that gain by it."""
        if self.sums != HELD or self.stage.pool is not None:
            return []
        sums = [f"NN_SUM(a{n})" for n in range(self.sums)]
        lines = [", ".join(sums[i : i + 4]) for i in range(0, self.sums, 4)]
        return ("NN_HOLD(" + ",\n        ".join(lines) + ");").split("\n")

    @property
    def unroll(self) -> int:
        """Weights in one piece of straight code."""
        return self.tile.unroll(self.row, self.options.profile)

    @property
    def decode_unroll(self) -> int:
        """Weights that are decoded in one."""
        return divisor(self.size, MOST_UNROLL)

    @property
    def pixel_unroll(self) -> int:
        """Pixels that are decoded in one."""
        return divisor(self.pixels, MOST_UNROLL)

    @property
    def soft(self) -> Soft:
        """The same without an FPU."""
        return Soft(self.stage, self.out_h, self.raw is not None)

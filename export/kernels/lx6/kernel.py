"""The kernels of the LX6 as the generator takes them.

    registry.int8(stage, options, KERNELS)

Each way to make a layer (`direct`, `winograd1`, ...) gives a `Made`; here it becomes a
`Kernel` beside the portable ones, and the cheapest is taken as everywhere. A pool whose
windows overlap takes its rows from one of these, as it does from portable ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from export.arithmetic.requant import Requant
from export.graph.kinds import MAC_KINDS
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.int8 import row_wise
from export.kernels.int8.conv import Strip
from export.kernels.int8.strip import PooledStrip, whole_strip
from export.kernels.kernel import Kernel, Options
from export.kernels.lx6 import cells, depthwise, direct, first, winograd1, winograd2
from export.kernels.lx6.layer import Layer, Made
from export.kernels.lx6.stages import layer_of
from export.plan.overlap import lag

Maker = Callable[[Layer], Made | None]

SMALL: tuple[Maker, ...] = (depthwise.emit, direct.emit, first.emit)
MAKERS: tuple[Maker, ...] = (*SMALL, winograd1.emit, winograd2.emit)
FED = (2, 1)  # rows that a call makes just before they are read
STRIP_ROWS = 4  # that a pool whose windows overlap takes of Winograd's tiles at a time


@dataclass(frozen=True, eq=False)
class Lx6(Kernel):
    """A weighted sum by MAC16 and MULSH; its weights are int16, so not for size."""

    engine: ClassVar[str] = "int8"
    template: ClassVar[str] = "lx6/code.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = MAC_KINDS

    made: Made
    strip: Strip | None = None  # where a pool wants the rows
    calls: int = 1

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """By all that can make the layer."""
        layer = layer_of(stage, options)
        if layer is not None and options.wide_weights:
            yield from cls.of(layer, stage, options)

    @classmethod
    def of(cls, layer: Layer, stage: Stage, options: Options) -> Iterator[Self]:
        """The same of a layer that is known."""
        makers = MAKERS if options.winograd else SMALL
        for make in makers:
            made = make(layer)
            if made is not None:
                yield cls(stage, options, made)

    @property
    def function(self) -> str:
        """The name of the C function."""
        return self.strip.function if self.strip else self.name

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Nothing: its constants stand beside its code."""
        return ()

    @property
    def static_text(self) -> str:
        """C that holds them."""
        return self.made.code

    @property
    def constant_bytes(self) -> int:
        """Of those beside its code."""
        return self.made.const_bytes

    @property
    def method(self) -> str:
        """What it is called."""
        return self.made.method

    @property
    def scratch(self) -> int:
        """Bytes."""
        return self.made.scratch

    @property
    def headers(self) -> frozenset[str]:
        """Of the instructions."""
        return frozenset({"nn_lx6.h"})

    @property
    def text(self) -> str:
        """Its C."""
        about = f"/* {self.method}: {self.made.cost:,} instructions a call, counted */"
        code = self.made.code.rstrip()
        return f"{about}\n/* clang-format off */\n{code}\n/* clang-format on */"

    def cost(self, core: str) -> int:
        """Instructions, counted; of this core, whatever is asked for."""
        return self.calls * self.made.cost

    def lags(self) -> tuple[int | None, ...]:
        """Steps are groups of rows."""
        ends, starts = self.made.steps
        return (lag(ends, starts, rereads=self.made.rereads),)


@dataclass(frozen=True, eq=False)
class Lx6Strip(PooledStrip):
    """Rows by MAC16, then the pool's maxima of them."""

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """By all that can make the rows."""
        pool, height = stage.pool, stage.head_region[0]
        if pool is None or not pool.overlaps or stage.head.kind not in cls.kinds:
            return
        taken = STRIP_ROWS if options.winograd else pool.stride_h  # fewer: less memory
        if height % taken or taken % pool.stride_h or stage.padded:
            return
        part = stage.rows(taken, taken, pooled=False)
        strip = whole_strip(stage, pool)
        layer = layer_of(part, options, strip.function, strip.pitch)
        if layer is not None and options.wide_weights:
            for rows in Lx6.of(layer, part, options):
                yield cls(stage, options, replace(rows, strip=strip), strip)

    @property
    def requant(self) -> Requant | None:
        """None: its own form is told with its code."""
        return None

    @property
    def pool_text(self) -> str | None:
        """The C of its maxima, where it has its own."""
        maxima = self._maxima
        return maxima[0] if maxima else None

    @property
    def _maxima(self) -> tuple[str, int] | None:
        if self.stage.is_output:  # it stores u, the network gives q
            return None
        return cells.text(self.name, self.pool, self.stage.region, self.strip.pitch)

    def cost(self, core: str) -> int:
        """Instructions: the rows' are counted, as are the maxima's of our own."""
        assert isinstance(self.inner, Lx6)
        maxima = self._maxima
        pooled = (
            (self.stage.region[0] + 1) * maxima[1] if maxima else super().cost("xtensa")
        )
        return self.steps * self.inner.made.cost + pooled


def feeds(stage: Stage, options: Options, room: int) -> Iterator[tuple[int, Kernel]]:
    """What makes a stage's rows just before they are read: (rows a call, kernel)."""
    down = stage.pool.stride_h if stage.pool else 1
    for rows in FED:
        if stage.region[0] % rows == 0:
            part = stage.rows(rows * down, rows)
            layer = layer_of(part, options)
            if layer is not None and options.wide_weights:
                for kernel in Lx6.of(layer, part, options):
                    calls = stage.region[0] // rows
                    yield rows, replace(kernel, calls=calls)
    if not options.wide_weights:
        yield from row_wise.ways(stage, options, room)

"""What every kernel answers for itself: the base class, and what a profile decides.

A kernel is one way to make one stage's C function: a frozen dataclass in one module,
its template beside it. `ways` says for which stages it can, and how; everything else
is asked of what `ways` gives: the constants, the working memory, the cost, how far
before its input the output may start, the headers, the C.

    for kernel in Conv.ways(stage, options):
        print(kernel.cost("xtensa"), kernel.scratch)

`export.kernels.registry` lists them all; docs/adding-a-kernel.md adds one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import jinja2

from export.arithmetic.requant import Requant
from export.graph.stage import Stage
from export.kernels.arrays import Array
from export.kernels.c_text import block, total, turns
from export.plan import cost
from export.plan.cost import Work


@dataclass(frozen=True)
class Options:
    """What a profile decides for a stage."""

    profile: str
    prefix: str  # of every name
    wide_tables: bool = False  # tables over all that can occur, instead of a clamp
    wide_weights: bool = False  # int16 in flash: one load where int8 costs three
    winograd: bool = False  # F(2, 3) where it applies: fewer products, more flash

    @property
    def weight_type(self) -> str:
        """Of the int8 engine's weights, as they are stored."""
        return "int16_t" if self.wide_weights else "int8_t"

    def stored(self, stage: Stage) -> tuple[str, int]:
        """The same of a stage's weights, and what they count from."""
        first = stage.bytes_from
        if self.wide_weights or first is None:
            return self.weight_type, 0
        return "uint8_t", first


@dataclass(frozen=True, eq=False)
class Kernel(ABC):
    """One way to make one stage."""

    engine: ClassVar[str]  # int8 | int16 | f16: a part of every name
    template: ClassVar[str]  # beside the module, from export/kernels
    kinds: ClassVar[tuple[str, ...]]  # of the operators that may head its stages

    stage: Stage
    options: Options

    @classmethod
    @abstractmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """All that it can do for a stage of its kinds; nothing where it cannot."""

    @property
    def name(self) -> str:
        """Of the C function."""
        return self.stage.name

    @classmethod
    def stem_of(cls, stage: Stage, options: Options) -> str:
        """What the names of a stage's constants begin with."""
        return f"{options.prefix}_{cls.engine}_{stage.name}"

    @property
    def stem(self) -> str:
        """What the names of its constants begin with."""
        return self.stem_of(self.stage, self.options)

    @property
    @abstractmethod
    def arrays(self) -> tuple[Array, ...]:
        """Its constants, in the order in which they are written."""

    @property
    def constant_bytes(self) -> int:
        """Of its constants, wherever they are written."""
        return sum(array.size for array in self.arrays)

    @property
    def static_text(self) -> str:
        """C of the constants that stand beside its code, if any do."""
        return ""

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        return "direct"

    @property
    def out_bytes(self) -> int:
        """Of what it stores, where the caller does not hold that."""
        return self.stage.size

    @property
    def scratch(self) -> int:
        """Bytes of working memory, while it runs."""
        return 0

    @property
    def power(self) -> int:
        """Of two, by which what it stores is too large."""
        return 0

    @property
    def headers(self) -> frozenset[str]:
        """Headers of firmware/components/nn beside the engine's own."""
        return frozenset()

    @property
    def requant(self) -> Requant | None:
        """How it requantises, where it does."""
        return None

    def work(self) -> Work:
        """How often it does each kind of work in one inference.

        Nothing where nobody has to choose: an operator that is made in one way.
        """
        return {}

    def cost(self, core: str) -> int:
        """Instructions of one inference on one core."""
        return cost.estimate(self.work(), core)

    def lags(self) -> tuple[int | None, ...]:
        """For each input how many bytes before it the output has to start.

        Then they may overlap (`export.plan.overlap`); None: they must lie apart.
        """
        return (None,) * len(self.stage.sources)

    def code(self, templates: jinja2.Environment, shares: bool) -> str:
        """Its C; `shares`: input and output overlap in memory."""
        template = templates.get_template(self.template)
        restrict = "" if shares else "restrict "
        prefix = self.options.prefix
        written = {"total": total, "turns": turns, "block": block}
        return template.render(s=self, restrict=restrict, prefix=prefix, **written)

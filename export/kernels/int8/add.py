"""ADD and SUB for int8: each operand times a factor or by a table, then a shift."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import int8, pair_tables, requant_stage
from export.arithmetic.pair_tables import Narrow
from export.graph.stage import Stage
from export.kernels.arrays import Array, word_array
from export.kernels.c_text import total
from export.kernels.int8.operands import SHORT, Operands, operands
from export.kernels.int8.plain import Plain, elementwise_lags
from export.kernels.kernel import Options


@dataclass(frozen=True, eq=False)
class Add(Plain):
    """A sum or a difference of two values."""

    template: ClassVar[str] = "int8/elementwise.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("ADD", "SUB")

    operands: Operands
    scaled: tuple[np.ndarray, np.ndarray]  # int64 (256,), of each by u
    narrow: Narrow | None  # None: scaled as TFLite does, in 64 bits
    output: tuple[int, int]  # TFLite's scale of the sum

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        found = operands(stage, cls.stem_of(stage, options))
        sub = stage.head.kind == "SUB"
        constants = int8.add_constants(stage.network, stage.head)
        zeros = [tensor.zero_point for tensor in found.tensors]
        first = int8.add_table(constants.first, zeros[0])
        second = int8.add_table(constants.second, zeros[1]) * (-1 if sub else 1)
        out = stage.head_output
        bounds = requant_stage.u_range(stage.head, out)
        to = (constants.output, out.zero_point + 128, bounds)
        made = pair_tables.narrow(first, second, *to)
        scaled = (made.first, made.second) if made else (first, second)
        table = requant_stage.table(stage)
        yield cls(stage, options, table, found, scaled, made, constants.output)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The activations' table, constant operands, and what is scaled by tables."""
        constants = [a for a in self.operands.arrays if not self._is_short(a.name)]
        found = [*super().arrays, *constants]
        pairs = zip(self.operands.tensors, self.scaled, "ab", strict=True)
        for tensor, values, letter in pairs:
            what = f"{self.name}: operand {letter} by u, scaled"
            if tensor.data is not None and self._is_short(f"{self.stem}_{letter}"):
                what = f"{self.name}: operand {letter}, scaled"
                values = values[tensor.data.reshape(-1).astype(np.int64) + 128]
            elif self._factors is not None:
                continue
            found.append(word_array(f"{self.stem}_scaled_{letter}", what, values))
        return tuple(found)

    def _is_short(self, name: str) -> bool:
        """Whether a constant operand is stored scaled, with no table behind it."""
        sizes = {array.name: array.count for array in self.operands.arrays}
        return sizes.get(name, SHORT + 1) <= SHORT

    @property
    def _factors(self) -> tuple[int, int] | None:
        """Of the two bytes, where no table is needed."""
        return None if self.narrow is None else self.narrow.factors

    def element(self, y: str, x: str) -> str:
        """C of the byte at y, x and c."""
        both = " + ".join(map(self._term, self.operands.texts(y, x), "ab"))
        out = self.stage.head_output
        low, high = requant_stage.u_range(self.stage.head, out)
        if self.narrow is not None:
            if self._factors is not None and not self._is_short(f"{self.stem}_a"):
                both = total(both, int(self.narrow.first[0]))
            u = f"({both}) >> {self.narrow.shift}"
            return self.store(f"nn_clamp({u}, {low}, {high})")
        mantissa, shift = self.output
        u = total(f"nn_scale({both}, {mantissa}, {shift})", out.zero_point + 128)
        return self.store(f"nn_clamp({u}, {low}, {high})")

    def _term(self, text: str, letter: str) -> str:
        """C of an operand, scaled."""
        own, name = f"{self.stem}_{letter}", f"{self.stem}_scaled_{letter}"
        if self._is_short(own):
            return name + text.removeprefix(own)
        if self._factors is not None:
            return f"{text} * {self._factors['ab'.index(letter)]}"
        return f"{name}[{text}]"

    def lags(self) -> tuple[int | None, ...]:
        """Element by element."""
        return elementwise_lags(self.stage)

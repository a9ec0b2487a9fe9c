"""UNIDIRECTIONAL_SEQUENCE_LSTM: the gates' sums by MAC16, the rest by MULSH.

A step widens its input to int16 and adds the products of each gate's units, gate by
gate, so that a gate's constants stay in registers; likewise of the hidden state, whose
widened copy is the old one that the new one must not overwrite. Then one block goes
through the units (`lstm_cell`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import recurrent, requant_stage
from export.graph.stage import Stage
from export.kernels.int8.finish import stored
from export.kernels.kernel import Options
from export.kernels.lx6 import exact, lstm_cell
from export.kernels.lx6.assembly import Block
from export.kernels.lx6.kernel import Lx6
from export.kernels.lx6.layer import Made, bytes_table, words
from export.kernels.lx6.lstm_cell import Cell
from export.kernels.lx6.lstm_sums import GATE_BYTES, GATES, Sums, side_of
from export.kernels.lx6.text import function, instructions

MOST_UNITS = 2047  # what MOVI loads
NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Lx6Lstm(Lx6):
    """All steps in one function; the state is read and written in place."""

    kinds: ClassVar[tuple[str, ...]] = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """One, where all scales are within MULSH's reach."""
        made = emit(stage) if options.wide_weights else None
        if made is not None:
            yield cls(stage, options, made)

    @override
    def lags(self) -> tuple[int | None, ...]:
        """None: the output is written while the input is read."""
        return (None,) * len(self.stage.sources)


def emit(stage: Stage) -> Made | None:
    """The kernel, or None where a scale is out of reach."""
    k = recurrent.lstm(stage.network, stage.head)
    cell = Cell(k, GATE_BYTES, aligned=len(stage.sources) == 1)
    sides = recurrent.sides(k)
    scaled = [exact.solve(side_of(side)) for side in sides]
    if not cell.applies or None in scaled or k.sizes[0] > MOST_UNITS:
        return None
    parts = tuple(
        Sums(f"{stage.name}_{name}", side, narrow, name == "again")
        for name, side, narrow in zip(("own", "again"), sides, scaled, strict=True)
        if narrow is not None
    )
    if any(part.scales is None for part in parts):
        return None
    return _Maker(stage, cell, parts).kernel()


@dataclass(frozen=True, eq=False)
class _Maker:
    stage: Stage
    cell: Cell
    sides: tuple[Sums, ...]

    @property
    def units(self) -> int:
        return self.cell.k.sizes[0]

    def kernel(self) -> Made:
        """Constants, the three blocks, the function around them."""
        name = self.stage.name
        table = requant_stage.table(self.stage)
        arrays = {f"{name}_curve": self.cell.table}
        for side in self.sides:
            weights, channels = side.constants()
            arrays |= {f"{side.name}_weights": weights}
            arrays |= {f"{side.name}_channels": channels}
        texts = [words(values, array) for array, values in arrays.items()]
        texts.append(bytes_table(f"{name}_table", table) if table is not None else "")
        texts += [side.function() for side in self.sides]
        texts += [self._cells(), self._function(table is not None)]
        return Made(
            "direct",
            "\n".join(text for text in texts if text) + "\n",
            self._values + (GATE_BYTES * GATES + 3 * self._held) * self.units,
            self._cost(table is not None),
            4 * sum(map(len, arrays.values())) + (256 if table is not None else 0),
            (NOTHING, NOTHING),
            rereads=True,
        )

    @property
    def _held(self) -> int:
        """1 where the state is in the scratch, 0 where a caller has it."""
        return int(len(self.stage.sources) == 1)

    @property
    def _values(self) -> int:
        """Bytes of pairs."""
        return 4 * max(side.words for side in self.sides)

    def _block(self) -> Block:
        block = Block()
        unit = self.cell.block()
        unit.op("ADDI", "n", "n", -1)
        block.repeat("units", "n", self.units, unit)
        return block

    def _cells(self) -> str:
        head = f"NN_INLINE void {self.stage.name}_cells"
        return instructions(
            f"{head}(const int32_t *gates, uint8_t *cell, uint8_t *hidden)",
            {
                "g": "(uintptr_t)gates",
                "c": "(uintptr_t)cell",
                "h": "(uintptr_t)hidden",
                "n": f"{self.units}u",
            },
            lstm_cell.FREE,
            {"t": f"(uintptr_t){self.stage.name}_curve", "nil": "0u"},
            self._block(),
        )

    def _cost(self, tabled: bool) -> int:
        """Instructions of all steps; those of C, about."""
        steps = self.stage.sources[0].shape[0]
        blocks = sum(side.block().count for side in self.sides) + self._block().count
        widened = sum(int(3.2 * side.depth) + 25 for side in self.sides)
        copied = (6 + 3 * tabled) * self.units
        return steps * (blocks + widened + copied + 40) + 9 * self.units

    def _function(self, tabled: bool) -> str:
        """What the network calls."""
        stage, units = self.stage, self.units
        own, again = self.sides
        kind = "int8_t" if stage.is_output else "uint8_t"
        state = "" if self._held else "uint8_t *hidden, uint8_t *cell, "
        byte = stored(
            "hidden[i]", f"{stage.name}_table" if tabled else None, stage.is_output
        )
        return function(
            f"NN_LAYER void {stage.name}(const uint8_t *in, {state}{kind} *out, "
            "void *scratch)",
            [
                "uint32_t *const values = (uint32_t *)scratch;",
                f"int32_t *const gates = (int32_t *)(values + {self._values // 4});",
                *(self._anew() if self._held else []),
                "",
                f"for (int32_t t = 0; t < {stage.sources[0].shape[0]}; ++t) {{",
                own.widened("in"),
                f"{own.name}(values, gates);",
                again.widened("hidden"),
                f"{again.name}(values, gates);",
                f"{stage.name}_cells(gates, cell, hidden);",
                f"for (int32_t i = 0; i < {units}; ++i) {{",
                f"*out++ = {byte};",
                "}",
                f"in += {own.depth};",
                "}",
            ],
        )

    def _anew(self) -> list[str]:
        """The state that every call begins with."""
        units = self.units
        return [
            f"uint8_t *const cell = (uint8_t *)(gates + {GATES * units});",
            f"uint8_t *const hidden = cell + {2 * units};",
            "",
            f"for (int32_t i = 0; i < {units}; ++i) {{",
            f"hidden[i] = {self.cell.k.hidden_zero + 128};",
            "cell[2 * i] = 0;",
            "cell[2 * i + 1] = 0;",
            "}",
        ]

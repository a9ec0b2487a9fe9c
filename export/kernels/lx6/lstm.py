"""UNIDIRECTIONAL_SEQUENCE_LSTM: the gates' sums by MAC16, the rest by MULSH.

A step widens its input to int16 and adds the products of each gate's units, gate by
gate, so that a gate's constants stay in registers; likewise of the hidden state, whose
widened copy is the old one that the new one must not overwrite. Then one block goes
through the units (`lstm_cell`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import recurrent, requant_stage
from export.graph.stage import Stage
from export.kernels.int8.finish import stored
from export.kernels.kernel import Options
from export.kernels.lx6 import exact, lstm_cell
from export.kernels.lx6.assembly import Block, Weights, dot
from export.kernels.lx6.kernel import Lx6
from export.kernels.lx6.layer import Made, bytes_table, paired, words
from export.kernels.lx6.lstm_cell import Cell
from export.kernels.lx6.requant import Narrow
from export.kernels.lx6.text import function, instructions

GATES = len(recurrent.GATES)
GATE_BYTES = 4
MOST_UNITS = 2047  # what MOVI loads
READ_AHEAD = 2  # words of weights
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


def side_of(side: recurrent.Side) -> tuple[exact.Sum, ...]:
    """Its four sums, as their scaling sees them."""
    return tuple(
        exact.Sum(*scale, reach)
        for scale, reach in zip(side.scales, side.reaches, strict=True)
    )


def emit(stage: Stage) -> Made | None:
    """The kernel, or None where a scale is out of reach."""
    k = recurrent.lstm(stage.network, stage.head)
    cell = Cell(k, GATE_BYTES, aligned=len(stage.sources) == 1)
    sides = recurrent.sides(k)
    scaled = [exact.solve(side_of(side)) for side in sides]
    if not cell.applies or None in scaled or k.sizes[0] > MOST_UNITS:
        return None
    parts = tuple(
        _Sums(f"{stage.name}_{name}", side, narrow, name == "again")
        for name, side, narrow in zip(("own", "again"), sides, scaled, strict=True)
        if narrow is not None
    )
    if any(part.scales is None for part in parts):
        return None
    return _Maker(stage, cell, parts).kernel()


@dataclass(frozen=True, eq=False)
class _Sums:
    """The sums of the input, or those of the hidden state, which are added."""

    name: str
    side: recurrent.Side
    narrow: Narrow
    added: bool

    @property
    def depth(self) -> int:
        """Values that are weighed."""
        return int(self.side.weights.shape[1])

    @property
    def words(self) -> int:
        """Of these values as pairs."""
        return (self.depth + 1) // 2

    @cached_property
    def left(self) -> int:
        """Bits that sums are shifted by, where the weights would not fit int16 else."""
        heaviest = np.abs(self.side.weights).max((0, 1))
        found = zip(heaviest, self.narrow.channels, strict=True)
        most = max(int(one) * channel.scale for one, channel in found)
        return (most >> 15).bit_length()

    @cached_property
    def scales(self) -> list[int] | None:
        """Of each gate's weights; None where one would be less than 1."""
        found = [channel.scale >> self.left for channel in self.narrow.channels]
        return found if min(found) else None

    def constants(self) -> tuple[list[int], list[int]]:
        """(weights, of each gate M and both C and then a bias a unit), by words."""
        stream: list[int] = []
        found: list[int] = []
        assert self.scales is not None
        for gate, channel in enumerate(self.narrow.channels):
            scale = self.scales[gate]
            weights = self.side.weights[..., gate] * scale  # (S, K)
            stream += paired(np.pad(weights, ((0, 0), (0, self.depth % 2))))
            found += [channel.multiplier, channel.positive, channel.negative]
            found += map(int, self.side.starts[:, gate] * scale)
        return [*stream, *[0] * READ_AHEAD], found

    def block(self) -> Block:
        """All gates of all units."""
        weights, gate, block = Weights("w"), Block(), Block()
        units = len(self.side.weights)
        for number, register in enumerate("mpq"):
            gate.op("L32I", register, "k", 4 * number)
        gate.move("k", 12)
        gate.op("MOVI", "n", units)
        weights.start(block)
        gate.repeat("units", "n", units, self._unit(weights))
        gate.move("o", GATE_BYTES * (1 - GATES * units))
        gate.op("ADDI", "e", "e", -1)
        block.repeat("gates", "e", GATES, gate)
        return block

    def _unit(self, weights: Weights) -> Block:
        body = Block()
        dot(body, weights, "v", self.words, True, "y")
        body.op("L32I", "x", "k", 0)
        body.op("RSR_ACCLO", "y")
        body.move("v", -4 * self.words)
        body.op("ADD", "y", "y", "x")
        if self.left:
            body.op("SLLI", "y", "y", self.left)
        scale_sum(body, self.narrow, self.side)
        if self.added:
            body.op("L32I", "x", "o", 0)
            body.op("ADD", "y", "y", "x")
            body.op("CLAMPS", "y", "y", 15)
        body.op("S32I", "y", "o", 0)
        body.move("k", 4)
        body.move("o", GATE_BYTES * GATES)
        if weights.turn:  # the next unit's weights would come in the other register
            body.move("w", -8)
            weights.turn = 0
            weights.start(body)
        body.op("ADDI", "n", "n", -1)
        return body

    def function(self) -> str:
        """C of it."""
        return instructions(
            f"NN_INLINE void {self.name}(const uint32_t *values, int32_t *gates)",
            {
                "v": "(uintptr_t)values - 4u",
                "o": "(uintptr_t)gates",
                "e": f"{GATES}u",
                "w": f"(uintptr_t){self.name}_weights - 4u",
                "k": f"(uintptr_t){self.name}_channels",
            },
            tuple("mpqnxy"),
            {},
            self.block(),
        )

    def widened(self, source: str) -> str:
        """C that makes pairs of its values."""
        if self.depth % 2 == 0:
            return f"nn_lx6_widen(values, {source}, {self.depth});"
        one = f"1, 1, 0, {self.depth}, 0, 1, 0, 1, 0u"
        return f"nn_lx6_rows(values, 0, {source}, {one});"


def scale_sum(body: Block, narrow: Narrow, side: recurrent.Side) -> None:
    """y, a sum times its scale, becomes a part of a gate; x is lost."""
    body.op("MULSH", "y", "y", "m")
    body.op("MOV", "x", "p")
    body.op("MOVLTZ", "x", "q", "y")
    body.op("ADD", "y", "y", "x")
    body.op("SRAI", "y", "y", narrow.shift)
    if not all(one.inside for one in side_of(side)):
        body.op("CLAMPS", "y", "y", 15)


@dataclass(frozen=True, eq=False)
class _Maker:
    stage: Stage
    cell: Cell
    sides: tuple[_Sums, ...]

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

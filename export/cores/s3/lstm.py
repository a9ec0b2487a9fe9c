"""UNIDIRECTIONAL_SEQUENCE_LSTM on this core, of a state that each call begins anew.

A step goes gate by gate: raw sums of the input and, beside each, of the hidden state,
as of any layer (`sums`), then both scaled by MULSH to a gate of 16 bits. What the LX6
does from there on serves here as well (`export.kernels.lx6.lstm_cell`).

Registers: a2 points at the input's row, a3 at the output's, a5 at the scratch, a6 goes
through all constants, the weights among them, in the order in which they are read. The
counters are on the stack.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic import recurrent, requant_stage
from export.cores.s3 import elementwise
from export.cores.s3.block import write
from export.cores.s3.choose import same_shape
from export.cores.s3.code import Code
from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.layout import VECTOR, Layout
from export.cores.s3.sums import Order, Sum, sums
from export.cores.s3.ways import Aligned
from export.cores.s3.window import BEYOND, arranged
from export.graph.stage import Stage
from export.kernels.lx6 import exact
from export.kernels.lx6.lstm_cell import Cell
from export.kernels.lx6.lstm_sums import side_of
from export.kernels.lx6.requant import Narrow
from export.plan.units import round_up

KINDS = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
GATES = len(recurrent.GATES)
GATE = 2  # bytes
SUM = 8  # bytes of a raw sum
CONSTANTS = 16  # bytes of a gate's side: M, both C, how far the sums are shifted
STEPS, LEFT = 0, 4  # on the stack
CELL = dict(
    zip(
        ("g", "c", "h", "t", "x", "y", "z", "w", "v", "s"),
        ("a8", "a9", "a5", "a6", "a10", "a11", "a12", "a13", "a14", "a15"),
        strict=True,
    )
)


@dataclass(frozen=True, eq=False)
class Side:
    """The sums of the input, or of the hidden state."""

    side: recurrent.Side
    narrow: Narrow
    inside: bool  # whether what they are scaled to fits int16

    @classmethod
    def of(cls, side: recurrent.Side) -> "Side | None":
        """None where a scale is out of MULSH's reach."""
        found = side_of(side)
        narrow = exact.solve(found)
        inside = all(one.inside for one in found)
        return None if narrow is None else cls(side, narrow, inside)

    @property
    def way(self) -> Aligned:
        """How its values are loaded."""
        depth = self.side.weights.shape[1]
        taps = np.full(round_up(depth, VECTOR), BEYOND)
        taps[:depth] = np.arange(depth)
        lanes = taps.reshape(-1, VECTOR)
        count = len(lanes)
        return Aligned(lanes, count, tuple(range(0, VECTOR * count, VECTOR)))

    @property
    def order(self) -> Order:
        """In which they are multiplied."""
        return Order.of(self.way.count, self.way.kept)

    def weights(self, gate: int) -> bytes:
        """In the order in which they are read."""
        lanes = self.way.lanes[list(self.order.vectors)]
        return arranged(self.side.weights[..., gate], lanes)

    def bias(self, gate: int) -> np.ndarray:
        """Of each unit, for values q = u - 128."""
        summed = self.side.weights[..., gate].sum(1)
        return np.asarray(self.side.starts[:, gate] + 128 * summed)

    def constants(self, gate: int) -> list[int]:
        """M, both C, the bits of the scale, then each unit's bias times that."""
        c = self.narrow.channels[gate]
        found = [c.multiplier, c.positive, c.negative, c.scale.bit_length() - 1]
        return [*found, *(self.bias(gate) * c.scale).tolist()]


def calls(stage: Stage, layouts: dict[int, Layout], name: str) -> list[Call] | None:
    """The calls of the stage, or None where this core has no kernel for it."""
    source, target = layouts[stage.inputs[0]], layouts[stage.output]
    k = recurrent.lstm(stage.network, stage.head)
    units, depth = k.sizes
    steps = stage.sources[0].shape[0]
    if len(stage.inputs) > 1 or not same_shape(stage, 0):
        return None
    for layout, channels in ((source, depth), (target, units)):
        found = layout.height, layout.width, layout.channels
        if found != (steps, 1, channels) or layout.row % VECTOR or layout.packed:
            return None
    cell = Cell(k, GATE, aligned=True, signed=True)
    own, again = map(Side.of, recurrent.sides(k))
    if own is None or again is None or not cell.applies:
        return None
    made = _Maker(name, source, target, steps, cell, own, again).kernel()
    table = requant_stage.table(stage)
    values = np.arange(256) if table is None else table
    after = elementwise.over(values.astype(np.int64) - 128, stage, layouts, name)
    return [Call(made, stage.inputs, stage.output, stage.number), *after]


@dataclass(frozen=True, eq=False)
class _Maker:
    name: str
    source: Layout
    target: Layout
    steps: int
    cell: Cell
    own: Side
    again: Side

    @property
    def units(self) -> int:
        return self.cell.k.sizes[0]

    @property
    def _hidden(self) -> int:
        """Vectors of the hidden state."""
        return self.again.way.count

    @property
    def _places(self) -> tuple[int, int, int, int]:
        """In the scratch: raw sums, gates, cell, end; the hidden state comes first."""
        sizes = 2 * SUM * self.units, GATES * GATE * self.units, 2 * self.units
        found = [VECTOR * self._hidden]
        for size in sizes:
            found.append(found[-1] + round_up(size, VECTOR))
        return found[0], found[1], found[2], found[3]

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self.own, self.again

    def kernel(self) -> Kernel:
        """All steps."""
        code, constants = Code(self.name), self._constants()
        self._start(code)
        code(f"movi a7,{self.steps}")
        step = code.label("step")
        code(f"s32i a7,a1,{STEPS}", f"movi a7,{GATES}")
        code.add("a15", self._places[1], "a5")
        gate = code.label("gate")
        code(f"s32i a7,a1,{LEFT}")
        self._sums(code)
        self._scaled(code)
        code(f"l32i a7,a1,{LEFT}")
        code.again("a7", gate)
        self._cells(code)
        code.add("a6", -len(constants))
        self._written(code)
        code(f"l32i a7,a1,{STEPS}")
        code.again("a7", step)
        content = constants + _words(self.cell.table)
        return Kernel(self.name, code.end(), b"", content, self._places[3])

    def _constants(self) -> bytes:
        """Of each gate the weights of both sides, then how these are scaled."""
        found = b""
        for gate in range(GATES):
            found += b"".join(side.weights(gate) for side in self._sides)
            words = [x for side in self._sides for x in side.constants(gate)]
            found += _words(words + [0] * (-len(words) % 4))
        return found

    def _start(self, code: Code) -> None:
        """An empty state."""
        _, _, cell, end = self._places
        zero = self.cell.k.hidden_zero
        code(f"movi a8,{zero}", "s8i a8,a1,0", "ee.vldbc.8 q0,a1", "ee.zero.q q1")
        code("mov a8,a5")
        _filled(code, "q0", self._hidden)
        code.add("a8", cell, "a5")
        _filled(code, "q1", (end - cell) // VECTOR)

    def _sums(self, code: Code) -> None:
        """Raw sums of a gate, of the input and of the hidden state side by side."""
        wanted = [Sum(unit, True, 2 * SUM) for unit in range(self.units)]
        code("mov a4,a2")
        for number, side in enumerate(self._sides):
            if number:
                code("mov a2,a5")
            code("mov a13,a6")
            code.add("a14", self._places[0] + SUM * number, "a5")
            code.add("a6", VECTOR * side.way.count * self.units)
            sums(code, side.order, side.way.load(code, 0, 0), wanted)
        code("mov a2,a4")

    def _scaled(self, code: Code) -> None:
        """Both sums of each unit to a gate: one in its place, then the other."""
        for at, side in enumerate(self._sides):
            code.add("a14", self._places[0], "a5")
            code(*(f"l32i a{8 + i},a6,{4 * i}" for i in range(4)), "ssl a11")
            code(f"addi a6,a6,{CONSTANTS}", f"movi a7,{self.units}")
            end = code.ahead("unit")
            code(f"loop a7,{end}", f"l32i a12,a14,{SUM * at}", "l32i a13,a6,0")
            code("sll a12,a12", "add a12,a12,a13", "mulsh a12,a12,a8")
            code("mov a13,a9", "movltz a13,a10,a12", "add a12,a12,a13")
            code(f"srai a12,a12,{side.narrow.shift}")
            if not side.inside:
                code("clamps a12,a12,15")
            if at:
                code("l32i a13,a14,0", "add a12,a12,a13", "clamps a12,a12,15")
                code("s16i a12,a15,0", f"addi a15,a15,{GATES * GATE}")
            else:
                code("s32i a12,a14,0")
            code(f"addi a14,a14,{2 * SUM}", "addi a6,a6,4")
            code.put(end)
        code.add("a15", GATE - GATES * GATE * self.units)
        code.add("a6", -(2 * CONSTANTS + 8 * self.units) % VECTOR)

    def _cells(self, code: Code) -> None:
        """From the gates to the cell and the hidden state."""
        _, gates, cell, _ = self._places
        code.add("a8", gates, "a5")
        code.add("a9", cell, "a5")
        code(f"movi a7,{self.units}")
        top = code.label("cell")
        write(code, self.cell.block(), CELL)
        code.again("a7", top)
        code.add("a5", -self.units)

    def _written(self, code: Code) -> None:
        """The hidden state to the output; both go on."""
        code("mov a8,a5")
        if self.target.pixel % VECTOR:
            code("ee.vld.128.ip q0,a8,16", "ee.vst.l.64.ip q0,a3,0")
        else:
            for i in range(self._hidden):
                code(f"ee.vld.128.ip q{i % 4},a8,16", f"ee.vst.128.ip q{i % 4},a3,16")
            code.add("a3", -VECTOR * self._hidden)
        code.add("a3", self.target.row)
        code.add("a2", self.source.row)


def _words(values: list[int]) -> bytes:
    """Modulo 2^32."""
    return (np.array(values, np.int64) & 0xFFFFFFFF).astype("<u4").tobytes()


def _filled(code: Code, register: str, vectors: int) -> None:
    """So many vectors from a8 on."""
    code(f"movi a7,{vectors}")
    end = code.ahead("fill")
    code(f"loop a7,{end}", f"ee.vst.128.ip {register},a8,16")
    code.put(end)

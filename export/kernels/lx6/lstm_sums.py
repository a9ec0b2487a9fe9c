"""The sums of an LSTM's gates by MAC16: of its input, and of its hidden state.

    own = Sums("lstm_own", side, narrow, added=False)
    own.constants(), own.function()      # None in `own.scales`: out of reach

Gate by gate, so that what scales a gate stays in registers; in a gate unit by unit.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from export.arithmetic import recurrent
from export.kernels.lx6 import exact
from export.kernels.lx6.assembly import Block, Weights, dot
from export.kernels.lx6.layer import paired
from export.kernels.lx6.requant import Narrow
from export.kernels.lx6.text import instructions

GATES = len(recurrent.GATES)
GATE_BYTES = 4
READ_AHEAD = 2  # words of weights


def side_of(side: recurrent.Side) -> tuple[exact.Sum, ...]:
    """Its four sums, as their scaling sees them."""
    return tuple(
        exact.Sum(*scale, reach)
        for scale, reach in zip(side.scales, side.reaches, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Sums:
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

"""From the four gates of an LSTM's unit to its cell and its hidden state.

Instructions that LX6 and the ESP32-S3 both have. Sigmoid and tanh are odd (about a
half, about zero) to the last bit, so both take the size of their argument to one table:
of each 512th a line, `slope * size + start`, the start with the rounding. A product is
scaled by its two roundings in one: halves away from zero.

Registers: g, c, h point at the gates, the cell, the hidden state, t at `table`, nil
is 0; the others are free.
"""

from dataclasses import dataclass

import numpy as np

from export.arithmetic import curves, recurrent
from export.arithmetic.int8 import INT16_MAX, requantize
from export.kernels.lx6.assembly import PAGE, Block

POINTERS = ("g", "c", "h")
FREE = ("x", "y", "z", "w", "v", "s")
GIVEN = ("t", "nil")
HALF = 1 << 30  # the mantissa of a power of two
BITS = 9  # of a line's length
LAST = 255  # line of the table, which is flat
ENTRY = 8  # bytes of a line
MIDDLE = 1 << 14  # of a sigmoid, in Q0.15
MOST_LEFT, MOST_RIGHT = 13, 15  # bits by which a cell is shifted to be an argument


@dataclass(frozen=True, eq=False)
class Cell:
    """Of one layer."""

    k: recurrent.Lstm
    gate_bytes: int = 4  # 2: their address is even, as is the cell's then
    aligned: bool = True  # whether the cell is at an even address
    signed: bool = False  # the hidden state is q, not u = q + 128

    @property
    def applies(self) -> bool:
        """Whether every scale is one that `_scaled` takes, every argument int32."""
        k = self.k
        powers = k.forget[0] == k.input[0] == HALF
        right = all(-31 < shift <= 0 for _, shift in (k.forget, k.input, k.output))
        return powers and right and k.output[0] > 0 and self._argument

    @property
    def _argument(self) -> bool:
        return self.k.tanh_factor <= 3 << MOST_LEFT and self.k.tanh_shift <= MOST_RIGHT

    @property
    def table(self) -> list[int]:
        """Words: own constants, if any, then start and slope of each line."""
        found = [self.k.output[0], self.k.clip] if self._own else []
        values = [*map(int, curves.TABLE)]
        for i, (value, after) in enumerate(zip(values, values[1:], strict=False)):
            slope = after - value
            found += [_start(value) - slope * (i << BITS), slope]
        return [*found, _start(0xFFFF), 0]

    @property
    def _own(self) -> bool:
        return self.k.output[0] != HALF or self.k.clip > 0

    def block(self) -> Block:
        """One unit; the pointers go on to the next one."""
        k, b = self.k, Block()
        self._sigmoid(b, 0, "v")
        self._load_cell(b, "y")
        b.op("MULL", "y", "y", "v")
        self._scaled(b, k.forget, "v")
        self._sigmoid(b, 1, "s")
        self._gate(b, 2)
        self._size(b)
        b.op("ADDX2", "y", "y", "y")
        b.op("SLLI", "y", "y", 1)
        self._tanh(b, "y")
        b.op("MULL", "y", "y", "s")
        self._scaled(b, k.input, "y")
        if requantize(np.asarray(INT16_MAX**2), *k.input) > INT16_MAX:
            b.op("CLAMPS", "y", "y", 15)
        b.op("ADD", "x", "y", "v")
        b.op("CLAMPS", "x", "x", 15)
        self._clipped(b)
        b.op("S8I", "x", "c", 0)
        b.op("SRAI", "y", "x", 8)
        b.op("S8I", "y", "c", 1)
        self._cell_argument(b)
        self._tanh(b, "v")
        self._sigmoid(b, 3, "y")
        b.op("MULL", "y", "y", "v")
        self._scaled(b, k.output, "y")
        if k.hidden_zero:
            b.op("ADDI", "y", "y", k.hidden_zero)
        b.op("CLAMPS", "y", "y", 7)
        if not self.signed:
            b.op("ADDI", "y", "y", -128)
        b.op("S8I", "y", "h", 0)
        for pointer, step in zip(POINTERS, (4 * self.gate_bytes, 2, 1), strict=True):
            b.op("AT_ADDI", pointer, pointer, step)
        return b

    def _gate(self, b: Block, number: int) -> None:
        """x becomes a gate."""
        load = "L32I" if self.gate_bytes == 4 else "L16SI"
        b.op(load, "x", "g", self.gate_bytes * number)

    def _load_cell(self, b: Block, to: str) -> None:
        if self.aligned:
            b.op("L16SI", to, "c", 0)
            return
        b.op("L8UI", "z", "c", 1)
        b.op("L8UI", to, "c", 0)
        b.op("SLLI", "z", "z", 24)
        b.op("SRAI", "z", "z", 16)
        b.op("OR", to, to, "z")

    def _size(self, b: Block) -> None:
        """y becomes the size of x."""
        b.op("SUB", "z", "nil", "x")
        b.op("MAX", "y", "x", "z")

    def _curve(self, b: Block, ends: bool) -> None:
        """y, a size, becomes what its line has there; `ends`: it may be any size."""
        first = 8 if self._own else 0
        b.op("SRAI", "z", "y", BITS)
        if ends:
            b.op("MOVI", "w", LAST)
            b.op("MIN", "z", "z", "w")
        b.op("SLLI", "z", "z", ENTRY.bit_length() - 1)
        b.op("AT_ADD", "z", "t", "z")
        b.op("L32I", "w", "z", first + 4)
        b.op("L32I", "z", "z", first)
        b.op("MULL", "y", "y", "w")
        b.op("ADD", "y", "y", "z")

    def _as_signed(self, b: Block) -> None:
        """y less than zero where x is."""
        b.op("SUB", "z", "nil", "y")
        b.op("MOVLTZ", "y", "z", "x")

    def _sigmoid(self, b: Block, number: int, to: str) -> None:
        """Of a gate."""
        self._gate(b, number)
        self._size(b)
        b.op("ADDX2", "y", "y", "y")
        self._curve(b, ends=False)
        b.op("AT_ADDMI", "y", "y", PAGE)
        b.op("SRAI", "y", "y", BITS + 1)
        self._as_signed(b)
        b.op("AT_ADDMI", to, "y", MIDDLE)

    def _tanh(self, b: Block, to: str) -> None:
        """Of x, of whose sixfold y is the size."""
        self._curve(b, ends=True)
        b.op("SRAI", "y", "y", BITS)
        self._as_signed(b)
        if to != "y":
            b.op("MOV", to, "y")

    def _cell_argument(self, b: Block) -> None:
        """x, the cell, becomes what tanh takes the sign of; y twice its size."""
        right = self.k.tanh_shift
        if not right:
            self._size(b)
            b.op("ADDX2", "y", "y", "y")
            b.op("SLLI", "y", "y", (self.k.tanh_factor // 3).bit_length())
            return
        b.op("ADDX2", "x", "x", "x")
        b.move("x", 1 << (right - 1))
        b.op("SRAI", "x", "x", right)
        self._size(b)
        b.op("SLLI", "y", "y", 1)

    def _clipped(self, b: Block) -> None:
        if self.k.clip:
            b.op("L32I", "w", "t", 4)
            b.op("MIN", "x", "x", "w")
            b.op("SUB", "w", "nil", "w")
            b.op("MAX", "x", "x", "w")

    def _scaled(self, b: Block, scale: recurrent.Scale, to: str) -> None:
        """A product in y times a scale, as `requantize` rounds it."""
        mantissa, shift = scale
        if mantissa != HALF:  # y becomes y * mantissa / 2^30
            b.op("L32I", "w", "t", 0)
            b.op("MULSH", "z", "y", "w")
            b.op("MULL", "y", "y", "w")
            b.op("EXTUI", "y", "y", 30, 2)
            b.op("ADDX4", "y", "z", "y")
        if shift:
            b.op("SRAI", "z", "y", 31)
            b.op("ADDX2", "y", "z", "y")
            b.op("ADDI", "y", "y", 1)
            b.op("SRAI", "y", "y", -shift)
        b.op("ADDI", "y", "y", 1)
        b.op("SRAI", to, "y", 1)


def _start(value: int) -> int:
    """What is added on a line: an entry less a half of 1, and tanh's rounding."""
    return (value << BITS) - (1 << (BITS + 15)) + (1 << (BITS - 1))

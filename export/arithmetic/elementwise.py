"""Operators element by element, beyond ADD and MUL, as TFLite Micro computes them.

`binary(network, op, a, b)` is two int8 operands' result. Rounding follows
`export.arithmetic.int8`; where TFLite computes in float32, so does this.
"""

from collections.abc import Callable

import numpy as np

from export.arithmetic import fixedpoint, int8
from export.arithmetic.int8 import ALL_INT8, AddConstants, clamp, multiplier, requantize
from export.graph.network import Network, Operator, Tensor

# ==== Two operands ====


def prelu_constants(
    network: Network, op: Operator
) -> tuple[tuple[int, int], tuple[int, int]]:
    """PRELU's multipliers: of positive inputs, of negative ones times alpha."""
    source, alpha = (float(network.tensors[i].scale) for i in op.inputs[:2])
    out = float(network.output(op).scale)
    return multiplier(source / out), multiplier(source * alpha / out)


def div_constant(network: Network, op: Operator) -> tuple[int, int]:
    """DIV's multiplier of the quotient."""
    a, b = (float(network.tensors[i].scale) for i in op.inputs[:2])
    return multiplier(a / (b * float(network.output(op).scale)))


def div_is_defined(network: Network, op: Operator) -> bool:
    """Whether TFLite Micro shifts by 0 to 31 for every dividend and divisor.

    A quotient far below the output's scale would be shifted by more, which gives
    another number on every machine.
    """
    x, y = (_reach(network.tensors[i]) for i in op.inputs[:2])
    _, shift = div_constant(network, op)
    divisors = [abs(v) for v in y if v]
    if not divisors:
        return False
    bits = [d.bit_length() - 1 for d in divisors] + [-1] * (0 in y)
    used = [(~v if v < 0 else v).bit_length() for v in x if v]
    used += [(~-v if v > 0 else -v).bit_length() for v in x if v and min(y) < 0]
    headroom = [31 - n for n in used] or [31]
    totals = [shift - b - h for b in bits for h in headroom]
    return -31 <= min(totals) and max(totals) <= 0


def _reach(tensor: Tensor) -> list[int]:
    """What an operand can be, less its zero point."""
    values = ALL_INT8 if tensor.data is None else np.unique(tensor.data)
    return [int(v) - tensor.zero_point for v in values]


def reciprocals() -> tuple[np.ndarray, np.ndarray]:
    """Of divisors 0..255: (mantissa Q0.31, bits by which it is too large)."""
    pairs = [_reciprocal(d) for d in range(256)]
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])


SQUARED_LEFT_SHIFT = 7  # headroom that SQUARED_DIFFERENCE gives its inputs


def squared_constants(network: Network, op: Operator) -> AddConstants:
    """SQUARED_DIFFERENCE's multipliers: of both operands, of the square."""
    a, b = (float(network.tensors[i].scale) for i in op.inputs[:2])
    twice = 2 * max(a, b)
    fine = np.float32(1 << 2 * SQUARED_LEFT_SHIFT) * network.output(op).scale
    return AddConstants(
        multiplier(a / twice),
        multiplier(b / twice),
        multiplier(twice * twice / float(fine)),
    )


def squared_table(constant: tuple[int, int], zero_point: int) -> np.ndarray:
    """One operand of a SQUARED_DIFFERENCE, scaled: int64 by q + 128."""
    return requantize((ALL_INT8 - zero_point) << SQUARED_LEFT_SHIFT, *constant)


def binary(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The int8 result of int8 operands that broadcast."""
    return BINARY[op.kind](network, op, a.astype(np.int64), b.astype(np.int64))


def _finish(network: Network, op: Operator, x: np.ndarray) -> np.ndarray:
    out = network.output(op)
    return clamp(x + out.zero_point, *int8.activation_range(op, out))


def _add(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    sub, c = op.kind == "SUB", int8.add_constants(network, op)
    first, second = (network.tensors[i] for i in op.inputs[:2])
    x = int8.add_table(c.first, first.zero_point)[a + 128]
    y = int8.add_table(c.second, second.zero_point)[b + 128]
    return _finish(network, op, requantize(x - y if sub else x + y, *c.output))


def _squared(
    network: Network, op: Operator, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    c = squared_constants(network, op)
    first, second = (network.tensors[i].zero_point for i in op.inputs[:2])
    apart = squared_table(c.first, first)[a + 128]
    apart = apart - squared_table(c.second, second)[b + 128]
    return _finish(network, op, requantize(apart * apart, *c.output))


def _mul(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    first, second = (network.tensors[i].zero_point for i in op.inputs[:2])
    constant = int8.mul_constant(network, op)
    return _finish(network, op, requantize((a - first) * (b - second), *constant))


def _prelu(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    x = a - network.tensors[op.inputs[0]].zero_point
    alpha = b - network.tensors[op.inputs[1]].zero_point
    rising, falling = prelu_constants(network, op)
    y = np.where(x >= 0, requantize(x, *rising), requantize(x * alpha, *falling))
    return clamp(y + network.output(op).zero_point)


def _div(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The dividend as far left as it goes, times the divisor's reciprocal."""
    first, second = (network.tensors[i].zero_point for i in op.inputs[:2])
    x, y = np.broadcast_arrays(a - first, b - second)
    x, y = np.where(y < 0, -x, x), np.abs(y)
    mantissa, shift = div_constant(network, op)
    pairs = {int(d): _reciprocal(int(d)) for d in np.unique(y)}
    inverse = np.vectorize(lambda d: pairs[int(d)][0], otypes=[np.int64])(y)
    bits = np.vectorize(lambda d: pairs[int(d)][1], otypes=[np.int64])(y)
    magnitude = np.where(x < 0, ~x, x)
    used = np.vectorize(lambda v: int(v).bit_length(), otypes=[np.int64])(magnitude)
    headroom = 31 - used
    quotient = requantize(x, inverse, headroom)
    return _finish(network, op, requantize(quotient, mantissa, shift - bits - headroom))


def _reciprocal(x: int) -> tuple[int, int]:
    """(1 / x in Q0.31 over a power of two, that power's exponent)."""
    headroom = 31 - (x.bit_length() - 1)  # leading zeros but the sign's bit
    shifted = np.array([(x << headroom) - (1 << 31)], np.int64)
    return int(fixedpoint.one_over_one_plus(shifted)[0]), 31 - headroom


def _least(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.minimum(a, b), np.int8)


def _most(network: Network, op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(a, b), np.int8)


BINARY: dict[str, Callable[[Network, Operator, np.ndarray, np.ndarray], np.ndarray]] = {
    "ADD": _add,
    "SUB": _add,
    "SQUARED_DIFFERENCE": _squared,
    "MUL": _mul,
    "DIV": _div,
    "PRELU": _prelu,
    "MINIMUM": _least,
    "MAXIMUM": _most,
}


def with_constant(network: Network, op: Operator) -> np.ndarray | None:
    """A binary operator with one constant number as int8[256] of the other one."""
    tensors = [network.tensors[i] for i in op.inputs[:2]]
    for at in (0, 1):
        data = tensors[at].data
        if data is None or data.size != 1 or op.kind not in BINARY:
            continue
        value = np.full(256, int(data.reshape(-1)[0]), np.int64)
        if op.kind == "DIV" and (at == 0 or value[0] == tensors[1].zero_point):
            return None
        operands = (value, ALL_INT8) if at == 0 else (ALL_INT8, value)
        return binary(network, op, *operands)
    return None

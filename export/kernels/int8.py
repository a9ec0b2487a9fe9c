"""Constants of the int8 engine, shared by all its stages.

Zero points folded into biases, composed tables, requantisation constants that
`requant` has proved, and how they are written in C. The stages themselves are
made by `export.kernels.conv`, `export.kernels.winograd` and `export.kernels.simple`.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from export.arithmetic import int8, requant, requant_proof
from export.arithmetic.requant import Requant
from export.arithmetic.requant_proof import Steps
from export.graph.fusion import Stage, hwc, kernel_size
from export.graph.network import Network, Operator
from export.kernels.arrays import Array, byte_array, literal

FORMS = ("single", "split", "signed", "triple", "wide")
C_TYPES = {form: f"nn_{form}_t" for form in FORMS}


@dataclass
class Emitted:
    """A stage ready to be laid out: template variables and constants."""

    context: dict[str, Any]
    arrays: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """What a profile decides for a stage."""

    profile: str
    prefix: str
    wide_tables: bool  # tables over all that can occur, instead of a clamp
    wide_weights: bool  # int16 in flash: one load where int8 costs three
    winograd: bool  # F(2, 3) where it applies: fewer products, more flash


# ==== Constants ====


def table(network: Network, unary: tuple[Operator, ...]) -> np.ndarray | None:
    """The composed activations as uint8[256] over u = q + 128."""
    if not unary:
        return None
    values = np.arange(256)
    for op in unary:
        step = int8.unary_table(network, op).astype(np.int64) + 128
        values = step[values]
    return values


def folded_bias(network: Network, op: Operator, weights: np.ndarray) -> np.ndarray:
    """Bias per channel for inputs u = q + 128; weights as (O, K)."""
    zero = network.tensors[op.inputs[0]].zero_point + 128
    bias = int8.bias(network, op)
    folded = -zero * weights.sum(axis=1)
    return folded if bias is None else folded + bias


def requantisation(
    network: Network,
    op: Operator,
    weights: np.ndarray,
    follows: np.ndarray | None = None,
    scale: int = 1,
) -> Requant:
    """The proved requantisation of a weighted sum; weights as (O, K) int64.

    `follows` is the table behind it: steps that it ignores are not asked for.
    """
    out = network.output(op)
    low, high = (b + 128 for b in int8.activation_range(op, out))
    goals = np.arange(low + 1, high + 1)
    if follows is not None:
        goals = goals[follows[goals] != follows[goals - 1]]
    mantissas, shifts = int8.channel_multipliers(network, op)
    bias = folded_bias(network, op, weights)
    least = bias + 255 * np.minimum(weights, 0).sum(axis=1)
    greatest = bias + 255 * np.maximum(weights, 0).sum(axis=1)
    zero = out.zero_point + 128
    steps, plain = [], True
    for c in range(len(weights)):
        mantissa, shift = int(mantissas[c]), int(shifts[c])
        lo, hi = int(least[c]), int(greatest[c])
        # Beyond this TFLite itself wraps around, and nothing is monotone.
        fits = max(abs(lo), abs(hi)) << max(shift, 0) < 1 << 31
        plain = plain and fits and mantissa > 0

        def function(
            acc: np.ndarray, mantissa: int = mantissa, shift: int = shift
        ) -> np.ndarray:
            u = int8.requantize(acc, mantissa, shift) + zero
            return np.clip(u, low, high)

        at = requant_proof.thresholds(function, goals, lo, hi) if plain else goals
        steps.append(Steps(int(bias[c]), mantissa, shift, lo, hi, at))
    if not plain:
        return requant_proof.wide(steps, low, high, zero)
    return requant_proof.solve(steps, goals, low, high, zero, scale)


def scalar_requantisation(
    mantissa: int,
    shift: int,
    reach: tuple[int, int],
    zero: int,
    bounds: tuple[int, int],
    follows: np.ndarray | None,
) -> Requant:
    """The same for one sum without weights (MUL, MEAN); zero and bounds are u's."""
    low, high = bounds
    goals = np.arange(low + 1, high + 1)
    if follows is not None:
        goals = goals[follows[goals] != follows[goals - 1]]

    def function(acc: np.ndarray) -> np.ndarray:
        u = int8.requantize(acc, mantissa, shift) + zero
        return np.clip(u, low, high)

    plain = mantissa > 0 and max(map(abs, reach)) << max(shift, 0) < 1 << 31
    at = requant_proof.thresholds(function, goals, *reach) if plain else goals
    steps = [Steps(0, mantissa, shift, *reach, at)]
    if not plain:
        return requant_proof.wide(steps, low, high, zero)
    return requant_proof.solve(steps, goals, low, high, zero)


def channel_array(name: str, comment: str, found: Requant) -> Array:
    """The constants of a requantisation as an array of structures."""
    rows = []
    for c in found.channels:
        high, middle, low = found.parts(c.multiplier)
        parts = {
            "single": [c.multiplier, c.offset],
            "split": [high, low, c.offset, c.bias],
            "signed": [high, low, c.offset, c.negative, c.bias],
            "triple": [high, middle, low, c.offset, c.negative, c.bias],
            "wide": [c.multiplier, c.shift, c.bias],
        }[found.form]
        rows.append("{" + ", ".join(literal(p) for p in parts) + "}")
    size = 4 * len(rows) * (rows[0].count(",") + 1)
    abreast = 2 if max(map(len, rows)) < 37 else 1  # in 80 columns
    return Array(name, C_TYPES[found.form], rows, comment, abreast, size)


MOST_TABLE = 1536  # bytes of a table that takes what would have to be clamped


def unclamped(
    found: Requant, weights: np.ndarray, scale: int, values: np.ndarray | None
) -> tuple[np.ndarray, int] | None:
    """A table over every u that can occur, and where u = 0 is in it.

    Then no clamp is needed before it. None where there is no table, or it would be
    too large; weights as (O, K).
    """
    if values is None or found.form == "wide":
        return None
    ends = []
    for c, row in enumerate(weights):
        sums = [np.minimum(row, 0).sum(), np.maximum(row, 0).sum()]
        total = 255 * scale * np.array(sums)
        ends += requant.evaluate(found, c, total, clamp=False).tolist()
    least, greatest = int(min(ends)), int(max(ends))
    if greatest - least >= MOST_TABLE:
        return None
    reach = np.arange(least, greatest + 1)
    return values[np.clip(reach, found.low, found.high)], -least


def store(
    found: Requant,
    table_name: str | None,
    last: bool,
    offset: int | None = None,
    length: int = 256,
) -> str:
    """The expression that turns {acc} with constants {k} into the stored byte."""
    unit, byte = _requantised(found, table_name, last, offset, length)
    return byte.replace("{u}", unit)


def finished(
    options: Options,
    found: Requant,
    weights: np.ndarray,
    values: np.ndarray | None,
    stem: str,
    last: bool,
    scale: int = 1,
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """The table to store, and template variables of how a sum becomes a byte.

    Sums are `scale` times the accumulator; weights as (O, K).
    """
    offset = None
    wide = unclamped(found, weights, scale, values) if options.wide_tables else None
    if wide is not None:
        values, offset = wide
    name, length = (f"{stem}_table", len(values)) if values is not None else (None, 0)
    unit, byte = _requantised(found, name, last, offset, length)
    return values, {
        "out_type": "int8_t" if last else "uint8_t",
        "channels": f"{stem}_channels",
        "channel_type": C_TYPES[found.form],
        "requant": found,
        "unit": unit.format(acc="sum", k="k"),
        "byte": byte.format(u="u"),
    }


def _requantised(
    found: Requant, table_name: str | None, last: bool, offset: int | None, length: int
) -> tuple[str, str]:
    """u of {acc} and {k}, and the byte of {u}.

    {acc} holds the bias already, as far as the form has one. `offset` says where
    u = 0 is in a table, of `length` entries, that needs no clamp.
    """
    drop = f" >> {found.drop}" if found.drop else ""
    acc = f"({{acc}}){drop}" if drop else "{acc}"
    if found.form == "single":
        u = f"nn_single({acc}, {{k}}, {found.shift})"
    elif found.form == "split":
        u = f"nn_split({acc}, {{k}}, {found.low_bits}, {found.shift})"
    elif found.signed:
        centre = found.centre
        if offset and (length + 1) << found.shift < 1 << 31:  # all sums stay int32
            centre, offset = centre + (offset << found.shift), 0
        bits = f"{found.low_bits}, {found.shift}"
        u = f"nn_{found.form}({acc}, {{k}}, {bits}, {centre})"
    else:
        u = f"nn_wide({acc}, {{k}}) + {found.zero}"
    if offset is not None:
        return u, stored(f"{{u}} + {offset}" if offset else "{u}", table_name, last)
    clamped = f"nn_clamp({{u}}, {found.low}, {found.high})"
    return u, stored(clamped, table_name, last)


def stored(u: str, table_name: str | None, last: bool) -> str:
    """The byte to store for a u in 0..255: its table's entry, as q at the output."""
    if table_name:
        u = f"{table_name}[{u}]"
    return f"(int8_t)({u} - 128)" if last else f"(uint8_t)({u})"


def stage_arrays(
    stage: Stage, stem: str, weights: Array, found: Requant, values: np.ndarray | None
) -> list[Array]:
    """The constants of a weighted sum: weights, channels and, if any, the table."""
    arrays = [
        weights,
        channel_array(f"{stem}_channels", f"{stage.name}: per channel", found),
    ]
    if values is not None:
        what = ", ".join(op.kind for op in stage.unary)
        arrays.append(
            byte_array(f"{stem}_table", f"{stage.name}: {what}", values, "uint8_t")
        )
    return arrays


def reads_beyond(network: Network, stage: Stage) -> bool:
    """Whether the live output reads rows or columns past the input's edge."""
    op = stage.head
    height, width, _ = hwc(network.tensors[op.inputs[0]].shape)
    kernel_h, kernel_w = kernel_size(network, op)
    a = op.attributes
    last_y = (stage.mac_live[0] - 1) * a["stride_h"]
    last_x = (stage.mac_live[1] - 1) * a["stride_w"]
    last_y += (kernel_h - 1) * a["dilation_h"]
    last_x += (kernel_w - 1) * a["dilation_w"]
    return last_y >= height or last_x >= width

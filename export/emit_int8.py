"""The int8 engine: what the templates need to know about each stage.

All arithmetic of the generated integer C happens here: weights in the order of the
inner loop, zero points folded into biases, tables, requantisation constants that
`export.requant` has proved, block sizes. The templates only lay it out.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from export import arithmetic, requant, winograd
from export.network import Network, Operator, pads_before
from export.planner import Stage, hwc, kernel_size
from export.requant import Requant, Steps
from training.errors import Esp8kError

C_TYPES = {f: f"nn_{f}_t" for f in ("single", "split", "signed", "wide")}


@dataclass
class Array:
    """A constant of the generated C."""

    name: str
    type: str
    values: list[str]
    comment: str
    width: int  # values a line
    size: int  # bytes

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def lines(self) -> list[str]:
        steps = range(0, len(self.values), self.width)
        return [", ".join(self.values[i : i + self.width]) + "," for i in steps]


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
    wide_weights: bool  # int16 in flash: one load where int8 costs three
    winograd: bool  # F(2, 3) where it applies: fewer products, more flash


def emit(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> Emitted:
    """The C of one stage; `pitch` is the stored width of its input in elements."""
    if options.winograd:
        made = _emit_winograd(network, stage, options, pitch, last)
        if made is not None:
            return made
    if stage.head.kind in ("CONV_2D", "FULLY_CONNECTED"):
        return _emit_conv(network, stage, options, pitch, last)
    raise Esp8kError(
        f"no int8 kernel for {stage.head.kind}"
        f" (tensor {network.output(stage.head).name})",
        "see export/emit_int8.py for the operators that are generated",
    )


# ==== Constants ====


def table(network: Network, unary: tuple[Operator, ...]) -> np.ndarray | None:
    """The composed activations as uint8[256] over u = q + 128."""
    if not unary:
        return None
    values = np.arange(256)
    for op in unary:
        step = arithmetic.unary_table(network, op).astype(np.int64) + 128
        values = step[values]
    return values


def folded_bias(network: Network, op: Operator, weights: np.ndarray) -> np.ndarray:
    """Bias per channel for inputs u = q + 128; weights as (O, K)."""
    zero = network.tensors[op.inputs[0]].zero_point + 128
    bias = arithmetic.bias(network, op)
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
    low, high = (b + 128 for b in arithmetic.activation_range(op, out))
    goals = np.arange(low + 1, high + 1)
    if follows is not None:
        goals = goals[follows[goals] != follows[goals - 1]]
    mantissas, shifts = arithmetic.channel_multipliers(network, op)
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
            u = arithmetic.requantize(acc, mantissa, shift) + zero
            return np.clip(u, low, high)

        at = requant.thresholds(function, goals, lo, hi) if plain else goals
        steps.append(Steps(int(bias[c]), mantissa, shift, lo, hi, at))
    if not plain:
        return requant.wide(steps, low, high, zero)
    return requant.solve(steps, goals, low, high, zero, scale)


def channel_array(name: str, comment: str, found: Requant) -> Array:
    """The constants of a requantisation as an array of structures."""
    rows = []
    for c in found.channels:
        high, low = found.halves(c.multiplier)
        parts = {
            "single": [c.multiplier, c.offset],
            "split": [high, low, c.offset, c.bias],
            "signed": [high, low, c.offset, c.negative, c.bias],
            "wide": [c.multiplier, c.shift, c.bias],
        }[found.form]
        rows.append("{" + ", ".join(literal(p) for p in parts) + "}")
    size = 4 * len(rows) * (rows[0].count(",") + 1)
    return Array(name, C_TYPES[found.form], rows, comment, 2, size)


def literal(value: int) -> str:
    """An int32 as C reads it (-2147483648 is no literal)."""
    return "(-2147483647 - 1)" if value == -(1 << 31) else str(value)


def store(found: Requant, table_name: str | None, last: bool) -> str:
    """The expression that turns {acc} with constants {k} into the stored byte.

    {acc} holds the bias already, as far as the form has one.
    """
    drop = f" >> {found.drop}" if found.drop else ""
    acc = f"({{acc}}){drop}" if drop else "{acc}"
    if found.form == "single":
        u = f"nn_single({acc}, {{k}}, {found.shift})"
    elif found.form == "split":
        u = f"nn_split({acc}, {{k}}, {found.low_bits}, {found.shift})"
    elif found.form == "signed":
        u = f"nn_signed({acc}, {{k}}, {found.low_bits}, {found.shift}, "
        u += f"{found.centre})"
    else:
        u = f"nn_wide({acc}, {{k}}) + {found.zero}"
    u = f"nn_clamp({u}, {found.low}, {found.high})"
    if table_name:
        u = f"{table_name}[{u}]"
    return f"(int8_t)({u} - 128)" if last else f"(uint8_t){u}"


def byte_array(name: str, comment: str, values: np.ndarray, kind: str) -> Array:
    """Weights or a table."""
    texts = [str(int(v)) for v in values]
    size = len(texts) * (2 if kind == "int16_t" else 1)
    return Array(name, kind, texts, comment, 12, size)


# ==== Convolution and fully connected ====


def blocks(stage: Stage) -> tuple[int, int, int, int]:
    """(rows, columns, channels) that one pass computes, and the output's step."""
    height, width, channels = stage.mac_live
    if stage.pool is not None:
        rows = stage.pool.attributes["filter_h"]
        columns = stage.pool.attributes["filter_w"]
    else:
        rows, columns = 1, 2 if width % 2 == 0 else 1
    most = max(8 // (rows * columns), 1)
    size = next(n for n in range(min(most, channels), 0, -1) if channels % n == 0)
    return rows, columns, size, 1 if stage.pool else columns


def _emit_conv(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> Emitted:
    op = stage.head
    data = network.tensors[op.inputs[1]].data
    assert data is not None
    weights = data.astype(np.int64)
    if op.kind == "FULLY_CONNECTED":
        kernel_h, kernel_w, stride_h, stride_w = 1, 1, 1, 1
        depth = weights.shape[1]
    else:
        kernel_h, kernel_w = kernel_size(network, op)
        stride_h, stride_w = op.attributes["stride_h"], op.attributes["stride_w"]
        depth = weights.shape[3]
        if pads_before(network, op) != (0, 0) or reads_beyond(network, stage):
            raise Esp8kError(f"{op.kind} with padding is not generated yet")
    flat = weights.reshape(len(weights), -1)
    values = table(network, stage.unary)
    found = requantisation(network, op, flat, values)
    rows, columns, block_q, step_x = blocks(stage)
    block_p = rows * columns
    out_c = stage.out_live[2]
    row = kernel_w * depth
    # (O / q, q, K) -> (O / q, K, q): the order in which the inner loop reads
    order = flat.reshape(-1, block_q, flat.shape[1]).transpose(0, 2, 1).reshape(-1)
    stem = f"{options.prefix}_int8_{stage.name}"
    kind = "int16_t" if options.wide_weights else "int8_t"
    emitted = Emitted({})
    table_name = f"{stem}_table" if values is not None else None
    emitted.arrays = [
        byte_array(
            f"{stem}_weights",
            f"{stage.name}: weights, {block_q} channels abreast",
            order,
            kind,
        ),
        channel_array(f"{stem}_channels", f"{stage.name}: per channel", found),
    ]
    if values is not None and table_name:
        what = ", ".join(o.kind for o in stage.unary)
        emitted.arrays.append(
            byte_array(table_name, f"{stage.name}: {what}", values, "uint8_t")
        )
    positions = [(r, c) for r in range(rows) for c in range(columns)]
    pooled = stage.pool is not None
    emitted.context = {
        "template": "conv_int8.c.jinja",
        "name": stage.name,
        "out_type": "int8_t" if last else "uint8_t",
        "out_h": stage.out_live[0],
        "out_w": stage.out_live[1],
        "out_c": out_c,
        "step_y": 1,
        "step_x": step_x,
        "move_y": (rows if pooled else 1) * stride_h * pitch,
        "move_x": (columns if pooled else 1) * stride_w * depth,
        "weights": f"{stem}_weights",
        "weight_type": kind,
        "channels": f"{stem}_channels",
        "channel_type": C_TYPES[found.form],
        "biased": found.form != "single",
        "block_q": block_q,
        "block_p": block_p,
        "kernel_h": kernel_h,
        "in_pitch": pitch,
        "row": row,
        "unroll": _unroll(row),
        "offsets": [r * stride_h * pitch + c * stride_w * depth for r, c in positions],
        "out_offsets": [c * out_c for _, c in positions],
        "hold_weights": block_q <= block_p,
        "pooled": pooled,
        "store": store(found, table_name, last),
        "requant": found,
    }
    return emitted


# ==== Winograd ====


def _emit_winograd(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> Emitted | None:
    """F(2x2, 3x3), or None where it does not apply or cannot be proved."""
    op = stage.head
    if op.kind != "CONV_2D" or not winograd.applies(stage, kernel_size(network, op)):
        return None
    if pads_before(network, op) != (0, 0) or reads_beyond(network, stage):
        return None
    data = network.tensors[op.inputs[1]].data
    assert data is not None
    weights = data.astype(np.int64)
    transformed = winograd.filters(weights)  # (O, 16, I)
    if not winograd.fits(transformed):
        return None
    values = table(network, stage.unary)
    flat = weights.reshape(len(weights), -1)
    try:
        found = requantisation(network, op, flat, values, winograd.SCALE)
    except ValueError:
        return None
    depth, out_c = weights.shape[3], len(weights)
    mac_h, mac_w, _ = stage.mac_live
    total = mac_h * mac_w // 4
    tiles = 2 if total > 1 else 1
    most = 1 if depth == 1 else 8 // tiles
    block_q = next(n for n in range(min(most, out_c), 0, -1) if out_c % n == 0)
    stem = f"{options.prefix}_int8_{stage.name}"
    table_name = f"{stem}_table" if values is not None else None
    # (O / q, f, I, q): the order in which the inner loop reads
    order = transformed.reshape(out_c // block_q, block_q, 16, depth)
    flat_order = order.transpose(0, 2, 3, 1).reshape(-1)
    arrays = [
        byte_array(
            f"{stem}_filters",
            f"{stage.name}: 2G g 2G', {block_q} channels abreast",
            flat_order,
            "int16_t",
        ),
        channel_array(f"{stem}_channels", f"{stage.name}: per channel", found),
    ]
    if values is not None and table_name:
        what = ", ".join(o.kind for o in stage.unary)
        arrays.append(
            byte_array(table_name, f"{stage.name}: {what}", values, "uint8_t")
        )
    out_w = stage.out_live[1]
    expression = store(found, table_name, last)
    biased = found.form != "single"
    context = {
        "template": "winograd_int8.c.jinja",
        "method": "winograd",
        "name": stage.name,
        "out_type": "int8_t" if last else "uint8_t",
        "depth": depth,
        "tiles": tiles,
        "total": total,
        "pitch": pitch,
        "mac_w": mac_w,
        "out_c": out_c,
        "block_q": block_q,
        "filter_type": "int16_t",
        "weights": f"{stem}_filters",
        "channels": f"{stem}_channels",
        "channel_type": C_TYPES[found.form],
        "place": (
            f"((y >> 1) * {out_w} + (x >> 1)) * {out_c}"
            if stage.pool
            else f"(y * {out_w} + x) * {out_c}"
        ),
        "finish": [
            _finish_tile(stage, expression, biased, f"o{p}") for p in range(tiles)
        ],
        "lines": [[_product(f, p, tiles) for p in range(tiles)] for f in range(16)],
        "vertical": [[_vertical(r, p) for p in range(tiles)] for r in range(4)],
        "requant": found,
        "scratch": 16 * depth * tiles * 2
        + (16 * tiles * block_q * 4 if depth > 1 else 0),
    }
    return Emitted(context, arrays)


def _finish_tile(stage: Stage, expression: str, biased: bool, out: str) -> str:
    """C that turns the four sums in `t` into one or four stored bytes."""
    bias = " + k->bias" if biased else ""
    indent = " " * 16
    if stage.pool is not None:
        best = "nn_max(nn_max(t.y00, t.y01), nn_max(t.y10, t.y11))"
        lines = [
            f"t.y00 = {best}{bias};",
            f"*{out} = {expression.format(acc='t.y00', k='k')};",
        ]
    else:
        _, width, channels = stage.out_live
        places = (
            ("t.y00", 0),
            ("t.y01", channels),
            ("t.y10", width * channels),
            ("t.y11", (width + 1) * channels),
        )
        lines = [
            f"{out}[{at}] = {expression.format(acc=name + bias, k='k')};"
            for name, at in places
        ]
    return "\n".join(indent + line for line in lines)


def _product(f: int, p: int, tiles: int) -> str:
    """One product of a one-channel tile, added to its row's two sums."""
    m = f"v[{f * tiles + p}] * w"
    return (
        f"s{p} = {m};",
        f"const int32_t m{p} = {m}; s{p} += m{p}; d{p} = m{p};",
        f"const int32_t m{p} = {m}; s{p} += m{p}; d{p} -= m{p};",
        f"d{p} -= {m};",
    )[f % 4]


def _vertical(row: int, p: int) -> list[str]:
    """Adds a row's sums to the tile: A' = 1 1 1 0, 0 1 -1 -1."""
    first = {0: "=", 1: "+=", 2: "+="}.get(row)
    second = {1: "=", 2: "-=", 3: "-="}.get(row)
    lines = []
    if first:
        lines += [f"y00{p} {first} s{p};", f"y01{p} {first} d{p};"]
    if second:
        lines += [f"y10{p} {second} s{p};", f"y11{p} {second} d{p};"]
    return lines


def _unroll(row: int) -> int:
    return next(n for n in (8, 7, 6, 5, 4, 3, 2, 1) if row % n == 0)


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

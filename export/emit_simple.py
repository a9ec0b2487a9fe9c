"""The operators without weights, for int8: pools, sums, tables, SOFTMAX."""

from typing import Any

import numpy as np

from export import arithmetic, emit_moves
from export.emit_int8 import (
    C_TYPES,
    Array,
    Emitted,
    Options,
    byte_array,
    channel_array,
    scalar_requantisation,
    store,
    stored,
    table,
    word_array,
)
from export.network import Network, Tensor, pads_before
from export.planner import UNARY_KINDS, Shape, Stage, hwc, kernel_size
from training.errors import Esp8kError

BINARY = ("ADD", "MUL")


def emit(
    network: Network, stage: Stage, options: Options, pitches: list[int], last: bool
) -> Emitted:
    """The C of one stage; `pitches` are the stored widths of its inputs."""
    maker = _MAKERS.get(stage.head.kind)
    if stage.head.kind in UNARY_KINDS:
        maker = _unary
    if maker is None:
        raise Esp8kError(
            f"no int8 kernel for {stage.head.kind}"
            f" (tensor {network.output(stage.head).name})",
            "supported: " + ", ".join(sorted((*_MAKERS, *UNARY_KINDS))),
        )
    stem = f"{options.prefix}_int8_{stage.name}"
    unary = stage.unary
    if stage.head.kind in UNARY_KINDS:
        unary = (stage.head, *unary)
    values = table(network, unary)
    arrays: list[Array] = []
    if values is not None:
        what = ", ".join(op.kind for op in unary)
        name = f"{stem}_table"
        arrays.append(byte_array(name, f"{stage.name}: {what}", values, "uint8_t"))
    height, width, channels = stage.out_live
    context: dict[str, Any] = {
        "template": "simple_int8.c.jinja",
        "name": stage.name,
        "kind": "TABLE" if stage.head.kind in UNARY_KINDS else stage.head.kind,
        "out_type": "int8_t" if last else "uint8_t",
        "inputs": [f"in{i}" for i in range(len(stage.inputs))],
        "out_h": height,
        "out_w": width,
        "out_c": channels,
        "pitches": pitches,
        "table": f"{stem}_table" if values is not None else None,
        "last": last,
        "requant": None,
    }
    maker(network, stage, stem, context, arrays, values)
    return Emitted(context, arrays)


def _unary(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    """A table alone."""
    context["store"] = stored("{u}", context["table"], context["last"])
    context["flat"] = _flat(stage, context["pitches"])


def _flat(stage: Stage, pitches: list[int]) -> bool:
    """Whether all inputs are stored just like the output."""
    height, width, channels = stage.out_live
    return height == 1 and width == 1 or all(p == width * channels for p in pitches)


# ==== Pools ====


def _pool(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    op = stage.head
    low, high = (b + 128 for b in arithmetic.activation_range(op, network.output(op)))
    top, left = pads_before(network, op)
    kernel_h, kernel_w = kernel_size(network, op)
    a = op.attributes
    in_h, in_w, _ = hwc(network.tensors[op.inputs[0]].shape)
    height, width, _ = stage.mac_live
    bottom = (height - 1) * a["stride_h"] + kernel_h - top
    right = (width - 1) * a["stride_w"] + kernel_w - left
    context.update(
        top=top,
        left=left,
        in_h=in_h,
        in_w=in_w,
        kernel_h=kernel_h,
        kernel_w=kernel_w,
        stride_h=a["stride_h"],
        stride_w=a["stride_w"],
        padded=top > 0 or left > 0 or bottom > in_h or right > in_w,
        store=stored(
            f"nn_clamp({{u}}, {low}, {high})", context["table"], context["last"]
        ),
    )


def _mean(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    op = stage.head
    source, out = network.tensors[op.inputs[0]], network.output(op)
    if tuple(op.attributes["axes"]) != (1, 2) or len(source.shape) != 4:
        raise Esp8kError(
            f"MEAN over axes {op.attributes['axes']} (tensor {out.name})"
            " is not generated",
            "average over height and width, axes 1 and 2",
        )
    in_h, in_w, _ = hwc(source.shape)
    count, zero = in_h * in_w, source.zero_point + 128
    mantissa, shift = arithmetic.mean_constant(network, op)
    reach = (-zero * count, (255 - zero) * count)
    found = scalar_requantisation(
        int(mantissa), int(shift), reach, out.zero_point + 128, (0, 255), values
    )
    _requantised(stage, stem, context, arrays, found)
    context.update(in_h=in_h, in_w=in_w, start=-zero * count)


def _requantised(
    stage: Stage, stem: str, context: dict[str, Any], arrays: list[Array], found: Any
) -> None:
    name = f"{stem}_scale"
    arrays.append(channel_array(name, f"{stage.name}: requantisation", found))
    acc = "{acc}" if found.form == "single" else "{acc} + " + name + "->bias"
    text = store(found, context["table"], context["last"])
    context.update(
        requant=found,
        type=C_TYPES[found.form],
        store=text.replace("{acc}", acc).replace("{k}", name),
    )


# ==== Two operands ====


def _binary(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    op = stage.head
    first, second = (network.tensors[i] for i in op.inputs[:2])
    out = network.output(op)
    operands, at = [], 0
    for tensor, letter in ((first, "a"), (second, "b")):
        if tensor.data is None:
            place = _broadcast(hwc(tensor.shape), context["pitches"][at])
            operands.append(f"in{at}[{place}]")
            at += 1
        else:
            operands.append(_constant(stage, stem, tensor, letter, context, arrays))
    low, high = (b + 128 for b in arithmetic.activation_range(op, out))
    zero = out.zero_point + 128
    if op.kind == "ADD":
        constants = arithmetic.add_constants(network, op)
        for tensor, constant, letter in (
            (first, constants.first, "a"),
            (second, constants.second, "b"),
        ):
            scaled = arithmetic.add_table(constant, tensor.zero_point)
            name = f"{stem}_scaled_{letter}"
            what = f"{stage.name}: operand {letter} by u, scaled"
            arrays.append(word_array(name, what, scaled))
        total = f"{stem}_scaled_a[{operands[0]}] + {stem}_scaled_b[{operands[1]}]"
        mantissa, shift = constants.output
        u = f"nn_scale({total}, {mantissa}, {shift}) + {zero}"
        u = f"nn_clamp({u}, {low}, {high})"
        context["store"] = stored(u, context["table"], context["last"])
        return
    zeros = [t.zero_point + 128 for t in (first, second)]
    ends = [(-z, 255 - z) for z in zeros]
    products = [a * b for a in ends[0] for b in ends[1]]
    mantissa, shift = arithmetic.mul_constant(network, op)
    reach = min(products), max(products)
    found = scalar_requantisation(mantissa, shift, reach, zero, (low, high), values)
    _requantised(stage, stem, context, arrays, found)
    product = " * ".join(f"({o} - {z})" for o, z in zip(operands, zeros, strict=True))
    context["store"] = context["store"].format(acc=product)


def _constant(
    stage: Stage,
    stem: str,
    tensor: Tensor,
    letter: str,
    context: dict[str, Any],
    arrays: list[Array],
) -> str:
    """A constant operand as an array, and how it is indexed."""
    assert tensor.data is not None
    name = f"{stem}_{letter}"
    data = tensor.data.reshape(-1).astype(np.int64) + 128
    what = f"{stage.name}: operand {letter}"
    arrays.append(byte_array(name, what, data, "uint8_t"))
    shape = hwc(tensor.shape)
    return f"{name}[{_broadcast(shape, shape[1] * shape[2])}]"


def _broadcast(shape: Shape, pitch: int) -> str:
    """The index of (y, x, c) in an operand; along an axis of 1 it stands still."""
    height, width, channels = shape
    parts = [
        f"y * {pitch}" if height > 1 else "",
        f"x * {channels}" if width > 1 else "",
        "c" if channels > 1 else "",
    ]
    return " + ".join(part for part in parts if part) or "0"


def _softmax(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    name = f"{stem}_exps"
    exps = arithmetic.softmax_table(network, stage.head)
    what = f"{stage.name}: exp(-i * scale * beta), Q0.31"
    arrays.append(word_array(name, what, exps))
    context["exps"] = name
    context["store"] = stored("{u}", context["table"], context["last"])


_MAKERS = {
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "MEAN": _mean,
    "ADD": _binary,
    "MUL": _binary,
    "CONCATENATION": emit_moves.concatenation,
    "PAD": emit_moves.pad,
    "SOFTMAX": _softmax,
}

"""The operators without weights, for int8: pools, sums, tables, SOFTMAX."""

from typing import Any

import numpy as np

from core.errors import Esp8kError
from export.arithmetic import int8
from export.arithmetic.requant import Requant
from export.graph.fusion import UNARY_KINDS, Shape, Stage, hwc, kernel_size
from export.graph.network import Network, Tensor, pads_before
from export.kernels import moves
from export.kernels.arrays import Array, byte_array, word_array
from export.kernels.int8 import (
    C_TYPES,
    Emitted,
    Options,
    channel_array,
    scalar_requantisation,
    store,
    stored,
    table,
)
from export.kernels.moves import Making


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
    maker(Making(network, stage, stem, context, arrays, values))
    return Emitted(context, arrays)


def _unary(m: Making) -> None:
    """A table alone."""
    m.context["store"] = stored("{u}", m.context["table"], m.context["last"])
    m.context["flat"] = _flat(m.stage, m.context["pitches"])


def _flat(stage: Stage, pitches: list[int]) -> bool:
    """Whether all inputs are stored just like the output."""
    height, width, channels = stage.out_live
    return height == 1 and width == 1 or all(p == width * channels for p in pitches)


# ==== Pools ====


def _pool(m: Making) -> None:
    op = m.stage.head
    low, high = (b + 128 for b in int8.activation_range(op, m.network.output(op)))
    top, left = pads_before(m.network, op)
    kernel_h, kernel_w = kernel_size(m.network, op)
    a = op.attributes
    in_h, in_w, _ = hwc(m.network.tensors[op.inputs[0]].shape)
    height, width, _ = m.stage.mac_live
    bottom = (height - 1) * a["stride_h"] + kernel_h - top
    right = (width - 1) * a["stride_w"] + kernel_w - left
    m.context.update(
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
            f"nn_clamp({{u}}, {low}, {high})", m.context["table"], m.context["last"]
        ),
    )


def _mean(m: Making) -> None:
    op = m.stage.head
    source, out = m.network.tensors[op.inputs[0]], m.network.output(op)
    if tuple(op.attributes["axes"]) != (1, 2) or len(source.shape) != 4:
        raise Esp8kError(
            f"MEAN over axes {op.attributes['axes']} (tensor {out.name})"
            " is not generated",
            "average over height and width, axes 1 and 2",
        )
    in_h, in_w, _ = hwc(source.shape)
    count, zero = in_h * in_w, source.zero_point + 128
    mantissa, shift = int8.mean_constant(m.network, op)
    reach = (-zero * count, (255 - zero) * count)
    found = scalar_requantisation(
        int(mantissa), int(shift), reach, out.zero_point + 128, (0, 255), m.values
    )
    _requantised(m, found)
    m.context.update(in_h=in_h, in_w=in_w, start=-zero * count)


def _requantised(m: Making, found: Requant) -> None:
    name = f"{m.stem}_scale"
    m.arrays.append(channel_array(name, f"{m.stage.name}: requantisation", found))
    acc = "{acc}" if found.form == "single" else "{acc} + " + name + "->bias"
    text = store(found, m.context["table"], m.context["last"])
    m.context.update(
        requant=found,
        type=C_TYPES[found.form],
        store=text.replace("{acc}", acc).replace("{k}", name),
    )


# ==== Two operands ====


def _binary(m: Making) -> None:
    op = m.stage.head
    first, second = (m.network.tensors[i] for i in op.inputs[:2])
    out = m.network.output(op)
    operands, at = [], 0
    for tensor, letter in ((first, "a"), (second, "b")):
        if tensor.data is None:
            place = _broadcast(hwc(tensor.shape), m.context["pitches"][at])
            operands.append(f"in{at}[{place}]")
            at += 1
        else:
            operands.append(_constant(m, tensor, letter))
    low, high = (b + 128 for b in int8.activation_range(op, out))
    zero = out.zero_point + 128
    if op.kind == "ADD":
        constants = int8.add_constants(m.network, op)
        for tensor, constant, letter in (
            (first, constants.first, "a"),
            (second, constants.second, "b"),
        ):
            scaled = int8.add_table(constant, tensor.zero_point)
            name = f"{m.stem}_scaled_{letter}"
            what = f"{m.stage.name}: operand {letter} by u, scaled"
            m.arrays.append(word_array(name, what, scaled))
        total = f"{m.stem}_scaled_a[{operands[0]}] + {m.stem}_scaled_b[{operands[1]}]"
        mantissa, shift = constants.output
        u = f"nn_scale({total}, {mantissa}, {shift}) + {zero}"
        u = f"nn_clamp({u}, {low}, {high})"
        m.context["store"] = stored(u, m.context["table"], m.context["last"])
        return
    zeros = [t.zero_point + 128 for t in (first, second)]
    ends = [(-z, 255 - z) for z in zeros]
    products = [a * b for a in ends[0] for b in ends[1]]
    mantissa, shift = int8.mul_constant(m.network, op)
    reach = min(products), max(products)
    found = scalar_requantisation(mantissa, shift, reach, zero, (low, high), m.values)
    _requantised(m, found)
    product = " * ".join(f"({o} - {z})" for o, z in zip(operands, zeros, strict=True))
    m.context["store"] = m.context["store"].format(acc=product)


def _constant(m: Making, tensor: Tensor, letter: str) -> str:
    """A constant operand as an array, and how it is indexed."""
    assert tensor.data is not None
    name = f"{m.stem}_{letter}"
    data = tensor.data.reshape(-1).astype(np.int64) + 128
    what = f"{m.stage.name}: operand {letter}"
    m.arrays.append(byte_array(name, what, data, "uint8_t"))
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


def _softmax(m: Making) -> None:
    name = f"{m.stem}_exps"
    exps = int8.softmax_table(m.network, m.stage.head)
    what = f"{m.stage.name}: exp(-i * scale * beta), Q0.31"
    m.arrays.append(word_array(name, what, exps))
    m.context["exps"] = name
    m.context["store"] = stored("{u}", m.context["table"], m.context["last"])


_MAKERS = {
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "MEAN": _mean,
    "ADD": _binary,
    "MUL": _binary,
    "CONCATENATION": moves.concatenation,
    "PAD": moves.pad,
    "SOFTMAX": _softmax,
}

"""What is stored of a float16 sum on LX6: activations, scale and rounding.

    held = constants_of(conv)    # what these need in registers, by name
    store(body, conv, "f0", "f14", {name: "f15" for name in held}, o, 0)

The steps and their order are those of the portable kernel, and so are the bits.
"""

from export.arithmetic.float16 import FLOAT16_LEAST_NORMAL, PIXEL_SCALE
from export.graph.attributes import Leaky
from export.graph.stage import Stage
from export.kernels.float16.conv import Conv
from export.kernels.lx6.assembly import Block, Pointer


def store(
    body: Block,
    conv: Conv,
    y: str,
    z: str,
    held: dict[str, str],
    o: Pointer,
    to: int,
) -> None:
    """y through its activations, rounded, into memory."""
    for kind, name in activations(conv.stage):
        if kind == "LEAKY_RELU":
            body.op("MULF", z, y, held[name])
            larger(body, y, z)
            continue
        larger(body, y, held["zero"])
        if kind == "RELU6":
            body.op("OLT", held["six"], y)
            body.op("MOVT", y, held["six"])
    if "scale" in held:
        body.op("MULF", y, y, held["scale"])
    rounding = conv.job.rounding
    if rounding == "none":
        body.op("SSI", y, "o", o.reach(body, to))
        return
    body.op("RFR", "t", y)
    body.op("AT_ADDMI", "t", "t", 0x1000)
    body.op("AND", "t", "t", "m")
    if rounding == "flush":
        body.op("WFR", y, "t")
        body.op("ABS", z, y)
        body.op("OLT", z, held["limit"])
        body.op("MOVT", y, held["zero"])
        body.op("SSI", y, "o", o.reach(body, to))
        return
    body.op("S32I", "t", "o", o.reach(body, to))


def larger(body: Block, best: str, other: str) -> None:
    """best = the larger of two."""
    body.op("OLT", best, other)
    body.op("MOVT", best, other)


def activations(stage: Stage) -> list[tuple[str, str]]:
    """(kind, name of its constant) in their order."""
    found = [] if stage.activation == "NONE" else [(stage.activation, "")]
    for k, op in enumerate(stage.unary):
        found.append((op.kind, f"slope{k}"))
    return found


def constants_of(conv: Conv) -> dict[str, float]:
    """What the end of a sum needs in registers, by name."""
    stage, found = conv.stage, {}
    if conv.first:
        found["unit"] = float(PIXEL_SCALE) * 2.0**conv.value.early
    late = conv.power - conv.value.early
    if late:
        found["scale"] = 2.0**late
    for k, op in enumerate(stage.unary):
        if op.kind == "LEAKY_RELU":
            found[f"slope{k}"] = op.told(Leaky).alpha
    kinds = {kind for kind, _ in activations(stage)}
    if conv.job.rounding == "flush":
        found["limit"] = FLOAT16_LEAST_NORMAL * 2.0**late
    if kinds & {"RELU", "RELU6"} or conv.job.rounding == "flush":
        found["zero"] = 0.0
    if "RELU6" in kinds:
        found["six"] = 6.0
    return found

"""What a weighted sum costs, in instructions, before it is compiled.

    cost.estimate(context, "xtensa")

counts from a stage's loops how often each kind of work is done (`work`) and weighs
that with what one of each costs on a core (`WEIGHTS`). The weights were fitted to
the counts of v1, v2 and v3 in all profiles; a test holds every stage's estimate to its
count within 10 %. The generator takes Winograd where its estimate is lower.
"""

from typing import Any

# Instructions for one of each kind of work, by core.
WEIGHTS: dict[str, dict[str, float]] = {
    "xtensa": {
        "product": 2.41,  # multiply, add
        "load": 0.71,  # operand of an inner product; some stay in registers
        "widened": 1.96,  # sign extension of an 8-bit weight
        "turn": 3.29,  # of an inner loop
        "row": 3.27,  # of the kernel
        "visit": 7.72,  # block of accumulators set up
        "output": 15.59,  # byte requantised and stored
        "again": -3.35,  # less where the channel's constants are loaded already
        "signed": 3.33,  # more for its two offsets
        "wide": 64.76,  # more for 64 bits
        "larger": 4.26,  # comparison of a pool
        "transform": 76.74,  # tile and channel of a Winograd input
        "tile": 15.74,  # tile and channel of a Winograd output
        "stored": 0.63,  # sum written or read between the two
    },
    "riscv": {
        "product": 2.05,
        "load": 1.01,
        "widened": 0.0,
        "turn": 2.61,
        "row": 1.15,
        "visit": 5.91,
        "output": 11.56,
        "again": -3.08,
        "signed": 3.73,
        "wide": 29.9,
        "larger": 1.25,
        "transform": 84.91,
        "tile": 12.76,
        "stored": 0.97,
    },
}


def work(c: dict[str, Any]) -> dict[str, float]:
    """How often a stage does each kind of work; `c` is its template's context."""
    if c["template"] == "winograd_int8.c.jinja":
        return _winograd(c)
    if c["template"] == "depthwise_int8.c.jinja":
        return _depthwise(c)
    visits = c["out_h"] * (c["out_w"] // c["step_x"]) * (c["out_c"] // c["block_q"])
    taps = c["kernel_h"] * c["kernel_w"] * c["depth"]
    if c["kernel_h"] == c["kernel_w"] == 1:
        taps = c["row"]
    p, q = c["block_p"], c["block_q"]
    turns = taps // c["unroll"]
    return {
        "product": visits * taps * p * q,
        "load": visits * taps * (p + q),
        "widened": visits * taps * q if c["weight_type"] == "int8_t" else 0,
        "turn": visits * turns,
        "row": visits * c["kernel_h"],
        "visit": visits,
        **_outputs(c, visits * q, 1 if c["pooled"] else p),
        "larger": visits * q * (p - 1) if c["pooled"] else 0,
    }


def _depthwise(c: dict[str, Any]) -> dict[str, float]:
    visits = c["out_h"] * (c["out_w"] // c["step_x"]) * c["out_c"]
    taps, p = c["kernel_h"] * c["kernel_w"], c["block_p"]
    return {
        "product": visits * taps * p,
        "load": visits * taps * (p + 1),
        "widened": visits * taps if c["weight_type"] == "int8_t" else 0,
        "row": visits * c["kernel_h"],
        "visit": visits,
        **_outputs(c, visits, 1 if c["pooled"] else p),
        "larger": visits * (p - 1) if c["pooled"] else 0,
    }


def _winograd(c: dict[str, Any]) -> dict[str, float]:
    tiles, depth, channels, q = c["tiles"], c["depth"], c["out_c"], c["block_q"]
    passes = -(-c["total"] // tiles)
    found: dict[str, float] = {
        "transform": passes * tiles * depth * (0.85 if c["adjacent"] else 1.0),
        "tile": passes * tiles * channels,
        **_outputs(c, passes * tiles * channels, 1 if c["pooled"] else 4),
        "larger": passes * tiles * channels * 3 if c["pooled"] else 0,
    }
    if depth == 1:
        found["product"] = passes * tiles * channels * 16
        found["load"] = passes * channels * 16 * (tiles + 1)
        return found
    visits = passes * (channels // q) * 16
    found["product"] = visits * depth * tiles * q
    found["load"] = visits * depth * (tiles + q)
    found["turn"] = visits
    found["stored"] = 2 * visits * tiles * q
    return found


def _outputs(c: dict[str, Any], groups: int, size: int) -> dict[str, float]:
    """Groups of outputs of one channel, whose constants are loaded once."""
    form, count = c["requant"].form, groups * size
    return {
        "output": count,
        "again": count - groups,
        "signed": count if form == "signed" else 0,
        "wide": count if form == "wide" else 0,
    }


def estimate(c: dict[str, Any], target: str) -> int:
    """Instructions of one stage on one core."""
    weights = WEIGHTS[target]
    return round(sum(weights[kind] * count for kind, count in work(c).items()))

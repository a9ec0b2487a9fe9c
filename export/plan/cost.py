"""What a weighted sum costs, in instructions, before it is compiled.

    cost.estimate(context, "xtensa")

counts from a stage's loops how often each kind of work is done (`work`) and weighs
that with what one of each costs on a core (`WEIGHTS`). Those of products and loads are
known; the others were fitted by tests/support/fit_cost.py, so the single ones may be
odd (a visit below zero: its cost is among that of its outputs). Tests hold the
estimates to counts within 10 %, also of networks that no weight was fitted to. The
generator takes the way whose estimate is lowest.
"""

from collections import Counter
from typing import Any

# Instructions for one of each kind of work, by core.
WEIGHTS: dict[str, dict[str, float]] = {
    "xtensa": {
        "product": 2.0,  # multiply, add
        "load": 1.0,  # operand of an inner product
        "widened": 2.0,  # sign extension of an 8-bit weight
        "crowded": 0.15,  # more for a product where the registers are full
        "held": 0.15,  # the same, four positions and more
        "flat": -0.47,  # the same in a kernel without a loop, from the fifth sum on
        "shared": 2.85,  # value that several positions want: kept, or loaded again
        "turn": 4.23,  # of an inner loop
        "row": 7.27,  # of the kernel
        "short row": 3.19,  # of the kernel, without a loop in it
        "visit": -15.47,  # block of accumulators set up
        "short visit": -17.3,  # the same without any loop
        "flat visit": -8.89,  # the same of a kernel without a loop
        "place": 13.06,  # position or a few abreast, all their channels
        "lone place": -29.45,  # the same, the only one of its loop
        "line": 118.36,  # row of a loop over positions
        "kept": -0.02,  # maximum of a row, kept for the next block
        "constants": 8.22,  # of a channel, loaded
        "output": 10.0,  # byte requantised and stored
        "clamped": 4.26,  # more for bounds of 0 and 255
        "bounded": 3.77,  # more for others
        "looked up": 3.35,  # more for a table
        "signed": 3.8,  # more for its two offsets
        "triple": 7.97,  # the same, and a third multiplication
        "wide": 65.02,  # more for 64 bits
        "larger": 5.64,  # comparison of a pool
        "moved": 3.29,  # byte of a window that moves on
        "copied": 5.75,  # byte of the image copied into a window
        "band": 141.78,  # step of a band: its loops, what is kept of it
        "cell": 6.13,  # byte of a cell, or a cell of a window
        "transform": 85.4,  # tile and channel of a Winograd input
        "tile": 3.62,  # tile and channel of a Winograd output
        "transform4": 332.91,  # tile and channel of F(4, 3)'s input
        "tile4": 109.36,  # tile and channel of its output
        "stored": 1.08,  # sum written or read between the two
    },
    "riscv": {
        "product": 2.0,
        "load": 1.0,
        "widened": 0.0,
        "crowded": 0.01,
        "held": 0.02,
        "flat": 0.0,
        "shared": 0.29,
        "turn": 3.73,
        "row": 2.95,
        "short row": 3.71,
        "visit": 2.75,
        "short visit": -3.85,
        "flat visit": -6.32,
        "place": 26.71,
        "lone place": 5.08,
        "line": 40.91,
        "kept": 2.93,
        "constants": 8.68,
        "output": 4.4,
        "clamped": 3.13,
        "bounded": 2.88,
        "looked up": 3.75,
        "signed": 2.21,
        "triple": 5.12,
        "wide": 28.12,
        "larger": 0.5,
        "moved": 3.58,
        "copied": 5.68,
        "band": 119.31,
        "cell": 4.73,
        "transform": 68.59,
        "tile": 12.18,
        "transform4": 374.25,
        "tile4": 215.06,
        "stored": 1.22,
    },
}


def work(c: dict[str, Any]) -> dict[str, float]:
    """How often a stage does each kind of work; `c` is its template's context."""
    found = _work(c)
    return {kind: c.get("repeats", 1) * count for kind, count in found.items()}


def _work(c: dict[str, Any]) -> dict[str, float]:
    """The same of one call of its function."""
    if c["template"] == "band_int8.c.jinja":
        return _band(c)
    if c["template"] == "winograd4_int8.c.jinja":
        return _winograd4(c)
    if c["template"] == "winograd_int8.c.jinja":
        return _winograd(c)
    if c["template"] == "depthwise_int8.c.jinja":
        return _depthwise(c)
    found: dict[str, float] = dict(_window(c))
    for part in c["parts"]:
        for kind, count in _block(c, part).items():
            found[kind] = found.get(kind, 0) + count
    return found


def _block(c: dict[str, Any], part: dict[str, Any]) -> dict[str, float]:
    """One loop of a direct sum over all rows."""
    across = (part["end"] - part["start"]) // part["step"]
    visits = c["out_h"] * across * (c["out_c"] // c["block_q"])
    taps = c["kernel_h"] * c["kernel_w"] * c["depth"]
    if c["kernel_h"] == c["kernel_w"] == 1:
        taps = c["row"]
    p, q = part["block_p"], c["block_q"]
    outputs, larger = 1 if c["pooled"] else p, p - 1 if c["pooled"] else 0
    if c["maxima"]:
        outputs, larger = p // 2, 5 * p // 4
    # What neighbours have in common is loaded once a turn.
    values = Counter(tap + at for tap in c["taps"] for at in part["offsets"])
    twice = sum(uses > 1 for uses in values.values())
    turned = taps // c["unroll"] * len(values)
    places = visits * q // c["out_c"]
    crowded = visits * taps * p * q if p * q > 6 else 0
    # A loop of one turn is none, and what is left without any is cheaper.
    looped = c["row"] > c["unroll"]
    turns = taps // c["unroll"] if looped else 0
    rows = c["rows"] if c["rows"] > 1 else 0
    return {
        "product": visits * taps * p * q,
        "load": visits * (taps * q + turned),
        "crowded": crowded if p < 4 and not c["flat"] else 0,
        "held": crowded if p >= 4 and not c["flat"] else 0,
        "flat": visits * taps * max(p * q - 4, 0) if c["flat"] else 0,
        "shared": visits * taps // c["unroll"] * twice if p * q >= 6 else 0,
        "widened": visits * taps * q if c["weight_type"] == "int8_t" else 0,
        "turn": visits * turns,
        "row": visits * rows if looped else 0,
        "short row": 0 if looped else visits * rows,
        "visit": visits if looped or rows else 0,
        "short visit": 0 if looped or rows or c["flat"] else visits,
        "flat visit": visits if c["flat"] else 0,
        "line": c["out_h"],
        **_maxima(c, visits * q),
        "place": places if across > 1 else 0,
        "lone place": 0 if across > 1 else places,
        **_outputs(c, visits * q, outputs),
        # Of one block of channels they stay where they are.
        "constants": visits * q if q < c["out_c"] else 0,
        "larger": visits * q * larger,
    }


def _maxima(c: dict[str, Any], visits: int) -> dict[str, float]:
    """What is kept along a row for a pool, and what its end completes."""
    if not c["maxima"]:
        return {}
    return {"kept": (visits + c["out_h"] * c["out_c"]) * c["maxima"].states}


def _depthwise(c: dict[str, Any]) -> dict[str, float]:
    part = c["parts"][0]
    visits = c["out_h"] * (part["end"] // part["step"]) * c["out_c"]
    taps, p = c["kernel_h"] * c["kernel_w"], part["block_p"]
    return {
        "product": visits * taps * p,
        "load": visits * taps * (p + 1),
        "widened": visits * taps if c["weight_type"] == "int8_t" else 0,
        "row": visits * c["kernel_h"],
        "visit": visits,
        **_outputs(c, visits, 1 if c["pooled"] else p),
        "larger": visits * (p - 1) if c["pooled"] else 0,
        **_window(c),
    }


def _window(c: dict[str, Any]) -> dict[str, float]:
    """Bytes of a padded stage's window that are moved, and that are read anew."""
    w = c["window"]
    if w is None:
        return {}
    moves = c["out_h"] - 1
    kept = max(w["rows"] - w["step"], 0)
    return {
        "moved": moves * kept * w["width"],
        "copied": (w["rows"] + moves * (w["rows"] - kept)) * w["width"],
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


def _winograd4(c: dict[str, Any]) -> dict[str, float]:
    tiles, depth, channels = c["total"], c["depth"], c["out_c"]
    p, q = c["tiles"], c["block_q"]
    visits = tiles * channels // (p * q) * 36
    groups = tiles * channels * (4 if c["pooled"] else 16)
    return {
        "transform4": tiles * depth,
        "tile4": tiles * channels,
        "product": visits * depth * p * q,
        "load": visits * depth * (p + q),
        "turn": visits,
        "stored": visits * p * q,
        **_outputs(c, groups, 1),
        "larger": tiles * channels * 12 if c["pooled"] else 0,
    }


def _band(c: dict[str, Any]) -> dict[str, float]:
    """Its rows, and the maxima of the band's cells."""
    found = {kind: c["steps"] * count for kind, count in work(c["rows"]).items()}
    found["band"] = c["steps"]
    cells = (c["out_h"] + 1) * c["out_w"] * c["out_c"]
    wide = 1 if c["maxima"] else c["size_w"]
    found["cell"] = cells * (c["size"] * wide + 2)
    return found


def _outputs(c: dict[str, Any], groups: int, size: int) -> dict[str, float]:
    """Groups of outputs of one channel, whose constants are loaded once."""
    found, count = c["requant"], groups * size
    form, clamped = found.form, "nn_clamp" in c["byte"]
    usual = (found.low, found.high) == (0, 255)
    return {
        "output": count,
        "clamped": count if clamped and usual else 0,
        "bounded": count if clamped and not usual else 0,
        "looked up": count if "[" in c["byte"] else 0,
        "constants": groups,
        "signed": count if form == "signed" else 0,
        "triple": count if form == "triple" else 0,
        "wide": count if form == "wide" else 0,
    }


def estimate(c: dict[str, Any], target: str) -> int:
    """Instructions of one stage on one core."""
    weights = WEIGHTS[target]
    return round(sum(weights[kind] * count for kind, count in work(c).items()))

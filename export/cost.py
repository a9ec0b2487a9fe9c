"""What a weighted sum costs, in instructions, before it is compiled.

    cost.estimate(context, "xtensa")

counts from a stage's loops how often each kind of work is done (`work`) and weighs
that with what one of each costs on a core (`WEIGHTS`). The weights were fitted by
tests/codegen/fit_cost.py, so the single ones may be odd (a visit below zero: its cost
is among that of its outputs). Tests hold the estimates to counts within 10 %, also of
networks that no weight was fitted to. The generator takes Winograd where its estimate
is lower.
"""

from typing import Any

# Instructions for one of each kind of work, by core.
WEIGHTS: dict[str, dict[str, float]] = {
    "xtensa": {
        "product": 2.04,  # multiply, add
        "load": 0.97,  # operand of an inner product
        "widened": 1.97,  # sign extension of an 8-bit weight
        "crowded": 0.29,  # more for a product where the registers are full
        "turn": 3.59,  # of an inner loop
        "row": 7.22,  # of the kernel
        "short row": 6.75,  # of the kernel, without a loop in it
        "visit": -16.6,  # block of accumulators set up
        "short visit": -9.0,  # the same without any loop
        "place": 31.29,  # position or pair of positions, all its channels
        "constants": 6.79,  # of a channel, loaded
        "output": 16.46,  # byte requantised and stored
        "signed": 3.03,  # more for its two offsets
        "triple": 4.7,  # the same, and a third multiplication
        "wide": 62.7,  # more for 64 bits
        "larger": 4.8,  # comparison of a pool
        "moved": 1.34,  # byte of a window that moves on
        "copied": 7.61,  # byte of the image copied into a window
        "band": 200.0,  # step of a band: its loops, what is kept of it
        "cell": 4.7,  # byte of a cell, or a cell of a window
        "transform": 82.5,  # tile and channel of a Winograd input
        "tile": 3.4,  # tile and channel of a Winograd output
        "transform4": 300.0,  # tile and channel of F(4, 3)'s input
        "tile4": 213.0,  # tile and channel of its output
        "stored": 1.18,  # sum written or read between the two
    },
    "riscv": {
        "product": 1.96,
        "load": 1.04,
        "widened": 0.0,
        "crowded": 0.05,
        "turn": 3.04,
        "row": 2.08,
        "short row": 1.74,
        "visit": 4.62,
        "short visit": -0.07,
        "place": 52.18,
        "constants": 5.29,
        "output": 9.0,
        "signed": 1.99,
        "triple": 6.2,
        "wide": 29.8,
        "larger": 0.08,
        "moved": 3.53,
        "copied": 6.11,
        "band": 200.0,
        "cell": 4.7,
        "transform": 68.0,
        "tile": 15.44,
        "transform4": 341.0,
        "tile4": 291.0,
        "stored": 1.27,
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
    # A loop of one turn is none, and what is left without any is cheaper.
    looped = c["row"] > c["unroll"]
    turns = taps // c["unroll"] if looped else 0
    rows = c["rows"] if c["rows"] > 1 else 0
    return {
        "product": visits * taps * p * q,
        "load": visits * taps * (p + q),
        "crowded": visits * taps * p * q if p * q > 6 else 0,
        "widened": visits * taps * q if c["weight_type"] == "int8_t" else 0,
        "turn": visits * turns,
        "row": visits * rows if looped else 0,
        "short row": 0 if looped else visits * rows,
        "visit": visits if looped or rows else 0,
        "short visit": 0 if looped or rows else visits,
        "place": visits * q // c["out_c"],
        **_outputs(c, visits * q, outputs),
        # Of one block of channels they stay where they are.
        "constants": visits * q if q < c["out_c"] else 0,
        "larger": visits * q * larger,
    }


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
    form, count = c["requant"].form, groups * size
    return {
        "output": count,
        "constants": groups,
        "signed": count if form == "signed" else 0,
        "triple": count if form == "triple" else 0,
        "wide": count if form == "wide" else 0,
    }


def estimate(c: dict[str, Any], target: str) -> int:
    """Instructions of one stage on one core."""
    weights = WEIGHTS[target]
    return round(sum(weights[kind] * count for kind, count in work(c).items()))

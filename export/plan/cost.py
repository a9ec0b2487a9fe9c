"""What a weighted sum costs, in instructions, before it is compiled.

    cost.estimate(kernel.work(), "xtensa")

A kernel counts from its loops how often each kind of work is done; that is weighed
with what one of each costs on a core (`WEIGHTS`). Those of products and loads are
known. Set by hand, from the assembler's listings, are "checked", "tile row", "tile
visit", "value", "listed" and "list visit": fitted with the others, depthwise layers
took the estimates of unseen networks past their bound. The rest was fitted by
tools/bench/fit_cost.py, so single ones may be odd (a visit below zero: its cost is
among that of its outputs). Tests hold the estimates to counts within 10 %, also of
networks that no weight was fitted to. The generator takes the way whose estimate is
lowest.
"""

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
        "place": 13.06,  # register tile of positions, all their channels
        "lone place": -29.45,  # the same, the only one of its loop
        "line": 118.36,  # row of a loop over positions
        "kept": -0.02,  # maximum of a row, kept for the next block
        "constants": 8.22,  # of a channel, loaded
        "output": 10.0,  # byte requantised and stored
        "clamped": 4.26,  # more for bounds of 0 and 255
        "bounded": 3.77,  # more for others
        "looked up": 3.35,  # more for a table
        "checked": 2.0,  # more for the bits that may be in doubt
        "signed": 3.8,  # more for its two offsets
        "triple": 7.97,  # the same, and a third multiplication
        "wide": 65.02,  # more for 64 bits
        "larger": 5.64,  # comparison of a pool
        "tile row": 3.0,  # of a depthwise kernel, for a tile of sums
        "tile visit": 5.0,  # such a tile
        "value": 5.0,  # looked at, whether it is zero
        "listed": 2.0,  # value that is not, for a block of channels
        "list visit": 20.0,  # of a list, for a block of channels
        "moved": 3.29,  # byte of a window that moves on
        "copied": 5.75,  # byte of the image copied into a window
        "strip": 141.78,  # step of a strip: its loops, what is kept of it
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
        "checked": 2.0,
        "signed": 2.21,
        "triple": 5.12,
        "wide": 28.12,
        "larger": 0.5,
        "tile row": 3.0,
        "tile visit": 12.0,
        "value": 5.0,
        "listed": 2.0,
        "list visit": 20.0,
        "moved": 3.58,
        "copied": 5.68,
        "strip": 119.31,
        "cell": 4.73,
        "transform": 68.59,
        "tile": 12.18,
        "transform4": 374.25,
        "tile4": 215.06,
        "stored": 1.22,
    },
    # The C around the ESP32-S3's kernels, as lx106's compiler makes it.
    "s3": {
        "engine": 92.21,  # once, with the copy of the output
        "call": 9.01,  # of a kernel; its return is the kernel's
        "look": 11.06,  # whether a stage of a run can do its next row
        "move": 33.67,  # of a value's rows
        "moved": 0.68,  # byte of them
        "filled": 0.49,  # byte of a border, or of what will be rows
    },
}


Work = dict[str, float]  # how often each kind of work is done


def times(count: int, work: Work) -> Work:
    """The same so many times."""
    return {kind: count * number for kind, number in work.items()}


def added(*parts: Work) -> Work:
    """All of it together."""
    found: Work = {}
    for part in parts:
        for kind, number in part.items():
            found[kind] = found.get(kind, 0) + number
    return found


def estimate(work: Work, core: str) -> int:
    """Instructions on one core."""
    weights = WEIGHTS[core]
    return round(sum(weights[kind] * count for kind, count in work.items()))

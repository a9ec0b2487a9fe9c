"""Instructions that the LX6 and this core both have, written for this one.

    write(code, block, {"x": "a10", "y": "a11"})

A `Block` of the LX6's kernels names its registers; here they get numbers. What it takes
from `nil`, a register of 0 there, needs none: there is NEG. Loops are the caller's
affair.
"""

import re

from export.cores.s3.code import Code
from export.kernels.lx6.assembly import Block

CALL = re.compile(r"LX_(?:AT_)?(\w+)\((.*)\)")


def write(code: Code, block: Block, registers: dict[str, str]) -> None:
    """Add a block's instructions."""
    for word in block.words:
        found = CALL.fullmatch(word)
        assert found is not None, word
        operands = [registers.get(x, x) for x in found[2].split(", ")]
        if found[1] == "SUB" and operands[1] == "nil":
            code(f"neg {operands[0]},{operands[2]}")
            continue
        code(f"{found[1].lower()} {','.join(operands)}")

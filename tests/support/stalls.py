"""Where the text of the ESP32-S3's kernels waits for a load or a sum."""

from collections import Counter

from export.assembly.effects import effects, movable
from export.assembly.pie import PIE
from export.assembly.source import Instruction, Label, parse

# What may wait, as nothing fits between that is free to move.
LEFT = {
    "ee.st.accx.ip",  # the next sum begins when ACCX, the only one, is stored
    "ee.srcmb.s16.qacc",  # as with QACC, of a layer without an activation
    "ee.vmax.s8",  # loops of a few instructions over the rows of a pool
    "ee.vmax.s8.ld.incp",
}
FEW = 4  # others of a network, as where many rows of a window are shifted
Pair = tuple[str, str]  # mnemonics: what is waited for, what waits


def stalls(text: str) -> Counter[Pair]:
    """Of each pair how often it stands one behind the other."""
    found: Counter[Pair] = Counter()
    for function in parse(text):
        last: Instruction | None = None
        for item in function.items:
            if isinstance(item, Label):
                continue
            if not movable(PIE, item.mnemonic):
                last = None
                continue
            if last is not None and effects(PIE, last).stalls(effects(PIE, item)):
                found[last.mnemonic, item.mnemonic] += 1
            last = item
    return found


def unexplained(text: str) -> Counter[Pair]:
    """Those that something could be put between."""
    pairs = stalls(text)
    return Counter({pair: n for pair, n in pairs.items() if pair[1] not in LEFT})
